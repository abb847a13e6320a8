"""What a complaint quotes of an exchange, made unreadable: backends write prompts and answers into their errors. Pure.

A word of the conversation is replaced by as much of nothing, unless it is one that complaints are made of; so is a run
of words that stands anywhere in the exchange as it stands in the complaint. (Of the system prompt and of tools only
runs: Claude Code's have every word there is.) What the complaint says itself stays readable, and so do models' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import ProxyError, UpstreamError
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
a able abort aborted about above accept accepted access account active add additional address after again against ai
all allow allowed already also alternate an and another anthropic any api apply are argument arguments array as ask
asked assistant at auth authentication authorization available away azure back bad balance base base64 be because been
before begin being below between billing block blocks body boolean both busy but by byte bytes call called calls can
cannot capacity change character characters chat check choice choose claude client closed code column com combination
command common complete completed completion completions configuration configured connect connection contact contain
contains content context conversation convert correct correctly could create created credit credits current currently
data day days decode deepseek default define defined delta demand deployment deprecated description dev did different
disabled do docs document documentation does doesn done down due duplicate during each effort either empty enable
enabled encountered end ended endpoint enough equal error errors exceed exceeded exceeds exist exists expect expected
expired extra fail failed failure false features few field fields file filter finish finished first follow following
for forbidden format found free from full function functions gateway gemini get given got greater groq has have header
headers help here high higher hint history host hour hours how http https id if image images in include incorrect
increase index information inner input inputs inside install instead insufficient integer internal invalid is issue it
item items its json just keep key keys kind known large larger last later least left length less level like likely
limit limited limits line list litellm llama load loaded loading local location long longer lower made make many match
max maximum may media memory message messages method min minimum minute minutes missing mistral mode model models
moderation moment month more most must name named names near need needed net new newer next no none not nothing null
number numbers object of off ollama on once one only open openai openrouter option or order org organization other our
out output outside over overloaded page paid parallel parameter parameters parse parsed parser part parts pass passed
path payload payment per permission permitted plan please policy position possible prefix present previous problem
process project prompt proper properties property provide provided provider providers pull quota range rate raw reach
reached read reason reasoning receive received reduce ref refused region reject rejected remove repeated replaced
request requested requests require required requires resource response responses result results retired retry return
returned role roles run running safety schema schemas second seconds see send sent server service set setting settings
shorter should since single size slow small so some something soon sorry source specified specify spelled start
started state status still stop stopped stream streaming string strings strip style such sum supplied support
supported supports sure switch syntax system tag take takes temperature template temporarily temporary text than that
the their them then there these they thing thinking this those three tier time times title to token tokens too tool
tools top total true try turn two type types unable unauthorized unavailable under unexpected unique unknown unless
unsupported until up update upgrade upstream url usage use used user uses using valid validation value values version
view visit vllm was way web well were what when where whether which while who why will window with within without word
words would wrong www you your zero
"""
_COMPLAINTS = frozenset(_WORDS.split())


def logged(error: ProxyError, request: Mapping[str, Any], names: Iterable[str] = ()) -> str:
    """Return an error about a request as a log may have it; what the proxy says in it itself is left alone.

    names: of models, which the request and the complaint may both have.
    """
    words = " ".join(error.words.split()) if isinstance(error, UpstreamError) else ""
    if not words:
        return unquoted(error.message, request, names)
    before, found, after = error.message.partition(words)
    return f"{before}{unquoted(found, request, names)}{after}" if found else error.message


def unquoted(message: str, request: Mapping[str, Any], names: Iterable[str] = ()) -> str:
    """Return a complaint about a request without what it quotes of it. names: that may stay, of models."""
    around = [value for key, value in request.items() if key not in ("messages", "model")]
    return Quotes(said(request.get("messages")), said(around), names).hidden_in(message)


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


def _words_of(texts: Iterable[str]) -> list[str]:
    words: list[str] = []
    left = _MOST
    for text in texts:
        words += (found[0].lower() for found in _TOKEN.finditer(text[:left]))
        left -= min(len(text), left)
    return words


class Quotes:
    """Knows what was said in an exchange.

    texts: of its prompts and answers, every word of which is hidden; around: of which only runs of words are; names:
    what stays readable wherever it stands.
    """

    def __init__(self, texts: Iterable[str], around: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        words = _words_of(texts)
        self._words = frozenset(words)
        self._whole = f" {' '.join([*words, *_words_of(around)])} "
        known = sorted(filter(None, names), key=len, reverse=True)
        self._names = re.compile("|".join(map(re.escape, known))) if known else None

    def hidden_in(self, message: str) -> str:
        """Return a complaint with what it quotes replaced by x and 1."""
        shown = _PARSED.sub(r"\1 ...", without_input(message))[:_LONGEST]
        if self._names is None:
            return self._hidden(shown)
        between = [self._hidden(part) for part in self._names.split(shown)]
        names = [*self._names.findall(shown), ""]
        return "".join(part for pair in zip(between, names, strict=True) for part in pair)

    def _hidden(self, shown: str) -> str:
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
