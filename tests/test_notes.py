"""Nothing is changed or lost without a note, and no note without its place in the documentation."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import claude_code_proxy
from claude_code_proxy.translate.notes import CODES, Note, Notes

SOURCE = Path(claude_code_proxy.__file__).parent


def test_a_note_is_kept_once_for_each_place() -> None:
    notes = Notes()
    notes.add("call-dropped", "content.1", "first")
    notes.add("usage-estimated")
    notes.add("call-dropped", "content.2", "second")
    notes.add("call-dropped", "content.1", "again")
    assert list(notes) == [
        Note("call-dropped", "content.1", "first"),
        Note("usage-estimated"),
        Note("call-dropped", "content.2", "second"),
    ]
    assert len(notes) == 3
    assert notes.codes() == ["call-dropped", "usage-estimated"]


def test_a_loss_nobody_documented_can_not_be_noted() -> None:
    with pytest.raises(KeyError, match="made-up"):
        Notes().add("made-up")


@pytest.mark.parametrize("code", CODES)
def test_a_code_fits_a_header_and_says_what_happens(code: str) -> None:
    assert code.replace("-", "").isalnum()
    assert code == code.lower()
    assert all(CODES[code]), "feature, what happens, what is lost"


def test_every_code_is_used_somewhere() -> None:
    """A row of the documentation that no code path can cause is a false promise."""
    strings = {
        node.value
        for path in SOURCE.rglob("*.py")
        if path.name != "notes.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(CODES) - strings == set()
