"""Run Claude Code, and any client of the Anthropic Messages API, on any OpenAI-compatible backend."""

__version__ = "0.1.0"
