"""GET /v1/models: real models under ids that Claude Code's picker shows, in pages as the API has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.asgi import App, running
from tests.backend import Backend, say
from tests.messages_api import HELLO, envelope
from tests.proxy_process import proxy_for
from tests.raw_backend import Asked, raw_backend
from tests.sdks import anthropic

MANY = {"object": "list", "data": [{"id": f"vendor/model-{n:03}", "object": "model"} for n in range(50)]}
PREFIX = "claude-proxy/"


async def nobody(_: Asked) -> None:
    """No chat is asked for here."""


async def listed(app: App, query: str = "") -> dict[str, Any]:
    reply = await app.get(f"/v1/models{query}")
    assert reply.status_code == 200
    return dict(reply.json())


def ids(page: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in page["data"]]


async def test_the_three_tiers_come_first_and_everything_the_backend_has_follows() -> None:
    tiers = {"BIG_MODEL": "vendor/model-007", "MIDDLE_MODEL": "not/listed", "SMALL_MODEL": "vendor/model-003"}
    async with raw_backend(nobody, models=MANY) as backend, running(backend, **tiers) as app:
        found = ids(await listed(app, "?limit=1000"))
    assert found[:3] == [PREFIX + "vendor/model-007", PREFIX + "not/listed", PREFIX + "vendor/model-003"]
    assert len(found) == len(set(found)) == 51
    assert found[3:] == sorted(found[3:])


async def test_a_tiers_model_whose_name_means_another_tier_is_listed_as_it_is() -> None:
    tiers = {"BIG_MODEL": "my-haiku-tune", "MIDDLE_MODEL": "m", "SMALL_MODEL": "s"}
    async with raw_backend(nobody, models={"data": []}) as backend, running(backend, **tiers) as app:
        assert ids(await listed(app))[0] == PREFIX + "my-haiku-tune"


async def test_every_id_begins_as_claude_codes_picker_wants_it() -> None:
    async with raw_backend(nobody, models=MANY) as backend, running(backend) as app:
        assert all(name.startswith("claude") for name in ids(await listed(app, "?limit=1000")))


async def test_a_model_is_described_as_the_api_describes_one() -> None:
    row = {"id": "big", "name": "Big One", "created": 1_700_000_000, "context_length": 1000, "max_output_tokens": 100}
    async with raw_backend(nobody, models={"data": [row]}) as backend, running(backend, BIG_MODEL="big") as app:
        entry = (await listed(app))["data"][0]
    assert entry["type"] == "model"
    assert entry["display_name"] == "Big One"
    assert entry["created_at"] == "2023-11-14T22:13:20Z"
    assert (entry["max_input_tokens"], entry["max_tokens"]) == (1000, 100)


async def test_a_model_of_one_backend_among_several_is_named_with_it(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "backends.toml"
    table = '[backends.{}]\nbase_url = "{}"\nkey = "sk-backend"\n'
    file.write_text(table.format("one", backend.url) + table.format("two", backend.url))
    backend.play(lambda received: say(received.model))
    async with running(backend, CONFIG_FILE=str(file), OPENAI_BASE_URL="", OPENAI_API_KEY="") as app:
        found = ids(await listed(app, "?limit=1000"))
        assert {PREFIX + "one/gpt-5.4", PREFIX + "two/gpt-5.4"} <= set(found)
        shown = {entry["id"]: entry["display_name"] for entry in (await listed(app, "?limit=1000"))["data"]}
        assert shown[PREFIX + "one/gpt-5.4"] == "gpt-5.4 (one)"
        assert shown[PREFIX + "two/gpt-5.4"] == "gpt-5.4 (two)", "the same name twice tells nobody which is which"
        reply = await app.post({**HELLO, "model": PREFIX + "two/gpt-5.4"})
    assert reply.json()["content"][0]["text"] == "gpt-5.4"
    assert reply.headers["x-proxy-backend"] == "two/gpt-5.4"


@pytest.mark.parametrize(
    "created",
    [0, -5, 1e30, "yesterday", None, 2**70, 1.5],
    ids=["0", "negative", "huge", "text", "null", "2^70", "1.5"],
)
async def test_a_nonsense_date_breaks_no_list(created: Any) -> None:
    models = {"data": [{"id": "m", "created": created}]}
    async with raw_backend(nobody, models=models) as backend, running(backend) as app:
        dates = [entry["created_at"] for entry in (await listed(app))["data"]]
    assert all(len(date) == 20 and date.endswith("Z") for date in dates)


async def test_nonsense_names_break_no_list() -> None:
    rows = [
        {"id": "a\nb\x1b[2J"},
        {"id": "модель"},
        {"id": "m" * 10_000},
        {"id": 5},
        {"id": None},
        {},
        7,
        "x",
        [],
        {"id": ""},
    ]
    async with raw_backend(nobody, models={"data": rows}) as backend, running(backend) as app:
        found = ids(await listed(app, "?limit=1000"))
        assert [name for name in found if "\x1b" in name or "модель" in name]
        for name in found:
            one = await app.start(b"", f"/v1/models/{name}", "GET").reply()
            assert one.json()["id"] == name
    assert len(found) == 6


# -- pages --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def pages() -> Any:
    async with (
        raw_backend(nobody, models=MANY) as backend,
        running(backend, BIG_MODEL="a/a", MIDDLE_MODEL="a/b", SMALL_MODEL="a/c") as app,
    ):
        yield app


async def test_a_page_has_twenty_models_unless_told_otherwise(pages: App) -> None:
    first = await listed(pages)
    assert (len(first["data"]), first["has_more"]) == (20, True)
    assert (first["first_id"], first["last_id"]) == (first["data"][0]["id"], first["data"][-1]["id"])
    every = await listed(pages, "?limit=1000")
    assert (len(every["data"]), every["has_more"]) == (53, False)


@pytest.mark.parametrize("size", [1, 7, 20, 53])
async def test_pages_forward_give_every_model_once(pages: App, size: int) -> None:
    every, got, after = ids(await listed(pages, "?limit=1000")), [], ""
    while True:
        page = await listed(pages, f"?limit={size}{after}")
        got += ids(page)
        if not page["has_more"]:
            break
        after = f"&after_id={quote(page['last_id'])}"
    assert got == every


@pytest.mark.parametrize("size", [1, 7, 20, 53])
async def test_pages_backward_give_every_model_once(pages: App, size: int) -> None:
    """A page before an id ends right before it."""
    every, before = ids(await listed(pages, "?limit=1000")), ""
    got = [every[-1]]
    while True:
        page = await listed(pages, f"?limit={size}&before_id={quote(got[0])}{before}")
        got = ids(page) + got
        if not page["has_more"]:
            break
    assert got == every


@pytest.mark.parametrize("limit", ["0", "-1", "zz", "1.5", "²", "1001", "5000", "9" * 5000, "1e3"])
async def test_a_limit_that_is_none_is_refused_by_name(pages: App, limit: str) -> None:
    refused = envelope(await pages.get(f"/v1/models?limit={quote(limit)}"))
    assert refused == (400, "invalid_request_error", "limit: Input should be an integer from 1 to 1000")
    assert "bug" not in pages.lines()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("active", True),
        ("retired", False),
        ("deprecated&lifecycle[]=active", True),
        ("active&limit=1", True),
    ],
)
async def test_a_lifecycle_that_is_asked_for_is_the_only_one_listed(pages: App, query: str, *, found: bool) -> None:
    for name in ("lifecycle[]", "lifecycle%5B%5D"):
        page = await listed(pages, f"?{name}={query}" if query else "")
        assert bool(page["data"]) is found
        assert (page["first_id"] is not None) is found


async def test_an_empty_limit_is_none_at_all(pages: App) -> None:
    assert len((await listed(pages, "?limit="))["data"]) == 20


async def test_a_page_lies_on_one_side_only(pages: App) -> None:
    first, *_, last = ids(await listed(pages, "?limit=1000"))
    refused = envelope(await pages.get(f"/v1/models?after_id={quote(first)}&before_id={quote(last)}"))
    assert refused[:2] == (400, "invalid_request_error")
    assert "before_id" in refused[2]
    assert "after_id" in refused[2]


@pytest.mark.parametrize("side", ["after_id", "before_id"])
async def test_an_id_the_list_does_not_have_begins_no_page(pages: App, side: str) -> None:
    refused = envelope(await pages.get(f"/v1/models?{side}=claude-gone"))
    assert refused[:2] == (400, "invalid_request_error")
    assert side in refused[2]


async def test_nothing_comes_after_the_last_or_before_the_first(pages: App) -> None:
    every = ids(await listed(pages, "?limit=1000"))
    for query in (f"?after_id={quote(every[-1])}", f"?before_id={quote(every[0])}"):
        page = await listed(pages, query)
        assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize("name", ["nobody", "..%2f..", "%00", "claude-proxy/nobody/at/all"])
async def test_a_model_nobody_has_is_not_found(pages: App, name: str) -> None:
    status, kind, message = envelope(await pages.get(f"/v1/models/{name}"))
    assert (status, kind) == (404, "not_found_error")
    assert message == f"model: {name}"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-opus-4-6", "a/a"),
        ("claude-sonnet-5[1m]", "a/b"),
        ("claude-3-5-haiku-latest", "a/c"),
        ("claude-nobody-knows-99", "a/a"),
        ("gpt-4o", "gpt-4o"),
        ("openai/gpt-5.4", "openai/gpt-5.4"),
        ("vendor/model-007", "vendor/model-007"),
        ("claude-proxy/vendor/model-007", "vendor/model-007"),
    ],
)
async def test_a_model_is_found_under_every_name_a_request_may_have(pages: App, name: str, model: str) -> None:
    reply = await pages.get(f"/v1/models/{name}")
    assert reply.status_code == 200
    assert (reply.json()["id"], reply.json()["display_name"]) == (name, model)


async def test_the_window_is_the_one_that_requests_have_room_in() -> None:
    row = {"id": "gpt-5.4", "context_length": 1000, "max_output_tokens": 100}
    async with raw_backend(nobody, models={"data": [row]}) as backend:
        async with running(backend, BIG_MODEL="gpt-5.4") as app:
            for name in ("gpt-5.4", "claude-opus-4-6", "claude-proxy/gpt-5.4"):
                entry = (await app.get(f"/v1/models/{name}")).json()
                assert (entry["max_input_tokens"], entry["max_tokens"]) == (1000, 100)
        async with running(backend, BIG_MODEL="gpt-5.4", MODEL_WINDOW="5000") as app:
            assert (await app.get("/v1/models/gpt-5.4")).json()["max_input_tokens"] == 5000
            assert (await listed(app))["data"][0]["max_input_tokens"] == 5000


async def test_capabilities_are_those_of_the_model_behind_the_name() -> None:
    rows = [
        {"id": "blind", "architecture": {"input_modalities": ["text"]}, "supported_parameters": ["tools"]},
        {"id": "seeing", "architecture": {"input_modalities": ["text", "image"]}},
    ]
    tiers = {"BIG_MODEL": "seeing", "MIDDLE_MODEL": "blind", "SMALL_MODEL": "blind"}
    async with raw_backend(nobody, models={"data": rows}) as backend, running(backend, **tiers) as app:
        opus = (await app.get("/v1/models/claude-opus-4-6")).json()["capabilities"]
        sonnet = (await app.get("/v1/models/claude-sonnet-5")).json()["capabilities"]
    assert (opus["image_input"], sonnet["image_input"]) == ({"supported": True}, {"supported": False})
    assert opus["batch"] == opus["server_tools"]["code_execution"] == {"supported": False}
    assert sonnet["thinking"]["supported"] is False
    assert opus["context_management"]["clear_tool_uses_20250919"] == {"supported": True}


def test_the_official_sdk_pages_through_them(backend: Backend) -> None:
    backend.models.update({f"vendor/model-{n}": 1000 for n in range(30)})
    with proxy_for(backend) as proxy, anthropic.Anthropic(base_url=proxy.url, api_key="any") as client:
        found = [model.id for model in client.models.list(limit=4)]
        one = client.models.retrieve(found[-1])
    backend.models.clear()
    backend.models["gpt-5.4"] = 400_000
    assert len(found) == len(set(found)) == 34
    assert one.id == found[-1]
