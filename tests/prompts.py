"""Prompts in the structure of Claude Code's: titles, order, marks and how a section begins are what matters."""

from __future__ import annotations

from typing import Any

IDENTITY = "You are Claude Code, a program of somebody's, running in a test."
OPENING = "\nYou are an interactive agent that helps with a test.\n\nIMPORTANT: Only lawful tests.\n"

STYLE = "# Tone and style\n - Only use emojis if the user asks.\n - Be brief.\n - No emoji.\n\n"
DOING = "# Doing tasks\n - The user will primarily request you to perform a test.\n"
TASKS = DOING + " - Read before you write.\n```python\n# Environment of a comment\n```\n\n"
TOOLS = "# Using your tools\n - Prefer dedicated tools over a shell.\n\n"
OUTPUT = "# Text output (does not apply to tool calls)\nAssume users can't see most tool calls. Say what you do.\n\n"
MEMORY = "# auto memory\nYou have a persistent folder.\n\n## Types of memory\n<types>\n<type>user</type>\n</types>\n\n"
BOILERPLATE = (STYLE, TASKS, TOOLS, OUTPUT, MEMORY)

SYSTEM = (
    "# System\n - All text you output outside of tool use is displayed.\n - Tools ask for permission.   \n - Results may hold tags.\n\n\n\n"
    + " - A rule of the system.\n" * 40
    + "\n"
)
CARE = (
    "# Executing actions with care\nCarefully consider the reversibility. Think of what can't be undone.\n"
    + "Ask before you delete.\n" * 40
    + "\n"
)
SESSION = (
    "# Session-specific guidance\n - When the user types `/x`, do it.\n - Use what is there.\n"
    + " - A hint for this session.\n" * 40
    + "\n"
)
SPARE = (SYSTEM, CARE, SESSION)

ENVIRONMENT = "# Environment\n - Primary working directory: /home/me/proj \n - Platform: linux\n - Shell: zsh\n\n\n\n"
CONTEXT = "# Context management\nLong talks are summarized.\n\nAct when you can.\n\n"
APPENDED = "Always answer in Latin.   \n\n\n\n# Tone and style\nSing.\n# Memory\nForget nothing.\n\n"
GIT = "gitStatus: This is the status at the start.\n\nCurrent branch: main\n\nStatus:\n M a.py   \n"
PROJECT = "# claudeMd\nContents of /home/me/proj/CLAUDE.md (project instructions):\n\n# Tone and style\nShout.\n\n# Memory\nNone.\n"
UNKNOWN = "# House rules of nobody knows whom\nKeep them.   \n\n\n\n"


def long_prompt(*, appended: str = "", project: str = "", git: str = GIT) -> str:
    """Return a prompt with every section."""
    head = OPENING + SYSTEM + TASKS + CARE + TOOLS + STYLE + OUTPUT + SESSION + MEMORY + UNKNOWN
    return head + ENVIRONMENT + CONTEXT + appended + git + project


def blocks(prompt: str) -> list[dict[str, Any]]:
    """Return a system prompt as the CLI sends it: who it is, then what it does."""
    marked = {"cache_control": {"type": "ephemeral"}}
    return [{"type": "text", "text": IDENTITY, **marked}, {"type": "text", "text": prompt, **marked}]


def words(text: str) -> int:
    """Count as a tokenizer would, for tests that need no real one."""
    return len(text.split())
