"""Starting clients on the proxy: the environment Claude Code needs, a proxy of its own, the child and its end."""
