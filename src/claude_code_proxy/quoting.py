"""What a complaint quotes of an exchange, made unreadable: backends write prompts and answers into their errors. Pure.

A word of the exchange is replaced by as much of nothing, unless it is one that complaints are made of; so is a run of
words that stands in the exchange as it stands in the complaint. What the complaint says itself stays readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .record import without_input

_PARSED = re.compile(r"(Failed to parse (?:input|tool call)[^:]*:).*", re.DOTALL)  # llama.cpp's, of what its model said
_TOKEN = re.compile(r"\\u[0-9a-fA-F]{4}|\\[a-z]|[a-zA-Z0-9\u00c0-\u024f]+|[^\W_]")
_CUT = re.compile(r"\.\.\.|\u2026|\Z")  # what stands behind a word that may be the beginning of one
_RUN = 5  # words that stand together in both
_SHORTEST = 3  # letters of a word that says something
_MOST = 4_000_000  # characters of an exchange looked at
_LONGEST = 4_000  # characters of a complaint
_STRUCTURE = frozenset(
    {"type", "role", "id", "model", "tool_use_id", "signature", "data", "media_type", "cache_control", "stop_reason"}
)
_WORDS = """
a abort aborted about above accept accepted access account active add additional address after again against all
allow allowed already also alternate an and another any api apply are argument arguments array as ask asked
assistant at auth authentication authorization available away back bad balance base base64 be because been before
begin below between billing block blocks body boolean both but by byte bytes call called calls can cannot capacity
change character characters chat check choice choose claude client closed code column combination command common
complete completed completion completions configuration configured connect connection contain contains content
context conversation convert correct could create created credit credits current currently data decode default
define defined delta deployment description did different disabled do document does doesn done down due duplicate
during each effort either empty enable enabled encountered end ended endpoint enough error errors exceed exceeded
exceeds expect expected expired extra fail failed failure false features few field fields file filter finish
finished first follow following for forbidden format found from full function functions gateway get given got
greater has have header headers here high hint history host how http https id if image images in include incorrect
index information inner input inputs inside insufficient integer internal invalid is issue it item items its json
just keep key keys kind known large larger last later least left length less level like likely limit limited limits
line list load loaded loading local location long longer lower made make many match max maximum may media memory
message messages method min minimum missing mode model models moderation more most must name named names need needed
new next no none not nothing null number numbers object of off on once one only open openai option or order
organization other our out output outside over overloaded page parallel parameter parameters parse parsed parser
part parts pass passed path payload payment per permission permitted plan please policy position possible prefix
present previous problem process project prompt proper properties property provide provided provider providers quota
range rate raw reach reached read reason reasoning receive received reduce ref refused reject rejected remove
repeated request requested requests require required requires resource response responses result results retry
return returned role roles run safety schema schemas second seconds see send sent server service set shorter should
since single size slow small so some something soon source specified specify start started state status still stop
stopped stream streaming string strings strip style such supplied support supported supports switch syntax system
tag take takes temperature template temporarily text than that the their them then there these they thing thinking
this those three tier time times title to token tokens too tool tools top total true try turn two type types unable
unauthorized unavailable under unexpected unique unknown unless unsupported until up update upstream url usage use
used user uses using valid validation value values version view was way web well were what when where whether which
while who why will window with within without word words would wrong you your zero
"""
_COMPLAINTS = frozenset(_WORDS.split())


def unquoted(message: str, request: Mapping[str, Any]) -> str:
    """Return a complaint about a request without what it quotes of it."""
    return Quotes(said(request)).hidden_in(message)


def said(value: object) -> Iterator[str]:
    """Yield the texts of a JSON value, but for the protocol's own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _STRUCTURE or not isinstance(inner, str):
                yield from said(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from said(inner)


class Quotes:
    """Knows what was said in an exchange. texts: of its prompts and answers."""

    def __init__(self, texts: Iterable[str]) -> None:
        words: list[str] = []
        left = _MOST
        for text in texts:
            words += (found[0].lower() for found in _TOKEN.finditer(text[:left]))
            left -= min(len(text), left)
        self._words = frozenset(words)
        self._whole = f" {' '.join(words)} "

    def hidden_in(self, message: str) -> str:
        """Return a complaint with what it quotes replaced by x and 1."""
        shown = _PARSED.sub(r"\1 ...", without_input(message))[:_LONGEST]
        found = [one for one in _TOKEN.finditer(shown) if not one[0].startswith("\\")]
        words = [one[0].lower() for one in found]
        hidden = {n for n, word in enumerate(words) if self._is_quoted(word)}
        for n in range(len(words) - _RUN + 1):
            if f" {' '.join(words[n : n + _RUN])} " in self._whole:
                hidden.update(range(n, n + _RUN))
        hidden.update(n for n, one in enumerate(found) if _CUT.match(shown, one.end()) and self._begins(words[n]))
        for n in hidden:
            start, end = found[n].span()
            shown = shown[:start] + re.sub(r"[^\W\d]", "x", re.sub(r"\d", "1", shown[start:end])) + shown[end:]
        return shown

    def _is_quoted(self, word: str) -> bool:
        return len(word) >= _SHORTEST and word in self._words and word not in _COMPLAINTS

    def _begins(self, word: str) -> bool:
        """Whether it may be what was left of a word when the complaint was cut."""
        return word not in _COMPLAINTS and f" {word}" in self._whole
