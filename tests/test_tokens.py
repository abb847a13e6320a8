"""Token counts: near enough without a vocabulary, of the whole body, quick on anything, and never an error."""

import base64
import json
import re
import struct
import sys
import zlib
from statistics import median
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.languages import DECLARATION
from tests.recorded import WHERE, chat_exchanges, corpus_root

from claude_code_proxy.tokens.count import Counter
from claude_code_proxy.tokens.estimate import estimate
from claude_code_proxy.tokens.media import file_tokens, image_size, image_tokens
from claude_code_proxy.tokens.vocabulary import load_vocabulary

ANY_TEXT = st.text(st.characters(exclude_categories=[]))

# -- the estimate, against o200k -------------------------------------------------------------------------------------

CODE = '''
def read_events(stream, *, limit=None):
    """Yield the events of a stream, at most `limit` of them."""
    for number, line in enumerate(stream):
        if limit is not None and number >= limit:
            return
        name, _, value = line.partition(":")
        if not value:
            continue  # a comment, or nothing
        yield Event(name.strip(), value.lstrip(" "), index=number + 1)
'''
PROSE = """
The proxy stands between a client and a model. It reads every request, writes it in the words of the backend, and gives
the answer back event by event, so that the client cannot tell. What a backend does not know is said to the model in
words, or left out and told to the person who runs it. Nothing is dropped in silence.
"""
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": "The absolute path of the file to read"},
            "limit": {"type": "integer", "description": "How many lines to read", "minimum": 1},
        },
        "required": ["file_path"],
        "additionalProperties": False,
    }
)
LISTING = """
drwxr-xr-x 2 root root   4096 Nov 22 19:01 tests
-rw-r--r-- 1 root root  10770 Nov 22 19:05 overflow_patterns.json
-rw-r--r-- 1 root root 205880 Nov 22 19:07 translation.md
"""
GERMAN = """
Der Proxy steht zwischen einem Programm und einem Modell. Er liest jede Anfrage, schreibt sie in den Worten des Servers
und gibt die Antwort Stück für Stück zurück, sodass niemand einen Unterschied bemerkt.
"""
CHINESE = "代理位于客户端和模型之间。它读取每个请求，用后端的语言重写，然后逐个事件地返回答案，使客户端无法察觉。"


@pytest.mark.parametrize(
    ("text", "o200k", "percent"),
    [
        pytest.param(CODE, 93, 15, id="Python"),
        pytest.param(PROSE, 75, 10, id="English"),
        pytest.param(SCHEMA, 70, 15, id="a schema"),
        pytest.param(LISTING, 72, 20, id="a listing"),
        pytest.param(GERMAN, 40, 25, id="German"),
        pytest.param(CHINESE, 33, 25, id="Chinese"),
    ],
)
def test_the_estimate_is_near_what_o200k_counts(text, o200k, percent):
    """o200k: counted once with a real vocabulary."""
    assert abs(estimate(text) / o200k - 1) <= percent / 100


@pytest.mark.parametrize("language", DECLARATION)
def test_the_estimate_is_near_what_o200k_counts_in_any_language(language):
    tokens, declaration = DECLARATION[language]
    assert abs(estimate(declaration) / tokens - 1) <= 0.2


def test_over_all_languages_the_estimate_errs_by_less_than_a_fourteenth():
    errors = [abs(estimate(text) / tokens - 1) for tokens, text in DECLARATION.values()]
    assert sum(errors) / len(errors) <= 0.07


TABLE = "┌──────────┬────────────────┐\n" + "│ size     │ of all streams │\n├──────────┼────────────────┤\n" * 12
TREE = "├── src\n│   ├── main.py\n│   │   └── cache_test.ts\n│   └── docs\n└── build.md\n" * 10
SMILES = "🚀 Start the server: 🔥 cache ✅\n😀😂🥰 token 👍🏽 stream ⚠️\n" * 10
BASE64 = base64.b64encode(zlib.compress(PROSE.encode() * 3 + CODE.encode() + GERMAN.encode())).decode()


@pytest.mark.parametrize(
    ("text", "o200k"),
    [
        pytest.param(TABLE, 226, id="a table of box drawing"),
        pytest.param(TREE, 360, id="a tree of box drawing"),
        pytest.param(SMILES, 240, id="emoji"),
        pytest.param(BASE64, 493, id="base64"),
    ],
)
def test_the_estimate_is_near_what_o200k_counts_of_what_is_no_language(text, o200k):
    assert abs(estimate(text) / o200k - 1) <= 0.15


EXACT = {
    "7": 2,
    "2026-11-23 09:01:41": 13,
    "1234567 12345678901234567890": 11,
    "...": 1,
    "a.b(c)[0]; // ====": 9,
    "if x:\n    y = 3.14159\n\n\n\treturn": 12,
    "HTTPServer camelCase": 5,
    "\ufeffпривет мир": 4,
    "नमस्ते दुनिया": 6,
    "“quoted” — ……": 4,
    "日本語 テキスト": 5,
    "\x00\x01": 1,
    PROSE: 74,
    CODE: 93,
    GERMAN: 49,
    TABLE: 232,
    TREE: 344,
    SMILES: 254,
    BASE64: 446,
}


@pytest.mark.parametrize(("text", "tokens"), EXACT.items(), ids=range(len(EXACT)))
def test_the_estimate_of_a_text_stays_what_it_was(text, tokens):
    """What was learned of a model's reports is a ratio to these counts, and is kept between versions."""
    assert estimate(text) == tokens


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*'aA0. \n\té一😀"{}', "\ud83d"]), min_size=1, max_size=6), st.integers(4, 40))
def test_a_byte_of_text_is_never_counted_as_two_tokens(pattern, times):
    words = "".join(pattern) * times
    assert estimate(words) < 2 * len(words.encode("utf-8", "surrogatepass"))


def test_nothing_has_no_tokens_and_anything_has_one():
    assert estimate("") == 0
    assert all(estimate(text) >= 1 for text in (" ", "\n", "a", "é", "\ud800", "\x00"))


@pytest.mark.parametrize("mark", ["a", "A", "0", ".", "-", " ", "\n", "_", "é", "ж", "中", "😀", "\x00", "\ud800"])
def test_a_long_run_of_one_character_is_counted_and_bounded(mark):
    """Tokenizers that cut at words take minutes for 400 kB of one letter."""
    tokens = estimate(mark * 400_000)
    assert 4_000 <= tokens <= 850_000


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_have_about_as_many_tokens_together_as_apart(first, second):
    together = estimate(first + second)
    assert abs(together - estimate(first) - estimate(second)) <= 8


# -- images and documents --------------------------------------------------------------------------------------------


def data_url(kind, data):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return data_url("image/png", b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 3000)


def gif(width, height):
    return data_url("image/gif", b"GIF89a" + struct.pack("<HH", width, height) + b"\0" * 100)


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(width, height, *, before=b""):
    frame = segment(0xC2, struct.pack(">BHHB", 8, height, width, 3) + b"\0" * 9)
    tables = segment(0xC4, b"\0" * 30)
    return data_url(
        "image/jpeg", b"\xff\xd8" + segment(0xE0, b"JFIF") + before + tables + b"\xff" + frame + b"\0" * 100
    )


def webp(kind, body):
    return data_url("image/webp", b"RIFF" + b"\0" * 4 + b"WEBP" + kind + b"\0" * 4 + body + b"\0" * 40)


@pytest.mark.parametrize(
    ("url", "size"),
    [
        pytest.param(png(1280, 800), (1280, 800), id="PNG"),
        pytest.param(gif(320, 200), (320, 200), id="GIF"),
        pytest.param(jpeg(1024, 768), (1024, 768), id="JPEG"),
        pytest.param(jpeg(64, 32, before=segment(0xE1, b"x" * 60_000) * 3), (64, 32), id="JPEG with a preview before"),
        pytest.param(
            webp(b"VP8X", b"\0" * 4 + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")),
            (100, 50),
            id="WebP, extended",
        ),
        pytest.param(webp(b"VP8L", b"\x2f" + (99 | 49 << 14).to_bytes(4, "little")), (100, 50), id="WebP, lossless"),
        pytest.param(webp(b"VP8 ", b"\0" * 6 + struct.pack("<HH", 100, 50)), (100, 50), id="WebP, lossy"),
        pytest.param("https://example.com/a.png", None, id="an address"),
        pytest.param("data:image/png;base64,", None, id="no data"),
        pytest.param("data:image/png;base64,!!!!", None, id="no base64"),
        pytest.param(png(0, 10), None, id="no width"),
        pytest.param(data_url("image/png", b"\x89PNG\r\n\x1a\n"), None, id="cut off"),
        pytest.param(data_url("image/jpeg", b"\xff\xd8" + segment(0xE0, b"x") * 20), None, id="a JPEG without a frame"),
        pytest.param(data_url("image/svg+xml", b"<svg/>"), None, id="another kind"),
    ],
)
def test_the_size_of_an_image_is_read_from_its_header(url, size):
    assert image_size(url) == size


def test_a_larger_image_costs_more_up_to_a_limit():
    assert image_tokens(png(320, 320)) == 100
    assert image_tokens(png(640, 320)) == 200
    assert image_tokens(png(20_000, 20_000)) == image_tokens(png(3_000, 3_000)) < 3000


def test_an_image_costs_by_its_size_and_not_by_its_bytes():
    assert image_tokens(png(512, 512)) == image_tokens(png(512, 512) + "A" * 4_000_000)


def test_an_image_nobody_can_measure_costs_a_middling_sum():
    assert 500 <= image_tokens("https://example.com/a.png") <= 2000
    assert image_tokens(png(5000, 5000), "low") < 100


def test_a_document_costs_by_its_pages():
    pdf = b"%PDF-1.7 /Type /Pages " + b"/Type /Page\n" * 3 + b"\0" * 100_000
    assert file_tokens(data_url("application/pdf", pdf)) * 2 == file_tokens(
        data_url("application/pdf", pdf + b"/Type/Page " * 3)
    )


def test_a_document_whose_pages_are_hidden_costs_by_its_bytes():
    small, large = (
        file_tokens(data_url("application/pdf", b"%PDF-1.7" + b"\1" * size)) for size in (100_000, 1_000_000)
    )
    assert 1000 <= small < large <= 300_000
    assert file_tokens("") > 0


# -- bodies ---------------------------------------------------------------------------------------------------------


def body(*messages, **more):
    return {"model": "m", "messages": list(messages), **more}


def said(role, content, **more):
    return {"role": role, "content": content, **more}


READ = {
    "type": "function",
    "function": {"name": "Read", "description": "Read a file", "parameters": json.loads(SCHEMA)},
}
BASE = body(said("user", "hello"))


def grows(*messages, **more):
    return Counter().body(body(said("user", "hello"), *messages, **more)) - Counter().body(BASE)


def test_a_short_prompt_costs_what_openai_says():
    """Measured: `prompt_tokens` of "Hello, how are you?" as the only message is 13."""
    assert Counter().body(body(said("user", "Hello, how are you?"))) in range(11, 16)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(said("system", PROSE), id="system prompt"),
        pytest.param(said("user", [{"type": "text", "text": PROSE}]), id="parts"),
        pytest.param(said("assistant", PROSE), id="answers"),
        pytest.param(said("tool", PROSE, tool_call_id="c1"), id="results"),
        pytest.param(
            said(
                "assistant",
                None,
                tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": PROSE}}],
            ),
            id="calls",
        ),
        pytest.param(said("assistant", "", reasoning_content=PROSE), id="reasoning to replay"),
        pytest.param(
            said("assistant", "", reasoning_details=[{"type": "reasoning.text", "text": PROSE}]),
            id="details of reasoning",
        ),
        pytest.param(
            said("assistant", [{"type": "thinking", "thinking": [{"type": "text", "text": PROSE}]}]),
            id="Mistral's reasoning",
        ),
    ],
)
def test_every_part_of_a_conversation_counts(part):  # CX-03
    assert estimate(PROSE) <= grows(part) <= estimate(PROSE) + 20


def test_tools_count():  # CX-03
    assert grows(tools=[READ]) >= estimate(SCHEMA) * 0.8
    assert grows(tools=[READ] * 5) == 5 * grows(tools=[READ])


def test_a_schema_for_the_answer_counts():
    schema = {"type": "json_schema", "json_schema": {"name": "output", "schema": json.loads(SCHEMA)}}
    assert grows(response_format=schema) >= estimate(SCHEMA) * 0.7


def test_images_and_documents_count_by_size():  # CX-03
    image = said("user", [{"type": "image_url", "image_url": {"url": png(640, 640)}}])
    pdf = data_url("application/pdf", b"%PDF-1.7 /Type /Page " + b"\0" * 500_000)
    document = said("user", [{"type": "file", "file": {"filename": "a.pdf", "file_data": pdf}}])
    assert 400 <= grows(image) <= 410
    assert 1500 <= grows(document) <= 1510


def test_encrypted_reasoning_is_bytes_and_not_tokens():
    encrypted = said("assistant", "", reasoning_details=[{"type": "reasoning.encrypted", "data": "A" * 50_000}])
    assert grows(encrypted) < 20


def test_the_same_body_has_the_same_count():  # CX-05
    counter = Counter()
    full = body(said("system", PROSE * 50), said("user", CODE * 20), tools=[READ])
    assert counter.body(full) == counter.body(json.loads(json.dumps(full))) == Counter().body(full)


def test_a_text_is_counted_once():
    asked = []

    def tokenize(text):
        asked.append(text)
        return len(text)

    counter = Counter(tokenize)
    for _ in range(3):
        assert counter.text(PROSE) == len(PROSE)
    assert asked == [PROSE]


def test_the_memory_is_bounded_and_keeps_what_is_repeated():
    asked = []

    def tokenize(text):
        asked.append(text)
        return 1

    counter = Counter(tokenize, entries=10)
    for number in range(1000):
        counter.text(PROSE)
        counter.text(f"{PROSE} {number}")
    assert asked.count(PROSE) == 1
    assert len(counter._new) + len(counter._old) <= 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "tool_calls",
                    "function",
                    "arguments",
                    "image_url",
                    "url",
                    "file",
                    "file_data",
                ]
            )
            | st.sampled_from(
                ["name", "reasoning_content", "reasoning_details", "thinking", "parameters", "json_schema", "schema"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["messages", "tools", "response_format", "model"]), JSON))
def test_any_json_has_a_count(value):
    assert Counter().body(value) >= 1


@given(
    st.binary(max_size=80),
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBPVP8L", b"RIFF0000WEBPVP8X", b"\xff\xd8\xff", b""]),
)
def test_any_bytes_have_a_size_or_none(data, magic):
    size = image_size(data_url("image/png", magic + data))
    assert size is None or min(size) > 0


# -- real prompts ----------------------------------------------------------------------------------------------------


def prompt_tokens(exchange):
    found = re.findall(rb'"prompt_tokens"\s*:\s*(\d+)', exchange.body)
    return int(found[-1]) if found else 0


def only_text(request):
    contents = [message.get("content") for message in request.get("messages", ())]
    return not request.get("tools") and all(isinstance(content, str) for content in contents)


@pytest.mark.skipif(corpus_root() is None, reason=WHERE)
def test_recorded_prompts_of_openai_count_as_openai_counted_them():
    errors = [
        Counter().body(exchange.request) / prompt_tokens(exchange) - 1
        for exchange in chat_exchanges()
        if exchange.provider == "openai" and only_text(exchange.request) and prompt_tokens(exchange)
    ]
    assert len(errors) > 100
    assert abs(median(errors)) < 0.03
    assert sum(abs(error) <= 0.15 for error in errors) > 0.9 * len(errors)


# -- real vocabularies -----------------------------------------------------------------------------------------------


def test_an_unknown_vocabulary_is_none():
    assert load_vocabulary("no_such_vocabulary") is None


def test_a_vocabulary_that_is_not_installed_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "splintr", None)
    assert load_vocabulary() is None


def test_a_vocabulary_counts_behind_the_same_seam(monkeypatch):
    class Tokenizer:
        @staticmethod
        def from_pretrained(name):
            assert name == "o200k_base"
            return Tokenizer()

        def encode_ordinary(self, text):
            return text.encode().split()

    monkeypatch.setitem(sys.modules, "splintr", SimpleNamespace(Tokenizer=Tokenizer))
    tokenize = load_vocabulary()
    assert tokenize("three small words") == 3
    assert tokenize("\ud800 is no character") == 4
    assert Counter(tokenize).text(PROSE) == len(PROSE.split())


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (1024, 1024), 765),
        ("openai/gpt-4o-2024-11-20", (2048, 4096), 1105),
        ("gpt-4.1", (128, 64), 255),
        ("gpt-4o-mini", (128, 64), 8500),
        ("o3", (128, 64), 225),
        ("gpt-5", (128, 64), 210),
        ("gpt-4.1-mini", (1024, 1024), 1659),
        ("gpt-5-nano", (1024, 1024), 2519),
        ("gpt-5.4", (1024, 1024), 1024),
        ("anthropic/claude-sonnet-5", (1000, 1000), 1333),
        ("anthropic/claude-sonnet-5", (8000, 8000), 1600),
        ("gemini-2.5-flash", (300, 300), 258),
        ("gemini-2.5-flash", (960, 540), 1548),
        ("gemini-3-pro", (4000, 4000), 1120),
        ("qwen2.5-vl:7b", (560, 560), 400),
        ("Qwen/Qwen3-VL-8B", (640, 640), 400),
        ("llava", (640, 640), 400),
        ("gpt-4o", (1, 100_000), 765),
        ("gemma3:12b", (640, 640), 256),
    ],
)
def test_an_image_is_counted_by_the_rule_of_the_models_family(model, size, tokens):
    assert image_tokens(png(*size), model=model) == tokens
    body = {
        "model": model,
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": png(*size)}}]}],
    }
    assert Counter().measure(body).media == tokens
