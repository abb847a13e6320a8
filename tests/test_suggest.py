"""Which models setup suggests, how it shows them, and the file it writes."""

from __future__ import annotations

import http.server
import io
import json
import threading
import tomllib
from collections.abc import Iterator

import pytest

from claude_code_proxy.backends.catalogue import ModelFacts
from claude_code_proxy.backends.model_lists import read_models
from claude_code_proxy.wizard.file import Plan, text
from claude_code_proxy.wizard.flow import _model
from claude_code_proxy.wizard.probing import list_models
from claude_code_proxy.wizard.providers import PROVIDERS, Source, found_sources
from claude_code_proxy.wizard.suggest import Choice, chat_models, described, matching, suggest

BY_NAME = {provider.name: provider for provider in PROVIDERS}


def models(*names: str) -> list[ModelFacts]:
    return [ModelFacts(id=name) for name in names]


@pytest.mark.parametrize(
    ("provider", "listed", "choice"),
    [
        (
            "openai",
            ["gpt-5", "gpt-5.4", "gpt-5.10", "gpt-5.4-mini", "gpt-5-mini", "gpt-5.4-nano", "gpt-5.4-pro", "gpt-4o"],
            ("gpt-5.10", "gpt-5.4-mini", "gpt-5.4-nano"),
        ),
        ("gemini", ["gemini-3-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "embed-1"],
         ("gemini-3-pro-preview", "gemini-2.5-flash", "gemini-2.5-flash-lite")),
        ("deepseek", ["deepseek-chat", "deepseek-reasoner"], ("deepseek-reasoner", "deepseek-chat", "deepseek-chat")),
        ("mistral", ["mistral-large-latest", "mistral-small-latest", "mistral-embed"],
         ("mistral-large-latest", "mistral-large-latest", "mistral-small-latest")),
        ("groq", ["whisper-large-v3", "openai/gpt-oss-120b", "openai/gpt-oss-20b"],
         ("openai/gpt-oss-120b", "openai/gpt-oss-120b", "openai/gpt-oss-20b")),
        ("xai", ["something-new"], ("something-new",) * 3),
    ],
)  # fmt: skip
def test_the_newest_of_each_family_is_suggested(provider: str, listed: list[str], choice: tuple[str, ...]) -> None:
    assert suggest(models(*listed), BY_NAME[provider]) == choice


def test_a_local_server_gets_one_model_for_all() -> None:
    assert suggest(models("nomic-embed-text", "llama3.2", "qwen3-coder:30b"), None) == ("qwen3-coder:30b",) * 3


def test_without_models_there_is_nothing_to_suggest() -> None:
    assert suggest([], None) is None


def test_models_that_hold_no_conversation_are_left_out_unless_there_is_nothing_else() -> None:
    listed = models("text-embedding-3", "whisper-1", "tts-1", "dall-e-3", "gpt-5.4", "gpt-image-1", "omni-moderation")
    assert [model.id for model in chat_models(listed)] == ["gpt-5.4"]
    assert [model.id for model in chat_models(models("whisper-1"))] == ["whisper-1"]


def test_a_model_that_calls_no_tools_is_not_suggested() -> None:
    listed = [ModelFacts(id="a", tools=False), ModelFacts(id="b", tools=True)]
    assert suggest(listed, None) == ("b",) * 3


def test_a_row_has_window_tools_vision_and_price() -> None:
    row = {
        "id": "m",
        "context_length": 1_048_576,
        "architecture": {"input_modalities": ["text", "image"]},
        "supported_parameters": ["tools"],
        "pricing": {"prompt": "0.00000125", "completion": "0.00001"},
    }
    assert described(read_models({"data": [row]})[0]).split() == [
        "1.05M",
        "tools",
        "vision",
        "$1.25",
        "in",
        "$10",
        "out",
    ]
    assert described(ModelFacts(id="m", tools=False)).split() == ["?", "no", "tools"]


def test_every_typed_word_must_be_in_the_name_and_a_whole_name_comes_first() -> None:
    listed = models("a/gpt-5.4-mini", "gpt-5.4", "gpt-4")
    assert [model.id for model in matching(listed, "GPT 5.4")] == ["a/gpt-5.4-mini", "gpt-5.4"]
    assert matching(listed, "gpt-5.4")[0].id == "gpt-5.4"


def test_hyphens_need_not_be_typed() -> None:
    listed = models("gpt-oss:20b", "qwen3-coder:30b", "qwen3:8b")
    assert [model.id for model in matching(listed, "gptoss")] == ["gpt-oss:20b"]
    assert [model.id for model in matching(listed, "qwen3coder 30")] == ["qwen3-coder:30b"]
    assert matching(listed, "qwen-3") == []


def test_a_name_that_none_has_is_told_with_near_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("qwn3:8b\nn\n2\n"))
    assert _model(models("gpt-oss:20b", "qwen3:8b"), "opus", "", set()) == "qwen3:8b"
    asked = capsys.readouterr().err
    assert "No model has 'qwn3:8b' in its name; qwen3:8b is near. Use it as a name all the same?" in asked


def test_keys_are_found_under_each_of_their_names_and_the_first_provider_comes_first() -> None:
    environ = {"GROK_API_KEY": "x", "MISTRAL_API_KEY": "m", "OPENAI_API_KEY": " "}
    assert [(source.name, source.variable) for source in found_sources(environ, [])] == [
        ("xai", "GROK_API_KEY"),
        ("mistral", "MISTRAL_API_KEY"),
    ]


@pytest.mark.parametrize("name", ['a"b', "back\\slash", "модель", "tab\tx", "openrouter/auto"])
def test_any_name_is_written_so_that_it_is_read_back(name: str) -> None:
    source = Source("openrouter", "OpenRouter", "https://x.example/v1", "", 'key "quoted" \\')
    plan = Plan(source=source, choice=Choice(name, name, name), others=[source])
    read = tomllib.loads(text(plan, "2026-11-22"))
    assert read["big_model"].removeprefix("openrouter/openrouter/") == name.removeprefix("openrouter/")
    assert read["backends"]["openrouter"]["key"] == 'key "quoted" \\'


@pytest.fixture
def only_v1() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/models"
            body = json.dumps({"data": [{"id": "m"}]} if known else {"error": "no such page"}).encode()
            self.send_response(200 if known else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


async def test_a_base_url_that_lacks_its_v1_is_mended(only_v1: str) -> None:
    listing = await list_models(Source("local", "a server", only_v1, "", "local"))
    assert (listing.source.base_url, [model.id for model in listing.models]) == (f"{only_v1}/v1", ["m"])
