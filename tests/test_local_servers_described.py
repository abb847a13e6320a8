"""Local servers with answers in their real shapes: which program it is, and what it says of its models (CX-02, CX-08).

Every server is asked over HTTP, as the proxy finds it: behind a key, under a prefix, hanging on what it does not know,
answering web pages, started late, started anew with something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import pytest
from aiohttp import ClientSession, web
from tests.asgi import running
from tests.messages_api import HELLO

from claude_code_proxy import server as server_module
from claude_code_proxy.backends import catalogue as catalogue_module
from claude_code_proxy.backends.catalogue import Catalogue
from claude_code_proxy.config import Backend
from claude_code_proxy.dialects import recognise


class Local:
    """A server of some kind. answers: JSON by path, a function of the request's body for what is POSTed.

    key: wanted of every request; prefix: its paths begin with it; other: what it answers on all other paths ("404",
    "hang" or "page").
    """

    def __init__(self, answers: Mapping[str, Any], *, key: str = "", prefix: str = "", other: str = "404") -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.port = 0
        self.key = key or "any"
        self._wanted, self._prefix, self._other = key, prefix, other
        self._hanging = asyncio.Event()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._wanted and request.headers.get("Authorization") != f"Bearer {self._wanted}":
            return web.json_response({"error": "unauthorized"}, status=401)
        path = request.path_qs.removeprefix(self._prefix) if request.path.startswith(self._prefix) else ""
        self.asked.append(f"{request.method} {path}")
        if path == "/v1/chat/completions":
            message = {"role": "assistant", "content": "hello"}
            usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
            return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
        if path in self.answers:
            told = self.answers[path]
            return web.json_response(told(await request.json()) if callable(told) else told)
        if self._other == "hang":
            await self._hanging.wait()
        if self._other == "page":
            return web.Response(text="<!doctype html><title>Chat</title>", content_type="text/html")
        return web.json_response({"error": "not found"}, status=404)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self._prefix}/v1"

    @property
    def backend(self) -> Backend:
        return self.spoken("")

    def spoken(self, dialect: str) -> Backend:
        return Backend(name="local", base_url=self.url, key=self.key, dialect=dialect)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hanging.set()
        await self._runner.cleanup()


def listed(*models: str, owner: str, **more: Any) -> dict[str, Any]:
    rows = [{"id": name, "object": "model", "created": 1_757_000_000, "owned_by": owner, **more} for name in models]
    return {"object": "list", "data": rows}


# -- Ollama -------------------------------------------------------------------------------------------------------------

OWN, HUB, LIBRARY = "coder:latest", "hf.co/bartowski/Qwen3-8B-GGUF:Q4_K_M", "llama3.2:3b"
RECORDS = {
    OWN: {
        "modelfile": "FROM qwen3\nPARAMETER num_ctx 16384",
        "parameters": 'num_ctx                        16384\nstop                           "<|im_end|>"',
        "details": {"format": "gguf", "family": "qwen3", "parameter_size": "8.2B", "quantization_level": "Q4_K_M"},
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40_960},
        "capabilities": ["completion", "tools", "thinking"],
    },
    HUB: {
        "details": {"format": "gguf", "family": "qwen3"},
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40_960},
        "capabilities": ["completion", "tools", "vision"],
    },
    LIBRARY: {
        "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        "capabilities": ["completion", "tools"],
    },
}


def ollama(*names: str, loaded: Mapping[str, int] = {}) -> dict[str, Any]:
    owners = {OWN: "me", HUB: "bartowski", LIBRARY: "library"}
    rows = [{"id": name, "object": "model", "created": 1_757_000_000, "owned_by": owners[name]} for name in names]
    tags = [{"name": name, "model": name, "digest": "0" * 64, "size": 5_000_000_000} for name in names]
    running_now = [{"name": n, "model": n, "size_vram": 6_000_000_000, "context_length": w} for n, w in loaded.items()]
    return {
        "/v1/models": {"object": "list", "data": rows},
        "/api/version": {"version": "0.12.6"},
        "/api/tags": {"models": tags},
        "/api/ps": {"models": running_now},
        "/api/show": lambda asked: RECORDS.get(asked["model"], {"error": "model not found"}),
    }


LLAMACPP = {
    "/v1/models": {
        "models": [{"name": "gpt-oss-20b.gguf", "model": "gpt-oss-20b.gguf", "capabilities": ["completion"]}],
        **listed("gpt-oss-20b.gguf", owner="llamacpp", meta={"n_vocab": 201_088, "n_ctx_train": 131_072}),
    },
    "/props": {
        "default_generation_settings": {"id": 0, "n_ctx": 8192, "params": {"temperature": 0.8}},
        "total_slots": 4,
        "model_path": "gpt-oss-20b.gguf",
        "chat_template": "{{ messages }}",
        "modalities": {"vision": False, "audio": False},
    },
}

LM_STUDIO = {
    "/v1/models": listed("qwen/qwen3-vl-8b", owner="organization_owner"),
    "/api/v0/models": {
        "object": "list",
        "data": [
            {
                "id": "qwen/qwen3-vl-8b",
                "object": "model",
                "type": "vlm",
                "publisher": "qwen",
                "state": "loaded",
                "max_context_length": 262_144,
                "loaded_context_length": 4096,
                "capabilities": ["tool_use"],
            }
        ],
    },
}

VLLM = {
    "/v1/models": listed("Qwen/Qwen3-8B", owner="vllm", root="Qwen/Qwen3-8B", parent=None, max_model_len=40_960),
    "/version": {"version": "0.11.0"},
}

SGLANG = {
    "/v1/models": listed("Qwen/Qwen3-8B", owner="sglang", root="Qwen/Qwen3-8B", max_model_len=40_960),
    "/get_model_info": {"model_path": "Qwen/Qwen3-8B", "tokenizer_path": "Qwen/Qwen3-8B", "is_generation": True},
    "/get_server_info": {"model_path": "Qwen/Qwen3-8B", "context_length": None, "max_total_num_tokens": 20_000},
}

KOBOLDCPP = {  # imitates Ollama and llama.cpp
    "/v1/models": listed("koboldcpp/Mistral-Nemo", owner="koboldcpp"),
    "/api/version": {"version": "0.7.0"},
    "/api/tags": {"models": [{"name": "koboldcpp/Mistral-Nemo"}]},
    "/props": {"default_generation_settings": {"n_ctx": 1}},
    "/api/extra/true_max_context_length": {"value": 8192},
}

TABBY = {
    "/v1/models": listed("Llama-3-exl2", owner="tabbyAPI"),
    "/v1/model": {"id": "Llama-3-exl2", "owned_by": "tabbyAPI", "parameters": {"max_seq_len": 8192}},
}

LITELLM = {
    "/v1/models": listed("gpt-5.4", "claude-sonnet", owner="openai"),
    "/props": {"default_generation_settings": {}},
}

LLAMA_SWAP = {
    "/v1/models": listed("qwen-coder", owner="llama-swap"),
    "/running": {"running": [{"model": "qwen-coder", "state": "ready"}]},
}

JAN = {"/v1/models": listed("jan-nano", owner="janhq")}

Described = tuple[dict[str, Any], str, str, str, int]
KINDS: dict[str, Described] = {
    "Ollama, its library": (ollama(LIBRARY, loaded={LIBRARY: 4096}), LIBRARY, "ollama", "ollama", 4096),
    "Ollama, a person's own": (ollama(OWN, LIBRARY, loaded={OWN: 12_288}), OWN, "ollama", "ollama", 12_288),
    "Ollama, Hugging Face": (ollama(HUB, loaded={HUB: 32_768}), HUB, "ollama", "ollama", 32_768),
    "Ollama, num_ctx, not loaded": (ollama(OWN, HUB), OWN, "ollama", "ollama", 16_384),
    "Ollama, not loaded": (ollama(HUB, OWN), HUB, "ollama", "ollama", 40_960),
    "llama.cpp": (LLAMACPP, "gpt-oss-20b.gguf", "llamacpp", "llamacpp", 8192),
    "llama.cpp, by any name": (LLAMACPP, "whatever", "llamacpp", "llamacpp", 8192),
    "LM Studio": (LM_STUDIO, "qwen/qwen3-vl-8b", "lmstudio", "lmstudio", 4096),
    "vLLM": (VLLM, "Qwen/Qwen3-8B", "vllm", "vllm", 40_960),
    "SGLang": (SGLANG, "Qwen/Qwen3-8B", "sglang", "sglang", 20_000),
    "KoboldCpp": (KOBOLDCPP, "koboldcpp/Mistral-Nemo", "koboldcpp", "generic", 8192),
    "TabbyAPI": (TABBY, "Llama-3-exl2", "tabbyapi", "generic", 8192),
    "LiteLLM": (LITELLM, "gpt-5.4", "", "generic", 1_050_000),
    "llama-swap": (LLAMA_SWAP, "qwen-coder", "llama-swap", "generic", 0),
    "Jan": (JAN, "jan-nano", "", "generic", 0),
}


async def known(local: Local, model: str) -> tuple[str, str, int]:
    """Return program, dialect and window, as the catalogue has them after one look."""
    async with ClientSession() as session:
        catalogue = Catalogue(session)
        assert await catalogue.refresh(local.backend)
        identity = catalogue.identity(local.backend)
        dialect = recognise(local.backend, model, identity).name
        return identity, dialect, catalogue.facts(local.backend, model).window


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["plain", "a key", "a prefix", "pages elsewhere"])
async def test_a_server_is_known_and_tells_its_window(kind: str, place: str) -> None:
    answers, model, *expected = KINDS[kind]
    options: dict[str, Any] = {
        "plain": {},
        "a key": {"key": "sk-local-secret"},
        "a prefix": {"prefix": "/models/gpu"},
        "pages elsewhere": {"other": "page"},
    }[place]
    async with Local(answers, **options) as local:
        assert await known(local, model) == tuple(expected)


@pytest.mark.parametrize("kind", KINDS)
async def test_paths_that_hang_cost_nothing_but_their_answer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "_OWN_PATH", 0.3)
    answers, model, *expected = KINDS[kind]
    async with Local(answers, other="hang") as local:
        assert await known(local, model) == tuple(expected)


async def test_start_and_first_request_wait_for_no_path_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_FIRST_LIST", 0.05)
    monkeypatch.setattr(catalogue_module, "_OWN_PATH", 600)
    answers = {"/v1/models": listed("m", owner="me", max_completion_tokens=77)}
    async with Local(answers, other="hang") as local, asyncio.timeout(15), running(local) as app:
        assert (await app.post({**HELLO, "model": "m"})).status_code == 200
        assert (await app.get("/v1/models/m")).json()["max_tokens"] == 77, "the list itself is known by then"


UNLISTED: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "Ollama, loaded": (ollama(OWN, LIBRARY, loaded={OWN: 12_288}), OWN, "ollama", 12_288),
    "Ollama, not loaded": (ollama(OWN, HUB), OWN, "ollama", 16_384),
    "llama.cpp": (LLAMACPP, "whatever", "llamacpp", 8192),
    "LM Studio": (LM_STUDIO, "qwen/qwen3-vl-8b", "lmstudio", 4096),
    "SGLang": (SGLANG, "Qwen/Qwen3-8B", "sglang", 20_000),
}


@pytest.mark.parametrize("kind", UNLISTED)
@pytest.mark.parametrize("list_of_models", [None, {"object": "list", "data": []}], ids=["404", "empty"])
async def test_a_server_without_a_list_tells_its_window_in_its_own_places(kind: str, list_of_models: Any) -> None:
    answers, model, dialect, window = UNLISTED[kind]
    answers = {path: told for path, told in answers.items() if path != "/v1/models"}
    async with Local(answers | ({"/v1/models": list_of_models} if list_of_models else {})) as local:
        backend = local.spoken(dialect)
        async with ClientSession() as session:
            catalogue = Catalogue(session)
            assert await catalogue.refresh(backend)
            assert catalogue.facts(backend, model).window == window


async def test_ollama_is_asked_for_the_tiers_models_where_it_lists_none() -> None:
    answers = {path: told for path, told in ollama(OWN, HUB).items() if path == "/api/show"}
    async with (
        Local(answers) as local,
        running(local, DIALECT="ollama", BIG_MODEL=OWN, MIDDLE_MODEL=OWN, SMALL_MODEL=OWN) as app,
    ):
        assert (await app.get("/v1/models/claude-opus-4-8")).json()["max_input_tokens"] == 16_384


async def test_a_prompt_over_the_window_of_a_server_without_a_list_is_refused_before_it_is_cut() -> None:
    answers = {path: told for path, told in ollama(OWN, loaded={OWN: 4096}).items() if path != "/v1/models"}
    async with Local(answers) as local, running(local, DIALECT="ollama", BIG_MODEL=OWN) as app:
        long = [{"role": "user", "content": "word " * 20_000}]
        told = await app.post({**HELLO, "model": OWN, "messages": long, "max_tokens": 32_000})
        assert told.status_code == 400
        assert "tokens > 4096 maximum" in told.text
        assert "POST /v1/chat/completions" not in local.asked


async def test_a_server_of_no_known_kind_without_a_list_is_asked_nothing_more() -> None:
    async with Local({}) as local, ClientSession() as session:
        assert not await Catalogue(session).refresh(local.spoken("generic"))
        assert local.asked == ["GET /v1/models"]


async def test_what_ollama_can_is_known_of_each_model() -> None:
    async with Local(ollama(OWN, HUB, LIBRARY)) as local, ClientSession() as session:
        catalogue = Catalogue(session)
        await catalogue.refresh(local.backend)
        facts = [catalogue.facts(local.backend, name) for name in (OWN, HUB, LIBRARY)]
        assert [fact.vision for fact in facts] == [False, True, False]
        assert [fact.reasoning.known for fact in facts] == [True, False, False]
        assert [fact.tools for fact in facts] == [True, True, True]


async def test_records_of_models_are_read_once_for_each_state_of_them() -> None:
    async with Local(ollama(OWN, HUB)) as local, ClientSession() as session:
        catalogue = Catalogue(session)
        for _ in range(3):
            await catalogue.refresh(local.backend)
        assert local.asked.count("POST /api/show") == 2
        changed = ollama(OWN, HUB)
        changed["/v1/models"]["data"][0]["created"] += 60
        local.answers = changed
        await catalogue.refresh(local.backend)
        assert local.asked.count("POST /api/show") == 3


async def test_a_model_that_was_unloaded_has_its_own_window_again() -> None:
    async with Local(ollama(OWN, HUB, loaded={OWN: 4096})) as local, ClientSession() as session:
        catalogue = Catalogue(session)
        await catalogue.refresh(local.backend)
        assert catalogue.facts(local.backend, OWN).window == 4096
        local.answers = ollama(OWN, HUB)
        await catalogue.refresh(local.backend)
        assert catalogue.facts(local.backend, OWN).window == 16_384


async def test_a_router_of_llama_cpp_tells_the_window_of_each_loaded_model() -> None:
    rows = [
        {"id": "big", "owned_by": "llamacpp", "status": {"value": "loaded", "args": []}},
        {"id": "small", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
    ]
    answers = {
        "/v1/models": {"object": "list", "data": rows},
        "/props": {"role": "router", "default_generation_settings": {"n_ctx": 0}},
        "/props?model=big&autoload=false": {"default_generation_settings": {"n_ctx": 65_536}},
    }
    async with Local(answers) as local, ClientSession() as session:
        catalogue = Catalogue(session)
        await catalogue.refresh(local.backend)
        windows = [catalogue.facts(local.backend, name).window for name in ("big", "small", "other")]
        assert windows == [65_536, 0, 0]


@pytest.mark.parametrize("path", ["/api/show", "/api/ps", "/api/tags", "/api/version", "/props", "/api/v0/models"])
@pytest.mark.parametrize(
    "told", [None, [], "x", 3, {"models": 3}, {"data": [3]}, {"models": [{"name": 5}]}, {"version": 1}]
)
async def test_nonsense_from_a_path_of_its_own_breaks_nothing(path: str, told: object) -> None:
    async with Local(ollama(OWN, HUB) | {path: told}) as local, ClientSession() as session:
        catalogue = Catalogue(session)
        assert await catalogue.refresh(local.backend)
        assert catalogue.facts(local.backend, OWN).id == OWN


async def test_a_tiers_model_without_its_tag_is_listed_with_its_window() -> None:
    async with (
        Local(ollama(OWN, HUB, loaded={OWN: 12_288})) as local,
        running(local, BIG_MODEL="coder", MIDDLE_MODEL="coder", SMALL_MODEL="coder") as app,
    ):
        for entry in ((await app.get("/v1/models")).json()["data"][0], (await app.get("/v1/models/coder")).json()):
            assert (entry["display_name"], entry["max_input_tokens"]) == ("coder", 12_288)


# -- in the course of time ----------------------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is looked at again after every answer, not every half minute."""
    monkeypatch.setattr(catalogue_module, "_LOOK_AGAIN", 0.0)
    monkeypatch.setattr(catalogue_module, "_STAYS", 0.0)


async def window(app: Any, model: str, expected: int) -> None:
    """Return when the proxy tells a model's window; a request makes it look."""
    async with asyncio.timeout(10):
        while (await app.get(f"/v1/models/{model}")).json().get("max_input_tokens", 0) != expected:
            await app.post({**HELLO, "model": model})
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("at_once")
async def test_a_server_that_starts_after_the_proxy_is_known_after_its_first_answer() -> None:
    late = Local(LLAMACPP)
    async with late:
        pass  # only its port is known now
    async with running(late, MODELS_REFRESH="3600") as app:
        assert (await app.post({**HELLO, "model": "gpt-oss-20b.gguf"})).status_code == 502
        async with late:
            await window(app, "gpt-oss-20b.gguf", 8192)


@pytest.mark.usefixtures("at_once")
async def test_a_model_that_is_loaded_later_has_its_window_after_the_first_answer() -> None:
    async with Local(ollama(OWN, HUB)) as local, running(local, MODELS_REFRESH="3600") as app:
        await window(app, OWN, 16_384)
        local.answers = ollama(OWN, HUB, loaded={OWN: 4096})
        await window(app, OWN, 4096)


@pytest.mark.usefixtures("at_once")
async def test_a_server_that_is_started_anew_with_another_model_and_window_is_learned_again() -> None:
    async with Local(LLAMACPP) as local, running(local, MODELS_REFRESH="3600") as app:
        await window(app, "gpt-oss-20b.gguf", 8192)
        props = {**LLAMACPP["/props"], "default_generation_settings": {"n_ctx": 32_768}}
        local.answers = {"/v1/models": listed("qwen3.gguf", owner="llamacpp"), "/props": props}
        await window(app, "qwen3.gguf", 32_768)
