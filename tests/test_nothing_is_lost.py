"""Every value a client sends reaches the backend, or is told: no leaf of a request vanishes in silence.

Each leaf (string, number, boolean) is looked for in the backend's body. What is not found must be of a kind that has
another form there by design (`MAPPED`), or one of the notes that tell its loss must be left (`TOLD`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import recorded

from claude_code_proxy.dialects import DIALECTS
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request
from every_feature import (
    ASSISTANTS,
    CALLS,
    FEATURES,
    PARAMETERS,
    RESULTS,
    SYSTEMS,
    TOOLS,
    USERS,
    assistant,
    result,
    text,
    user,
)

MAPPED = [
    r"(^|\.)(type|role|media_type|model|stream)$",  # the shape of things; what a model reads of them is checked elsewhere
    r"(^|\.)(id|tool_use_id|toolset_name)$",  # pairs: test_history.py
    r"\.(is_error|is_file_update|active|num_lines|return_code)$",  # said in words
    r"\.citations\.enabled=false$",
    r"^max_tokens$",  # test_parameters.py
    r"^temperature=1(\.0)?$",  # the only one while a model thinks
    r"^(speed=(fast|standard)|service_tier=(auto|standard_only))$",  # the backend's own words, or a note: test_parameters.py
    r"^tool_choice\.|^thinking\.(type|display)|^output_config\.effort$",  # test_wishes.py
    r"^metadata\.user_id$",  # as hashes
    r"^tools\.\d+\.(defer_loading|eager_input_streaming|allowed_callers\.\d+|enable_zoom|configs\..*)$",
    r"\.(strict|additionalProperties)=false$|schema\.(\$schema|\$id)$",
    r"\.clear_at=(never|next_user_message)$",
    r"\.context_management|^context_management\.edits\.\d+\.(keep|trigger|clear_at_least|clear_tool_inputs|exclude_tools)",
]
"""Leaves, as `path` or `path=value`, that are said otherwise."""

THOUGHTS = {
    "thinking-foreign",
    "thinking-redacted",
    "thinking-edited",
    "thinking-other-model",
    "thinking-only",
    "thinking-refused",
}
LEFT_OUT = {
    *(
        "tool-server",
        "tool-callers",
        "tool-deferred",
        "tool-limit",
        "tool-duplicate",
        "tool-choice",
        "tool-placeholder",
    ),
    *("search-hosted", "search-limits", "tool-removed"),
}
TOLD: list[tuple[str, set[str]]] = [
    (r"cache_control", {"cache-marker", "tool-cache-marker", "search-limits"}),
    (r"^tools\.\d+\.(name|description)$", {"tool-renamed", *LEFT_OUT}),
    (r"^tools\.\d+\.input_schema\.", {"schema-cleaned", *LEFT_OUT}),
    (r"^tools\.\d+\.strict", {"tool-strict", *LEFT_OUT}),
    (r"^tools\.", {"parameter-ignored", *LEFT_OUT}),
    (r"citations\.", {"citations-dropped"}),
    (r"\.encrypted_(content|stdout)$", {"content-sealed"}),
    (r"compaction.*signature|\.signature$", {"content-sealed", *THOUGHTS}),
    (r"\.(thinking|data)$", {"image-omitted", "document-unreadable", "document-text", "document-pages", *THOUGHTS}),
    (r"\.source\.url$", {"image-omitted", "document-unreadable", "url-fetched"}),
    (r"\.content\.content$", {"image-omitted"}),  # a picture a server's editor viewed
    (r"\.tool\.(name|server_name)$", {"tool-unresolved", "tool-removed"}),
    (r"\.tool_reference.*name$|\.tool_name$", {"tool-renamed", "tool-unresolved"}),
    (r"^(temperature|top_p|top_k)$", {"sampling-dropped"}),
    (r"^stop_sequences", {"stops-local"}),
    (r"^thinking\.budget_tokens", {"budget-as-effort", "budget-lowered", "thinking-unsupported", "parameter-ignored", "thinking-open"}),
    (r"output_(config\.)?format\.", {"format-weakened", "schema-cleaned", "parameter-ignored"}),
    (r"\.output_config\.effort$", {"effort-clamped", "effort-as-budget", "thinking-unsupported"}),
    (r"^messages\.\d+\.content(\.\d+(\.content.*)?)?$", {"history-duplicate"}),
    (r".", set()),
]  # fmt: skip
"""Which notes tell the loss of which leaves; the first that fits a path counts, and for the last see `ignored`."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif value is not None:
        yield path, value


def words(value: Any) -> Iterator[str]:
    """Yield all that a body says: keys, values, and what JSON texts in it say."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from words(item)
    elif isinstance(value, str):
        yield value
        try:
            inner = json.loads(value) if value[:1] in {"{", "["} else None
        except ValueError:
            inner = None
        yield from words(inner)
    elif value is not None:
        yield json.dumps(value)


def lost(request: dict[str, Any], body: dict[str, Any], told: dict[str, str]) -> list[str]:
    """Return the leaves nobody says anything about. told: the codes of the notes, with their details."""
    said = "\0".join(words(body))
    missing = []
    for path, value in leaves(request):
        written = value if isinstance(value, str) else json.dumps(value)
        if written in said or written.replace('"', "&quot;") in said:
            continue
        if any(re.search(mapped, form) for mapped in MAPPED for form in (path, f"{path}={written}")):
            continue
        codes = next(codes for pattern, codes in TOLD if re.search(pattern, path))
        if not (codes & told.keys() or ignored(path, told)):
            missing.append(f"{path}={written[:40]}")
    return missing


def ignored(path: str, told: dict[str, str]) -> bool:
    """Whether a note says that this very field, or the object it is in, is not read."""
    names = {name.rpartition(".")[2] for name in re.findall(r"[a-z_.]+", told.get("parameter-ignored", ""))}
    return bool(names & set(path.split(".")))


def check(request: dict[str, Any], name: str) -> None:
    whole = {"model": "c", "max_tokens": 9000, "messages": [user({"type": "text", "text": "hi"})], **request}
    notes = Notes()
    target = Target(backend="b", model="m", dialect=DIALECTS[name], seal=b"k")
    body = translate_request(check_request(whole), target, notes).body
    told: dict[str, str] = {}
    for note in notes:
        told[note.code] = f"{told.get(note.code, '')} {note.path} {note.detail}"
    assert lost(whole, body, told) == [], (name, json.dumps(body, ensure_ascii=False)[:3000], told)


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_alone_at_every_backend(feature: str) -> None:
    for name in DIALECTS:
        check(FEATURES[feature], name)


def one_of(parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(sorted(parts)).map(parts.__getitem__)


TURNS = st.one_of(
    one_of(SYSTEMS).map(lambda message: [message]),
    one_of({name: block for name, block in USERS.items() if "compaction" not in name}).map(lambda block: [user(text(), block)]),
    one_of({name: blocks for name, blocks in ASSISTANTS.items() if len(blocks) < 3}).map(lambda blocks: [assistant(*blocks), user(text())]),
    st.tuples(one_of(CALLS), one_of(RESULTS)).map(lambda pair: [assistant(pair[0]), user(result(pair[1]))]),
)  # fmt: skip
REQUESTS = st.builds(
    lambda turns, tools, parameters: {
        **{key: value for fields in parameters for key, value in fields.items()},
        "messages": [user(text()), *(message for turn in turns for message in turn), user(text())],
        **({"tools": list({id(tool): tool for tool in tools}.values())} if tools else {}),
    },
    st.lists(TURNS, max_size=5),
    st.lists(one_of(TOOLS), max_size=4, unique_by=lambda tool: tool.get("name", tool.get("type"))),
    st.lists(one_of(PARAMETERS), max_size=3),
)


@settings(max_examples=120, deadline=None)
@given(REQUESTS, st.sampled_from(sorted(DIALECTS)))
def test_features_together(request: dict[str, Any], name: str) -> None:
    check(request, name)


@recorded.each([exchange for exchange in recorded.message_requests() if exchange.status == 200 and exchange.request])
def test_a_request_the_real_api_took(exchange: recorded.Exchange) -> None:
    for name in ("openrouter", "deepseek", "generic"):
        check(exchange.request, name)


@settings(max_examples=60, deadline=None)
@given(REQUESTS, st.sampled_from(sorted(DIALECTS)))
def test_a_stream_and_a_whole_answer_have_the_same_notes(request: dict[str, Any], name: str) -> None:
    told = []
    for stream in (True, False):
        notes = Notes()
        target = Target(backend="b", model="m", dialect=DIALECTS[name], seal=b"k")
        asked = check_request({"model": "c", "max_tokens": 9000, **request, "stream": stream})
        body = translate_request(asked, target, notes).body
        told.append((list(notes), {key: value for key, value in body.items() if not key.startswith("stream")}))
    assert told[0] == told[1]
