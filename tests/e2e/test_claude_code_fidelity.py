"""The real Claude Code, old and new, finds nothing missing: reasoning, MCP tools, documents, subagents, side requests."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest
from tests.backend import Agent, Call, Cast, Delta, Gate, Received, Reply, Step, Text, answer, error, say, text_in
from tests.backend.agents import move
from tests.backend.rules import deepseek
from tests.e2e import mcp_server
from tests.e2e.claude import Claude
from tests.e2e.stage import pdf, playing


def test_gives_a_model_its_own_reasoning_back(claude: Claude) -> None:
    """The backend refuses, with 400, a turn with tools whose reasoning does not come back."""
    note = claude.folder / "note.txt"
    thoughts = ["I must write it down first. 🤔", "Now I check what is there."]
    agent = Agent(
        move(Call("Write", {"file_path": str(note), "content": "x\n"}), thought=thoughts[0], text="Writing."),
        move(Call("Read", {"file_path": str(note)}), thought=thoughts[1]),
        say("Checked."),
        say("Still here."),
    )
    with playing(agent, claude, rules=deepseek) as backend:
        first = claude.run("Write and check.", model="deepseek-reasoner")
        second = claude.run("Anything else?", "--resume", first.session, model="deepseek-reasoner")
    assert first.succeeded(), first
    assert second.succeeded(), second
    assert [first.text, second.text] == ["Checked.", "Still here."]
    called = [message for message in backend.chats[-1].messages if message.get("tool_calls")]
    assert [message["reasoning_content"] for message in called] == thoughts


# -- MCP --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(claude: Claude) -> tuple[str, ...]:
    """The options that connect the MCP server with 40 long-named tools."""
    server = {"command": sys.executable, "args": [mcp_server.__file__]}
    config = claude.home / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {mcp_server.SERVER: server}}))
    claude.env["MCP_CONNECTION_NONBLOCKING"] = "0"
    return ("--mcp-config", str(config), "--strict-mcp-config")


def shelf(received: Received, number: int) -> str:
    """Return the name under which the model knows the tool: by its description, names may be aliases."""
    about = f"Counts items on shelf number {number}."
    return next(
        (name for name, tool in received.tools.items() if tool["description"].startswith(about)), f"no tool {number}"
    )


def count_on_shelves(received: Received) -> Step:
    nut = {"item": "nut", "shelf": {"row": 2}}
    return move(Call(shelf(received, 7), {"item": "bolt"}), Call(shelf(received, 31), nut))


def counted(received: Received) -> list[str]:
    return list(received.results.values())[-2:]


COUNTED = ['07 counted {"item": "bolt"}', '31 counted {"item": "nut", "shelf": {"row": 2}}']


def test_calls_mcp_tools_with_names_of_90_characters(claude: Claude, warehouse: tuple[str, ...]) -> None:
    with playing(Agent(count_on_shelves, say("Counted.")), claude) as backend:
        outcome = claude.run("Count.", *warehouse, ENABLE_TOOL_SEARCH="false")
    assert outcome.succeeded(), outcome
    assert outcome.text == "Counted."
    offered = {shelf(backend.chats[0], number) for number in range(mcp_server.TOOLS)}
    assert len(offered) == mcp_server.TOOLS
    assert max(map(len, offered)) <= 64
    assert counted(backend.chats[-1]) == COUNTED


def test_finds_mcp_tools_through_tool_search(claude: Claude, warehouse: tuple[str, ...]) -> None:
    names = ",".join(mcp_server.full_name(number) for number in (7, 31))
    search = move(Call("ToolSearch", {"query": f"select:{names}", "max_results": 5}))
    with playing(Agent(search, count_on_shelves, say("Counted.")), claude) as backend:
        outcome = claude.run("Count.", *warehouse, ENABLE_TOOL_SEARCH="true")
    assert outcome.succeeded(), outcome
    assert outcome.text == "Counted."
    first, second, last = backend.chats
    assert [shelf(first, number) for number in (7, 31)] == ["no tool 7", "no tool 31"]
    assert shelf(second, 8) == "no tool 8"
    for number in (7, 31):
        assert shelf(second, number) in "".join(second.results.values()), "the search's result names what it loaded"
    assert counted(last) == COUNTED


# -- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_a_pdf_reaches_the_model(claude: Claude, dialect: str) -> None:
    """As the file itself where the backend takes files, else as its text."""
    document = pdf(claude.folder / "invoice.pdf", "Invoice 4711 is due")
    agent = Agent(move(Call("Read", {"file_path": str(document)})), say("It is due."))
    with playing(agent, claude, DIALECT=dialect) as backend:
        outcome = claude.run("Read the invoice.")
    assert outcome.succeeded(), outcome
    assert outcome.text == "It is due."
    last = backend.chats[-1]
    data = "data:application/pdf;base64," + base64.b64encode(document.read_bytes()).decode()
    files = [part["file"]["file_data"] for part in last.parts("file")]
    assert files == ([data] if dialect == "openai" else [])
    assert ("Invoice 4711 is due" in last.text()) == (dialect == "generic")


# -- subagents and side requests ----------------------------------------------------------------------------------------


def test_two_subagents_work_at_the_same_time(claude: Claude) -> None:
    """Each subagent's first answer waits until both have asked."""
    both = Gate(opens_at=2)

    def start(name: str) -> Call:
        (claude.folder / f"{name}.txt").write_text(f"content {name}\n")
        task = {
            "description": f"Look at {name}",
            "prompt": f"SUBTASK-{name}: read it.",
            "subagent_type": "general-purpose",
        }
        return Call("Agent", {**task, "run_in_background": False})

    def subagent(name: str) -> Agent:
        look = answer(
            both, Text(f"Looking at {name}."), Call("Read", {"file_path": str(claude.folder / f"{name}.txt")})
        )
        return Agent(look, say(f"report on {name}"))

    main = Agent(move(start("one"), start("two")), say("Both are back."))
    cast = Cast({"SUBTASK-one": subagent("one"), "SUBTASK-two": subagent("two"), "MAIN": main})
    with playing(cast, claude) as backend:
        outcome = claude.run("MAIN: look at both.")
    assert outcome.succeeded(), outcome
    assert outcome.text == "Both are back."
    assert both.reached == 2
    last = next(received for received in backend.chats if "MAIN" in received.prompt and received.turns == 1)
    reports = [last.results[call["id"]] for call in last.calls()]
    assert ["report on one" in reports[0], "report on two" in reports[1]] == [True, True], reports


def test_a_web_search_ends_in_an_honest_result(claude: Claude) -> None:
    """Nothing behind the proxy searches the web: the model is told so, and nothing is made up."""

    def script(received: Received) -> Step:
        if "web search for the query" in received.prompt:
            return say("I can't search the web here.")
        moves = [move(Call("WebSearch", {"query": "weather in Oslo"})), say("No search.")]
        if "WebSearch" not in received.tools:
            return move(Call("ToolSearch", {"query": "select:WebSearch", "max_results": 1}))
        return moves[any(call["function"]["name"] == "WebSearch" for call in received.calls())]

    with playing(script, claude) as backend:
        outcome = claude.run("What is the weather in Oslo?")
    assert outcome.succeeded(), outcome
    assert outcome.text == "No search."
    result = list(backend.chats[-1].results.values())[-1]
    assert "Web search error: unavailable" in result
    assert "http" not in result


def test_structured_output_follows_its_schema(claude: Claude) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    with playing(Agent(move(Call("StructuredOutput", {"n": 7})), say("Done.")), claude) as backend:
        outcome = claude.run("Give a number.", "--json-schema", json.dumps(schema))
    assert outcome.succeeded(), outcome
    assert outcome.result["structured_output"] == {"n": 7}
    declared: Any = backend.chats[0].tools["StructuredOutput"]["parameters"]
    assert declared["properties"]["n"]["type"] == "integer"
    assert declared["required"] == ["n"]


def test_compaction_continues_from_the_summary(claude: Claude) -> None:
    def script(received: Received) -> Step:
        if "<summary>" in text_in(received.messages[-1]["content"]):
            return say("<analysis>They talked.</analysis>\n<summary>The user's number is 17.</summary>")
        return say("I see.")

    with playing(script, claude) as backend:
        session = claude.run("My number is 17.").session
        session = claude.run("Do not forget it.", "--resume", session).session
        compacted = claude.run("/compact", "--resume", session)
        outcome = claude.run("What is my number?", "--resume", compacted.session)
    assert compacted.succeeded(), compacted
    assert outcome.succeeded(), outcome
    assert len(backend.chats) == 4
    last = backend.chats[-1]
    assert "The user's number is 17." in last.text()
    assert "They talked." not in last.text()
    assert "Do not forget it." not in last.text()


OVERFLOWS: dict[str, Step] = {
    "OpenAI": error(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130541 tokens.",
        code="context_length_exceeded",
    ),
    "vLLM": Reply(
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 128000 tokens. However, you requested 64000 output tokens "
            "and your prompt contains at least 130541 input tokens, for a total of at least 194541 tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "llama.cpp": Reply(
        400,
        {
            "error": {
                "code": 400,
                "message": "request (130541 tokens) exceeds the available context size (128000 tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 130541,
                "n_ctx": 128000,
            }
        },
    ),
    "Gemini": Reply(
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1105410) exceeds the maximum number of tokens allowed (1048576).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    "Groq": error(400, "Please reduce the length of the messages or completion.", code="context_length_exceeded"),
    "OpenRouter": Reply(
        400,
        {
            "error": {
                "code": 400,
                "message": "This endpoint's maximum context length is 128000 tokens. However, you requested about 130541 "
                "tokens (130000 of text input, 541 of tool input, 0 in the output).",
                "metadata": {"error_type": "context_length_exceeded"},
            }
        },
    ),
    "Anthropic": Reply(
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "prompt is too long: 130541 tokens > 128000 maximum"},
        },
    ),
    "DeepSeek": error(
        400,
        "This model's maximum context length is 131072 tokens. However, you requested 140541 tokens (140541 in the "
        "messages, 0 in the completion). Please reduce the length of the messages or completion.",
    ),
}
"""How backends say that a prompt is too long."""


def test_an_overflow_makes_it_compact_and_go_on(claude: Claude) -> None:
    """The backend's own words for a full window become the words at which Claude Code compacts by itself."""
    _compacts_at(OVERFLOWS["OpenAI"], claude)


@pytest.mark.parametrize("claude", ["new"], indirect=True)
@pytest.mark.parametrize("backend", [name for name in OVERFLOWS if name != "OpenAI"])
def test_an_overflow_in_any_backends_words_makes_it_compact_and_go_on(claude: Claude, backend: str) -> None:
    _compacts_at(OVERFLOWS[backend], claude)


@pytest.mark.parametrize("claude", ["old"], indirect=True)
@pytest.mark.parametrize("backend", ["llama.cpp", "Gemini"])
def test_the_older_claude_code_compacts_too(claude: Claude, backend: str) -> None:
    _compacts_at(OVERFLOWS[backend], claude)


def _compacts_at(overflow: Step, claude: Claude) -> None:
    def script(received: Received) -> Step:
        if "<summary>" in text_in(received.messages[-1]["content"]):
            return say("<analysis>They talked.</analysis>\n<summary>The user's number is 17.</summary>")
        asked = "What is my number?" in received.text()
        if asked and "My number is 17." in received.text():
            return overflow
        return say("It is 17." if asked else "I see.")

    with playing(script, claude) as backend:
        session = claude.run("My number is 17.").session
        session = claude.run("Do not forget it.", "--resume", session).session
        outcome = claude.run("What is my number?", "--resume", session)
    assert outcome.succeeded(), outcome
    assert outcome.text == "It is 17."
    assert "The user's number is 17." in backend.chats[-1].text()


def test_a_search_the_backend_makes_reaches_the_model_with_its_pages(claude: Claude) -> None:
    pages = [
        {"type": "url_citation", "url_citation": {"url": "https://yr.test/oslo", "title": "Oslo", "content": "3 C"}}
    ]

    def script(received: Received) -> Step:
        if "web search for the query" in received.prompt:
            return answer(Text("Three degrees."), Delta({"annotations": pages}))
        moves = [move(Call("WebSearch", {"query": "weather in Oslo"})), say("It is cold.")]
        if "WebSearch" not in received.tools:
            return move(Call("ToolSearch", {"query": "select:WebSearch", "max_results": 1}))
        return moves[any(call["function"]["name"] == "WebSearch" for call in received.calls())]

    with playing(script, claude, rules=lambda _: [], DIALECT="openrouter") as backend:
        outcome = claude.run("What is the weather in Oslo?")
    assert outcome.succeeded(), outcome
    assert outcome.text == "It is cold."
    result = list(backend.chats[-1].results.values())[-1]
    assert "https://yr.test/oslo" in result
    assert "Three degrees." in result
