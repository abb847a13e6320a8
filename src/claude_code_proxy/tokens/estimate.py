"""How many tokens a text has, without a vocabulary: a linear count of what tokenizers cut at.

Every byte becomes one of eleven classes, and the weights say what a transition between classes costs: the beginning of a word, a
hump in camelCase, a run of digits, an indented line. They were fitted to o200k (GPT-4o and later) on 1,350 chunks of
4 kB: Python, JavaScript, C, Markdown, JSON, shell output, thirty languages. Error of a chunk against o200k: 5 % on
average, -15 % and +9 % at the fifth and ninety-fifth percentile; of a whole prompt 1 to 3 %. Llama, GLM and Kimi
lie within 3 % of that, Qwen and DeepSeek 6 % above it, Mistral 11 %.

All work is done by `bytes.translate` and `bytes.count`: linear on any input, 5 ms for 200 kB.
"""

from __future__ import annotations

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

_IN_CLASSES = (
    (b"A", 0.17),
    (b" A", -0.53),  # a capital begins a word more often than not
    (b"aA", 0.99),
    (b"0a", 0.18),
    (b"\n ", -0.69),  # the line's end and its indentation are one token
    (b".\n", -1.66),  # so are marks and the line's end
    (b".a", -0.56),
    (b"e", 1.83),
    (b"r", 0.40),
    (b"z", 0.70),
    (b"y", 1.6),
)
_VIEWS = (
    (_LETTERS, ((b" a", 0.77), (b" aaa", 0.38))),
    (_DIGITS, ((b" 0", 1.22), (b" 0000", 0.56), (b" 0000000", 1.91))),
    (_MARKS, ((b" .", 1.02), (b" ..", 0.53), (b" .....", 3.2))),
    (_SPACES, ((b"x  ", 1.69),)),
    (_LINES, ((b"x\n", 1.29),)),
)
# What very long runs cost beyond that: view, class, first characters of a run that are paid for, tokens for each other.
_LONG = ((_LETTERS, b"a", 10, 0.18), (_DIGITS, b"0", 8, 0.33), (_MARKS, b".", 5, 0.1))
_SPARSEST = 100  # characters a token can stand for


def estimate(text: str) -> int:
    """Return about how many tokens `text` has: 0 for nothing, at least 1 for anything."""
    if not text:
        return 0
    classes = b" " + text.encode("utf-8", "surrogatepass").translate(_CLASS, _CONTINUATION)
    total = sum(weight * classes.count(pattern) for pattern, weight in _IN_CLASSES)
    for table, patterns in _VIEWS:
        view = classes.translate(table)
        total += sum(weight * view.count(pattern) for pattern, weight in patterns)
    for table, member, paid, weight in _LONG:
        view = classes.translate(table)
        total += weight * max(0, view.count(member) - paid * view.count(b" " + member))
    return max(1, round(total), len(classes) // _SPARSEST)
