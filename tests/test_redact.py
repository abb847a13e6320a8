"""What is hidden in texts that may leave a machine, and how prompts become as much of nothing."""

from __future__ import annotations

import json

import pytest

from claude_code_proxy.record import without_input
from claude_code_proxy.recording.filler import Filler, cover_stream, declared_in, filler, json_filler
from claude_code_proxy.recording.request_filler import cover_request
from claude_code_proxy.redaction import Redaction

KEYS = [
    "sk-proj-abcdefghijklmnop",
    "sk-or-v1-0123456789abcdef",
    "sk-ant-api03-abcdefgh",
    "gsk_abcdefghijklmnop",
    "xai-abcdefghijklmnop",
    "AIzaSyA0123456789abcdefghijk",
    "ghp_abcdefghijklmnop0123",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
    "hf_abcdefghijklmnop",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "key={}&x", '"{}"', "Bearer {}", "it is {}."])
def test_keys_are_hidden_wherever_they_stand(key: str, around: str) -> None:
    text = around.format(key)
    hidden = Redaction().keys(text)
    assert key[:12] not in hidden
    assert len(hidden) == len(text)


@pytest.mark.parametrize(
    "text",
    ["skill-based work", "the task-list of risk-averse", "a Bearer of news", "http://localhost:8082/v1", "ask-me"],
)
def test_words_are_no_keys(text: str) -> None:
    assert Redaction().keys(text) == text


def test_the_very_secrets_of_the_configuration_are_hidden_and_short_words_are_not() -> None:
    assert Redaction(["hunter2-hunter2", "any", ""]).keys("any hunter2-hunter2") == "any ***************"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/home/alice/src", "/home/*****/src"),
        ("/Users/alice/src", "/Users/*****/src"),
        ("C:\\Users\\alice\\src", "C:\\Users\\*****\\src"),
        ("C:\\\\Users\\\\alice\\\\src", "C:\\\\Users\\\\*****\\\\src"),
        ("mail a.b@example.org now", "mail *************** now"),
        ("/srv/people/alice/x", "~****************/x"),
        ("http://user:password@host/v1", "http://*************@host/v1"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "*" * 65),
    ],
)
def test_homes_addresses_and_keys_of_people_are_hidden(text: str, hidden: str) -> None:
    assert Redaction(home="/srv/people/alice").all(text) == hidden


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello, World 42!\n\tü", "xxxxx, xxxxx 11!\n\tx"),
        ("<think>plan</think>go", "<think>xxxx</think>xx"),
        ("<secret>plan</secret>", "<xxxxxx>xxxx</xxxxxx>"),
        ("", ""),
    ],
)
def test_a_text_becomes_as_much_of_nothing(text: str, filled: str) -> None:
    assert filler(text) == filled
    assert len(filler(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('{"file_path": "/a/b.txt", "n": 42}', '{"file_path": "/x/x.xxx", "n": 11}'),
        ('{"a": "x\\ny\\u00e9z', '{"a": "x\\nxxxxxxxx'),
        ('{"list": ["one", true, null, -1.5e3]}', '{"list": ["xxx", true, null, -1.1e1]}'),
        ('{"deep": {"k": "\\"quoted\\""}}', '{"deep": {"k": "\\"xxxxxx\\""}}'),
    ],
)
def test_arguments_keep_their_keys_and_their_shape(text: str, filled: str) -> None:
    assert json_filler(text) == filled
    assert len(filled) == len(text)


def test_a_text_in_pieces_is_filled_like_one_that_came_whole_and_cut_at_the_same_places() -> None:
    pieces = ['{"file', '_path": "/et', 'c/passwd", "n"', ": 42}"]
    frames = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"arguments": p}}]}}]}
        for p in pieces
    ]
    stream = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames) + "data: [DONE]\n\n"
    covered = cover_stream(stream.encode(), filler).decode()
    got = [
        json.loads(line[6:])["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
        for line in covered.splitlines()
        if line.startswith("data: {")
    ]
    assert "".join(got) == '{"file_path": "/xxx/xxxxxx", "n": 11}'
    assert [len(piece) for piece in got] == [len(piece) for piece in pieces]
    assert covered.endswith("data: [DONE]\n\n")


def test_what_cannot_be_read_is_covered_as_a_whole() -> None:
    assert b"zebra" not in cover_stream(b'data: {"broken zebra\n\n: zebra\n\n', filler)
    assert b"zebra" not in cover_stream(b"<html>zebra</html>", filler)


def test_the_protocol_stays_and_what_was_said_goes() -> None:
    request = {
        "model": "claude-opus-5",
        "system": [{"type": "text", "text": "zebra", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "zebra"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"name": "zebra", "type": "zebra"}}
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "zebra"}]},
        ],
        "tools": [
            {
                "name": "Read",
                "description": "zebra",
                "input_schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "description": "zebra", "enum": ["a"]}},
                },
            }
        ],
    }
    covered = cover_request(request, Filler({"name", "type"}))
    assert "zebra" not in json.dumps(covered)
    assert covered["model"] == "claude-opus-5"
    assert covered["messages"][1]["content"][0]["name"] == "Read"
    assert covered["messages"][1]["content"][0]["input"] == {"name": "xxxxx", "type": "xxxxx"}
    assert covered["messages"][2]["content"][0]["tool_use_id"] == "toolu_1"
    assert covered["tools"][0]["input_schema"]["properties"]["name"]["enum"] == ["x"]


class Planted:
    """Words and numbers that nobody may find again, each another one."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.numbers: list[int] = []

    def word(self) -> str:
        self.words.append(f"zebra{len(self.words):03}")
        return self.words[-1]

    def number(self) -> int:
        self.numbers.append(740_000 + len(self.numbers))
        return self.numbers[-1]

    def check(self, covered: str) -> None:
        found = [one for one in [*self.words, *map(str, self.numbers)] if one in covered]
        assert not found, covered


def test_nothing_a_client_may_have_said_is_left_wherever_it_stands() -> None:
    p = Planted()
    schema = {
        "type": "object",
        "$id": p.word(),
        "$comment": p.word(),
        p.word(): p.word(),
        "x-hint": {p.word(): [p.word(), p.number()]},
        "patternProperties": {f"^{p.word()}\\d+$": {"type": "string", "title": p.word()}},
        "properties": {
            "path": {"type": "string", "maxLength": 99, "minimum": p.number(), "default": {p.word(): p.number()}},
            "pattern": {"$ref": f"https://{p.word()}/x", "anyOf": [{"const": p.number()}, {"pattern": p.word()}]},
        },
        "required": ["path"],
    }
    request = {
        "model": "claude-opus-5",
        "max_tokens": 4096,
        "temperature": 0.5,
        "stream": True,
        p.word(): p.number(),
        "x_of_the_client": {"type": p.word(), "id": p.number(), "on": False},
        "service_tier": p.word(),
        "stop_sequences": [p.word()],
        "metadata": {"user_id": p.word(), p.word(): p.number()},
        "mcp_servers": [{"type": "url", "name": "files", "url": p.word(), "authorization_token": p.word()}],
        "output_config": {"effort": p.word(), "format": {"type": "json_schema", "schema": schema}},
        "tools": [
            {"name": "Read", "input_schema": schema, "input_examples": [{"path": p.word(), p.word(): p.number()}]},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": [p.word()]},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": p.word(), p.word(): p.number(), "page": p.number()}]},
            {"role": f"the {p.word()}", "content": p.number()},
            {"role": "assistant", "content": [{"type": f"a {p.word()}", "name": f"a {p.word()}", "new": p.word()}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": {p.word(): False}}}
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": p.word()}]},
        ],
    }
    covered = cover_request(request, Filler(declared_in(request)))
    p.check(json.dumps(covered))
    assert (covered["max_tokens"], covered["temperature"], covered["stream"]) == (4096, 0.5, True)
    assert covered["tools"][1]["max_uses"] == 3
    kept = covered["tools"][0]["input_schema"]["properties"]
    assert list(kept) == ["path", "pattern"]
    assert (kept["path"]["type"], kept["path"]["maxLength"]) == ("string", 99)
    assert covered["messages"][3]["content"][0]["name"] == "Read"
    assert len(covered) == len(request)


def test_nothing_a_model_may_have_said_is_left_wherever_it_stands() -> None:
    p = Planted()
    chunk = {
        "id": "chatcmpl-1",
        "created": 1795409493,
        "prompt_token_ids": [p.number(), p.number()],
        "choices": [
            {
                "index": 0,
                "delta": {
                    "role": f"the {p.word()}",
                    "content": p.word(),
                    "tool_calls": [{"function": {"name": "Read"}}],
                },
                "logprobs": {"content": [{"token": p.word(), "bytes": [p.number()], "logprob": p.number()}]},
            }
        ],
        "usage": {"prompt_tokens": 12345},
    }
    chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] = {p.word(): p.number()}
    for data in (f"data: {json.dumps(chunk)}\n\n", json.dumps(chunk)):
        covered = cover_stream(data.encode(), Filler(())).decode()
        p.check(covered)
        for kept in ("12345", "1795409493", "chatcmpl-1", "Read"):
            assert kept in covered


def test_a_key_in_an_address_is_hidden() -> None:
    hidden = Redaction().keys("http://h/v1?api_key=passw0rd&x=1 and ?token=abc")
    assert "passw0rd" not in hidden
    assert "abc" not in hidden
    assert "x=1" in hidden


def test_what_a_validator_quotes_of_a_request_is_no_fact() -> None:
    told = "1 error: [{'type': 'missing', 'loc': ('body', 'x'), 'input': {'role': 'user', 'content': 'our merger'}}]"
    assert without_input(told) == "1 error: [{'type': 'missing', 'loc': ('body', 'x'), 'input': ..."
