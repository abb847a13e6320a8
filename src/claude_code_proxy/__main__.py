"""`python -m claude_code_proxy` is the command `claude-code-proxy`."""

from .cli import main

if __name__ == "__main__":
    main()
