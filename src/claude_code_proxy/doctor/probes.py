"""The deep examination of one model: a dozen tiny calls the way Claude Code makes them, and a score card."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import msgspec

from ..endpoint import Backend
from ..wire.shapes import mapping
from . import requests
from .backends import Model
from .faults import told
from .inside import Inside, Reply
from .report import Group, Line, Status

_REFUSED = 400  # status of a request the backend does not take
_PROMPT = 2.0  # seconds in which everything of a request that was left should be over
_TOOLS_NEEDED = "Claude Code works by tool calls: use a model, or a chat template of its server, that makes them"
_WEAK = "Nothing to set: another model may do it"


class Verdict(NamedTuple):
    """What an answer shows."""

    status: Status
    text: str
    remedy: str = ""


class Probe(NamedTuple):
    """One call. judge: looks at an answer that came; refused: the remedy when the backend refuses the request."""

    id: str
    title: str
    request: requests.Request
    judge: Callable[[Reply], Verdict]
    refused: str = "The backend's words say why; more of them are in its own log"


async def score_card(proxy: Inside, model: Model) -> AsyncIterator[Line]:
    """Yield one line for each ability; when the first call fails, nothing else is asked."""
    card = _Card(model)
    hello = await proxy.ask({**requests.HELLO, "model": model.asked})
    yield card.line("stream", "stream", hello, _streamed(hello))
    if hello.failed:
        yield card.group.warning("probe.rest", "the other calls were not made", "Correct the first one")
        return
    yield card.line("usage", "usage in the stream", msgspec.structs.replace(hello, learned=()), _usage(hello))
    for probe in PROBES:
        reply = await proxy.ask({**probe.request, "model": model.asked})
        yield card.line(probe.id, probe.title, reply, _judged(probe, reply))
    async for line in _reasoning(card, proxy, model):
        yield line
    yield _left(card, *await proxy.leave({**requests.ENDLESS, "model": model.asked}))


class _Card:
    def __init__(self, model: Model) -> None:
        self.group = Group(f"Score card of {model.title}")
        self._backend: Backend = model.backend
        self._setting = model.settings[0]
        self._said = {"backend-learned"}  # notes: each is told once, most come with every call

    def line(self, name: str, title: str, reply: Reply, verdict: Verdict) -> Line:
        """Return the line of one ability: what it showed, what was learned on the way, what the proxy changed."""
        if reply.failed:
            words, remedy = told(reply, self._backend, self._setting)
            refused = reply.error is not None and reply.error.status == _REFUSED
            return self.group.failed(f"probe.{name}", f"{title}: {words}", (refused and verdict.remedy) or remedy)
        said = f"{title}: {verdict.text}"
        if reply.learned:
            said += f"; learned {', '.join(reply.learned)}"
        new = [note for note in reply.notes if note not in self._said]
        self._said.update(new)
        if new:
            said += f" (notes: {', '.join(new)})"
        return self.group.line(f"probe.{name}", verdict.status, said, verdict.remedy)


def _judged(probe: Probe, reply: Reply) -> Verdict:
    return Verdict("failed", "", probe.refused) if reply.failed else probe.judge(reply)


async def _reasoning(card: _Card, proxy: Inside, model: Model) -> AsyncIterator[Line]:
    """Thinking, and a second turn that brings it back: some backends refuse a history without it, others with it."""
    first = await proxy.ask({**requests.THINKING, "model": model.asked})
    shown = Verdict("ok", "shown") if first.thinks else Verdict("warning", "none was shown", _WEAK)
    yield card.line("reasoning", "reasoning", first, shown)
    if first.failed or not first.content:
        yield card.group.warning("probe.replay", "reasoning in a second turn: not asked", "Correct the first turn")
        return
    request = requests.second_turn(first.content, first.calls)
    second = await proxy.ask({**request, "model": model.asked})
    yield card.line("replay", "reasoning in a second turn", second, Verdict("ok", _replayed(first, second)))


def _replayed(first: Reply, second: Reply) -> str:
    if any("replay" in fact for fact in second.learned):
        return "was refused as it was, and is well from now on"
    return "taken" if first.thinks else "there is none, and none is missed"


def _left(card: _Card, running: bool, seconds: float) -> Line:
    name, title = "probe.disconnect", "disconnect"
    if seconds > _PROMPT:
        return card.group.failed(
            name, f"{title}: the request ran on for {seconds:.1f} s", "Report it: the proxy is at fault"
        )
    if not running:
        return card.group.warning(name, f"{title}: the answer was over before the client could leave", "Ask again")
    return card.group.ok(name, f"{title}: the backend's request ends with the client's, after {seconds:.2f} s")


def _streamed(reply: Reply) -> Verdict:
    if not reply.content:
        return Verdict("failed", "an answer without content", "Use another model")
    return Verdict("ok", f"begins after {reply.seconds:.1f} s")


def _usage(reply: Reply) -> Verdict:
    if "usage-estimated" in reply.notes:
        return Verdict("warning", "none: the proxy counts by itself", "Nothing to set: the counts are estimates")
    read, cached = reply.tokens("input_tokens"), reply.tokens("cache_read_input_tokens")
    return Verdict("ok", f"{read + cached} tokens in, {reply.tokens('output_tokens')} out")


def _whole(reply: Reply) -> Verdict:
    return Verdict("ok", "works") if reply.content else Verdict("failed", "empty", "Use another model")


def _called(reply: Reply, name: str = "get_weather") -> bool:
    return any(call.get("name") == name and mapping(call.get("input")).get("city") for call in reply.calls)


def _tool(reply: Reply) -> Verdict:
    return Verdict("ok", "made") if _called(reply) else Verdict("failed", _uncalled(reply), _TOOLS_NEEDED)


def _parallel(reply: Reply) -> Verdict:
    if len(reply.calls) > 1:
        return Verdict("ok", f"{len(reply.calls)} in one answer")
    return Verdict("warning", "one at a time" if reply.calls else _uncalled(reply), _WEAK)


def _forced(reply: Reply) -> Verdict:
    return Verdict("ok", "obeyed") if _called(reply) else Verdict("warning", _uncalled(reply), _WEAK)


def _long(reply: Reply) -> Verdict:
    if _called(reply, requests.LONG_NAME):
        return Verdict("ok", "comes back whole")
    return Verdict("warning", _uncalled(reply), _WEAK)


def _uncalled(reply: Reply) -> str:
    return "called otherwise than asked" if reply.calls else "the model answered without the call"


def _image(reply: Reply) -> Verdict:
    if "image-omitted" in reply.notes:
        return Verdict("warning", "the model can't see; it is told that there was a picture", "Use a model with vision")
    if "red" in reply.text.lower():
        return Verdict("ok", "seen")
    return Verdict("warning", "taken, but not described as it is", "Use a model with vision")


def _stop(reply: Reply) -> Verdict:
    if reply.message.get("stop_reason") == "stop_sequence" and "5" not in reply.text:
        return Verdict("ok", "obeyed")
    return Verdict("warning", "the model did not write the text that stops it", _WEAK)


def _schema(reply: Reply) -> Verdict:
    try:
        answer: Any = msgspec.json.decode(reply.text)
    except msgspec.DecodeError:
        return Verdict("warning", "the answer is no JSON", _WEAK)
    fits = isinstance(mapping(answer).get("city"), str)
    return Verdict("ok", "obeyed") if fits else Verdict("warning", "the answer does not fit the schema", _WEAK)


def _system(reply: Reply) -> Verdict:
    heard = "maple" in reply.text.lower()
    return Verdict("ok", "heard") if heard else Verdict("warning", "taken, but not heeded", _WEAK)


PROBES: tuple[Probe, ...] = (
    Probe("whole", "answer in one piece", requests.WHOLE, _whole),
    Probe("tool", "tool call", requests.TOOL, _tool),
    Probe("parallel", "parallel tool calls", requests.PARALLEL, _parallel),
    Probe("forced", "forced tool", requests.FORCED, _forced),
    Probe("long_name", "tool name of 90 characters", requests.LONG, _long),
    Probe("image", "image", requests.IMAGE, _image, "Use a model with vision, or paste no pictures"),
    Probe("stop", "five stop sequences", requests.STOP, _stop),
    Probe("schema", "JSON schema", requests.SCHEMA, _schema),
    Probe("system", "system message in mid-conversation", requests.SYSTEM, _system),
)
