"""Backends that refuse something, each in the words of a real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from tests.backend import Answer, Received, Reply, Step, say

Body = dict[str, Any]

_numbers = count(1)


def fresh(name: str) -> str:
    """Return a model name nobody asked for yet: what a proxy learned of another one must not help."""
    return f"{name}-{next(_numbers)}"


def picky(*refusals: tuple[Callable[[Body], Any], Reply], then: Answer | None = None) -> Callable[[Received], Step]:
    """Refuse every body that one of the conditions holds for; answer the others."""
    good = then or say("geht")

    def step(received: Received) -> Step:
        return next((reply for refuses, reply in refusals if refuses(received.body)), good)

    return step


def has(*path: str) -> Callable[[Body], bool]:
    """Whether a body has a key, at a path of keys."""

    def found(body: Body) -> bool:
        value: Any = body
        for key in path:
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    return found


def openai(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Reply:
    """Return a refusal as OpenAI words it."""
    body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply(status, {"error": body})


def forbidden(field: str, status: int = 422) -> Reply:
    """Return a refusal as pydantic words it (Mistral, vLLM's older servers)."""
    entry = {"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted", "input": "x"}
    return Reply(status, {"detail": [entry]})


def values(value: Any) -> Iterator[Any]:
    """Yield every value in a body."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from values(one)


def mentions(key: str) -> Callable[[Body], bool]:
    """Whether a key stands anywhere in the tools of a body."""
    return lambda body: any(isinstance(one, dict) and key in one for one in values(body.get("tools", [])))
