"""Every wish about thinking and calls, at every backend: the body says it, or a note says that it does not.

The wishes are read off the request here, and what was said off the body, without any of the product's code.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from claude_code_proxy.dialects import HABITS, ROWS
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request

THOUGHTS: list[dict[str, Any] | None] = [
    None,
    {"type": "adaptive"},
    {"type": "enabled", "budget_tokens": 4321},
    {"type": "enabled", "budget_tokens": 8999},
    {"type": "enabled"},
    {"type": "disabled"},
    {"type": "between_tools"},
    {"type": "later"},
]
CHOICES: list[dict[str, Any] | None] = [
    None,
    {"type": "auto"},
    {"type": "any"},
    {"type": "none"},
    {"type": "tool", "name": "Read"},
    {"type": "later"},
]
EFFORTS = [None, "low", "xhigh", "ultra"]
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("Read", "Edit")]

OFF = [
    ("thinking", "type", "disabled"),
    ("enable_thinking", False),
    ("reasoning_effort", "none"),
    ("reasoning", "effort", "none"),
    ("reasoning", "enabled", False),
    ("chat_template_kwargs", "enable_thinking", False),
    ("extra_body", "google", "thinking_config", "thinking_budget", 0),
]


def dialects() -> dict[str, Dialect]:
    found = {row.dialect.name: row.dialect for row in ROWS}
    for row in ROWS:
        found |= {f"{row.dialect.name} with {models.pattern}": row.dialect.but(models.fields) for models in row.models}
    found |= {f"a habit of {models.pattern}": found["generic"].but(models.fields) for models in HABITS}
    return found


def says(body: Any, *path: Any) -> bool:
    *keys, value = path
    for key in keys:
        body = body.get(key) if isinstance(body, dict) else None
    return bool(body == value and type(body) is type(value))


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [leaf for item in (value.values() if isinstance(value, dict) else value) for leaf in leaves(item)]
    return [value]


def unsaid(request: dict[str, Any], body: dict[str, Any], dialect: Dialect) -> dict[str, set[str]]:
    """Return each wish the body does not say, with the notes of which one must tell it."""
    thinking, effort = request.get("thinking", {}), request.get("output_config", {}).get("effort")
    kind = thinking.get("type")
    thinks = dialect.with_tools.get("thinks", dialect.thinks)
    off = any(says(body, *path) for path in OFF)
    control = {name: value for name, value in body.items() if name not in {"messages", "tools", "tool_choice"}}
    wishes: dict[str, set[str]] = {}
    if kind in {"adaptive", "enabled"} and off:
        wishes["to think"] = {"thinking-off"}
    if kind in {"disabled", "between_tools"} and not off and thinks not in {"never", "asked"}:
        wishes["not to think"] = {"thinking-unsupported", "thinking-kept"}
    if kind == "between_tools":
        wishes["notes between tools"] = {"thinking-off"}
    if kind == "later":
        wishes["what nobody knows"] = {"thinking-open"}
    if effort and effort not in leaves(control):
        wishes["the effort"] = {"effort-clamped", "effort-as-budget", "thinking-unsupported"}
    if thinking.get("budget_tokens") and thinking["budget_tokens"] not in leaves(control):
        wishes["the budget"] = {"budget-as-effort", "budget-lowered", "thinking-unsupported"}
        wishes["the budget"] |= {"effort-as-budget"} if effort else set()
    return {**wishes, **uncalled(request.get("tool_choice", {}), body)}


def uncalled(choice: dict[str, Any], body: dict[str, Any]) -> dict[str, set[str]]:
    forms = {
        "any": "required",
        "none": "none",
        "auto": "auto",
        "tool": {"type": "function", "function": {"name": "Read"}},
    }
    kind = choice.get("type")
    if kind is None or body.get("tool_choice") == forms.get(kind):
        return {}
    if kind == "auto" and "tool_choice" not in body:
        return {}  # what every backend does by itself
    return {"the choice": {"tool-choice"}}


@pytest.mark.parametrize("name", DIALECTS := dialects())
def test_each_wish_is_in_the_body_or_in_a_note(name: str) -> None:
    dialect = DIALECTS[name]
    for thinking, choice, effort in itertools.product(THOUGHTS, CHOICES, EFFORTS):
        request: dict[str, Any] = {"model": "c", "max_tokens": 9000, "tools": TOOLS}
        request["messages"] = [{"role": "user", "content": "hi"}]
        request |= {"thinking": thinking} if thinking else {}
        request |= {"tool_choice": choice} if choice else {}
        request |= {"output_config": {"effort": effort}} if effort else {}
        notes = Notes()
        target = Target(backend="b", model="m", dialect=dialect, seal=b"k")
        body = translate_request(check_request(request), target, notes).body
        told = set(notes.codes())
        wishes = unsaid(request, body, dialect)
        silent = [wish for wish, codes in wishes.items() if not codes & told]
        assert silent == [], (json.dumps(request), json.dumps(body), told)
        if not (thinking or choice or effort):
            assert told == set()


@pytest.mark.parametrize("name", DIALECTS)
def test_one_call_at_a_time_is_kept_whatever_the_backend_does(name: str) -> None:
    request = {"model": "c", "max_tokens": 9000, "tools": TOOLS, "messages": [{"role": "user", "content": "hi"}]}
    request["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    target = Target(backend="b", model="m", dialect=DIALECTS[name], seal=b"k")
    assert translate_request(check_request(request), target, Notes()).plan.one_tool
