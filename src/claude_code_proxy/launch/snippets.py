"""What clients other than a terminal's Claude Code need, to be copied. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .environment import Connection
from .shells import posix

_PYTHON = """\
from anthropic import Anthropic

client = Anthropic(base_url={url}, api_key={key})
message = client.messages.create(
    model={model}, max_tokens=1024, messages=[{{"role": "user", "content": "Hello"}}]
)
print(message.content[0].text)"""

_TYPESCRIPT = """\
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{ baseURL: {url}, apiKey: {key} }});
const message = await client.messages.create({{
  model: {model}, max_tokens: 1024, messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(message.content[0]);"""

_CURL = """\
curl {bare}/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \\
  -H {key_header} \\
  -d '{{"model": {model}, "max_tokens": 100, "messages": [{{"role": "user", "content": "Hello"}}]}}'"""


CLIENTS = ("claude-code", "vscode", "python", "typescript", "curl", "other")


def snippets(connection: Connection, variables: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return by a client's name where its settings go, and the settings."""
    return {
        "claude-code": (
            "Claude Code, always (not needed with `claude-code-proxy run`): ~/.claude/settings.json",
            json.dumps({"env": dict(variables)}, indent=2),
        ),
        "vscode": ("Claude Code in VS Code: Preferences: Open User Settings (JSON)", _vscode(variables)),
        "python": ("Python: pip install anthropic", _filled(_PYTHON, connection)),
        "typescript": ("TypeScript: npm install @anthropic-ai/sdk", _filled(_TYPESCRIPT, connection)),
        "curl": ("Any HTTP client", _filled(_CURL, connection)),
        "other": ("Any other client of the Anthropic API", "\n".join(_facts(connection))),
    }


def _vscode(variables: Mapping[str, str]) -> str:
    listed = [json.dumps({"name": name, "value": value}) for name, value in variables.items()]
    rows = ",\n    ".join(listed)
    return f'{{\n  "claudeCode.disableLoginPrompt": true,\n  "claudeCode.environmentVariables": [\n    {rows}\n  ]\n}}'


def _filled(template: str, connection: Connection) -> str:
    quoted = {"url": connection.url, "key": connection.key or "any", "model": _model(connection)}
    return template.format(
        bare=connection.url,
        key_header=posix(f"x-api-key: {connection.key or 'any'}"),
        **{name: json.dumps(value) for name, value in quoted.items()},
    )


def _model(connection: Connection) -> str:
    """The middle tier's model: what most requests want."""
    models = {tier.family: tier.model for tier in connection.tiers}
    return models.get("sonnet", "claude-sonnet")


def _facts(connection: Connection) -> Iterator[str]:
    yield f"base URL   {connection.url}   (with /v1 at its end it works too)"
    yield f"key        {connection.key or 'any text'}   (x-api-key, or Authorization: Bearer)"
    for tier in connection.tiers:
        window = f"   ({tier.window:,} tokens)" if tier.window else ""
        yield f"{tier.family:10} {tier.model}{window}"
