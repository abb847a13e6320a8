"""docs/compatibility.md from the table of notes: what is translated, what is changed, what is lost.

python -m claude_code_proxy.translate.compatibility > docs/compatibility.md
"""

from __future__ import annotations

from .notes import CODES

_HEAD = """# Compatibility

What happens to features of the Messages API that a chat-completions backend has no exact counterpart for. Each row is a
note: when it happens, its code stands in the `x-proxy-notes` header of the answer and in the log. A stream's headers
are out before its answer is known, so what is noted later is not in them: it is in the request's line of the log, in
`claude-code-proxy show ID` and on the live page, as every note is. The stream has nothing but Anthropic's events. What
is not in this table is translated without loss.

This file is generated from the code's own table: `make docs`.

| code | feature | what happens | what is lost |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Return docs/compatibility.md."""
    rows = (
        f"| `{code}` | {_cell(row.feature)} | {_cell(row.happens)} | {_cell(row.lost)} |" for code, row in CODES.items()
    )
    return _HEAD + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is its output
