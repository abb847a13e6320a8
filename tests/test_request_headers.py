"""Any headers: a request is served or refused with a reason, and nothing of them comes back or goes to the backend."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.asgi import running
from tests.backend import Backend, say
from tests.messages_api import HELLO

NAMES = st.sampled_from(
    [
        "anthropic-beta",
        "anthropic-version",
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "origin",
        "traceparent",
        "x-api-key",
        "x-claude-code-agent-id",
        "x-claude-code-session-id",
        "x-forwarded-host",
        "x-request-id",
    ]
)
VALUES = (
    st.binary(max_size=60)
    | st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))
    | st.sampled_from([b"null", b"localhost", b"gzip, gzip", b"Bearer ", b"a\r\nx-evil: 1", b"9" * 400, b"http://["])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, VALUES, max_size=6))
async def test_any_headers(backend: Backend, headers: dict[str, bytes]) -> None:
    backend.play(lambda _: say("hello"))
    async with running(backend) as app:
        reply = await app.post(HELLO, headers=headers)
        health = await app.get("/health")
    assert reply.status_code in (200, 400, 401, 403, 413)
    assert "x-evil" not in reply.headers
    assert not any("\r" in value or "\n" in value for value in reply.headers.values())
    assert health.status_code == 200
    assert "bug" not in app.lines()
