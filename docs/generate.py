"""Write everything in the documentation that the code says better: `make docs`. Tests fail when it was forgotten."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from claude_code_proxy import setting_docs
from claude_code_proxy.translate import compatibility

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from docs import commands  # noqa: E402 - its examples run on the tests' scripted backend


def between(path: str, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks of a file."""
    file = ROOT / path
    pattern = re.compile(f"({re.escape(begin)}\n).*?(\n{re.escape(end)})", re.DOTALL)
    file.write_text(pattern.sub(lambda match: match[1] + text + match[2], file.read_text()))


def main() -> None:
    """Write all of it."""
    (ROOT / ".env.example").write_text(setting_docs.env_example())
    (ROOT / "docs/commands.md").write_text(commands.page())
    (ROOT / "docs/compatibility.md").write_text(compatibility.page())
    between(
        "docs/settings.md",
        "<!-- generated: python -m claude_code_proxy.setting_docs docs -->",
        "<!-- end of the generated part -->",
        setting_docs.docs_tables(),
    )
    between("README.md", "<!-- settings:begin -->", "<!-- settings:end -->", setting_docs.readme_table().strip())


if __name__ == "__main__":
    main()
