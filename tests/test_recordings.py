"""Every case folder: the request a backend gets, and the events a client gets however the answer is cut."""

from __future__ import annotations

import json
import random
import re
import zipfile
from pathlib import Path

import pytest
from tests import case_folders, grammar_oracle

from claude_code_proxy.dialects import DIALECTS
from claude_code_proxy.recording.case import read_case
from claude_code_proxy.recording.replay import differences, replay
from claude_code_proxy.recording.report import write_report
from claude_code_proxy.redaction import Redaction

CASES = case_folders.all_cases()
FILES = {"about.toml", "request.json", "upstream-request.json", "upstream.sse", "events.sse"}

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def cuts(answer: bytes, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    places = sorted(rng.randrange(len(answer)) for _ in range(rng.randrange(1, 40)))
    return [answer[start:end] for start, end in zip([0, *places], [*places, len(answer)], strict=True)]


@every_case
def test_the_backend_gets_the_recorded_body(case: case_folders.Case) -> None:
    assert case.body() == case.text("upstream-request.json")


@every_case
def test_the_client_gets_the_recorded_events(case: case_folders.Case) -> None:
    assert case_folders.opened(case.events([case.answer])) == case.text("events.sse")


@every_case
def test_byte_by_byte_makes_no_difference(case: case_folders.Case) -> None:
    pieces = [case.answer[at : at + 1] for at in range(len(case.answer))]
    assert case_folders.opened(case.events(pieces)) == case.text("events.sse")


@every_case
@pytest.mark.parametrize("seed", range(5))
def test_no_cut_makes_a_difference(case: case_folders.Case, seed: int) -> None:
    assert case_folders.opened(case.events(cuts(case.answer, seed))) == case.text("events.sse")


@every_case
def test_line_ends_make_no_difference(case: case_folders.Case) -> None:
    assert case_folders.opened(case.events([case.answer.replace(b"\n", b"\r\n")])) == case.text("events.sse")


@every_case
def test_covered_for_a_report_it_comes_out_the_same_way(case: case_folders.Case, tmp_path: Path) -> None:
    write_report(tmp_path / "r.zip", [case.folder], records=[], settings=[], redaction=Redaction(), prompts=False)
    with zipfile.ZipFile(tmp_path / "r.zip") as bundle:
        bundle.extractall(tmp_path)
    covered = read_case(tmp_path / "recordings" / case.folder.name)
    replayed = replay(covered)
    assert differences(covered, replayed) == []
    assert replayed.notes.codes() == replay(case).notes.codes()


@every_case
def test_the_events_are_legal(case: case_folders.Case) -> None:
    grammar_oracle.check(case.events([case.answer]))


@every_case
def test_the_client_gets_every_word_of_the_answer(case: case_folders.Case) -> None:
    """Written apart from our readers: each piece of text, thought and argument of the answer, in its order."""
    if case.about.get("loses"):
        pytest.skip(case.about["loses"])
    got = grammar_oracle.check(case.events([case.answer]))
    said = [
        delta
        for chunk in re.findall(r"^data: (\{.*)", case.answer.decode(), re.MULTILINE)
        for choice in json.loads(chunk).get("choices") or []
        if (delta := choice.get("delta") or {})
    ]
    content = "".join(delta["content"] for delta in said if isinstance(delta.get("content"), str))
    thought = "".join(delta.get("reasoning_content") or delta.get("reasoning") or "" for delta in said)
    tag = re.match(r"\s*<think>(.*?)</think>\s*", content, re.DOTALL)
    if tag:
        thought, content = tag[1], content[tag.end() :]
    if any(isinstance(delta.get("content"), str) for delta in said):
        assert got.text("text") == content
    if thought:
        assert got.text("thinking") == thought
    names = [
        call["function"]["name"]
        for delta in said
        for call in delta.get("tool_calls") or []
        if call["function"].get("name")
    ]
    assert [call["name"] for call in got.calls()] == names


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_has_a_text_and_a_tool_call(name: str) -> None:
    have = {case.folder.name for case in CASES if case.dialect.name == name}
    assert {"text-thinking", "tool-call"} <= have


@every_case
def test_a_folder_is_complete_and_in_its_dialects_place(case: case_folders.Case) -> None:
    assert {path.name for path in case.folder.iterdir()} == FILES
    assert case.dialect.name == case.folder.parent.name
    assert case.about["shows"]
    assert case.about["shapes"], "where the shapes of the answer are known from"
