"""The settings as text for people, from their declarations: `.env.example`, docs/settings.md, the README's table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .settings import SETTINGS, Setting, accepts

if TYPE_CHECKING:
    from collections.abc import Iterator


def env_example() -> str:
    """Return the text of .env.example."""
    lines = [
        "# Settings of claude-code-proxy. Copy this file to .env and set OPENAI_API_KEY; the rest has defaults.",
        "# The environment wins over this file. docs/settings.md says more.",
        "# Generated: python -m claude_code_proxy.setting_docs env > .env.example",
    ]
    for group, members in _groups():
        lines += ["", f"# -- {group} " + "-" * (100 - len(group))]
        for setting in members:
            default = _default(setting) if setting.required else f"default: {_default(setting)}"
            facts = f"Takes {accepts(setting)}; {default}."
            lines += ["", f"# {_plain(setting.meaning)}", f"# {_plain(facts)}", _example(setting)]
    return "\n".join(lines) + "\n"


def docs_tables() -> str:
    """Return the tables of docs/settings.md, one for each group."""
    lines: list[str] = []
    for group, members in _groups():
        lines += [f"### {group}", "", "| setting | default | meaning | takes |", "| --- | --- | --- | --- |"]
        lines += [f"| `{s.name}` | {_default(s)} | {s.meaning} | {accepts(s)} |" for s in members]
        lines.append("")
    return "\n".join(lines)


def readme_table() -> str:
    """Return the README's table: every setting in one row, without what it takes."""
    rows = [f"| `{s.name}` | {_default(s)} | {s.meaning} |" for s in SETTINGS]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _groups() -> Iterator[tuple[str, list[Setting]]]:
    for group in dict.fromkeys(setting.group for setting in SETTINGS):
        yield group, [setting for setting in SETTINGS if setting.group == group]


def _default(setting: Setting) -> str:
    shown = f"`{setting.default}`" if isinstance(setting.default, str) else f"{setting.default:.15g}"
    if setting.required:
        return "required"
    if setting.default == "":
        return setting.unset or "none"
    return f"{shown}; {setting.unset}" if setting.unset else shown


def _example(setting: Setting) -> str:
    name = setting.name.replace("*", "X_TEAM")
    if setting.required:
        return f"{name}="
    value = setting.default if isinstance(setting.default, str) else f"{setting.default:.15g}"
    return f"# {name}={setting.example or value}"


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


def main(arguments: list[str]) -> int:
    """Print the generated text named by the only argument."""
    texts = {"env": env_example, "docs": docs_tables, "readme": readme_table}
    if len(arguments) != 1 or arguments[0] not in texts:
        sys.stderr.write("usage: python -m claude_code_proxy.setting_docs env|docs|readme\n")
        return 2
    sys.stdout.write(texts[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
