"""Count the tokens of a chat-completions body: the very body the backend will be asked with, so that the two agree.

Texts are counted by a tokenizer (the estimate, unless a vocabulary was loaded) and remembered by hash: a session
sends its whole history every turn, and all but the last blocks are known. Overheads: translation reference, section
9.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import items, mapping, text
from .estimate import estimate
from .media import file_tokens, image_tokens

_PLAIN = frozenset({"role", "content"})
_PER_MESSAGE = 4
_PER_PROMPT = 3
_PER_TOOL = 8
_PER_CALL = 8
_PER_RESULT = 3
_ENTRIES = 8192  # of each half of the memory, about 1 MB
_LISTS = 64  # of tools
_PREAMBLES = (
    (re.compile(r"claude", re.IGNORECASE), 530),
    (re.compile(r"deepseek-v[3-9]|deepseek-(?:chat|reasoner)", re.IGNORECASE), 230),
    (re.compile(r"qwen-?3[.-]?[5-9]|qwen-?3-?coder", re.IGNORECASE), 230),
    (re.compile(r"qwen", re.IGNORECASE), 105),
    (re.compile(r"llama-?3", re.IGNORECASE), 165),
)
"""Tokens of what a model's template says of tools before it names one, where it is more than a few.

Medians of what backends reported beyond the count, in 1,200 recorded exchanges of small prompts (`bench.recorded`);
nothing for OpenAI's models and Mistral's.
"""

_encode = msgspec.json.Encoder().encode
_ENDS = 64  # characters by which an image is told from others of its length


class Measure(NamedTuple):
    """The size of a body.

    tokens: of all of it; media: those of images and documents; steps: for every message, a fingerprint of the body up
    to its end (the tools included) and the tokens until there; preamble: what the model's own template says of tools
    besides, not in `tokens`: nobody knows whether a backend uses it before it has reported something.
    """

    tokens: int
    media: int
    steps: tuple[tuple[int, int], ...]
    preamble: int = 0


class Counter:
    """Counts texts and bodies; never raises, whatever JSON it is given.

    tokenize: a text's tokens. The memory holds counts by hash, no text, in two halves of which the older one is
    dropped when the newer one is full: what a session repeats stays, and the size is bounded.
    """

    def __init__(self, tokenize: Callable[[str], int] = estimate, entries: int = _ENTRIES) -> None:
        self._tokenize = tokenize
        self._entries = entries
        self._new: dict[tuple[int, int], int] = {}
        self._old: dict[tuple[int, int], int] = {}
        self._tools: dict[tuple[int, int], tuple[Sequence[Any], int, int]] = {}
        self._print = 0
        self._media = 0

    def twin(self) -> Counter:
        """Return a counter like this one for another thread: what is being measured is kept in the counter."""
        return Counter(self._tokenize, self._entries)

    def text(self, text: str) -> int:
        """Return the tokens of one text."""
        if not text:
            return 0
        key = (hash(text), len(text))
        self._print = hash((self._print, key))
        known = self._new.get(key)
        if known is None:
            known = self._old.get(key)
            self._remember(key, self._tokenize(text) if known is None else known)
            return self._new[key]
        return known

    def body(self, body: Mapping[str, Any]) -> int:
        """Return the prompt tokens of a body: messages, tools, response format and what holds them together."""
        return self.measure(body).tokens

    def measure(self, body: Mapping[str, Any]) -> Measure:
        """Return what `body` counts, message by message."""
        self._print, self._media = 0, 0
        self._model = text(body.get("model"))
        tokens = _PER_PROMPT
        if "response_format" in body:
            schema = mapping(mapping(body["response_format"]).get("json_schema")).get("schema")
            tokens += self._json(schema) if schema else 0
        tools = items(body["tools"]) if "tools" in body else ()
        tokens += self._declared(tools) if tools else 0
        steps = []
        for message in items(body.get("messages")):
            tokens += self._message(mapping(message))
            steps.append((self._print, tokens))
        return Measure(tokens, self._media, tuple(steps), self._preamble() if tools else 0)

    def _preamble(self) -> int:
        return next((tokens for names, tokens in _PREAMBLES if names.search(self._model)), 0)

    def _declared(self, tools: Sequence[Any]) -> int:
        """Count the tools. A session has the same ones in every turn, and translation keeps them: the same object."""
        key = (id(tools), self._print)
        known = self._tools.get(key)
        if known is not None and known[0] is tools:
            self._print = known[2]
            return known[1]
        tokens = sum(self._tool(tool) for tool in tools)
        if len(self._tools) >= _LISTS:
            self._tools.clear()
        self._tools[key] = tools, tokens, self._print
        return tokens

    def _remember(self, key: tuple[int, int], tokens: int) -> None:
        if len(self._new) >= self._entries:
            self._old, self._new = self._new, {}
        self._new[key] = tokens

    def _message(self, message: Mapping[str, Any]) -> int:
        tokens = _PER_MESSAGE + self._content(message.get("content"))
        if message.get("role") == "tool":
            return tokens + _PER_RESULT
        if message.keys() <= _PLAIN:
            return tokens
        for call in items(message.get("tool_calls")):
            tokens += self._call(mapping(mapping(call).get("function")))
        for field in ("reasoning_content", "reasoning"):
            tokens += self.text(text(message.get(field)))
        for detail in items(message.get("reasoning_details")):
            tokens += self._detail(mapping(detail))
        return tokens

    def _content(self, content: object) -> int:
        if isinstance(content, str):
            return self.text(content)
        return sum(self._part(mapping(part)) for part in items(content))

    def _part(self, part: Mapping[str, Any]) -> int:
        kind = part.get("type")
        if kind == "image_url":
            image = mapping(part.get("image_url"))
            url = text(image.get("url"))
            return self._medium(url, image_tokens(url, text(image.get("detail")), self._model))
        if kind == "file":
            data = text(mapping(part.get("file")).get("file_data"))
            return self._medium(data, file_tokens(data))
        if kind == "thinking":  # Mistral's reasoning: a list of text parts
            return self._content(part.get("thinking"))
        return self.text(text(part.get("text")))

    def _medium(self, url: str, tokens: int) -> int:
        self._print = hash((self._print, len(url), url[:_ENDS], url[-_ENDS:]))
        self._media += tokens
        return tokens

    def _call(self, function: Mapping[str, Any]) -> int:
        arguments = function.get("arguments")
        spent = self.text(arguments) if isinstance(arguments, str) else self._json(arguments)
        return _PER_CALL + self.text(text(function.get("name"))) + spent

    def _detail(self, detail: Mapping[str, Any]) -> int:
        """Reasoning in the clear counts as text; encrypted reasoning is bytes, not tokens."""
        return self.text(text(detail.get("text"))) + self.text(text(detail.get("summary")))

    def _tool(self, tool: object) -> int:
        return _PER_TOOL + self._json(mapping(tool).get("function") or tool)

    def _json(self, value: object) -> int:
        try:
            return self.text(_encode(value).decode())
        except (TypeError, ValueError, RecursionError):  # nothing JSON can hold
            return 0
