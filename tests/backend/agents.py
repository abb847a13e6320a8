"""Scripts that play a coding model: what comes next follows from the history, so that nothing depends on order of arrival.

An `Agent` answers turn n of its conversation with its n-th move, wherever that conversation was resumed, retried or run
beside others. A `Cast` hands each conversation to the agent whose mark stands in its first user message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .records import Received
from .script import Answer, Call, Step, Text, Thought, error, say

Move = Step | Callable[[Received], Step]


class Agent:
    """A model that makes these moves, one per turn. A call of a tool the client did not declare is answered with 400."""

    def __init__(self, *moves: Move) -> None:
        self._moves = moves

    def __call__(self, received: Received) -> Step:
        if received.turns >= len(self._moves):
            return _protest(received, f"agent: turn {received.turns} of {len(self._moves)} was not expected")
        move = self._moves[received.turns]
        step = move(received) if callable(move) else move
        return _undeclared(step, received) or step


class Cast:
    """Several agents on one backend. A mark is a piece of a conversation's first user message."""

    def __init__(self, agents: Mapping[str, Callable[[Received], Step]]) -> None:
        self._agents = agents

    def __call__(self, received: Received) -> Step:
        for mark, agent in self._agents.items():
            if mark in received.prompt:
                return agent(received)
        return _protest(received, f"nobody plays this conversation: {received.prompt[:200]!r}")


def _undeclared(step: Step, received: Received) -> Step | None:
    calls = [part.name for part in step.parts if isinstance(part, Call)] if isinstance(step, Answer) else []
    missing = [name for name in calls if name not in received.tools]
    return (
        _protest(received, f"agent: the client offers no {missing}, only {sorted(received.tools)}") if missing else None
    )


def _protest(received: Received, why: str) -> Step:
    """Refuse, and remember it as a problem of this request."""
    received.problems.append(why)
    return error(400, why)


def move(*calls: Call, thought: str = "", text: str = "") -> Answer:
    """Return one turn: thinking, a sentence, calls."""
    spoken = (Thought(thought),) if thought else ()
    return Answer((*spoken, *((Text(text),) if text else ()), *calls))


def coder(folder: Path) -> Agent:
    """Write, read, edit and run a real program."""
    program = str(folder / "greet.py")
    return Agent(
        move(
            Call("Write", {"file_path": program, "content": 'print("hello")\n'}),
            text="I write the program.",
        ),
        move(Call("Read", {"file_path": program})),
        move(
            Call("Edit", {"file_path": program, "old_string": "hello", "new_string": "hello, wörld 🌍"}),
        ),
        move(
            Call(
                "Bash",
                {
                    "command": f"python3 {program} > {folder / 'out.txt'} && cat {folder / 'out.txt'}",
                    "description": "Run it",
                },
            )
        ),
        say("The program runs."),
    )


def reader(*paths: Path, text: str = "All read.") -> Agent:
    """Read several files in one turn."""
    return Agent(move(*(Call("Read", {"file_path": str(path)}) for path in paths)), say(text))


def stumbler(folder: Path) -> Agent:
    """Meet a command that fails and a file that is missing, and recover from both."""
    found = str(folder / "found.txt")
    return Agent(
        move(Call("Bash", {"command": "echo broken >&2; exit 3", "description": "Fails"})),
        move(Call("Read", {"file_path": str(folder / "missing.txt")})),
        move(Call("Write", {"file_path": found, "content": "recovered\n"})),
        say("Recovered."),
    )
