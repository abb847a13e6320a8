"""A scripted OpenAI-compatible backend: strict about what it is sent, obedient in what it answers.

    with Backend([answer(Thought("hm"), Call("Read", {"file_path": "a"})), say("done")]) as backend:
        ...  # point a proxy at backend.url with the key backend.key
    assert backend.illegal == []

`python -m tests.backend --port 9000` runs it on its own.
"""

from .agents import Agent, Cast
from .records import Received, text_in
from .script import (
    Answer,
    Bytes,
    Call,
    Cut,
    Delta,
    Event,
    Failure,
    Fragment,
    Gate,
    Pause,
    Reply,
    Stall,
    Step,
    Text,
    Thought,
    answer,
    error,
    interleave,
    say,
)
from .server import Backend

__all__ = [
    "Agent",
    "Answer",
    "Backend",
    "Bytes",
    "Call",
    "Cast",
    "Cut",
    "Delta",
    "Event",
    "Failure",
    "Fragment",
    "Gate",
    "Pause",
    "Received",
    "Reply",
    "Stall",
    "Step",
    "Text",
    "Thought",
    "answer",
    "error",
    "interleave",
    "say",
    "text_in",
]
