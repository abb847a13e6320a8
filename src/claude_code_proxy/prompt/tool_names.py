"""The tools Claude Code brings itself, by name.

Read from the requests of 2.1.197 and 2.1.330 (print mode, 2026-11-22), from the lists of deferred tools in them, and
from the names both builds know.
"""

from __future__ import annotations

CLAUDE_CODES = frozenset(
    {
        "Agent",
        "Artifact",
        "ArtifactCheck",
        "ArtifactComments",
        "ArtifactData",
        "AskUserQuestion",
        "Bash",
        "BashOutput",
        "Config",
        "CronCreate",
        "CronDelete",
        "CronList",
        "DeferredToolPlaceholder",
        "Edit",
        "EnterPlanMode",
        "EnterWorktree",
        "ExitPlanMode",
        "ExitWorktree",
        "Glob",
        "Grep",
        "KillShell",
        "LSP",
        "ListAgents",
        "ListMcpResourcesTool",
        "Monitor",
        "MultiEdit",
        "NotebookEdit",
        "NotebookRead",
        "PowerShell",
        "PushNotification",
        "REPL",
        "Read",
        "ReadMcpResourceTool",
        "RemoteTrigger",
        "ReportFindings",
        "ScheduleWakeup",
        "SendMessage",
        "SendUserFile",
        "SendUserMessage",
        "Skill",
        "SlashCommand",
        "Task",
        "TaskCreate",
        "TaskGet",
        "TaskList",
        "TaskOutput",
        "TaskStop",
        "TaskUpdate",
        "TeamCreate",
        "TeamDelete",
        "TodoWrite",
        "ToolSearch",
        "WaitForMcpServers",
        "WebFetch",
        "WebSearch",
        "Workflow",
        "Write",
    }
)

SERVERS = "mcp__"
"""How the name of a tool begins that an MCP server offers."""
