"""docs/dialects.md on adding a dialect, done as it says: one file, one row, case folders, and no test code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("src", "tests", "docs")
PAGE = "docs/dialects.md"
TABLE = "src/claude_code_proxy/dialects/__init__.py"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules", ".installed", "e2e")


def test_a_dialect_is_added_as_the_page_says(tmp_path: Path) -> None:
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    (written,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = re.sub(r"(?m)^   ", "", written)
    (row,) = re.findall(r"`(Row\(dialect=ACME.*?\))`, with", page)
    (tmp_path / "src/claude_code_proxy/dialects/acme.py").write_text(code, encoding="utf-8")
    table = (tmp_path / TABLE).read_text(encoding="utf-8")
    table = table.replace("from .", "from .acme import ACME\nfrom .", 1)
    (tmp_path / TABLE).write_text(
        table.replace("    Row(dialect=XAI", f"    {row},\n    Row(dialect=XAI", 1), encoding="utf-8"
    )
    for shown in ("text-thinking", "tool-call"):
        _case(tmp_path / "tests/recordings", shown)
    _run(tmp_path, "tests/case_folders.py", "--accept", "acme")
    assert "| `acme` | `api.acme.example` |" in (tmp_path / PAGE).read_text(encoding="utf-8")
    told = _run(
        tmp_path,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-k",
        "acme or page or row",
        "tests/test_recordings.py",
        "tests/test_dialects.py",
    )
    assert re.search(r"\d+ passed", told)


def _case(recordings: Path, shown: str) -> None:
    """Write a case folder: what another backend's stands for, under the new name."""
    kept, own = recordings / "xai" / shown, recordings / "acme" / shown
    own.mkdir(parents=True)
    about = (kept / "about.toml").read_text(encoding="utf-8")
    about = about.replace("api.x.ai", "api.acme.example").replace("grok-4.3", "acme-1")
    (own / "about.toml").write_text(about, encoding="utf-8")
    for name in ("request.json", "upstream.sse"):
        shutil.copy(kept / name, own)


def _run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "src"), str(folder), str(folder / "tests")])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
