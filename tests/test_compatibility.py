"""docs/compatibility.md is what the code says."""

from pathlib import Path

from claude_code_proxy.translate.compatibility import page
from claude_code_proxy.translate.notes import CODES

PAGE = Path(__file__).parent.parent / "docs" / "compatibility.md"


def test_the_page_is_generated_from_the_table() -> None:
    assert PAGE.read_text() == page(), (
        "run: python -m claude_code_proxy.translate.compatibility > docs/compatibility.md"
    )


def test_every_code_used_in_the_source_has_a_row() -> None:
    source = Path(__file__).parent.parent / "src"
    used = "".join(path.read_text() for path in source.rglob("*.py") if path.name != "notes.py")
    unused = [code for code in CODES if f'"{code}"' not in used]
    assert unused == [], "a row nobody notes is a promise nobody keeps"
