"""Every row of docs/compatibility.md, caused: what it says happens is what reaches the backend, or the client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.answers import chunk, fragment, hear, plan_of, stream

from claude_code_proxy import pdf_reader
from claude_code_proxy.dialects.deepseek import DEEPSEEK
from claude_code_proxy.dialects.openrouter import OPENROUTER
from claude_code_proxy.dialects.perplexity import PERPLEXITY
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal
from claude_code_proxy.translate.notes import CODES, Notes
from claude_code_proxy.translate.plan import JsonShape, ToolFacts
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request

KEY = b"k"
HERE = Path(__file__).parent
OPENAI: dict[str, Any] = {}
STRICT = {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"}

ELSEWHERE = {
    "half-character": "test_body.py",
    "compaction-reminded": "test_prompt_compaction.py",
    "prompt-compressed": "test_shaping.py",
    "failed-over": "test_failover.py",
    "compaction-repaired": "test_summary_tags.py",
    "tools-trimmed": "test_prompt_tools.py",
    "backend-learned": "test_learned.py",
    "context-edited": "cases/test_context_edits.py",
    "document-text": "test_documents.py",
    "document-pages": "test_documents.py",
    "document-unreadable": "test_documents.py",
    "document-cut": "cases/test_documents.py",
    "url-fetched": "test_documents.py",
}
"""Rows that need files, settings or several backends, with the tests that cause them."""


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [text(block) if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def use(call_id: str, name: str = "Read", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(call_id: str, content: Any = "done") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def tool(name: str = "Read", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "x", "input_schema": {"type": "object", "properties": {"p": {}}}, **more}


def thought(words: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": signature}


def sealed(words: str, model: str = "m") -> str:
    return seal(Envelope(backend="b", model=model, field="reasoning_content", digest=digest(words)), KEY)


def image() -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}


class Asked(NamedTuple):
    """A request that causes a row. holds: what is true of the backend's body then, as JSON text and as it is."""

    request: dict[str, Any]
    dialect: dict[str, Any] | Dialect
    holds: Callable[[str, dict[str, Any]], bool]
    target: dict[str, Any] = {}


def says(*parts: str) -> Callable[[str, dict[str, Any]], bool]:
    """All of these are in the body; those with an exclamation mark in front are not."""
    return lambda raw, _: all((part[1:] not in raw) if part.startswith("!") else (part in raw) for part in parts)


def history(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), "tools": [tool()], **more}


MARKED = text("mark me", cache_control={"type": "ephemeral"})
SEARCHED = {"id": "s", "name": "web_search"}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result", "title": "t", "url": "https://example.org", "encrypted_content": "Eq8x"}]}  # fmt: skip
FOREIGN = history(user("a"), assistant(thought("secret", "Eo8B"), use("t")), user(result("t")))
LONG = "mcp__" + "x" * 80
CITING = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "told"}, "citations": {"enabled": True}}  # fmt: skip

REQUESTS: dict[str, list[Asked]] = {
    "history-empty": [Asked(history(user("a"), assistant("b"), {"role": "user", "content": []}), OPENAI, says("empty"))],
    "history-role": [Asked(history({"role": "narrator", "content": "told"}, user("a")), OPENAI, says("told", "!narrator"))],
    "history-unanswered": [Asked(history(user("a"), assistant(use("t")), user("b")), OPENAI, says('"role": "tool"', "no result"))],
    "history-orphan": [Asked(history(user("a"), assistant("b"), user(result("t", "lost"))), OPENAI, says("lost", '!"role": "tool"'))],
    "history-duplicate": [Asked(history(user("a"), assistant(use("t")), user(result("t", "one"), result("t", "two"))), OPENAI, says("two", "!one"))],
    "history-renamed": [
        Asked(
            history(user("a"), assistant(use("t")), user(result("t", "1")), assistant(use("t")), user(result("t", "2"))),
            OPENAI,
            lambda _, body: len({message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"}) == 2,
        )
    ],
    "history-order": [
        Asked(
            history(user("a"), assistant(use("t"), use("s")), user(result("t", "1")), user("b", result("s", "2"))),
            OPENAI,
            lambda _, body: [message["role"] for message in body["messages"]][1:4] == ["assistant", "tool", "tool"],
        )
    ],
    "history-prefill": [Asked(history(user("a"), assistant("So it ")), OPENAI, lambda _, body: body["messages"][-1]["role"] != "assistant")],
    "compaction-applied": [Asked(history(user("old"), assistant({"type": "compaction", "content": "summed up"}), user("new")), OPENAI, says("summed up", "!old"))],
    "system-inlined": [Asked(history(user("a"), {"role": "system", "content": "be brief"}, user("b")), {"system_in_place": False}, says("<system-reminder>", "be brief"))],
    "system-moved": [Asked({"system": "be brief", **history(user("a"))}, {"system_role": "user"}, says("be brief", "!system"))],
    "attribution-dropped": [Asked({"system": [text("x-anthropic-billing-header: cc_version=1; h=2;"), text("You are")]}, OPENAI, says("!billing", "You are"))],
    "thinking-foreign": [
        Asked(FOREIGN, OPENAI, says("!secret")),
        Asked(FOREIGN, STRICT, says('"reasoning_content": "secret"')),
    ],
    "thinking-only": [Asked(history(user("a"), assistant(thought("hm", sealed("hm"))), user("b")), OPENAI, says("!hm", '!"assistant"'))],
    "thinking-redacted": [Asked(history(user("a"), assistant({"type": "redacted_thinking", "data": "Em9"}, "b"), user("c")), OPENAI, says("!Em9"))],
    "thinking-edited": [Asked(history(user("a"), assistant(thought("new words", sealed("hm")), "b"), user("c")), {"replay": "reasoning_content"}, says("!new words"))],
    "thinking-other-model": [
        Asked(history(user("a"), assistant(thought("hm", sealed("hm", "other")), use("t")), user(result("t"))), STRICT, says('"reasoning_content": "hm"')),
        Asked(history(user("a"), assistant(thought("hm", sealed("hm", "other")), "b"), user("c")), OPENAI, says("!hm")),
    ],
    "thinking-refused": [
        Asked(history(user("a"), assistant(thought("hm", sealed("hm")), "b"), user("c")), {"replay": "reasoning_content", "trusts_signatures": False}, says("!hm")),
        Asked(history(user("a"), assistant(thought("hm", sealed("hm")), use("t")), user(result("t"))), {**STRICT, "trusts_signatures": False}, says('"reasoning_content": "hm"')),
    ],
    "thinking-lost": [
        Asked(history(user("a"), assistant(use("t")), user(result("t"))), STRICT, says('"reasoning_content": " "')),
        Asked(history(user("a"), assistant(use("t")), user(result("t"))), {**STRICT, "replay_fallback": "disable", "thinking_off": {"thinking": {"type": "disabled"}}}, says('"type": "disabled"')),
    ],
    "thinking-unsupported": [Asked({"thinking": {"type": "enabled", "budget_tokens": 4000}}, {"efforts": ()}, says("!budget", "!effort", "!thinking"))],
    "thinking-kept": [Asked({"thinking": {"type": "disabled"}}, {"efforts": ("low", "high"), "thinks": "always"}, says('"reasoning_effort": "low"'))],
    "thinking-open": [
        Asked({"thinking": {"type": "deeply"}}, OPENAI, says("!deeply", "!effort")),
        Asked({"thinking": {"type": "enabled"}}, DEEPSEEK, says('"thinking": {"type": "enabled"}')),
    ],
    "thinking-off": [
        Asked({"thinking": {"type": "adaptive"}, "tools": [tool()], "tool_choice": {"type": "any"}}, DEEPSEEK, says('"thinking": {"type": "disabled"}', '"required"')),
        Asked({"thinking": {"type": "between_tools"}}, DEEPSEEK, says('"thinking": {"type": "disabled"}')),
    ],
    "effort-clamped": [Asked({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}, {"efforts": ("low", "high")}, says('"reasoning_effort": "high"'))],
    "budget-as-effort": [Asked({"thinking": {"type": "enabled", "budget_tokens": 4000}}, OPENAI, says("reasoning_effort", "!4000"))],
    "budget-lowered": [Asked({"thinking": {"type": "enabled", "budget_tokens": 7900}}, {"budget_path": ("reasoning", "max_tokens")}, lambda _, body: body["reasoning"]["max_tokens"] < 7900)],
    "effort-as-budget": [Asked({"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}}, {"efforts": (), "budget_path": ("budget",)}, lambda _, body: body["budget"] > 0)],
    "cache-marker": [
        Asked({"system": [MARKED]}, OPENAI, says("mark me", "!cache_control")),
        Asked(history(*(user(MARKED) for _ in range(6))), OPENROUTER, lambda raw, _: raw.count("cache_control") == 4),
    ],
    "content-sealed": [
        Asked(history(user("a"), assistant({**SEARCHED, "type": "server_tool_use", "input": {}}, FOUND), user("b")), OPENAI, says("example.org", "!Eq8x")),
        Asked(history(user({"type": "compaction", "content": None, "encrypted_content": "Eq8x"}), user("b")), OPENAI, says("!Eq8x")),
    ],
    "citations-dropped": [Asked(history(user(CITING, "a")), OPENAI, says("told", "!citations"))],
    "image-omitted": [Asked(history(user(image(), "a")), {"images": "no"}, says("!iVBO", "image"))],
    "image-moved": [Asked(history(user("a"), assistant(use("t")), user(result("t", [image()]))), OPENAI, lambda _, body: [message["role"] for message in body["messages"]][-2:] == ["tool", "user"])],
    "file-unknown": [Asked(history(user({"type": "container_upload", "file_id": "file_1"}, "a")), OPENAI, says("!container_upload"))],
    "block-unknown": [Asked(history(user({"type": "hologram", "depth": 3}, "a")), OPENAI, says("hologram", "depth"))],
    "tool-renamed": [Asked({"tools": [tool(LONG)]}, OPENAI, says("!" + LONG))],
    "tool-deferred": [Asked({"tools": [tool(), tool("Later", defer_loading=True)]}, OPENAI, says("!Later"))],
    "tool-search": [Asked({"tools": [{"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}, tool("Later", defer_loading=True)]}, OPENAI, says("Later"))],
    "tool-unresolved": [
        Asked({"tools": [tool()], "messages": [user("a"), {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": kind, field: "z9"}}]}, user("b")]}, OPENAI, says("!z9"))
        for kind, field in (("tool_reference", "name"), ("mcp_toolset_reference", "server_name"))
    ],
    "tool-placeholder": [Asked({"tools": [tool(), tool("DeferredToolPlaceholder", defer_loading=True)]}, OPENAI, says("!Placeholder"))],
    "tool-duplicate": [Asked({"tools": [tool(), tool(description="second")]}, OPENAI, says("!second"))],
    "tool-callers": [Asked({"tools": [tool(), tool("Inner", allowed_callers=["code_execution_20250825"])]}, OPENAI, says("!Inner"))],
    "tool-removed": [
        Asked(
            {"tools": [tool(), tool("Gone")], "messages": [user("a"), {"role": "system", "content": [{"type": "tool_removal", "tool": {"type": "tool_reference", "name": "Gone"}}]}, user("b")]},
            OPENAI,
            says("!Gone"),
        )
    ],
    "tool-limit": [Asked({"tools": [tool(f"T{number}") for number in range(4)]}, {"tool_limit": 2}, says("T0", "T1", "!T2"))],
    "tool-shape": [Asked({"tools": [{"type": "bash_20250124", "name": "bash"}]}, OPENAI, says('"command"'))],
    "tool-server": [Asked({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}, tool()]}, OPENAI, lambda _, body: len(body["tools"]) == 1)],
    "search-hosted": [Asked({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, OPENROUTER, says("openrouter:web_search"))],
    "search-limits": [Asked({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}, PERPLEXITY, says("!max_uses"))],
    "tool-choice": [Asked({"tools": [tool()], "tool_choice": {"type": "any"}}, {"tool_choices": frozenset({"auto"})}, says('"tool_choice": "auto"', "Call at least one"))],
    "call-named": [Asked(history(user("a"), assistant(use("t", "")), user(result("t"))), OPENAI, says('"name": "unknown"'))],
    "tool-strict": [Asked({"tools": [tool(strict=True)]}, {"strict_flag": False}, says("!strict"))],
    "tool-cache-marker": [Asked({"tools": [tool(cache_control={"type": "ephemeral"})]}, OPENROUTER, says("!cache_control"))],
    "tool-examples": [Asked({"tools": [tool(input_examples=[{"p": "like this"}])]}, OPENAI, says("like this", "!input_examples"))],
    "schema-cleaned": [Asked({"tools": [{**tool(), "input_schema": {"type": "object", "properties": {"p": {"type": "string", "pattern": "^a"}}}}]}, {"drop_schema_keywords": frozenset({"pattern"})}, says("^a", '!"pattern": "^a"'))],
    "max-tokens-clamped": [Asked({"max_tokens": 9000}, OPENAI, says("4000", "!9000"), {"max_output": 4000})],
    "max-tokens-lifted": [Asked({"max_tokens": 3}, {"min_output": 16}, says(": 16"))],
    "sampling-dropped": [Asked({"temperature": 0.3}, {"sampling": False}, says("!temperature"))],
    "sampling-clamped": [Asked({"temperature": 0.9}, {"ranges": {"temperature": (0.0, 0.4)}}, says('"temperature": 0.4'))],
    "stops-local": [Asked({"stop_sequences": ["END"]}, {"max_stops": 0}, says("!END"))],
    "format-weakened": [
        Asked({"output_config": {"format": {"type": "grammar"}}}, OPENAI, says("!grammar", "!response_format")),
        Asked({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, {"json_schema": "json_object"}, says("json_object"))],
    "user-id": [Asked({"metadata": {"user_id": "somebody"}}, OPENAI, says("!somebody"))],
    "parameter-ignored": [
        Asked({"speed": "fast", "service_tier": "standard_only"}, {"service_tier": True}, says('"priority"', "!default")),
        Asked({"thinking": {"type": "adaptive", "budget_tokens": 4321}}, OPENAI, says("!4321")),
        Asked({"thinking": {"type": "adaptive", "display": "z9"}}, OPENAI, says("!z9")),
        Asked({"context_management": {"edits": [{"type": "clear_tool_uses_20250919", "mood": "z9"}]}}, OPENAI, says("!z9")),
        Asked(history(user("a"), {"role": "system", "content": "z8", "clear_at": "later"}), OPENAI, says("z8", "!later")),
        Asked({"tools": [{"type": "bash_20250124", "name": "bash", "color": "z9"}]}, OPENAI, says("!z9")),
        Asked({"container": "c", "inference_geo": "eu"}, OPENAI, says("!container", "!inference_geo")),
        Asked({"speed": "warp"}, {"service_tier": True}, says("!warp")),
        Asked({"thinking": {"type": "adaptive", "block_binding": {"a": "z9"}}}, OPENAI, says("!z9")),
        Asked(history({**user("a"), "name": "z9"}), OPENAI, says("!z9")),
        Asked(history(user({**image(), "transformations": {"oversized_image": "error"}})), OPENAI, says("!oversized")),
        Asked(history(user(text("a", tone="z9"))), OPENAI, says("!z9")),
        Asked({"tools": [tool(color="z9")]}, OPENAI, says("!z9")),
    ],
}  # fmt: skip


def ask(asked: Asked) -> tuple[dict[str, Any], Notes]:
    notes = Notes()
    fields = asked.dialect
    dialect = fields if isinstance(fields, Dialect) else Dialect(name="d", **fields)
    request = {"model": "c", "max_tokens": 8000, "messages": [user("hi")], **asked.request}
    target = Target(backend="b", model="m", dialect=dialect, seal=KEY, **asked.target)
    return translate_request(check_request(request), target, notes).body, notes


@pytest.mark.parametrize(
    ("code", "asked"), [pytest.param(code, asked, id=code) for code, rows in REQUESTS.items() for asked in rows]
)
def test_a_row_about_requests(code: str, asked: Asked) -> None:
    body, notes = ask(asked)
    assert code in notes.codes()
    assert asked.holds(json.dumps(body, ensure_ascii=False), body), json.dumps(body)[:2000]
    assert all(note.path or note.detail for note in notes), "a note says where or what"


HI, STOP = chunk({"content": "hi"}), chunk({}, "stop")
CALL = {"index": 0, "id": "a", "name": "Bash"}
ANSWERS: dict[str, tuple[list[dict[str, Any]], dict[str, Any], Callable[[Any], bool]]] = {
    "arguments-repaired": ([fragment("{a:1}", **CALL), chunk({}, "tool_calls")], {}, lambda heard: heard.calls == [("Bash", {"a": 1})]),
    "arguments-broken": (
        [fragment('{"a":"x', **CALL), fragment(' y" z"}', index=0), chunk({}, "tool_calls")],
        {},
        lambda heard: heard.calls == [("Bash", {"a": None, "_raw": '{"a":"x y" z"}'})],
    ),
    "call-dropped": ([fragment("{}", **CALL), fragment("{}", index=1, id="b", name="Read"), chunk({}, "tool_calls")], {"one_tool": True}, lambda heard: heard.calls == [("Bash", {})]),
    "call-forbidden": ([HI, fragment("{}", **CALL), STOP], {"choice": "none"}, lambda heard: heard.calls == [] and heard.stop["stop_reason"] == "end_turn"),
    "choice-unmet": ([HI, STOP], {"choice": "any"}, lambda heard: heard.stop["stop_reason"] == "end_turn"),
    "call-named": (
        [fragment('{"a":1}', index=0, id="a"), chunk({}, "tool_calls")],
        {"tools": {"Bash": ToolFacts(name="Bash", schema={})}},
        lambda heard: heard.calls == [("Bash", {"a": 1})],
    ),
    "call-clipped": ([fragment("{}", index=0, id="a", name="x" * 900), chunk({}, "tool_calls")], {}, lambda heard: len(heard.calls[0][0]) == 200),
    "call-late": ([fragment('{"a":1}', **CALL), HI, fragment('{"b":2}', index=0), STOP], {}, lambda heard: heard.calls == [("Bash", {"a": 1})]),
    "thinking-hidden": ([chunk({"reasoning_content": "hm"}), HI, STOP], {"hide_thinking": True}, lambda heard: b"hm" not in heard.frames),
    "think-unopened": ([chunk({"content": "hm</th"}), chunk({"content": "ink>hi"}), STOP], {}, lambda heard: heard.message["content"] == [text("hm</think>hi")]),
    "thinking-as-text": ([chunk({"reasoning_content": "hm"}), STOP], {"hide_thinking": True}, lambda heard: heard.message["content"] == [text("hm")]),
    "format-cut": ([chunk({"content": 'Here: {"a": 1} So it is.'}), STOP], {"json_shape": JsonShape()}, lambda heard: heard.message["content"] == [text('{"a": 1}')]),
    "finish-missing": ([HI], {}, lambda heard: heard.stop["stop_reason"] == "end_turn"),
    "prompt-cut": ([HI, chunk({}, "stop", usage={"prompt_tokens": 4090, "completion_tokens": 6})], {"input_estimate": 20_000}, lambda heard: heard.usage["input_tokens"] == 20_000),
    "usage-estimated": ([HI, STOP], {}, lambda heard: heard.usage["output_tokens"] > 0),
    "stop-unknown": ([HI, chunk({}, "tired")], {}, lambda heard: heard.stop["stop_reason"] == "end_turn"),
    "text-tool-call": ([chunk({"content": '<tool_call>{"name": "Bash", "arguments": {"a": 1}}</tool_call>'}), STOP], {}, lambda heard: heard.calls == [("Bash", {"a": 1})]),
    "chunk-ignored": ([HI, chunk({"audio": {"id": "1"}}), STOP], {}, lambda heard: b"audio" not in heard.frames),
}  # fmt: skip


@pytest.mark.parametrize("code", ANSWERS)
def test_a_row_about_answers(code: str) -> None:
    chunks, fields, holds = ANSWERS[code]
    heard = hear(stream(*chunks), plan=plan_of(**fields), dialect=Dialect(name="d", text_tools=True, think_tags=True))
    assert code in heard.notes
    assert heard.failure is None
    assert holds(heard)


@pytest.mark.parametrize("code", ELSEWHERE)
def test_a_row_that_needs_more_than_a_translation_has_tests_of_its_own(code: str) -> None:
    assert f'"{code}"' in (HERE / ELSEWHERE[code]).read_text(encoding="utf-8")


def test_no_row_is_left_out() -> None:
    assert {*REQUESTS, *ANSWERS, *ELSEWHERE} == set(CODES)


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    told = [int(number) for number in re.findall(r"\d+", CODES["document-cut"].feature)]
    assert told == [pdf_reader.MAX_PAGES, pdf_reader.MAX_CHARACTERS // 1_000_000, pdf_reader.MAX_PICTURES]
