"""Schemathesis against a real proxy, by docs/openapi.json: `make fuzz`.

python -m tests.fuzz_http path/to/schemathesis [its options]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.backend import Backend, say
from tests.proxy_process import proxy_for

DESCRIPTION = Path(__file__).parents[1] / "docs/openapi.json"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance"
)


def main(arguments: list[str]) -> int:
    """Run it; the proxy must end well afterwards, with no bug in its log."""
    with Backend(lambda _: say("hello"), rules=lambda _: []) as backend, proxy_for(backend, LOG_LEVEL="ERROR") as proxy:
        command = [*arguments[:1], "run", str(DESCRIPTION), "--url", proxy.url, "--checks", CHECKS, *arguments[1:]]
        code = subprocess.run(command, check=False).returncode
        log = proxy.log()
    print(log[-3000:], file=sys.stderr)
    return code or int("bug" in log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
