"""Draws docs/stream-states.md from the table in grammar.py. Run it to write the page anew."""

from __future__ import annotations

from pathlib import Path

from claude_code_proxy.translate.grammar import MOVES, State

PAGE = Path(__file__).parents[1] / "docs" / "stream-states.md"

TEXT = """\
# The order of events

What a client receives of an answer, in the only orders there are. The drawing is made from the table `MOVES` in
`src/claude_code_proxy/translate/grammar.py`, which every event passes on its way out: an order that is not drawn here can't
leave the proxy. Write it anew with `python tests/state_diagram.py`; a test compares the two.

```mermaid
{diagram}
```

- `start X` is a `content_block_start` of that type, `stop` its `content_block_stop`. *whole* is a block that needs no deltas,
  like the result of a server tool.
- Blocks are numbered 0, 1, 2 ... in the order they start.
- `ping` may come anywhere. `error` may come anywhere before the end and is then the last event.
"""


def diagram() -> str:
    """Return the state diagram: one arrow for each pair of states, with all moves that lead that way."""
    rows = ["stateDiagram-v2"]
    rows += [f'    state "{state.value}" as {state.name}' for state in State]
    rows.append(f"    [*] --> {State.BEFORE.name}")
    for state, moves in MOVES.items():
        for following in dict.fromkeys(moves.values()):
            names = "<br>".join(move for move, target in moves.items() if target is following)
            rows.append(f"    {state.name} --> {following.name} : {names}")
    rows += [f"    {state.name} --> [*]" for state, moves in MOVES.items() if not moves]
    return "\n".join(rows)


def page() -> str:
    """Return the whole page."""
    return TEXT.format(diagram=diagram())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
