"""Input made to hurt: each is answered with the right status, soon, and the next request is served."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Reply, say
from tests.cases.wire import SSE
from tests.grammar_oracle import check
from tests.messages_api import HELLO, envelope
from tests.proxy_process import ProxyProcess, proxy_for
from tests.raw_backend import DONE, chunk

SECONDS = 20  # on any machine, however busy
MEGABYTE = 1024 * 1024
ASKED = {**HELLO, "model": "local-model"}


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(rules=lambda _: []) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(backend: Backend) -> Iterator[ProxyProcess]:
    with proxy_for(backend) as running:
        yield running


@pytest.fixture(scope="module")
def http(proxy: ProxyProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=proxy.url, timeout=SECONDS, trust_env=False) as client:
        yield client


def said(content: Any, **more: Any) -> bytes:
    return json.dumps({**ASKED, "messages": [{"role": "user", "content": content}], **more}).encode()


def turns(number: int) -> bytes:
    said = ({"role": ("user", "assistant")[at % 2], "content": f"text {at}"} for at in range(1, number + 1))
    return json.dumps({**ASKED, "messages": list(said)}).encode()


def calls(number: int, result: str = "r") -> bytes:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    for at in range(number):
        use = {"type": "tool_use", "id": f"toolu_{at}", "name": "t", "input": {"a": at}}
        found = {"type": "tool_result", "tool_use_id": f"toolu_{at}", "content": result}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [found]}]
    declared = [{"name": "t", "input_schema": {"type": "object"}}]
    return json.dumps({**ASKED, "messages": messages, "tools": declared}).encode()


def doubling(depth: int) -> dict[str, Any]:
    """Return a schema that is small until its references are put in place."""
    twice = {f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(depth)}
    return {"type": "object", "$defs": twice, "properties": {"a": {"$ref": "#/$defs/d0"}}}


def tools(number: int, properties_each: int = 5) -> list[dict[str, Any]]:
    properties = {f"p{at}": {"type": "string", "description": "x" * 50} for at in range(properties_each)}
    return [
        {"name": f"tool_{at}", "description": "y" * 200, "input_schema": {"type": "object", "properties": properties}}
        for at in range(number)
    ]


def nested(depth: int, pair: tuple[str, str] = ("[", "]")) -> bytes:
    text = json.dumps({**ASKED, "metadata": {"x": 7}})
    return text.replace("7", pair[0] * depth + pair[1] * depth).encode()


def schema(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        inner = {"type": "object", "properties": {"a": inner}}
    return inner


HOSTILE: dict[str, tuple[Callable[[], bytes], set[int]]] = {
    "400 kB of one character": (lambda: said("a" * 400_000), {200}),
    "400 kB without a blank, mixed": (lambda: said("aB3_" * 100_000), {200}),
    "400 kB of white space": (lambda: said("x" + " \n\t" * 133_000), {200}),
    "400 kB of one wide character": (lambda: said("界" * 400_000), {200}),
    "400 kB of marks on one letter": (lambda: said("e" + "\u0301" * 200_000), {200}),
    "2,000 tools": (lambda: said("hi", tools=tools(2000)), {200}),
    "30 MB": (lambda: said("lorem ipsum dolor " * (30 * MEGABYTE // 18)), {200, 400}),
    "30 MB of one image": (
        lambda: said(
            [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "QUFB" * (30 * MEGABYTE // 4)},
                }
            ]
        ),
        {200, 400},
    ),
    "more than the limit": (lambda: b'{"model":"' + b"a" * 65 * MEGABYTE + b'"}', {413}),
    "10,000 nested arrays": (lambda: nested(10_000), {400}),
    "10,000 open arrays": (lambda: b"[" * 10_000, {400}),
    "a schema 100 deep": (lambda: said("hi", tools=[{"name": "t", "input_schema": schema(100)}]), {200, 400}),
    "a schema 5,000 deep": (
        lambda: said("hi", tools=[{"name": "t", "input_schema": {}}]).replace(
            b'"input_schema": {}', b'"input_schema": ' + b'{"items":' * 5000 + b"{}" + b"}" * 5000
        ),
        {400},
    ),
    "invalid UTF-8": (lambda: said("hi").replace(b"hi", b"\xff\xfe\x80"), {400}),
    "a negative limit": (lambda: said("hi", max_tokens=-5), {400}),
    "a huge limit": (lambda: said("hi", max_tokens=10**18), {200, 400}),
    "a limit of 5,000 digits": (lambda: said("hi", max_tokens=7).replace(b'"max_tokens": 7', b'"max_tokens": ' + b"9" * 5000), {400}),
    "a limit beyond floats": (lambda: said("hi", max_tokens=7).replace(b'"max_tokens": 7', b'"max_tokens": 1e999'), {400}),
    "a temperature beyond floats": (lambda: said("hi", temperature=7).replace(b'"temperature": 7', b'"temperature": -1e999'), {400}),
    "20,000 messages": (lambda: json.dumps({**ASKED, "messages": [{"role": "user", "content": "x"}] * 20_000}).encode(), {200}),
    "more messages than the API takes": (
        lambda: json.dumps({**ASKED, "messages": [{"role": "user", "content": "x"}] * 100_001}).encode(),
        {400},
    ),
    "100,000 messages, questions and answers": (lambda: turns(100_000), {200}),
    "20,000 calls with their results": (lambda: calls(20_000), {200}),
    "a million empty blocks": (lambda: said([{"type": "text", "text": ""}] * 1_000_000), {400}),
    "a million blocks within results": (lambda: said([{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}] * 500_000}] * 2), {400}),
    "2,000 tools with 30 properties each": (lambda: said("hi", tools=tools(2000, 30)), {200}),
    "a result of 20 MB": (lambda: calls(1, "line of text\n" * (20 * MEGABYTE // 13)), {200, 400}),
    "a system prompt of 30 MB": (lambda: said("hi", system="lorem ipsum dolor " * (30 * MEGABYTE // 18)), {200, 400}),
    "a property's name of a megabyte": (
        lambda: said("hi", tools=[{"name": "t", "input_schema": {"type": "object", "properties": {"k" * MEGABYTE: {}}}}]),
        {200},
    ),
    "a field's name of a megabyte": (lambda: said("hi", **{"k" * MEGABYTE: 1}), {200}),
    "references that double 2,000 times": (lambda: said("hi", tools=[{"name": "t", "input_schema": doubling(2000)}]), {200}),
    "a temperature of minus nothing": (lambda: said("hi", temperature=-0.0), {200}),
    "a limit of 2**80": (lambda: said("hi", max_tokens=2**80), {200, 400}),
    "more tools than anybody has": (lambda: said("hi", tools=[{"name": "t"}] * 10_001), {400}),
    "20,000 blocks": (lambda: said([{"type": "text", "text": "x"}] * 20_000), {200}),
    "a model's name of a megabyte": (lambda: said("hi", model="m" * MEGABYTE), {400}),
    "a name with line ends": (lambda: said("hi", model="a\r\nx-evil: 1\r\n\r\nm"), {200}),
    "a key with a null": (lambda: said("hi", **{"a\0b": 1}), {200}),
    "the same key 100,000 times": (lambda: b"{" + b'"a":1,' * 100_000 + said("hi")[1:], {200}),
}  # fmt: skip
PACKED: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "gzip": (lambda: gzip.compress(said("hi")), "gzip", 200),
    "a gzip bomb": (lambda: gzip.compress(b" " * 200 * MEGABYTE), "gzip", 413),
    "gzip that is none": (lambda: said("hi"), "gzip", 400),
    "gzip within gzip": (lambda: gzip.compress(gzip.compress(said("hi"))), "gzip", 400),
}


def _served(http: httpx2.Client) -> None:
    assert http.post("/v1/messages", json=ASKED).status_code == 200


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests(backend: Backend, http: httpx2.Client, name: str, path: str) -> None:
    make, statuses = HOSTILE[name]
    backend.play(lambda _: say("hello"))
    reply = http.post(path, content=make(), headers={"content-type": "application/json"})
    assert reply.status_code in statuses
    if reply.status_code != 200:
        envelope(reply)
    assert "x-evil" not in reply.headers
    _served(http)


@pytest.mark.parametrize("name", PACKED)
def test_packed_requests(backend: Backend, http: httpx2.Client, name: str) -> None:
    make, encoding, status = PACKED[name]
    backend.play(lambda _: say("hello"))
    headers = {"content-type": "application/json", "content-encoding": encoding}
    reply = http.post("/v1/messages", content=make(), headers=headers)
    assert reply.status_code == status
    if status == 413:
        assert reply.json()["error"]["details"] == {"error_code": "request_body_too_large_after_decoding"}
    _served(http)


def test_a_line_of_a_megabyte_is_read(backend: Backend, http: httpx2.Client) -> None:
    words = "wort " * (MEGABYTE // 5)
    backend.play([Reply(200, chunk(words) + chunk("", "stop") + DONE, SSE), say("hello")])
    assert check(http.post("/v1/messages", json={**ASKED, "stream": True}).content).text() == words
    _served(http)


def test_many_connections_that_say_nothing_leave_room_for_others(
    backend: Backend, proxy: ProxyProcess, http: httpx2.Client
) -> None:
    host, port = proxy.url.removeprefix("http://").split(":")
    backend.play(lambda _: say("hello"))
    idle = [socket.create_connection((host, int(port))) for _ in range(300)]
    try:
        for number, client in enumerate(idle):
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n"[: number % 40])
        _served(http)
    finally:
        for client in idle:
            client.close()


def main() -> None:
    """Print what each takes here: `python -m tests.test_hostile`."""
    with (
        Backend(lambda _: say("hello"), rules=lambda _: []) as backend,
        proxy_for(backend) as proxy,
        httpx2.Client(base_url=proxy.url, timeout=60, trust_env=False) as http,
    ):
        for name, (make, _) in HOSTILE.items():
            body = make()
            for path in ("/v1/messages", "/v1/messages/count_tokens"):
                begun = time.monotonic()
                status = http.post(path, content=body, headers={"content-type": "application/json"}).status_code
                print(f"{time.monotonic() - begun:6.2f} s  {status}  {name}  {path}")


if __name__ == "__main__":
    main()
