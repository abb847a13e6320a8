"""The generated parts of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/reliability.md"


def write(part: str, lines: Iterable[str]) -> None:
    """Replace what stands between the marks of a part."""
    begin, end = f"<!-- {part}:begin -->\n", f"<!-- {part}:end -->"
    head, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(head + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2])
