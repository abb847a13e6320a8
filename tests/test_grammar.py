"""The table of legal orders: each move it allows, each it does not, and the drawing of it in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

import state_diagram
from claude_code_proxy.translate.grammar import MOVES, State, advance, move_of
from claude_code_proxy.wire.anthropic import (
    CitationsDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Event,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)

EVENTS: dict[str, Event] = {
    "message_start": MessageStart({}),
    "start thinking": ContentBlockStart(0, {"type": "thinking"}),
    "start text": ContentBlockStart(0, {"type": "text"}),
    "start tool_use": ContentBlockStart(0, {"type": "tool_use"}),
    "start server_tool_use": ContentBlockStart(0, {"type": "server_tool_use"}),
    "start whole": ContentBlockStart(0, {"type": "web_search_tool_result"}),
    "thinking_delta": ContentBlockDelta(0, ThinkingDelta("")),
    "signature_delta": ContentBlockDelta(0, SignatureDelta("")),
    "text_delta": ContentBlockDelta(0, TextDelta("")),
    "citations_delta": ContentBlockDelta(0, CitationsDelta({})),
    "input_json_delta": ContentBlockDelta(0, InputJsonDelta("")),
    "stop": ContentBlockStop(0),
    "message_delta": MessageDelta({}, {}),
    "message_stop": MessageStop(),
}


def test_every_event_has_a_name_in_the_table_and_every_name_an_event() -> None:
    assert {name: move_of(event) for name, event in EVENTS.items()} == {name: name for name in EVENTS}
    assert {move for moves in MOVES.values() for move in moves} == set(EVENTS)
    assert set(MOVES) == set(State)


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("move", EVENTS)
def test_what_the_table_does_not_allow_is_a_bug_that_says_so(state: State, move: str) -> None:
    if move in MOVES[state]:
        assert advance(state, EVENTS[move]) is MOVES[state][move]
    else:
        with pytest.raises(AssertionError, match=f"{move} may not follow: {state.value}"):
            advance(state, EVENTS[move])


def test_every_state_can_be_reached_and_can_reach_the_end() -> None:
    def reach(start: State) -> set[State]:
        found, todo = {start}, [start]
        while todo:
            for following in MOVES[todo.pop()].values():
                if following not in found:
                    found.add(following)
                    todo.append(following)
        return found

    assert reach(State.BEFORE) == set(State)
    assert all(State.ENDED in reach(state) for state in State)


RULES = [
    pytest.param(State.BETWEEN, "message_start", id="a message starts once"),
    pytest.param(State.TEXT, "start tool_use", id="blocks never overlap"),
    pytest.param(State.TEXT, "thinking_delta", id="ST-03: no thinking in a text block"),
    pytest.param(State.THINKING, "stop", id="a thinking block has a signature"),
    pytest.param(State.SIGNED, "signature_delta", id="... and one only"),
    pytest.param(State.SIGNED, "thinking_delta", id="... as its last delta"),
    pytest.param(State.TEXT, "message_delta", id="all blocks are closed before the end"),
    pytest.param(State.CLOSING, "start text", id="no block after message_delta"),
    pytest.param(State.CLOSING, "message_delta", id="one message_delta"),
    pytest.param(State.BETWEEN, "message_stop", id="no end without message_delta"),
    pytest.param(State.ENDED, "message_start", id="nothing after the end"),
    pytest.param(State.WHOLE, "text_delta", id="a block that came whole gets no delta"),
]


@pytest.mark.parametrize(("state", "move"), RULES)
def test_what_a_client_relies_on(state: State, move: str) -> None:
    assert move not in MOVES[state]


def test_the_drawing_in_the_documentation_is_the_table() -> None:
    page = Path(__file__).parents[1] / "docs" / "stream-states.md"
    assert page.read_text(encoding="utf-8") == state_diagram.page(), "run: python tests/state_diagram.py"


def test_the_drawing_has_every_move_once() -> None:
    drawn = [line for line in state_diagram.diagram().splitlines() if "-->" in line and "[*]" not in line]
    moves = [move for line in drawn for move in line.split(" : ")[1].split("<br>")]
    assert len(drawn) == len({(state, following) for state, moves in MOVES.items() for following in moves.values()})
    assert sorted(moves) == sorted(move for table in MOVES.values() for move in table)
