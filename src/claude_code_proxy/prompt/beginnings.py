"""How Claude Code's own sections begin: a title proves nothing, since a person's text may have the same.

Read from what 2.1.197 and 2.1.330 send and can send (2026-11-22), and from the published prompts of 2.0. Which line
comes first depends on the tools and features of a session, so some sections have several. A section that begins
otherwise is kept, as a person's: a missed one costs tokens, a lost one costs instructions.
"""

from __future__ import annotations

BOILERPLATE: dict[str, tuple[str, ...]] = {
    "tone and style": ("Only use emojis if the user", "You should be concise, direct"),
    "text output": ("Assume users can't see most tool calls",),
    "output efficiency": ("IMPORTANT: Go straight to the point",),
    "professional objectivity": ("Prioritize technical accuracy",),
    "doing tasks": ("The user will primarily request you to perform",),
    "task management": ("You have access to the Todo", "You have access to the Task"),
    "using your tools": (
        "Prefer dedicated tools over",
        "Do NOT use the Bash to run commands",
        "Break down and manage your work with the",
        "Use TaskCreate to plan",
        "Use TodoWrite to plan",
        "You can call multiple tools in a single response",
    ),
    "tool usage policy": ("When doing file search, prefer", "You can call multiple tools in a single response"),
    "asking questions as you work": ("You have access to the AskUserQuestion tool",),
    "planning without timelines": ("When planning tasks, provide concrete implementation steps",),
    "looking up your own documentation": ("When the user directly asks about",),
    "code references": ("When referencing specific functions or pieces of code",),
    "auto memory": ("You have a persistent",),
    "memory": ("You have a persistent",),
    "output style": ("You are an interactive CLI tool that helps users with software engineering tasks.",),
    "vscode extension context": ("You are running inside a VSCode",),
    "ide context": ("You are running inside",),
}
"""Dropped by every compression (product contract: tone, the output styles it brings, task and tool guidance, memory,
editor)."""

SPARE: dict[str, tuple[str, ...]] = {
    "session-specific guidance": (
        "If you do not understand why the user has denied",
        "If you need the user to run a shell command themselves",
        "The user follows this cloud session in the Claude app",
        "Use the Agent tool with specialized agents",
        "Use the Task tool with specialized agents",
        "Calling Agent ",
        "Calling Task ",
        "For broad codebase exploration",
        "For simple, directed codebase searches",
        "When the user types `/",
        "/<skill-name>",
        'If the user asks about "ultrareview"',
        "When you have just finished",
    ),
    "system": ("All text you output outside of tool use is displayed",),
    "harness": ("Text you output outside of tool use is displayed", "Tools run behind a user-selected"),
    "executing actions with care": (
        "Carefully consider the reversibility",
        "Read, search, and investigate freely",
    ),
}
"""Dropped for the budget only, in this order."""

_MARKS = " \t\r\n-*"  # of a list, ahead of its first line


def begins_so(section: str, beginnings: tuple[str, ...]) -> bool:
    """Whether a section, its title line included, begins with one of these words."""
    _, _, body = section.partition("\n")
    return body.lstrip(_MARKS).startswith(beginnings)
