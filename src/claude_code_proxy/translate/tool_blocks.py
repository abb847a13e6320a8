"""tool_use blocks of an answer: one call at a time, in the order they appeared, arguments passed on as they come.

The first call that is not finished is live; fragments of later ones wait. A call whose arguments come in one piece is
checked and repaired as a whole; of one that is streamed only what is certainly JSON is passed on, and from where it is
none the rest waits for the end of the call, to be mended as a whole one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..errors import RetryableError
from ..wire.anthropic import InputJsonDelta
from . import tool_ids
from .argument_rest import settle
from .argument_stream import ArgumentStream
from .arguments import BROKEN, REPAIRED, read_arguments
from .calls import Call, Calls
from .deltas import ToolFragment
from .ending import CUTTING
from .plan import ToolFacts
from .server_tools import failed_call, is_unserved

if TYPE_CHECKING:
    from .writer import Writer

_FORBIDDEN = "tool_choice none"
_LONGEST_NAME = 200  # what a model hallucinates beyond that is no name (case HI-14)


class ToolBlocks:
    """The writer's part for tool calls."""

    def __init__(self, writer: Writer, calls: Calls) -> None:
        self.called = False
        self.forbidden = False
        self._halved = False  # the first call was cut off and left out; streamed it would have been the one call
        self._writer = writer
        self._calls = calls
        self._live = 0
        self._streaming = False
        self._mender = ArgumentStream({})
        self._ids = set(writer.plan.used_ids)
        self._copies: dict[str, int] = {}

    @property
    def busy(self) -> bool:
        """Whether a block of arguments is open and not complete: nothing else can be sent."""
        return self._streaming and not self._calls.all[self._live].scan.complete

    def fragment(self, fragment: ToolFragment) -> None:
        """Take in a piece of a call and send what can be sent."""
        if fragment.name:
            fragment = self._trimmed(fragment)
        known = len(self._calls.all)
        call = self._calls.add(fragment)
        another = len(self._calls.all) > known
        self._writer.characters += len(fragment.arguments)
        if call.closed:
            self._late(call, fragment)
            return
        while self._live < len(self._calls.all):
            live = self._calls.all[self._live]
            self._stream(live)
            if live is self._calls.all[-1] or not (live.scan.complete or (another and self._can_be_mended(live))):
                return
            self._close(live, cut=False)

    def _trimmed(self, fragment: ToolFragment) -> ToolFragment:
        """Take the white space off the name of a declared tool; of a name that comes in pieces it may be a part."""
        known, meant = self._writer.plan.tools, fragment.name.strip()
        if fragment.name in known or meant not in known:
            return fragment
        self._writer.notes.add("call-named", "content", "white space around its name")
        return msgspec.structs.replace(fragment, name=meant)

    def settle(self) -> None:
        """Write and close what is complete: content that comes later belongs behind it."""
        while self._live < len(self._calls.all):
            live = self._calls.all[self._live]
            if not (live.scan.complete and live.name):
                return
            self._close(live, cut=False)

    def finish(self, *, cut: bool) -> None:
        """Send what is left of every call. cut: the answer ended where it could go on, perhaps inside a call."""
        while self._live < len(self._calls.all) and self._writer.failure is None:
            self._close(self._calls.all[self._live], cut=cut)

    def judge(self) -> None:
        """Note where the calls are not what a tool_choice demands; a cut answer says why by itself."""
        plan, told = self._writer.plan, self._writer.ending
        if told and told.reason in CUTTING:
            return
        others = {call.name for call in self._calls.all if call.client_id} - {plan.chosen}
        met = self._called_chosen() if plan.chosen else self.called
        if not met or (plan.chosen and others):
            self._writer.notes.add("choice-unmet", "tool_choice", "another tool" if others else "no call")

    def _called_chosen(self) -> bool:
        return any(call.client_id and call.name == self._writer.plan.chosen for call in self._calls.all)

    def _late(self, call: Call, fragment: ToolFragment) -> None:
        """A call that is closed can't take more text; its signature travels in the next envelope."""
        if fragment.arguments and call.is_all(fragment.arguments):
            self._writer.notes.add(REPAIRED, "content", "sent twice")
        elif fragment.arguments:
            self._writer.notes.add("call-late", "content", "behind the end of its call")
        self._carry(call)

    def _stream(self, call: Call) -> None:
        """Pass on what is certain of the live call; what is complete at first sight is written whole, and repaired."""
        if not self._streaming:
            scan = call.scan
            if call.whole or scan.broken or scan.complete or not scan.begun or not self._is_clients(call):
                return
            self._open(call)
            self._streaming = True
            self._mender = ArgumentStream(self._facts(call).schema)
        certain = self._mender.feed(call.take())
        if certain:
            self._writer.delta(InputJsonDelta(certain))

    def _close(self, call: Call, *, cut: bool) -> None:
        call.closed = True
        if self._streaming:
            self._close_streamed(call, cut=cut)
        elif call.echo and not call.arguments:
            pass
        elif self._skipped(call) or not self._named(call):
            self._drop(call)
        elif self._is_served_elsewhere(call):
            self._write_failed(call, cut=cut)
        else:
            self._write_whole(call, cut=cut)
        self._carry(call)
        self._live += 1
        self._streaming = False

    def _close_streamed(self, call: Call, *, cut: bool) -> None:
        """Send the rest. A call cut off by a limit stays without its end: so no reader takes it for a whole one."""
        if call.scan.complete and not self._goes_on(call):
            rest = self._mender.feed(call.take() + call.scan.rest)
            code = REPAIRED if self._mender.mended or call.scan.repaired else ""
        elif self._is_cut(call, cut=cut) or self._broke_off(call):
            return
        else:
            _, code, rest = settle(call.arguments, self._facts(call).schema)
        self._repaired(code, call)
        self._writer.delta(InputJsonDelta(rest))

    def _write_whole(self, call: Call, *, cut: bool) -> None:
        if self._is_cut(call, cut=cut) or self._broke_off(call):
            self._halved = True
            return
        schema = self._facts(call).schema
        arguments, code = read_arguments(call.arguments, schema)
        if code:
            arguments, code, _ = settle(call.arguments, schema)
        self._open(call)
        self._repaired(code, call)
        if arguments:
            self._writer.delta(InputJsonDelta(msgspec.json.encode(arguments).decode()))

    def _can_be_mended(self, call: Call) -> bool:
        """Whether the arguments of a broken call are all there, so that the next one need not wait."""
        if not (call.scan.broken and call.name and call.arguments.rstrip().endswith("}")):
            return False
        return read_arguments(call.arguments, self._facts(call).schema)[1] != BROKEN

    def _goes_on(self, call: Call) -> bool:
        """Whether something comes behind the object."""
        return bool(call.arguments[call.scan.passed :].strip())

    def _repaired(self, code: str, call: Call) -> None:
        code = code or (REPAIRED if call.repeated else "")
        if code:
            known = self._writer.plan.tools.get(call.name)
            self._writer.notes.add(code, f"content[{self._writer.index}].input", known.name if known else "")

    def _open(self, call: Call) -> None:
        facts = self._facts(call)
        call.client_id = self._unique(tool_ids.to_client(call.id) if call.id else self._minted())
        self._carry(call)
        self._writer.flush_state()
        block = {"type": "tool_use", "id": call.client_id, "name": facts.name, "input": {}}
        if facts.toolset:
            block["toolset_name"] = facts.toolset
        self._writer.open(block)
        self._writer.delta(InputJsonDelta(""))
        self.called = True

    def _carry(self, call: Call) -> None:
        """Hand a call's signature to the next envelope, once, as soon as the call and the signature are there."""
        if call.state and call.client_id and not call.carried:
            self._writer.carry(call.client_id, call.state)
            call.carried = True

    def _facts(self, call: Call) -> ToolFacts:
        plan = self._writer.plan
        known = plan.tools.get(call.name) or plan.invented.get(call.name)
        if known is not None:
            return known
        if len(call.name) > _LONGEST_NAME:
            self._writer.notes.add("call-clipped", "content", f"{len(call.name)} characters")
        return ToolFacts(name=call.name[:_LONGEST_NAME], schema={})

    def _named(self, call: Call) -> bool:
        """A call that never got a name belongs to the tool that was demanded or is the only one, or to none."""
        plan = self._writer.plan
        only = next(iter(plan.tools)) if len(plan.tools) == 1 else ""
        if not call.name and call.arguments and (plan.chosen or only):
            call.name = plan.chosen or only
            self._writer.notes.add("call-named", "content")
        return bool(call.name)

    def _skipped(self, call: Call) -> str:
        """Why a call goes to nobody, "" for one that does."""
        plan = self._writer.plan
        if plan.choice == "none":
            return _FORBIDDEN
        if any(block.get("name") == call.name for block in plan.lead_blocks) and call.name not in plan.tools:
            return "what the answer began with"
        taken = plan.one_tool and (self.called or self._halved)
        return "a second call" if taken and not self._is_served_elsewhere(call) else ""

    def _drop(self, call: Call) -> None:
        why = self._skipped(call) or "nameless"
        self.forbidden = self.forbidden or why == _FORBIDDEN
        self._writer.notes.add("call-forbidden" if why == _FORBIDDEN else "call-dropped", "content", why)

    def _is_clients(self, call: Call) -> bool:
        return bool(call.name) and not self._skipped(call) and not self._is_served_elsewhere(call)

    def _is_served_elsewhere(self, call: Call) -> bool:
        """Whether a call is one of a tool that no client runs: Anthropic's servers do, or the backend itself."""
        plan = self._writer.plan
        if call.name in plan.tools:
            return False
        return self._is_hosted(call) or is_unserved(call.name, plan.server_tools)

    def _is_hosted(self, call: Call) -> bool:
        return self._writer.plan.search_query is not None and call.name.rpartition(":")[2] == "web_search"

    def _write_failed(self, call: Call, *, cut: bool) -> None:
        """Answer the call of a server tool with its error block: no client has it, and none may wait for it."""
        if self._is_cut(call, cut=cut):
            return
        arguments, _ = read_arguments(call.arguments, {})
        if self._is_hosted(call):
            self._writer.search.call(arguments)
            return
        self._writer.flush_state()
        self._writer.open_server_blocks(*failed_call(call.name, arguments))
        self._writer.notes.add("tool-server", f"content[{self._writer.index}]", call.name)

    def _broke_off(self, call: Call) -> bool:
        """Whether the answer ended inside of a call and does not say why: then it is none, whole or streamed."""
        scan = call.scan
        if self._writer.ending is None and scan.begun and not (scan.complete or scan.broken):
            self._writer.failure = RetryableError("The backend's answer broke off inside the arguments of a tool call.")
        return self._writer.failure is not None

    def _is_cut(self, call: Call, *, cut: bool) -> bool:
        """Whether a limit cut a call off, perhaps right behind its name; one that was not begun is left out."""
        begun = bool(call.arguments.strip()) or call is self._calls.all[-1]
        broken_off = cut and begun and not call.scan.complete
        if broken_off:
            self._writer.notes.add("call-dropped", "content", "cut off")
        return broken_off

    def _unique(self, call_id: str) -> str:
        """Clients lose calls whose ids they have seen, and some backends begin with call_0 in every turn."""
        unique, number = call_id, self._copies.get(call_id, 1)
        while unique in self._ids:
            number += 1
            unique = f"{call_id}_{number}"
        self._copies[call_id] = number
        self._ids.add(unique)
        return unique

    def _minted(self) -> str:
        """An id for a call without one: the same each time the same answer is read."""
        return f"toolu_{self._writer.message_id.removeprefix('msg_')}_{self._live}"
