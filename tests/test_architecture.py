"""Imports point downward, the pure rooms do no I/O, and files and functions stay within their budgets."""

from __future__ import annotations

import ast
import functools
import graphlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "claude_code_proxy"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
FILES = sorted(SOURCE.rglob("*.py"))

TABLE = re.findall(
    r"(?m)^\| (`.*?) \| .* \| (.*) \|$", (SOURCE.parents[1] / "ARCHITECTURE.md").read_text().split("## Laws")[0]
)
"""ARCHITECTURE.md's rows: the rooms in the order they stand on each other, and what they may import."""


PURE = ("errors", "wire", "translate", "tokens", "dialects")
# I/O, clocks, chance, threads and the environment: what a pure room is handed as arguments, or never sees.
IMPURE = {
    *(
        "aiohttp",
        "asyncio",
        "concurrent",
        "datetime",
        "glob",
        "http",
        "httpx",
        "io",
        "logging",
        "multiprocessing",
        "os",
    ),
    *(
        "pathlib",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "starlette",
        "structlog",
    ),
    *("subprocess", "tempfile", "threading", "time", "urllib.request", "uuid", "uvicorn"),
}
FILE_LINES = 400
FUNCTION_LINES = 60


def room(path: Path) -> str:
    """Return the package or the module at the top that a file belongs to."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


@functools.cache
def imports(path: Path) -> tuple[str, ...]:
    """Return the full dotted name of everything a file imports, inside functions and for types too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    here = [PACKAGE, *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_below(path: Path) -> set[str]:
    inside = (name.split(".") for name in imports(path) if name.startswith(f"{PACKAGE}."))
    return {parts[1] for parts in inside if parts[1] != "__version__"} - {room(path)}


def rows() -> Iterator[tuple[set[str], set[str]]]:
    """Yield the rooms of each row, and all that they may import."""
    below: set[str] = set()
    for names, allowed in TABLE:
        own = {name.removesuffix(".py").rstrip("/") for name in re.findall(r"`(.+?)`", names)}
        below |= own
        yield own, set(below) if allowed == "rows above" else own | set(re.findall(r"\w+", allowed)) - {"nothing"}


def test_every_room_is_in_one_row_of_the_table() -> None:
    assert sorted(name for own, _ in rows() for name in own) == sorted({room(path) for path in FILES})


@pytest.mark.parametrize(("own", "allowed"), [pytest.param(*row, id=", ".join(sorted(row[0]))) for row in rows()])
def test_a_room_imports_only_what_the_table_says(own: set[str], allowed: set[str]) -> None:
    above = {str(path.relative_to(SOURCE)): rooms_below(path) - allowed for path in FILES if room(path) in own}
    assert {file: names for file, names in above.items() if names} == {}


def test_pure_rooms_are_named_with_what_they_may_import() -> None:
    assert all(allowed != "rows above" for names, allowed in TABLE for name in PURE if f"`{name}" in names)


def test_no_two_rooms_import_each_other_by_any_way() -> None:
    graph: dict[str, set[str]] = {}
    for path in FILES:
        graph.setdefault(room(path), set()).update(rooms_below(path))
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("name", PURE)
def test_a_pure_room_does_no_io_and_reads_no_clock_and_draws_no_chance(name: str) -> None:
    found = {
        f"{path.relative_to(SOURCE)}: {imported}"
        for path in FILES
        if room(path) == name
        for imported in imports(path)
        if IMPURE & {imported.split(".")[0], ".".join(imported.split(".")[:2])}
    }
    assert found == set()


def test_files_stay_within_their_budget() -> None:
    long = {str(path.relative_to(SOURCE)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {file: lines for file, lines in long.items() if lines > FILE_LINES} == {}


def test_functions_stay_within_their_budget() -> None:
    long = {
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    }
    assert long == set()


LAYERS = ("cli", "server", "exchange", "backends", "dialects", "translate", "wire", "errors")


@pytest.mark.parametrize(("upper", "lower"), list(itertools.pairwise(LAYERS)))
def test_the_arrows_of_the_drawing_are_there_and_point_down(upper: str, lower: str) -> None:
    graph: dict[str, set[str]] = {}
    for path in FILES:
        graph.setdefault(room(path), set()).update(rooms_below(path))

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            new = graph.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    assert lower in reached(upper)
    assert upper not in reached(lower)


def documented(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the module and each public class of a file, and whether it says what it is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = str(path.relative_to(SOURCE))
    yield name, bool(ast.get_docstring(tree))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield f"{name}: {node.name}", bool(ast.get_docstring(node))


def test_every_module_and_public_class_says_what_it_is() -> None:
    assert [name for path in FILES for name, said in documented(path) if not said] == []


def test_a_room_is_pure_even_where_it_calls_a_name_instead_of_importing_it() -> None:
    """`open`, `input` and `__import__` need no import."""
    found = {
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.func.id}"
        for path in FILES
        if room(path) in PURE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "input", "__import__", "exec", "eval"}
    }
    assert found == set()
