"""Case HI-07 again: documents and pictures as clients really send them, mislabelled, broken, huge, locked or far away."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.backend import Backend, say
from tests.cases.conftest import asked_through
from tests.cases.talk import BASH, Client, assistant, result, use, user
from tests.pdf_files import COLOUR_DRAWING, GREY_SCAN, locked_pdf, pdf
from tests.strict_openai import problems

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WORDS = "Rechnung 4711"
FOUND, PICTURE = "found", "picture"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def held(data: str, media_type: str | None = "application/pdf") -> dict[str, Any]:
    return {"type": "base64", "data": data, **({"media_type": media_type} if media_type else {})}


PAPER = pdf(WORDS)
LINES = "\n".join(b64(PAPER)[at : at + 76] for at in range(0, len(b64(PAPER)), 76))

# what is sent, and what the model gets: the words, a picture, or a reason in these words
SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "in lines": (held(LINES + "\r\n"), FOUND),
    "with spaces": (held("  " + b64(PAPER).replace("A", " A")), FOUND),
    "in the alphabet of URLs": (held(base64.urlsafe_b64encode(PAPER).decode()), FOUND),
    "without padding": (held(b64(PAPER + b"\n").rstrip("=")), FOUND),
    "as a data URL": (held(f"data:application/pdf;base64,{b64(PAPER)}"), FOUND),
    "an address that is a data URL": ({"type": "url", "url": f"data:application/pdf;base64,{b64(PAPER)}"}, FOUND),
    "said to be text": (held(b64(PAPER), "text/plain"), FOUND),
    "said to be bytes": (held(b64(PAPER), "application/octet-stream"), FOUND),
    "said to be nothing": (held(b64(PAPER), None), FOUND),
    "behind other bytes": (held(b64(b"\r\n\0" + PAPER)), FOUND),
    "a text said to be a PDF": (held(b64(WORDS.encode())), FOUND),
    "a text in an old encoding": (held(b64(f"{WORDS}: größer".encode("cp1252")), "text/plain"), FOUND),
    "a text with a mark": (held(b64(WORDS.encode("utf-16")), "text/plain"), FOUND),
    "JSON": (held(b64(json.dumps({"x": WORDS}).encode()), "application/json"), FOUND),
    "a picture said to be a PDF": (held(PNG), PICTURE),
    "bytes said to be a PDF": (held(b64(bytes(range(256)))), "it is damaged"),
    "a letter of an office": (held(b64(b"PK\3\4" + bytes(99)), "application/msword"), "unknown format"),
    "no base64": (held("!!! größer"), "its data is no base64"),
    "nothing": (held(" "), "it was sent without data"),
    "a kind nobody knows": ({"type": "hologram", "ray": 1}, "its source is of an unknown kind"),
    "a file of this machine": ({"type": "url", "url": "file:///etc/hostname"}, "only http and https"),
    "a private address": ({"type": "url", "url": "http://10.0.0.7/a.pdf"}, "it is not a public address"),
    "the cloud's own address": ({"type": "url", "url": "http://169.254.169.254/x"}, "it is not a public address"),
    "this machine as a number": ({"type": "url", "url": "http://2130706433/a.pdf"}, "it is not a public address"),
    "this machine by its name": ({"type": "url", "url": "http://localhost/a.pdf"}, "it is not a public address"),
    "a file that was uploaded": ({"type": "file", "file_id": "file_011"}, "file_011"),
}


@pytest.fixture(scope="module", params=["generic", "openai", "gemini", "vllm"])
def session(request: pytest.FixtureRequest) -> Iterator[tuple[Backend, Client]]:
    with Backend(rules=problems_of_any) as backend, asked_through(backend, DIALECT=request.param) as client:
        backend.play(lambda _: say("gut"))
        yield backend, client
        assert backend.illegal == []


def problems_of_any(body: dict[str, Any]) -> list[str]:
    return problems(body, message={"reasoning_content"}, call={"extra_content"})


def shown(backend: Backend) -> str:
    """Return what the model was shown, with the text of a file that was sent whole."""
    sent = backend.chats[-1]
    files = [part["file"]["file_data"].partition(",")[2] for part in sent.parts("file")]
    return sent.text() + "".join(base64.b64decode(data, validate=True).decode("latin-1") for data in files)


@pytest.mark.parametrize("place", ["user", "result"])
@pytest.mark.parametrize("source", SOURCES)
def test_hi_07_whatever_a_document_holds_the_model_gets_it_or_a_reason(
    session: tuple[Backend, Client], source: str, place: str
) -> None:
    backend, client = session
    given, expected = SOURCES[source]
    block = {"type": "document", "source": given, "title": "R"}
    there = [user(block, "Wie viel?")]
    if place == "result":
        there = [user("lies"), assistant(use("t", "Bash", command="x")), user(result("t", [block]), "Wie viel?")]
    heard = client.ask(messages=there, tools=[BASH])
    assert heard.text == "gut"
    assert "Wie viel?" in shown(backend)
    if expected == PICTURE:
        (picture,) = backend.chats[-1].parts("image_url")
        assert picture["image_url"]["url"] == f"data:image/png;base64,{PNG}"
        return
    assert (WORDS if expected == FOUND else expected) in shown(backend)
    assert bool({"document-unreadable", "file-unknown"}.intersection(heard.notes)) == (expected != FOUND)


PICTURES: dict[str, tuple[dict[str, Any], str]] = {
    "in lines": (held(PNG[:40] + "\n" + PNG[40:], "image/png"), PICTURE),
    "of another type": (held(PNG, "image/jpeg"), PICTURE),
    "of no type": (held(PNG, None), PICTURE),
    "as a data URL": ({"type": "url", "url": f"data:image/png;base64,{PNG}"}, PICTURE),
    "a PDF": (held(b64(PAPER), "image/png"), "its format is none a model takes"),
    "a drawing": (held(b64(b"<svg/>"), "image/svg+xml"), "its format is none a model takes"),
    "no base64": (held("!!! größer", "image/png"), "its data is no base64"),
    "nothing": (held("", "image/png"), "it was sent without data"),
    "a file of this machine": ({"type": "url", "url": "file:///etc/hostname"}, "only http and https"),
    "a file that was uploaded": ({"type": "file", "file_id": "file_011"}, "file_011"),
}


@pytest.mark.parametrize("source", PICTURES)
def test_hi_06_whatever_a_picture_holds_the_model_gets_it_or_a_reason(
    session: tuple[Backend, Client], source: str
) -> None:
    backend, client = session
    given, expected = PICTURES[source]
    heard = client.ask(messages=[user({"type": "image", "source": given}, "Was ist das?")])
    assert heard.text == "gut"
    pictures = [part["image_url"]["url"] for part in backend.chats[-1].parts("image_url")]
    assert pictures == ([f"data:image/png;base64,{PNG}"] if expected == PICTURE else [])
    assert expected == PICTURE or expected in shown(backend)
    assert bool({"image-omitted", "file-unknown"}.intersection(heard.notes)) == (expected != PICTURE)


def ask(backend: Backend, client: Client, *blocks: Any, **fields: Any) -> list[str]:
    """Ask about documents; return the notes."""
    backend.play(lambda _: say("gut"))
    heard = client.ask(messages=[user(*blocks, "?")], **fields)
    assert heard.text == "gut"
    return heard.notes


def document(data: bytes, **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": held(b64(data)), **more}


def test_hi_07_a_locked_pdf_says_why_it_is_not_read(backend: Backend, client: Client) -> None:
    assert "document-unreadable" in ask(backend, client, document(locked_pdf(), title="Vertrag"))
    assert "Vertrag" in backend.chats[0].text()
    assert "password" in backend.chats[0].text()


def test_hi_07_of_very_many_pages_the_model_is_told_how_many_are_missing(backend: Backend, client: Client) -> None:
    notes = ask(backend, client, document(pdf(*(f"Blatt {number}." for number in range(640)))))
    assert "document-cut" in notes
    assert "Blatt 599." in backend.chats[0].text()
    assert "40 more pages were not read" in backend.chats[0].text()


def test_hi_07_scanned_pages_are_pictures_in_their_order(backend: Backend, client: Client) -> None:
    notes = ask(
        backend, client, document(pdf("Deckblatt mit genug Worten darauf für eine Seite", GREY_SCAN, COLOUR_DRAWING))
    )
    assert "document-pages" in notes
    kinds = [part["type"] for part in backend.chats[0].messages[-1]["content"]]
    assert kinds == ["text", "image_url", "text", "image_url", "text", "text"]


def test_hi_07_scanned_pages_for_a_model_without_eyes_are_told(backend: Backend) -> None:
    with asked_through(backend, DIALECT="deepseek") as client:
        assert "image-omitted" in ask(backend, client, document(pdf(GREY_SCAN)))
    assert "no vision" in backend.chats[0].text()


def test_hi_07_title_context_and_wish_for_citations_are_kept_or_told(backend: Backend, client: Client) -> None:
    wish = {"title": "Akte", "context": "vom Amt", "citations": {"enabled": True}}
    found = {
        "type": "search_result",
        "source": "https://w.test",
        "title": "Wetter",
        "content": [{"type": "text", "text": "Regen"}],
    }
    notes = ask(backend, client, document(PAPER, **wish), {**found, "citations": {"enabled": True}})
    assert "citations-dropped" in notes
    assert all(
        words in backend.chats[0].text() for words in ("Akte", "vom Amt", WORDS, "https://w.test", "Wetter", "Regen")
    )


def test_hi_06_07_pictures_and_papers_of_parallel_results_stand_behind_all_of_them(
    backend: Backend, client: Client
) -> None:
    calls = [use(f"t{number}", "Bash", command=str(number)) for number in range(3)]
    picture = {"type": "image", "source": held(PNG, "image/png")}
    results = [result("t2", [picture, picture]), result("t0", [document(PAPER)]), result("t1", ["x", picture][1:])]
    backend.play([say("gut")])
    client.ask(messages=[user("los"), assistant(*calls), user(*results, "und?")], tools=[BASH])
    sent = backend.chats[0]
    assert [message["role"] for message in sent.messages] == ["user", "assistant", "tool", "tool", "tool", "user"]
    assert all(len(content) < 1000 for content in sent.results.values())
    assert len(sent.parts("image_url")) == 3
    assert WORDS in sent.results[sent.calls()[0]["id"]]
    assert sent.messages[-1]["content"][-1] == {"type": "text", "text": "und?"}


def test_hi_07_a_file_for_a_container_is_told(backend: Backend, client: Client) -> None:
    assert "file-unknown" in ask(backend, client, {"type": "container_upload", "file_id": "file_77"})
    assert "file_77" in backend.chats[0].text()
