"""The environment Claude Code needs to work on this proxy. Pure.

Names and effects as measured with the command line 2.1.197 and 2.1.330; where a person has set one of the variables
that only tune (tool search, discovery, time-outs), it stays.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

LOOPBACK = ("localhost", "127.0.0.1", "::1")
REMOVED = (
    "ANTHROPIC_API_KEY",  # beside a token, Claude Code asks which one to use
    "ANTHROPIC_SMALL_FAST_MODEL",  # the older name, which would win over the haiku tier
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
)
"""Variables that would send Claude Code, or its key, somewhere else."""

_LONGEST_IDLE = 1_800_000  # milliseconds; Claude Code takes no more
_USUAL_OUTPUT = 32_000  # tokens Claude Code asks for from a model it doesn't know
_OUTPUT_SHARE = 4  # of a small window, one part is for the answer


class Tier(msgspec.Struct, frozen=True):
    """What a family name stands for.

    model: as Claude Code is to ask for it; shown: as people call it; window: tokens, 0 unknown.
    """

    family: str
    model: str
    shown: str
    window: int = 0


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """What a client has to know of a running proxy.

    key: "" where any text will do; patience: the seconds after which the proxy itself gives up on a silent backend.
    """

    url: str
    key: str = ""
    tiers: tuple[Tier, ...] = ()
    patience: float = 690

    @property
    def window(self) -> int:
        """The tokens that fit every model a conversation is held with, 0 when none is known.

        The small model is left out where another is known: it does short errands, and would make every session short.
        """
        windows = [tier.window for tier in self.tiers if tier.window and tier.family != "haiku"]
        return min(windows or [tier.window for tier in self.tiers if tier.window] or [0])


def variables(connection: Connection, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what to set for Claude Code, over `environ`."""
    window = connection.window
    models = {tier.family: tier.model for tier in connection.tiers}
    if "opus" in models:
        models["fable"] = models["opus"]  # the newest family, and as the opus tier for unknown names
    return {
        "ANTHROPIC_BASE_URL": connection.url,
        "ANTHROPIC_AUTH_TOKEN": connection.key or "any",
        **{f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL": model for family, model in models.items()},
        **(_sizes(window) if window else {}),
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        **_exempt(environ),
        **{name: value for name, value in _tuning(connection).items() if not environ.get(name, "").strip()},
    }


def claude_environment(connection: Connection, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a Claude Code that works on this proxy."""
    kept = {name: value for name, value in environ.items() if name not in REMOVED}
    return {**kept, **variables(connection, environ)}


def _sizes(window: int) -> dict[str, str]:
    """Both window variables: one moves what is shown, the other one when the conversation is compacted."""
    sizes = {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(window), "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(window)}
    if window < _USUAL_OUTPUT * _OUTPUT_SHARE:
        sizes["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(window // _OUTPUT_SHARE)
    return sizes


def _tuning(connection: Connection) -> dict[str, str]:
    """What is a matter of taste. The time-out lets the proxy give up first: it can say why."""
    return {
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        "ENABLE_TOOL_SEARCH": "true",
        "API_TIMEOUT_MS": str(round(max(600, connection.patience + 30) * 1000)),
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": str(_LONGEST_IDLE),
    }


def _exempt(environ: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY in both spellings, with what was in either: Claude Code would ask a company's proxy for localhost."""
    named = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}".split(",")
    exempt = ",".join(dict.fromkeys([*(name.strip() for name in named if name.strip()), *LOOPBACK]))
    return {"NO_PROXY": exempt, "no_proxy": exempt}
