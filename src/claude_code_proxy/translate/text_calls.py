"""Tool calls that come as text become calls: only of declared tools, with arguments that read, and outside of code.

Streaming holds back nothing but a possible opening and what follows it; whatever turns out not to be a call is given
back as the text it was: a block within a sentence, with words before and behind it on its line, is only spoken of.
Promoted calls wait for the end of the answer, because some servers send the parsed call too: then the text was its copy
(case ST-24), and a block behind words is text all the more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..wire.shapes import items, mapping
from .arguments import read_arguments
from .calls import Calls
from .code_spans import CodeSpans
from .deltas import Delta, Ended, Finish, Text, ToolFragment
from .notes import Notes
from .plan import Plan
from .text_call_forms import BARE, FORMS, NOTHING_TAKEN, STRAYS, Form, is_unfinished
from .text_call_starts import LOOKED_AT, BareJson, is_other_json, never
from .text_call_tags import NONE_GIVEN
from .text_filter import BESIDE, Growing, Past, TextFilter, overlap

_MARKS = tuple(form.open for form in FORMS)
_ANY = re.compile("|".join(re.escape(mark) for mark in _MARKS))
_BY_OPEN = {form.open: form for form in FORMS}
_NEVER = {form.open: never(form.open) for form in FORMS}
_TOKENS = ("<|", "<\uff5c", "[TOOL_CALLS]")  # marks that are one token: some models end no line before them
_BARE_START = re.compile(
    r'\s*(?:\{\s*(?:"(?:n(?:a(?:m(?:e(?:".*)?)?)?)?|t(?:y(?:p(?:e(?:".*)?)?)?)?|f(?:u.*)?)?)?)?', re.DOTALL
)
_LONGEST = 1_000_000  # characters of one block; more is no call
_LONGEST_START = 1000  # characters of white space before the JSON of a call
_STEP = 4096  # characters looked at in one step, so that what is left is not copied for each block
_MOST_CLOSINGS = 8  # of one form within one block's values


class _Promoted(NamedTuple):
    """A call, the block it was read from, and whether words stood before that on its line."""

    fragment: ToolFragment
    block: str
    within: bool


class TextCalls(TextFilter):
    """The filter. plan: its tools are the only ones that can be called."""

    def __init__(self, plan: Plan, notes: Notes, past: Past) -> None:
        self._past = past
        self._tools = plan.tools
        self._notes = notes
        self._form: Form | None = None
        self._held = ""
        self._ahead: list[str] = []  # text that came and was not looked at, the last of it first
        self._inner = Growing()  # the rest of a block, which can't hold its closing
        self._from = self._closings = 0  # where the next closing of the block is looked for; those within its values
        self._bare = BareJson()
        self._code = CodeSpans()
        self._at_start = plan.json_shape is None
        self._behind = False  # nothing but white space came since a promoted block
        self._gap: list[str] = []  # white space behind a promoted block
        self._quoted = ""  # the last promoted block, while it may turn out to be a part of a sentence
        self._promoted: list[_Promoted] = []
        self._parsed = Calls(plan.tools)
        self._later: list[Delta] = []  # calls, and what follows them: a block spoken of may have to stand before them

    watches = "".join(dict.fromkeys(mark[0] for mark in _MARKS))

    @property
    def inert(self) -> bool:  # type: ignore[override]
        """Nothing is held, and nothing can begin without one of `watches`."""
        return not (self._held or self._form or self._at_start or self._behind or self._later)

    def feed(self, deltas: list[Delta]) -> list[Delta]:  # type: ignore[override]
        """Return what `deltas` become; promoted calls go before the end."""
        out: list[Delta] = []
        for delta in deltas:
            if isinstance(delta, ToolFragment):
                self._parsed.add(delta)
                out += self.release()
            if isinstance(delta, Finish | Ended):
                out += self._put_off() + self.release() + self._promotions()
            if self._waits(delta):
                self._later.append(delta)
            else:
                out += super().feed([delta])
        return out

    def _waits(self, delta: Delta) -> bool:
        """Whether a call would stand before the block of a sentence: that may be its copy, which its end tells."""
        if isinstance(delta, ToolFragment) and not self._later:
            return any(promoted.within for promoted in self._promoted)
        return bool(self._later) and type(delta) not in BESIDE

    def _put_off(self) -> list[Delta]:
        """Return the blocks that are a part of a sentence, and the calls that waited for them."""
        if not self._later:
            return []
        known = self._known()
        spoken = [promoted for promoted in self._promoted if promoted.within]
        self._promoted = [promoted for promoted in self._promoted if not promoted.within]
        blocks = dict.fromkeys(block for fragment, block, _ in spoken if self._called(fragment) not in known)
        later, self._later = self._later, []
        return [*map(Text, blocks), *super().feed(later)]

    def text(self, piece: str) -> list[Delta]:
        """Pass text on up to a possible call."""
        self._code.feed(self._past.take())
        return self._take(piece)

    def _take(self, piece: str) -> list[Delta]:
        """Look at `piece`, and at what was given back to be looked at once more."""
        out: list[Delta] = []
        self._push(piece)
        while self._ahead:
            piece = self._ahead.pop()
            if self._form is BARE and (end := self._bare.feed(piece)):
                self._held += self._inner.take() + piece
                out += self._no_call(end)
                continue
            if self._form is not None and self._goes_on(self._form, piece):
                continue
            self._held += self._inner.take() or piece
            while self._held and self._step(out):
                pass
        return out

    def _push(self, piece: str) -> None:
        self._ahead += [piece[at : at + _STEP] for at in range(0, len(piece), _STEP)][::-1]

    def _goes_on(self, form: Form, piece: str) -> bool:
        """Whether the block surely goes on behind `piece`: its closing is not in there."""
        near = (self._inner.tail or self._held)[-len(form.close) :] + piece if form.close else piece
        self._inner.add(piece, near)
        if len(self._held) + self._inner.length > _LONGEST:
            return False
        if len(self._held) + self._inner.length < LOOKED_AT:
            return False
        return not form.close or form.close not in near

    def release(self) -> list[Delta]:
        """Give back what is held, or promote it: the block has no end, or the answer ended before it came."""
        out: list[Delta] = []
        while self._form is not None:
            form, held = self._form, self._held + self._inner.take()
            last = held.rfind(form.close) + len(form.close) if form.close and form.close in held else len(held)
            self._leave("")
            if self._promote(form, held[:last]):
                out += self._take(held[last:])
            else:
                out += self._given_up(form, held) + self._take("")
        held, self._held = self._held, ""
        self._code.feed(held)
        return out + self._pass(held)

    def _given_up(self, form: Form, held: str) -> list[Delta]:
        """Give back a block that is no call: what seemed to be within a value was its end, and others may follow."""
        first = held.find(form.close) + len(form.close) if form.close and form.close in held else len(held)
        self._leave("")
        self._push(held[first:])
        self._code.feed(held[:first])
        return self._pass(held[:first])

    def _no_call(self, end: int) -> list[Delta]:
        """Give back JSON that the answer began with, and look at the words behind it."""
        held = self._held
        self._leave("")
        self._at_start = False
        self._push(held[end:])
        self._code.feed(held[:end])
        return self._pass(held[:end])

    def _leave(self, held: str) -> None:
        """Be outside of a block, with `held` behind it."""
        self._held, self._form = held, None
        self._from = self._closings = 0

    def _step(self, out: list[Delta]) -> bool:
        """Take one step; False when more text is needed."""
        if self._form is not None:
            return self._inside(self._form, out)
        if self._at_start and _BARE_START.fullmatch(self._held):
            begun = self._held.lstrip()
            if begun.startswith("{") and len(begun) > len('{"function"'):
                self._form, self._bare = BARE, BareJson()
                if end := self._bare.feed(self._held):
                    out += self._no_call(end)
                    return False
            if len(self._held) - len(begun) > _LONGEST_START:
                self._form, self._at_start = None, False
                return True
            return self._form is not None
        self._at_start = False
        return self._outside(out)

    def _inside(self, form: Form, out: list[Delta]) -> bool:
        if self._is_mention(form):
            rest = self._held[self._held.index(form.open) + len(form.open) :]
            mention = self._held[: len(self._held) - len(rest)]
            self._leave("")
            self._at_start = False
            self._push(rest)
            self._code.feed(mention)
            out += self._pass(mention)
            return False
        if len(self._held) > _LONGEST:
            out += self.release()
            return False
        at = self._held.find(form.close, self._from) if form.close else -1
        if at < 0:
            self._from = max(self._from, len(self._held) - len(form.close))
            return False
        at += len(form.close)
        block, rest = self._held[:at], self._held[at:]
        if self._closings < _MOST_CLOSINGS and is_unfinished(block):
            self._from, self._closings = at, self._closings + 1
        elif self._promote(form, block):
            self._leave(rest)
        else:
            out += self._given_up(form, self._held)
        return True

    def _is_mention(self, form: Form) -> bool:
        """Whether what follows the opening can't be a call any more."""
        at = self._held.index(form.open) + len(form.open)
        if form is BARE:
            return is_other_json(self._held[at : at + LOOKED_AT], self._tools)
        return _NEVER[form.open].match(self._held, at, at + LOOKED_AT) is not None

    def _outside(self, out: list[Delta]) -> bool:
        if self._behind and (stray := self._stray()):
            return stray == "all"
        seen = 0
        for mark in _ANY.finditer(self._held):
            self._code.feed(self._held[seen : mark.start()])
            seen = mark.start()
            if self._may_begin(mark[0]):
                out += self._pass(self._held[:seen])
                self._held, self._form = self._held[seen:], _BY_OPEN[mark[0]]
                return True
        keep = overlap(self._held[seen:], _MARKS)
        self._code.feed(self._held[seen : len(self._held) - keep])
        out += self._pass(self._held[: len(self._held) - keep])
        self._held = self._held[len(self._held) - keep :]
        return False

    def _may_begin(self, mark: str) -> bool:
        return not self._code.is_code or (mark.startswith(_TOKENS) and self._code.is_behind_fence)

    def _stray(self) -> str:
        """Drop a stray mark behind a call: "all" when one was there, "part" when it may be one, else ""."""
        words = self._held.lstrip()
        for stray in STRAYS:
            if words.startswith(stray):
                at = len(self._held) - len(words) + len(stray)
                self._widen(self._held[:at])
                self._code.feed(self._held[: at - len(stray)])
                self._held = self._held[at:]
                return "all"
        return "part" if words and any(stray.startswith(words) for stray in STRAYS) else ""

    def _pass(self, passed: str) -> list[Delta]:
        if self._behind:  # white space around calls belongs to neither
            words = passed.lstrip()
            self._widen(passed[: len(passed) - len(words)])
            if not words:
                return []
            passed = self._given_back() + words
        if not passed:
            return []
        self._behind = False
        return [Text(passed)]

    def _widen(self, gap: str) -> None:
        """Keep what stands behind a block, as long as words may follow it on its line."""
        self._quoted = "" if "\n" in gap else self._quoted
        if self._quoted:
            self._gap.append(gap)

    def _given_back(self) -> str:
        """Return the last block with what followed it, if words go on behind it in its own line."""
        quoted, self._quoted = self._quoted, ""
        if not quoted:
            return ""
        self._promoted = [promoted for promoted in self._promoted if promoted.block is not quoted]
        return "".join((quoted, *self._gap))

    def _promote(self, form: Form, block: str) -> bool:
        """Promote a block whose every call is one of a declared tool with readable arguments."""
        fragments: list[ToolFragment] = []
        for name, arguments in form.read(block):
            if not self._can_be_called(name, arguments):
                return False
            place = len(self._promoted) + len(fragments)
            fragments.append(ToolFragment(index=10_000 + place, id=None, name=name, arguments=arguments, whole=True))
        if not fragments:
            return False
        self._promoted += [_Promoted(fragment, block, self._code.words) for fragment in fragments]
        self._behind, self._gap = True, []
        self._quoted = block if self._code.words else ""
        return True

    def _can_be_called(self, name: str, arguments: str) -> bool:
        facts = self._tools.get(name)
        if facts is None or _lacks(arguments, facts.schema):
            return False
        return read_arguments(arguments, facts.schema)[1] != "arguments-broken"

    def _promotions(self) -> list[Delta]:
        """The promoted calls that the server did not send as calls too; beside those, a sentence has none."""
        promoted, self._promoted = self._promoted, []
        known = self._known()
        out: list[Delta] = []
        for fragment, block, within in promoted:
            if self._called(fragment) in known:
                continue
            if known and within:
                out.append(Text(block))
                continue
            self._notes.add("text-tool-call", "content", fragment.name[:64])
            out.append(fragment)
        return out

    def _known(self) -> list[tuple[str, object]]:
        return [(call.name, self._input(call.name, call.arguments)) for call in self._parsed.all]

    def _called(self, fragment: ToolFragment) -> tuple[str, object]:
        return fragment.name, self._input(fragment.name, fragment.arguments)

    def _input(self, name: str, arguments: str) -> object:
        facts = self._tools.get(name)
        return read_arguments(arguments, facts.schema if facts else {})[0]


def _lacks(arguments: str, schema: Mapping[str, Any]) -> bool:
    """Whether a call that has no arguments is none for want of them."""
    if arguments == NOTHING_TAKEN:
        return bool(mapping(schema.get("properties")))
    return arguments == NONE_GIVEN and bool(items(schema.get("required")))
