"""Every pattern the package compiles, how it is used, and texts made to have it go back, from what it is made of."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import re._constants as codes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import claude_code_proxy

_OPTIONAL = "xllamacpp"  # what only the demo needs
_ANCHORED = {"match", "fullmatch"}
_DEPTH = 8


class Found(NamedTuple):
    """A pattern. place: where it is kept; ways: the methods it is used by, `search` where that can't be told."""

    place: str
    pattern: re.Pattern[Any]
    ways: tuple[str, ...]


def every_pattern() -> list[Found]:
    """Return the patterns of all modules: in globals, classes, tables, structs, partials, closures and calls of `re`."""
    found: dict[tuple[Any, int], Found] = {}
    for module in _modules():
        kept = [(f"{module.__name__}.{name}", value) for name, value in vars(module).items() if name[:2] != "__"]
        source = inspect.getsource(module)
        speaks = re.search(r"\bre\.", source) or any(isinstance(value, re.Pattern) for _, value in kept)
        nodes = list(ast.walk(ast.parse(source))) if speaks else []
        used = _used(nodes)
        for place, value in kept:
            ways = _ways(used, place.rpartition(".")[2]) if isinstance(value, re.Pattern) else ()
            for pattern in _inside(value, set(), 0):
                found.setdefault((pattern.pattern, pattern.flags), Found(place, pattern, ways or ("search",)))
        for way, pattern in _in_calls(nodes):
            found.setdefault((pattern.pattern, pattern.flags), Found(module.__name__, pattern, (way,)))
    return sorted(found.values(), key=lambda one: (one.place, str(one.pattern.pattern)))


def _modules() -> Iterator[types.ModuleType]:
    for info in pkgutil.walk_packages(claude_code_proxy.__path__, "claude_code_proxy."):
        if info.name.endswith("__main__"):
            continue
        try:
            yield importlib.import_module(info.name)
        except ModuleNotFoundError as error:
            if error.name != _OPTIONAL:
                raise


def _inside(value: Any, met: set[int], depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
        return
    if depth > _DEPTH or id(value) in met or isinstance(value, (types.ModuleType, str, bytes, int, float)):
        return
    met.add(id(value))
    for part in _parts(value):
        yield from _inside(part, met, depth + 1)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, types.FunctionType):
        closure = [cell.cell_contents for cell in value.__closure__ or () if cell.cell_contents is not value]
        return [*(value.__defaults__ or ()), *closure]
    if isinstance(value, (types.BuiltinMethodType, types.MethodType)):
        return [value.__self__]
    if isinstance(value, type):
        return list(vars(value).values())
    fields = [getattr(value, name, None) for name in getattr(value, "__struct_fields__", ())]
    partial = [getattr(value, name, None) for name in ("func", "args", "keywords")]
    return [*fields, *partial, *vars(value).values()] if hasattr(value, "__dict__") else [*fields, *partial]


def _used(nodes: list[ast.AST]) -> dict[str, set[str]]:
    """Return the attributes a module uses, by the name they are used on."""
    used: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    return used


def _ways(used: Mapping[str, set[str]], name: str) -> tuple[str, ...]:
    """Return the methods of a pattern that its module names."""
    said = used.get(name)
    if said and said <= _ANCHORED:
        return tuple(sorted(said))
    return ("search",)


def _in_calls(nodes: list[ast.AST]) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for node in nodes:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=way),
                args=[ast.Constant(value=str() | bytes() as text), *_],
            ) if way not in {"compile", "escape"}:
                yield way if way in _ANCHORED else "search", re.compile(text)


# -- texts ------------------------------------------------------------------------------------------------------------


def hostile_texts(pattern: re.Pattern[Any], length: int) -> list[Any]:
    """Return texts of about `length` characters: each repetition of the pattern as often as it goes, and no end."""
    units = {unit for unit in _units(pattern) if unit[1]}
    texts = [begin + unit * (length // len(unit)) + "\x00" for begin, unit in sorted(units)]
    return [text.encode("utf-8", "replace") for text in texts] if isinstance(pattern.pattern, bytes) else texts


def _units(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    text = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    parsed = parser.parse(text, pattern.flags & ~re.DEBUG)
    for unit in (" ", "\n", "a", "0", "0,", "a ", "\\", '"', "<", "{"):
        yield "", unit
    for begin, unit in _repeats(parsed, ""):
        yield begin, unit
        yield "", unit
        yield "", begin + unit
        yield "", begin
        yield begin, unit + begin


def _repeats(parsed: Any, begin: str) -> Iterator[tuple[str, str]]:
    """Give what stands before each repetition, and once what is repeated."""
    for code, value in parsed:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            yield begin, _sample([*value[2]])
        for inner in _inner(code, value):
            yield from _repeats(inner, begin)
        begin += _sample([(code, value)])
    yield "", begin


def _inner(code: Any, value: Any) -> list[Any]:
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [value[2]]
    if code is codes.SUBPATTERN:
        return [value[3]]
    if code is codes.BRANCH:
        return list(value[1])
    return [value] if code is codes.ATOMIC_GROUP else []


def _sample(parsed: list[Any]) -> str:
    """Return the shortest of what a part of a pattern takes, each optional part once."""
    return "".join(_one(code, value) for code, value in parsed)


def _one(code: Any, value: Any) -> str:
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if code is codes.ANY:
        return "a"
    if code is codes.IN:
        return _of_class(value)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return _sample([*value[2]]) * max(1, min(value[0], 300))
    inner = _inner(code, value)
    return _sample([*inner[0]]) if inner else ""


_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
_CHARACTERS = "a0 _-.,:/=A\"'<>\n\t{}[]()@%+\\"


def _of_class(members: list[Any]) -> str:
    tried = _CHARACTERS + "".join(
        chr(value if code is codes.LITERAL else value[0])
        for code, value in members
        if code in (codes.LITERAL, codes.RANGE)
    )
    return next((one for one in tried if _is_in(one, members)), "a")


def _is_in(character: str, members: list[Any]) -> bool:
    negated = members[0][0] is codes.NEGATE
    return negated != any(_takes(character, code, value) for code, value in members)


def _takes(character: str, code: Any, value: Any) -> bool:
    if code is codes.LITERAL:
        return ord(character) == value
    if code is codes.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    return code is codes.CATEGORY and re.match(_CATEGORIES[value], character) is not None
