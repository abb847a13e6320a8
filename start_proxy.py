"""Start the proxy from a checkout: `pip install -r requirements.txt`, then `python start_proxy.py`.

Takes the arguments of the command `claude-code-proxy`, of which it is the uninstalled form.
"""

import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - a checkout meets Pythons no installer has vetted
    sys.exit("claude-code-proxy needs Python 3.11 or newer, and this is Python {}.{}.".format(*sys.version_info[:2]))

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

try:
    import claude_code_proxy.cli  # noqa: F401 - what is missing is missing here
    from claude_code_proxy.__main__ import main
except ModuleNotFoundError as error:
    if (error.name or "").startswith("claude_code_proxy"):
        raise
    sys.exit(f"The package {error.name} is missing. Install what the proxy needs: pip install -r requirements.txt")
except KeyboardInterrupt:
    sys.exit(130)

if __name__ == "__main__":
    main()
