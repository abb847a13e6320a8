"""Each case of the list in `tests/cases/README.md` has a test that is named by it, and what can't apply is told."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
README = (CASES / "README.md").read_text()
ROWS = re.findall(r"^\| `(test_\w+\.py)` \| (.*) \|$", README, re.MULTILINE)
MANY = {"ST": 26, "HI": 18, "PA": 15, "TO": 11, "CX": 10, "ER": 6, "TI": 4, "CA": 2, "CO": 4, "ME": 1, "SE": 11}


def listed(cell: str) -> list[str]:
    """Return the cases a cell of the table names, ranges written out."""
    found = []
    for kind, first, last in re.findall(r"([A-Z]{2})-(\d\d)(?: to [A-Z]{2}-(\d\d))?", cell):
        found += [f"{kind}-{number:02}" for number in range(int(first), int(last or first) + 1)]
    return found


def cases_of(file: str) -> set[str]:
    """Return the cases that begin the name of a test in a file; several may share one test."""
    names = [node.name for node in ast.walk(ast.parse((CASES / file).read_text())) if isinstance(node, ast.FunctionDef)]
    heads = (re.match(r"test_([a-z]{2})((?:_\d\d)+)_", name) for name in names)
    return {f"{head[1].upper()}-{number}" for head in heads if head for number in head[2].split("_")[1:]}


def test_the_list_is_whole() -> None:
    cases = {case for _, cell in ROWS for case in listed(cell)}
    assert cases == {f"{kind}-{number:02}" for kind, many in MANY.items() for number in range(1, many + 1)}


@pytest.mark.parametrize(("file", "cell"), ROWS, ids=[file for file, _ in ROWS])
def test_each_case_of_a_file_has_a_test_named_by_it(file: str, cell: str) -> None:
    assert set(listed(cell)) - cases_of(file) == set()


def test_what_can_not_apply_is_a_case_of_the_list() -> None:
    told = README.partition("## What can't apply")[2]
    cells = re.findall(r"^\| ((?:[A-Z]{2}-\d\d(?:, )?)+) \|", told, re.MULTILINE)
    assert cells
    assert all(int(case[3:]) <= MANY[case[:2]] for cell in cells for case in listed(cell))
