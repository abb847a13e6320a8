"""The real Claude Code, old and new, does real work on real files through the proxy."""

from __future__ import annotations

import base64

from tests.backend import Agent, Call, say
from tests.backend.agents import coder, move, reader, stumbler
from tests.e2e.claude import Claude
from tests.e2e.stage import playing, png


def test_writes_reads_edits_and_runs_a_program(claude: Claude) -> None:
    with playing(coder(claude.folder), claude) as backend:
        outcome = claude.run("Write a greeting program and run it.")
    assert outcome.succeeded(), outcome
    assert outcome.text == "The program runs."
    assert (claude.folder / "greet.py").read_text(encoding="utf-8") == 'print("hello, wörld 🌍")\n'
    assert (claude.folder / "out.txt").read_text(encoding="utf-8") == "hello, wörld 🌍\n"
    last = backend.chats[-1]
    assert [call["function"]["name"] for call in last.calls()] == ["Write", "Read", "Edit", "Bash"]
    assert "hello, wörld 🌍" in list(last.results.values())[-1]


def test_reads_three_files_in_one_turn(claude: Claude) -> None:
    paths = [claude.folder / name for name in ("a.txt", "b.txt", "c.txt")]
    for path in paths:
        path.write_text(f"content of {path.name}\n")
    with playing(reader(*paths), claude) as backend:
        outcome = claude.run("Read the three files.")
    assert outcome.succeeded(), outcome
    assert outcome.text == "All read."
    last = backend.chats[-1]
    assert last.turns == 1
    results = [last.results[call["id"]] for call in last.calls()]
    assert [f"content of {path.name}" in result for path, result in zip(paths, results, strict=True)] == [True] * 3


def test_recovers_from_a_failing_command_and_a_missing_file(claude: Claude) -> None:
    with playing(stumbler(claude.folder), claude) as backend:
        outcome = claude.run("Do something that fails first.")
    assert outcome.succeeded(), outcome
    assert outcome.text == "Recovered."
    assert (claude.folder / "found.txt").read_text() == "recovered\n"
    failed, missing, _ = backend.chats[-1].results.values()
    assert "Exit code 3" in failed
    assert "broken" in failed
    assert "does not exist" in missing


def test_the_pixels_of_a_picture_reach_the_model(claude: Claude) -> None:
    picture = png(claude.folder / "picture.png")
    with playing(reader(picture, text="I see it."), claude) as backend:
        outcome = claude.run("Look at the picture.")
    assert outcome.succeeded(), outcome
    assert outcome.text == "I see it."
    images = backend.chats[-1].parts("image_url")
    expected = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    assert [image["image_url"]["url"] for image in images] == [expected]


def test_resumes_a_session_with_its_whole_history(claude: Claude) -> None:
    note = claude.folder / "note.txt"
    agent = Agent(
        move(Call("Write", {"file_path": str(note), "content": "remember 17\n"})),
        say("Noted."),
        move(Call("Read", {"file_path": str(note)})),
        say("It was 17."),
    )
    with playing(agent, claude) as backend:
        first = claude.run("Remember the number 17.")
        second = claude.run("Which number was it?", "--resume", first.session)
    assert [first.text, second.text] == ["Noted.", "It was 17."]
    assert first.succeeded()
    assert second.succeeded()
    last = backend.chats[-1]
    assert "Remember the number 17." in last.prompt
    assert [call["function"]["name"] for call in last.calls()] == ["Write", "Read"]
    assert "remember 17" in list(last.results.values())[-1]
