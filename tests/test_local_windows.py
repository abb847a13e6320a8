"""The windows local servers tell in their own places, against a stand-in that answers like them (CX-02, CX-08)."""

from __future__ import annotations

import asyncio

from aiohttp import ClientSession, web

from claude_code_proxy.backends.catalogue import Catalogue
from claude_code_proxy.config import Backend


class Server:
    """A local server: its model list, and one more path."""

    def __init__(self, owner: str, path: str, told: object) -> None:
        self.told = told
        self.asked: list[str] = []
        self._models = {"data": [{"id": "m:7b", "owned_by": owner}]}
        app = web.Application()
        app.router.add_get("/v1/models", self._list)
        app.router.add_get(path, self._tell)
        self._runner = web.AppRunner(app)

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response(self._models)

    async def _tell(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response(self.told)

    async def __aenter__(self) -> Backend:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return Backend(name="local", base_url=f"http://127.0.0.1:{port}/v1", key="any")

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


async def _window(server: Server) -> tuple[str, int]:
    async with server as backend, ClientSession() as session:
        catalogue = Catalogue(session)
        assert await catalogue.refresh(backend)
        return catalogue.identity(backend), catalogue.facts(backend, "m:7b").window


async def test_llama_cpp_tells_the_window_of_a_slot() -> None:
    props = {"default_generation_settings": {"n_ctx": 8192}, "modalities": {"vision": False}}
    assert await _window(Server("llamacpp", "/props", props)) == ("llamacpp", 8192)


async def test_ollama_tells_the_window_of_a_loaded_model() -> None:
    loaded = {"models": [{"name": "m:7b", "context_length": 4096}]}
    assert await _window(Server("library", "/api/ps", loaded)) == ("ollama", 4096)


async def test_lm_studio_tells_the_loaded_window_not_the_largest() -> None:
    listed = {"data": [{"id": "m:7b", "loaded_context_length": 4096, "max_context_length": 131072}]}
    assert await _window(Server("organization_owner", "/api/v0/models", listed)) == ("lmstudio", 4096)


async def test_a_model_that_is_not_loaded_has_no_window_yet() -> None:
    assert await _window(Server("library", "/api/ps", {"models": []})) == ("ollama", 0)


async def test_nonsense_leaves_the_list_as_it_is() -> None:
    for told in (None, [], "x", {"models": 3}, {"models": [3]}):
        assert await _window(Server("library", "/api/ps", told)) == ("ollama", 0)


async def test_after_an_answer_the_server_is_asked_again_and_not_at_every_answer() -> None:
    server = Server("library", "/api/ps", {"models": []})
    async with server as backend, ClientSession() as session:
        catalogue = Catalogue(session)
        await catalogue.refresh(backend)
        server.told = {"models": [{"name": "m:7b", "context_length": 4096}]}
        for _ in range(5):
            catalogue.look_again(backend, "m:7b")
        while not catalogue.facts(backend, "m:7b").window:
            await _soon()
        assert server.asked == ["/api/ps", "/api/ps"]


async def test_other_servers_are_asked_for_their_list_only() -> None:
    server = Server("openai", "/props", {"default_generation_settings": {"n_ctx": 1}})
    assert await _window(server) == ("", 0)
    assert server.asked == []


async def _soon() -> None:
    await asyncio.sleep(0.01)
