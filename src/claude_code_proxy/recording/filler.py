"""Texts of requests and answers replaced by as much of nothing, so that an exchange can be shown to others. Pure.

Letters become x and digits 1; white space, punctuation, the tags models think in and the structure of JSON stay. Pieces
of one text are taken together, so that a text that came in pieces is replaced like one that came whole, and cut at the
same places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Cover = Callable[[str], str]
"""Replaces a text by another of the same length."""

Path = tuple[str | int, ...]

_KEPT_KEYS = frozenset(
    {"id", "object", "type", "role", "name", "model", "index", "finish_reason", "native_finish_reason", "stop_reason"}
    | {"stop_sequence", "provider", "code", "param", "system_fingerprint", "service_tier", "tool_use_id"}
    | {"tool_call_id", "tool_name", "format", "media_type", "effort", "reasoning_effort", "ttl", "display"}
    | {"verbosity", "status", "detail", "strict"}
)
_FIELDS = (
    "messages system tools content text thinking source data input input_schema parameters properties items required "
    "additionalProperties anyOf oneOf allOf not ref defs max_tokens max_completion_tokens temperature top_p top_k "
    "stop_sequences stop stream tool_choice metadata user_id output_config output_format response_format "
    "context_management container mcp_servers reasoning budget_tokens cache_control betas body tokens from to of the "
    "user assistant image document tool_use tool_result schema description title examples example default enum const "
    "pattern patternProperties definitions"
)
PROTOCOL = _KEPT_KEYS | frozenset(_FIELDS.split())
"""Words of a note's place that are nobody's names."""
_ENVELOPE = frozenset({"b", "m", "k", "backend", "model", "field", "digest"})  # of a signature of ours
_ERRORS = frozenset({"message"})
_SHORT = re.compile(r"[A-Za-z0-9_.:/@+()\[\]-]{0,200}")  # an identifier, and no sentence
_NAMES = frozenset({"properties", "$defs", "definitions"})
_COUNTS = frozenset({"index", "created", "code", "status", "status_code", "cost", "n_ctx", "n_prompt_tokens"})
_COUNTING = frozenset({"usage", "timings", "error", "errors", "detail", "details", "base_resp", "metadata"})
_TAG = re.compile(
    r"</?(?:think|thinking|thought|reasoning|tool_calls?|function_calls?|function=\w+|invoke|parameter|analysis|summary"
    r"|system-reminder)>|<[|\uff5c][^|\uff5c<>\n]{1,40}[|\uff5c]>"
)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)("|\Z)(\s*:)?', re.DOTALL)
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_WORD = re.compile(r"\w+")
_LITERALS = frozenset({"true", "false", "null"})
_UNREADABLE = re.compile(r"[\udc80-\udcff]")  # bytes that are no UTF-8, as Python holds them
_MARKS = "qzjkv"  # letters that no covered text has
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]{200,}")


def filler(text: str) -> str:
    """Return as much of nothing: same length, same lines, same punctuation."""
    return "".join(part if kept else _blank(part) for part, kept in _split(text, _TAG))


class Filler:
    """A filler that knows a request.

    declared: the names of fields that its tools declare; all others are covered too. stops: its stop sequences, which
    stop no other text when they are covered, and are found where they were.
    """

    def __init__(self, declared: Iterable[str], stops: Iterable[str] = ()) -> None:
        self.declared = frozenset(declared)
        self._stops = {stop: _marked(stop, _MARKS[n % len(_MARKS)]) for n, stop in enumerate(filter(None, stops))}
        longest = sorted(self._stops, key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, longest))) if longest else None

    def __call__(self, text: str) -> str:
        """Return as much of nothing."""
        if self._found is None:
            return filler(text)
        parts = _split(text, self._found)
        return "".join(self._stops[part] if kept else filler(part) for part, kept in parts)

    def key(self, key: str) -> str:
        """Return a key of a tool's arguments: as it is where it is declared."""
        return key if key in self.declared else filler(key)


def declared_in(value: Any) -> Iterator[str]:
    """Yield the names that the schemas of a request give to fields."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _NAMES and isinstance(inner, dict):
                yield from inner
            yield from declared_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from declared_in(inner)


def number(value: float) -> Any:
    """Return a number of as many digits, all of them 1; a truth is true."""
    return json.loads(re.sub(r"[0-9]", "1", json.dumps(value).replace("false", "true")))


def _is_said(path: Path) -> bool:
    """Whether a value is in the arguments of a tool."""
    return "input" in path or "arguments" in path


def _is_count(path: Path) -> bool:
    """Whether a number is one of the protocol's; others may stand for text (ids and bytes of tokens)."""
    return not _COUNTING.isdisjoint(path) or any(step in _COUNTS for step in path[-1:])


def json_filler(text: str, keys: Cover = str) -> str:
    """Return JSON text, whole or cut, with its keys and words as they are and its texts and numbers filled."""
    made, at = [], 0
    for found in _STRING.finditer(text):
        made.append(_bare(text[at : found.start()]))
        is_key = found[3] is not None
        made.append(f'"{keys(found[1])}{found[2]}{found[3]}' if is_key else f'"{_escaped(found[1])}{found[2]}')
        at = found.end()
    return "".join(made) + _bare(text[at:])


def _bare(text: str) -> str:
    """Numbers and truths between the texts of JSON."""
    return re.sub(r"[0-9]", "1", text).replace("false", "true ")


def raw_filler(text: str) -> str:
    """Return a body that is no JSON with only the protocol's own words left in it, as long as it was."""
    made, at = [], 0
    for found in _STRING.finditer(text):
        made.append(_words_covered(text[at : found.start()]))
        word = found[1] if found[1] in PROTOCOL else _blank(found[1])
        made.append(f'"{word}{found[2]}{found[3] or ""}')
        at = found.end()
    return _UNREADABLE.sub("\udcff", "".join(made) + _words_covered(text[at:]))


def _words_covered(text: str) -> str:
    return _WORD.sub(lambda found: found[0] if found[0] in _LITERALS else _blank(found[0]), text)


def hidden(value: Any, hide: Cover) -> Any:
    """Return a JSON value with `hide` done to each of its texts and names."""
    if isinstance(value, dict):
        return {hide(key): hidden(inner, hide) for key, inner in value.items()}
    if isinstance(value, list):
        return [hidden(inner, hide) for inner in value]
    return hide(value) if isinstance(value, str) else value


def cover_answer(value: Any, cover: Cover, path: Path = ()) -> Any:
    """Return a JSON value of an answer with its texts covered, as far as they are not part of the protocol."""
    if isinstance(value, str):
        return value if is_structure(path, value) else _of(path, cover)(value)
    if isinstance(value, dict):
        return {_key(key, path, cover): cover_answer(inner, cover, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [cover_answer(inner, cover, (*path, n)) for n, inner in enumerate(value)]
    return _count(value, path, cover)


def _key(key: str, path: Path, cover: Cover) -> str:
    return cover.key(key) if isinstance(cover, Filler) and _is_said(path) else key


def _count(value: Any, path: Path, cover: Cover) -> Any:
    """A number, a truth or nothing."""
    if value is None or not isinstance(cover, Filler):
        return value
    if _is_said(path) or not (isinstance(value, bool) or _is_count(path)):
        return number(value)
    return value


def _counts_covered(value: Any, cover: Cover, path: Path = ()) -> Any:
    """A JSON value whose texts are covered already."""
    if isinstance(value, dict):
        return {_key(key, path, cover): _counts_covered(inner, cover, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_counts_covered(inner, cover, (*path, n)) for n, inner in enumerate(value)]
    return value if isinstance(value, str) else _count(value, path, cover)


def cover_stream(data: bytes, cover: Cover) -> bytes:
    """Return an event stream, or one JSON value, with its texts covered; what is neither is covered as a whole."""
    text = data.decode("utf-8", "replace")
    if not re.match(r"\s*(data|event|id|retry|:)", text):
        return _cover_json(text, cover).encode()
    lines = text.split("\n")
    values = {n: value for n, line in enumerate(lines) if (value := _payload(line)) is not None}
    covered = _joined(values, cover)
    for n, line in enumerate(lines):
        if n in covered:
            lines[n] = "data: " + json.dumps(covered[n], ensure_ascii=False, separators=(",", ":"))
        elif line.startswith("data:") and line.strip() not in ("data:", "data: [DONE]", "data:[DONE]"):
            lines[n] = "data: " + cover(line[5:].strip())  # nobody can say what is text in it
        elif line.startswith(":"):
            lines[n] = ": " + cover(line[1:].strip())
    return "\n".join(lines).encode()


def cover_complaints(data: bytes, hide: Cover) -> bytes:
    """Return what `cover_stream` returned with the messages of its errors covered, which it leaves as they are."""
    text = data.decode("utf-8", "replace")
    try:
        return (json.dumps(_complaints_covered(json.loads(text), hide), indent=2, ensure_ascii=False) + "\n").encode()
    except ValueError:
        lines = text.split("\n")
    for n, line in enumerate(lines):
        value = _payload(line) if "error" in line else None
        if value is not None:
            lines[n] = "data: " + json.dumps(
                _complaints_covered(value, hide), ensure_ascii=False, separators=(",", ":")
            )
    return "\n".join(lines).encode()


def said_in(data: bytes) -> Iterator[str]:
    """Yield what an event stream, or one JSON value, says: all of its texts that are no part of the protocol."""
    text = data.decode("utf-8", "replace")
    values = [_payload(line) for line in text.split("\n")]
    if not any(values):
        try:
            values = [json.loads(text)]
        except ValueError:
            return
    joined: dict[Path, str] = {}
    for value in values:
        for path, part in _texts(value):
            if not is_structure(path, part):
                place = _stream_of(value, path)
                joined[place] = joined.get(place, "") + part
    yield from joined.values()


def _complaints_covered(value: Any, hide: Cover) -> Any:
    for path, text in _texts(value):
        if path and path[-1] in _ERRORS and "error" in path:
            _put(value, path, hide(text))
    return value


def is_structure(path: Path, text: str) -> bool:
    """Whether a text at this place is part of the protocol, not of what was said."""
    if "input" in path[:-1] or "arguments" in path[:-1]:
        return False
    if "signature" in path[:-1] and path[-1] in _ENVELOPE:
        return True
    if path and path[-1] in _KEPT_KEYS:
        return path[-1] == "model" or _SHORT.fullmatch(text) is not None
    return bool(path) and path[-1] in _ERRORS and "error" in path


def _joined(values: dict[int, Any], cover: Cover) -> dict[int, Any]:
    """Cover the texts of many payloads, those at the same place as one text."""
    places: dict[Path, list[tuple[int, Path, str]]] = {}
    for number, value in values.items():
        for path, text in _texts(value):
            if not is_structure(path, text):
                places.setdefault(_stream_of(value, path), []).append((number, path, text))
    copies = {number: json.loads(json.dumps(value)) for number, value in values.items()}
    for place, pieces in places.items():
        whole = _of(place, cover)("".join(text for _, _, text in pieces))
        for number, path, text in pieces:
            _put(copies[number], path, whole[: len(text)])
            whole = whole[len(text) :]
    return {number: _counts_covered(copy, cover) for number, copy in copies.items()}


def _stream_of(value: Any, path: Path) -> Path:
    """Which text a piece belongs to: blocks and calls are numbered inside of what brings them."""
    numbers: list[str | int] = (
        [value["index"]] if isinstance(value, dict) and isinstance(value.get("index"), int) else []
    )
    inner = value
    for step in path:
        inner = inner[step]
        if isinstance(inner, dict) and isinstance(inner.get("index"), int):
            numbers.append(inner["index"])
    return (*numbers, *path)


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _texts(inner, (*path, n))


def _put(value: Any, path: Path, text: str) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = text


def _of(path: Path, cover: Cover) -> Cover:
    """Arguments are JSON inside of a text: their keys are the tool's, and must stay."""
    if path and path[-1] in ("arguments", "partial_json"):
        if isinstance(cover, Filler):
            return lambda text: json_filler(text, cover.key)
        if cover is filler:
            return json_filler
    return cover


def _payload(line: str) -> Any:
    if not line.startswith("data:"):
        return None
    try:
        value = json.loads(line[5:])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _cover_json(text: str, cover: Cover) -> str:
    try:
        return json.dumps(cover_answer(json.loads(text), cover), indent=2, ensure_ascii=False) + "\n"
    except ValueError:
        return cover(text)


def _split(text: str, kept: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    at = 0
    for found in kept.finditer(text):
        yield text[at : found.start()], False
        yield found[0], True
        at = found.end()
    yield text[at:], False


def _blank(text: str) -> str:
    if _BASE64.fullmatch(text):
        return "A" * len(text)
    return "".join("x" if c.isalpha() else "1" if c.isdigit() else c if ord(c) < 128 else "x" for c in text)  # noqa: PLR2004 - ASCII


def _marked(stop: str, letter: str) -> str:
    return "".join(letter if c.isalpha() or ord(c) > 127 else "7" if c.isdigit() else c for c in stop)  # noqa: PLR2004


def _escaped(text: str) -> str:
    """Fill the inside of a JSON string; escapes stay, since half of one is none."""
    return "".join(
        "xxxxxx"[: len(part)] if kept and part[1] == "u" else part if kept else _blank(part)
        for part, kept in _split(text, _ESCAPE)
    )
