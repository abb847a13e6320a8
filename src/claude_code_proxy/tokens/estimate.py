"""How many tokens a text has, without a vocabulary: a linear count of what tokenizers cut at.

Every byte becomes one of eleven classes, and the weights say what a transition between classes costs: the beginning
of a word, a hump in camelCase, a run of digits, an indented line. They were fitted to o200k (GPT-4o and later) on
1,350 chunks of 4 kB: Python, JavaScript, C, Markdown, JSON, shell output, thirty languages. Error of a chunk against
o200k: 5 % on average, -15 % and +9 % at the fifth and ninety-fifth percentile; of a whole prompt 1 to 3 %. Llama, GLM
and Kimi lie within 3 % of that, Qwen and DeepSeek 6 % above it, Mistral 11 %.

All work is done by `bytes.translate` and `bytes.count`: linear on any input, 5 ms for 200 kB.
"""

from __future__ import annotations

from typing import NamedTuple

_CLASSES = (
    (b"abcdefghijklmnopqrstuvwxyz", b"a"),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"A"),
    (b"0123456789", b"0"),
    (b"_", b"_"),
    (b"\r\n", b"\n"),
    (b" \t", b" "),
    (bytes(range(0xC0, 0xCA)), b"e"),  # first byte of a Latin letter with a mark
    (bytes(range(0xCA, 0xE0)), b"r"),  # of Greek, Cyrillic, Hebrew, Arabic
    (bytes(range(0xE0, 0xF0)), b"z"),  # of Chinese, Japanese, Korean and everything else of three bytes
    (bytes(range(0xF0, 0x100)), b"y"),  # of emoji
)
_CONTINUATION = bytes(range(0x80, 0xC0))  # deleted: what is left is one byte a character


def _table(*pairs: tuple[bytes, bytes], other: bytes) -> bytes:
    table = bytearray(other * 256)
    for members, to in pairs:
        for byte in members:
            table[byte] = to[0]
    return bytes(table)


_CLASS = _table(*_CLASSES, other=b".")
_LETTERS = _table((b"aAe", b"a"), other=b" ")
_DIGITS = _table((b"0", b"0"), other=b" ")
_MARKS = _table((b".", b"."), other=b" ")
_SPACES = _table((b" ", b" "), other=b"x")
_LINES = _table((b"\n", b"\n"), other=b"x")

_ANY_TEXT = (
    (b"A", 0.04),
    (b" A", -0.24),  # a capital begins a word more often than not
    (b"aA", 1.53),
    (b"0a", -0.52),
    (b"\n ", -0.87),  # the line's end and its indentation are one token
    (b".\n", -0.3),  # so are marks and the line's end
    (b".a", -0.41),
)
_BEYOND_ASCII = ((b"e", 1.83), (b"r", 0.40), (b"z", 0.70), (b"y", 1.6))
_SPACING = ((_SPACES, b"x  ", 1.5), (_LINES, b"x\n", 0.85))


class _Run(NamedTuple):
    """Runs of one class.

    start: tokens of a run; longer: what a run of at least that length costs more; paid: characters of a run that these
    stand for; beyond: tokens of each other character.
    """

    view: bytes
    member: bytes
    start: float
    longer: tuple[tuple[int, float], ...]
    paid: int
    beyond: float


_RUNS = (
    _Run(_LETTERS, b"a", 1.02, (), 10, 0.18),
    _Run(_DIGITS, b"0", 1.61, ((4, 0.62), (7, 1.76)), 12, 0.33),
    _Run(_MARKS, b".", 0.76, ((2, 0.54), (5, 1.5)), 5, 0.1),
)
_SPARSEST = 100  # characters a token can stand for


def estimate(text: str) -> int:
    """Return about how many tokens `text` has: 0 for nothing, at least 1 for anything."""
    if not text:
        return 0
    classes = b" " + text.encode("utf-8", "surrogatepass").translate(_CLASS, _CONTINUATION)
    patterns = _ANY_TEXT if text.isascii() else _ANY_TEXT + _BEYOND_ASCII
    total = 0.0
    for pattern, weight in patterns:
        total += weight * classes.count(pattern)
    for view, pattern, weight in _SPACING:
        total += weight * classes.translate(view).count(pattern)
    for run in _RUNS:
        total += _runs(classes.translate(run.view), run)
    return max(1, round(total), len(classes) // _SPARSEST)


def _runs(view: bytes, run: _Run) -> float:
    runs = view.count(b" " + run.member)
    if not runs:
        return 0.0
    total = runs * run.start
    for length, weight in run.longer:
        total += weight * view.count(b" " + run.member * length)
    return total + run.beyond * max(0, view.count(run.member) - run.paid * runs)
