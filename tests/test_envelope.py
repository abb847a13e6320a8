"""The signature of a thinking block: what it carries, and that nothing but our own is ever opened."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.translate import envelope as module
from claude_code_proxy.translate.envelope import PREFIX, Envelope, digest, seal, unseal

KEY = b"a key"
FULL = Envelope(
    backend="openrouter",
    model="google/gemini-3-pro",
    field="reasoning_details",
    text="hidden 北京 😀",
    digest="0123456789ab",
    details=[{"type": "reasoning.encrypted", "data": "gAAA", "index": 0, "id": None}],
    calls={"toolu_1": "CqQBAdHtim8=", "toolu_2": "x"},
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=3)
    ),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
ENVELOPES = st.builds(
    Envelope,
    backend=TEXT,
    model=TEXT,
    field=TEXT,
    text=st.none() | TEXT,
    digest=TEXT,
    details=st.lists(st.dictionaries(TEXT, JSON, max_size=3), max_size=3),
    calls=st.dictionaries(TEXT, TEXT, max_size=3),
)


def forged(payload: bytes, key: bytes = KEY) -> str:
    """Return a signature over any bytes, as somebody who has the key could make it."""
    mac = base64.urlsafe_b64encode(hmac.new(key, payload, hashlib.sha256).digest()).decode()[:22]
    return f"{PREFIX}{payload.decode('latin-1')}.{mac}"


def packed(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(zlib.compress(content)).rstrip(b"=")


@given(ENVELOPES, st.binary(max_size=20))
def test_what_was_sealed_comes_back(envelope: Envelope, key: bytes) -> None:
    assert unseal(seal(envelope, key), key) == envelope


def test_the_same_envelope_has_the_same_signature_on_every_worker() -> None:
    assert seal(FULL, KEY) == seal(FULL, KEY)


def test_a_signature_is_one_line_of_plain_characters() -> None:
    assert set(seal(FULL, KEY)) <= set(string.ascii_letters + string.digits + "-_.")


def test_the_shown_text_is_not_carried_along() -> None:
    shown = Envelope(digest=digest("a long thought " * 1000))
    assert len(seal(shown, KEY)) < 120


@given(st.data())
def test_a_changed_signature_does_not_open(data: st.DataObject) -> None:
    signature = seal(FULL, KEY)
    at = data.draw(st.integers(0, len(signature) - 1))
    other = data.draw(
        st.sampled_from(string.ascii_letters + string.digits + "-_.=+/ \n\x00北").filter(
            lambda char: char != signature[at]
        )
    )
    assert unseal(signature[:at] + other + signature[at + 1 :], KEY) is None
    assert unseal(signature[:at], KEY) is None
    assert unseal(signature + other, KEY) is None


@given(ENVELOPES, st.binary(min_size=1, max_size=8), st.binary(max_size=8))
def test_another_key_does_not_open_it(envelope: Envelope, key: bytes, other: bytes) -> None:
    if hmac.new(key, b"", "sha256").digest() != hmac.new(other, b"", "sha256").digest():
        assert unseal(seal(envelope, key), other) is None


FOREIGN = [
    "",
    ".",
    "..",
    PREFIX,
    f"{PREFIX}.",
    f"{PREFIX}..",
    "EqQBCkYIBxgCKkDxhpbSx1pUf3H7lZ0T7lZ0T7lZ0T7lZ0T7lZ0T7lZ0T7lZ0T",
    "px0." + "A" * 40 + "." + "B" * 22,
    "px2" + seal(FULL, KEY)[3:],
    " " + seal(FULL, KEY),
    seal(FULL, KEY) + "\n",
    "\ud83d",
    "px1.\ud83d.\ud83d",
    "px1." + "A" * 1_000_000,
]


@pytest.mark.parametrize("signature", FOREIGN, ids=range(len(FOREIGN)))
def test_a_foreign_signature_is_no_error(signature: str) -> None:
    assert unseal(signature, KEY) is None


@given(st.text(st.characters()), st.binary(max_size=8))
def test_no_signature_is_an_error(signature: str, key: bytes) -> None:
    assert unseal(signature, key) is None
    assert unseal(PREFIX + signature, key) is None


BAD_PAYLOADS: list[tuple[str, bytes]] = [
    ("no base64", b"!!!!"),
    ("half a base64 group", b"A"),
    ("no zlib", base64.urlsafe_b64encode(b"hello")),
    ("cut off", packed(b'{"b":"x"}' * 100)[:20]),
    ("no JSON", packed(b"hello")),
    ("no UTF-8", packed(b'{"b":"\xff"}')),
    ("a list", packed(b"[]")),
    ("the wrong types", packed(b'{"details":5}')),
    ("details that are no objects", packed(b'{"details":[5]}')),
    ("nothing", packed(b"")),
    ("brackets without end", packed(b'{"details":[{"a":' + b"[" * 200_000)),
    ("nested deeper than a reader can follow", packed(b'{"details":[{"a":' + b"[" * 5000 + b"]" * 5000 + b"}]}")),
]


@pytest.mark.parametrize("payload", [pytest.param(payload, id=name) for name, payload in BAD_PAYLOADS])
def test_a_well_signed_payload_that_is_none_is_no_error(payload: bytes) -> None:
    assert unseal(forged(payload), KEY) is None


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = forged(packed(b'{"b":"' + b"x" * 50_000_000 + b'"}'))
    assert len(bomb) < 100_000
    unpacked: list[int] = []

    class Watched:
        def __init__(self) -> None:
            self._inner = zlib.decompressobj()

        def decompress(self, data: bytes, limit: int = 0) -> bytes:
            found = self._inner.decompress(data, limit)
            unpacked.append(len(found))
            return found

    class Zlib:
        decompressobj = Watched
        error = zlib.error

    monkeypatch.setattr(module, "zlib", Zlib)
    assert unseal(bomb, KEY) is None
    assert sum(unpacked) <= 4 * 1024 * 1024


def test_hidden_reasoning_of_a_megabyte_comes_back() -> None:
    huge = Envelope(text=json.dumps(list(range(150_000))))
    assert unseal(seal(huge, KEY), KEY) == huge


@pytest.mark.parametrize("depth", [10, *range(900, 1010, 5), 5000])
def test_state_nested_too_deep_is_left_out_rather_than_failing_the_answer(depth: int) -> None:
    nested: Any = None
    for _ in range(depth):
        nested = [nested]
    opened = unseal(seal(Envelope(text="t", details=[{"a": nested}], calls={"id": "s"}), KEY), KEY)
    if opened is not None:
        assert (opened.text, opened.calls) == ("t", {"id": "s"})
        assert opened.details in ([], [{"a": nested}])
    assert opened is not None or depth >= 900


def test_a_fingerprint_tells_edited_text() -> None:
    assert digest("a") == digest("a") != digest("b")
    assert len(digest("\ud83d")) == 12


def test_field_names_are_short_on_the_wire_and_stay_what_they_are() -> None:
    """Signatures written by an earlier version must open: the wire names are a promise."""
    payload = json.dumps(
        {"b": "x", "m": "y", "k": "reasoning", "text": "t", "digest": "d", "details": [{"a": 1}], "calls": {"i": "s"}}
    )
    assert unseal(forged(packed(payload.encode())), KEY) == Envelope(
        "x", "y", "reasoning", "t", "d", [{"a": 1}], {"i": "s"}
    )
