"""What a request's like was found to be is not looked at again: no fault gets through for that."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from claude_code_proxy.errors import ClientError
from claude_code_proxy.translate import likeness, validate
from claude_code_proxy.translate.likeness import Request, likeness_of
from claude_code_proxy.translate.validate import check_request

HELLO = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object"}


def nested(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = {"a": value}
    return value


MANY: list[Any] = [{"role": "user", "content": "hi"}] * (validate.MOST["messages"] + 1)
VALUES: dict[str, list[Any]] = {
    "model": ["c", "", 1],
    "max_tokens": [8, 8.0, True, -1, None],
    "messages": [HELLO, [], None, "hi", {}, [1], [{"role": "user"}], [{"role": 1, "content": "hi"}], MANY]
    + [[{"role": "user", "content": [block]}] for block in ({"type": "text"}, {"type": "x", "y": nested(140)})],
    "system": [None, "s", [], 0, {}, False, [{"type": "text"}], [{"type": "text", "text": "s"}]],
    "tools": [None, [], 0, {}, "", False, [1], [{"name": "t"}], [{"name": ""}], [{"type": "x"}], [{}]]
    + [[{"name": "t", "input_schema": schema}] for schema in (SCHEMA, [], nested(140))],
    "tool_choice": [None, {"type": "auto"}, {}, {"type": "tool"}, {"type": 1}, []],
    "stream": [True, 1, 1.0, None],
    "temperature": [1, True, 1.0, 3, "1"],
    "stop_sequences": [["a"], [""], "a", [1], []],
    "metadata": [{"user_id": "u"}, {"user_id": None}, {"user_id": 1}],
    "thread": [None, {"type": "create"}, {"type": "continue"}],
    "compaction": [None, {}],
    "output_config": [{"format": {"type": "json_schema", "schema": {}}}, {"format": {"type": "json_schema"}}],
}
PLAIN = {"model": "c", "max_tokens": 8, "messages": HELLO}
BODIES = [
    {**PLAIN, first: one, second: other}
    for first, second in itertools.combinations(VALUES, 2)
    for one in VALUES[first]
    for other in VALUES[second]
]


def outcome(body: dict[str, Any], *, counting: bool = False) -> Any:
    try:
        return msgspec.json.encode(check_request(body, counting=counting))
    except ClientError as error:
        return error.message, error.path, error.code


@pytest.mark.parametrize("counting", [False, True])
def test_what_was_found_before_hides_no_fault(monkeypatch: pytest.MonkeyPatch, *, counting: bool) -> None:
    alone = []
    for body in BODIES:
        monkeypatch.setattr(validate, "_sound", likeness.Sound())
        alone.append(outcome(body, counting=counting))
    monkeypatch.setattr(validate, "_sound", likeness.Sound())
    monkeypatch.setattr(likeness, "_MOST_SOUND", 2 * len(BODIES))
    for _ in range(2):
        assert [outcome(body, counting=counting) for body in BODIES] == alone


def test_what_may_be_counted_may_not_be_asked() -> None:
    body = {"model": "c", "messages": HELLO}
    assert outcome(body, counting=True) == msgspec.json.encode(body)
    assert outcome(body)[1] == "max_tokens"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = likeness.Sound()
    monkeypatch.setattr(validate, "_sound", sound)
    for number in range(2000):
        check_request({**PLAIN, "x": number, "tools": [{"name": f"t{number}"}]})
        check_request({**PLAIN, "x": ["y" * 3000, number]})
    assert 2 <= len(sound.known) <= 512


def test_a_changed_request_has_its_own_likeness() -> None:
    request = check_request(PLAIN)
    changed = {**request, "stream": True}
    assert type(request) is Request
    assert likeness_of(changed) != likeness_of(request)
    assert likeness_of(dict(request)) == likeness_of(request)


@pytest.mark.parametrize(
    "other",
    [{"x": 1.0}, {"x": True}, {"y": 1}, {"x": 1, "y": None}, {"x": 1, "tools": [{"name": "u"}]}, {}],
)
def test_requests_that_differ_in_anything_but_what_is_said_are_not_alike(other: dict[str, Any]) -> None:
    assert likeness_of({**PLAIN, **other}) != likeness_of({**PLAIN, "x": 1, "tools": [{"name": "t"}]})
    assert likeness_of({**PLAIN, **other}) == likeness_of({**PLAIN, **other, "messages": [], "system": "s"})


def test_halves_of_characters_and_what_is_huge_make_no_request_alike() -> None:
    assert not likeness_of({**PLAIN, "x": "\ud800"}).is_known
    assert not likeness_of({**PLAIN, "x": "y" * 20_000}).is_known
    assert not likeness_of({**PLAIN, "tools": [{"name": "t", "description": "y" * 300_000}]}).is_known
