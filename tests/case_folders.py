"""The case folders in tests/recordings: read, run through the whole translation, written again.

What is in a folder: claude_code_proxy/recording/case.py. Those of the tests are written by hand, in the backends' own
shapes, or recorded and accepted (`claude-code-proxy replay FOLDER --accept`); upstream-request.json and events.sse are
goldens.

`python tests/case_folders.py --accept [NAME ...]` writes the goldens, and docs/dialects.md, as they are now.
"""

from __future__ import annotations

import sys
from pathlib import Path

from claude_code_proxy.dialects.table import docs_tables
from claude_code_proxy.recording.case import Case, opened, read_case
from claude_code_proxy.recording.replay import goldens

__all__ = ["Case", "all_cases", "opened", "page", "refused_cases"]

FOLDER = Path(__file__).parent / "recordings"
DOCS = Path(__file__).parent.parent / "docs" / "dialects.md"
BEGIN, END = "<!-- dialects:begin -->", "<!-- dialects:end -->"


def all_cases() -> list[Case]:
    """Every case folder of an exchange with a backend, in order."""
    return [case for case in _every_folder() if not case.refused]


def refused_cases() -> list[Case]:
    """Every case folder of a request that the proxy refuses itself."""
    return [case for case in _every_folder() if case.refused]


def _every_folder() -> list[Case]:
    folders = sorted(path.parent for path in FOLDER.glob("*/*/about.toml"))
    return [read_case(folder) for folder in folders]


def page(text: str) -> str:
    """docs/dialects.md with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{docs_tables()}\n\n{END}{after}"


def main() -> None:
    """Write the goldens of the cases whose name begins with one of the arguments, or all."""
    wanted = tuple(name for name in sys.argv[1:] if name != "--accept")
    if "--accept" not in sys.argv:
        sys.exit("usage: python tests/case_folders.py --accept [NAME ...]")
    for case in _every_folder():
        if not wanted or case.name.startswith(wanted):
            for name, golden in goldens(case).items():
                (case.folder / name).write_text(golden, encoding="utf-8")
    DOCS.write_text(page(DOCS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
