"""Texts made to make patterns go back are read in linear time: eight times as much may not take sixty times as long.

Where a client, a backend or a model writes the text, a pattern that is quadratic in it stops every stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from claude_code_proxy.prompt.compact import compact
from claude_code_proxy.redaction import Redaction
from claude_code_proxy.tokens.estimate import estimate
from claude_code_proxy.translate.failure import Asked, read_failure

LENGTH = 100_000
UNITS = (
    *("a", " ", "\n", "0", "0,", "<", "{", "[", '"', "\\", "-", "=", ".", "a ", "a\n", " \n", "0 ", "/a", "aA0_", "é", "a.a@", "?key", "at a:"),
    *("<system-reminder>", "<title", "-----BEGIN ", "\n at ", "maximum ", "limit 1 used ", "between 0 ", "Bearer ", "eyJaaaaaaaa.", "://a:", "http://"),
    *("<html>", "<think>", "tokens ", "context length ", 'File "', "```", "# a\n", "not ", "must be "),
)  # fmt: skip
BEGINNINGS = ("", "\n at ", "maximum ?key", '{"error":{"message":"')


def failed(text: str) -> None:
    read_failure(400, text.encode(), {}, Asked(model="m", counted=10, window=100, max_tokens=5, now=0.0))


def redacted(text: str) -> None:
    Redaction(("sk-secret-secret",), "/home/somebody").all(text)


def compacted(text: str) -> None:
    compact("# Tone and style\n# Doing tasks\n# Environment\n" + text, 100, estimate)


READERS: dict[str, Callable[[str], Any]] = {
    "the words of a failure": failed,
    "what is hidden": redacted,
    "a system prompt": compacted,
}


@pytest.mark.parametrize("unit", UNITS, ids=repr)
@pytest.mark.parametrize("reader", READERS)
def test_no_text_takes_for_ever(reader: str, unit: str) -> None:
    read = READERS[reader]
    for beginning in BEGINNINGS:
        text = beginning + unit * (LENGTH // len(unit))
        begun = time.process_time()
        read(text + "!\x00")
        assert time.process_time() - begun < 5, (
            "a quadratic pattern takes this long on a slow machine, a linear one a hundredth"
        )
