"""`python -m claude_code_proxy` is the command `claude-code-proxy`."""

from __future__ import annotations

import gc
import sys

_COLLECTED = (50_000, 20, 50)
"""When garbage is collected: modules that load make none, and to look for it is a tenth of their time."""
_INTERRUPTED = 130  # exit code


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback even while its modules load."""
    gc.set_threshold(*_COLLECTED)
    try:
        from .cli import main as run  # noqa: PLC0415 - as above

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
