"""Parts of a message that a backend refuses: files, images in results, addresses. The session they are in goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, Received, Reply, Step, say
from tests.messages_api import HELLO
from tests.pdf_files import pdf_base64

from claude_code_proxy.dialects import ROWS
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.repairs import Passing, Refusal, read_repair

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PLAIN = Dialect(name="test")
PRIVATE = "http://10.0.0.7/a.png"

FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
FAR_FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://x.test/a.pdf"}}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
FAR_IMAGE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}


def asked(*parts: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}, {"role": role, "content": list(parts)}]}


def taught(words: str, body: dict[str, Any], param: str = "", **facts: Any) -> dict[str, Any]:
    return dict(read_repair(Refusal(text=words, param=param, body=body), Dialect(name="test", **facts)))


NO_FILES = [
    "Invalid value: 'file'. Supported values are: 'text', 'image_url', 'input_audio', and 'refusal'.",
    "Invalid content type. File inputs are not supported by this model.",
    "File inputs are not supported by this model",
    "No endpoints found that support file input",
    "This model does not support file content types.",
    "Unknown part type: file",
    "Unsupported content part type: `file`",
    "This model does not support PDF input.",
    "Invalid content type 'file'. Must be one of 'text' or 'image_url'",
    "messages.0.content.0: Input tag 'file' found using 'type' does not match any of the expected tags: 'text', 'image_url'",
    "messages[1].content[0].type: unknown variant `file`, expected `text` or `image_url`",
    "This is a text-only model",
]


@pytest.mark.parametrize("words", NO_FILES)
@pytest.mark.parametrize("takes", ["file", "url"])
def test_a_refused_file_is_read_from_then_on(words: str, takes: Any) -> None:
    assert taught(words, asked(FILE), documents=takes) == {"documents": "text"}
    assert taught(words, asked(IMAGE), documents=takes).get("documents") is None, "there was no file"
    assert taught(words, asked(FILE), documents="text").get("documents") is None


@pytest.mark.parametrize(
    "words",
    [
        "Rate limit reached for requests per file",
        "Unsupported parameter: 'temperature' is not supported with this model.",
        "tools.0.function.name: profile is not allowed",
    ],
)
def test_other_refusals_say_nothing_of_files(words: str) -> None:
    assert "documents" not in taught(words, {**asked(FILE), "temperature": 0.3}, documents="file")


def test_where_a_file_and_an_image_are_sent_the_refused_one_is_changed() -> None:
    assert taught(NO_FILES[0], asked(FILE, IMAGE), documents="file") == {"documents": "text"}
    assert taught("This model does not support image input", asked(FILE, IMAGE), documents="file") == {"images": "no"}


def test_an_address_of_a_file_that_is_not_opened_is_fetched() -> None:
    words = "Invalid file_data: only base64 data URLs are supported"
    assert taught(words, asked(FAR_FILE), documents="url") == {"documents": "file"}
    assert taught(NO_FILES[0], asked(FAR_FILE), documents="url") == {"documents": "text"}


NOT_IN_RESULTS = [
    "Invalid 'messages[2]'. Image URLs are only allowed for messages with role 'user', but this message with role "
    "'tool' contains an image URL.",
    "Images are not supported in tool messages",
    "tool message content must be a string",
    "messages[1].content must be a string",
    "messages.1.content: image parts are not allowed here",
]


@pytest.mark.parametrize("words", NOT_IN_RESULTS)
def test_an_image_that_is_refused_in_a_result_goes_behind_it(words: str) -> None:
    assert taught(words, asked(IMAGE, role="tool"), tool_content="parts") == {"tool_content": "text"}
    assert "tool_content" not in taught(words, asked(IMAGE), tool_content="parts"), "no result had one"


def test_a_model_without_eyes_is_none_that_wants_its_images_elsewhere() -> None:
    words = "No endpoints found that support image input"
    assert taught(words, asked(IMAGE, role="tool"), tool_content="parts") == {"images": "no"}


NO_ADDRESSES = [
    "Invalid image URL: only base64 data URLs are supported",
    "only base64 data URLs are supported",
    "Image URLs are not supported. Please provide base64-encoded images.",
    "image_url must be a data URI",
    "'url' field must be a base64 encoded image.",
    "invalid image_url: must start with 'data:'",
    "Remote images are not supported, use a data URL",
    "Failed to load image: this server does not support remote URLs",
    "URL image input is disabled",
]
NOT_OPENED = [
    "cannot make GET request",
    "cannot make GET request: Could not resolve hostname",
    "Failed to download image from https://x.test/a.png",
    "Unable to fetch image from URL",
    "Error while downloading https://x.test/a.png.",
    "Timeout while downloading https://x.test/a.png.",
    "Error while downloading file. Upstream status code: 404.",
    "Failed to fetch image from url: 403 Forbidden",
    "Unable to download the file. Please verify the URL and try again.",
    "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible.",
    "This URL is disallowed by the website's robots.txt file.",
    "The URL must be from one of the allowed domains: ['a.test']. Input URL domain: x.test",
    "Download multimodal file timed out",
    "Invalid image URL: https://x.test/a.png is not an image, its type text/html is not supported",
]


@pytest.mark.parametrize("words", NO_ADDRESSES)
def test_where_no_address_is_taken_images_are_fetched(words: str) -> None:
    assert taught(words, asked(FAR_IMAGE)) == {"images": "data"}
    assert not isinstance(read_repair(Refusal(text=words, param="", body=asked(FAR_IMAGE)), PLAIN), Passing)
    assert taught(words, asked(IMAGE)).get("images") != "data", "it was sent as data"


@pytest.mark.parametrize("words", NOT_OPENED)
def test_an_address_that_could_not_be_opened_is_fetched_and_says_nothing_of_the_next(words: str) -> None:
    for part, field, before in ((FAR_IMAGE, "images", "yes"), (FAR_FILE, "documents", "url")):
        dialect = Dialect(name="test", **{field: before})
        found = read_repair(Refusal(text=words, param="", body=asked(part)), dialect)
        assert found == {field: {"yes": "data", "url": "file"}[before]}
        assert isinstance(found, Passing)


def test_a_page_that_is_named_for_help_is_no_address_of_an_image() -> None:
    words = "Input too odd, unsupported. See https://docs.test/errors"
    assert "images" not in taught(words, asked(FAR_IMAGE))


BROKEN_IMAGES = [
    "You uploaded an unsupported image. Please make sure your image is below 20 MB in size and is of one the following "
    "formats: ['png', 'jpeg', 'gif', 'webp'].",
    "You uploaded an unsupported image: it can't be decoded.",
    "Unsupported image format: image/tiff",
    "The image is too large: images above 8000 pixels are not supported",
    "Image data is not valid: unexpected end of file",
    "Unsupported MIME type for an image: image/svg+xml",
]


@pytest.mark.parametrize("words", BROKEN_IMAGES)
def test_one_image_at_fault_makes_no_model_blind(words: str) -> None:
    found = read_repair(Refusal(text=words, param="", body=asked(IMAGE)), PLAIN)
    assert found == {"images": "no"}
    assert isinstance(found, Passing)


# -- from outside -------------------------------------------------------------------------------------------------------

PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf_base64("Alpha 7")}}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
FAR_PICTURE = {"type": "image", "source": {"type": "url", "url": PRIVATE}}
TOOL = {"name": "Look", "input_schema": {"type": "object", "properties": {}}}


def shown(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {**HELLO, "messages": [{"role": "user", "content": [*blocks, {"type": "text", "text": "what is it?"}]}]}


def looked(*blocks: dict[str, Any]) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "toolu_1", "name": "Look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": list(blocks)}
    messages = [("user", "look"), ("assistant", [call]), ("user", [result])]
    return {**HELLO, "tools": [TOOL], "messages": [{"role": role, "content": said} for role, said in messages]}


def refusing(words: str, bad: Any, status: int = 400) -> Any:
    def play(received: Received) -> Step:
        told = {"error": {"message": words, "type": "invalid_request_error", "param": "messages[0].content[0].type"}}
        return Reply(status, told) if bad(received.body) else say("seen")

    return play


def has(word: str) -> Any:
    return lambda body: word in json.dumps(body["messages"])


def has_parts_in_results(body: dict[str, Any]) -> bool:
    return any(one["role"] == "tool" and not isinstance(one["content"], str) for one in body["messages"])


SESSIONS: dict[str, tuple[dict[str, Any], str, Any, str, str, str]] = {
    # the request, the dialect, what is refused, in which words, what is sent then, and what is noted of it
    "a file": (shown(PDF), "openai", has('"type": "file"'), NO_FILES[0], "Alpha 7", "document-text"),
    "a file, at no endpoint": (
        shown(PDF),
        "openrouter",
        has('"type": "file"'),
        "No endpoints found that support file input",
        "Alpha 7",
        "document-text",
    ),
    "a file in a result": (looked(PDF), "openai", has('"type": "file"'), NO_FILES[1], "Alpha 7", "document-text"),
    "an image in a result": (
        looked(PICTURE),
        "mistral",
        has_parts_in_results,
        NOT_IN_RESULTS[0],
        f"base64,{PIXEL}",
        "image-moved",
    ),
    "an address": (
        shown(FAR_PICTURE),
        "generic",
        has('"url": "http'),
        NO_ADDRESSES[0],
        "it is not a public address",
        "image-omitted",
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("name", SESSIONS)
async def test_a_session_with_a_refused_part_goes_on_and_the_backend_is_remembered(
    tmp_path: Path, name: str, *, stream: bool
) -> None:
    request, dialect, bad, words, sent, noted = SESSIONS[name]
    env = {"DIALECT": dialect, "BIG_MODEL": "house-model", "SMALL_MODEL": "house-model", "MIDDLE_MODEL": "house-model"}
    with Backend(rules=lambda _: []) as backend:
        backend.play(refusing(words, bad, 404 if "endpoints" in words else 400))
        for calls in (2, 3):  # refused once; taken at once after a restart
            async with running(backend, learned=tmp_path / "learned.json", **env) as app:
                reply = await app.post({**request, "stream": stream})
            assert reply.status_code == 200, reply.text
            assert len(backend.chats) == calls
            assert sent in json.dumps(backend.chats[-1].body["messages"])
            assert noted in reply.headers["x-proxy-notes"]
            assert ("backend-learned" in reply.headers["x-proxy-notes"]) == (calls == 2)


ONE_AT_FAULT: dict[str, tuple[dict[str, Any], str]] = {
    "an address": (shown(FAR_PICTURE), "Timeout while downloading http://10.0.0.7/a.png."),
    "an image": (shown(PICTURE), BROKEN_IMAGES[0]),
}


@pytest.mark.parametrize("name", ONE_AT_FAULT)
async def test_a_fault_of_one_image_is_mended_each_time_and_not_remembered(tmp_path: Path, name: str) -> None:
    request, words = ONE_AT_FAULT[name]
    env = {"DIALECT": "generic", "BIG_MODEL": "house-model", "SMALL_MODEL": "house-model"}
    with Backend(rules=lambda _: []) as backend:
        backend.play(refusing(words, has('"type": "image_url"')))
        for calls in (2, 4):
            async with running(backend, learned=tmp_path / "learned.json", **env) as app:
                reply = await app.post(request)
            assert reply.status_code == 200, reply.text
            assert len(backend.chats) == calls
            assert "image omitted" in json.dumps(backend.chats[-1].body["messages"])
            assert "image-omitted" in reply.headers["x-proxy-notes"]
            assert "backend-learned" not in reply.headers["x-proxy-notes"]


ROW = next(row for row in ROWS if row.dialect.name == "openai")


# -- known before -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", ["gpt-3.5-turbo", "gpt-4", "gpt-4-0613", "gpt-4-turbo", "o1-mini", "o3-mini", "o1-preview", "gpt-oss-120b"]
)
def test_openais_models_without_files_get_the_text(model: str) -> None:
    assert ROW.for_model(model).documents == "text"


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5.4", "o1", "o3", "o4-mini", "chatgpt-4o-latest"]
)
def test_openais_models_with_eyes_get_the_file(model: str) -> None:
    assert ROW.for_model(model).documents == "file"
