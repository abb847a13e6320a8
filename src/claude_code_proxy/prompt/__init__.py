"""What the proxy may do to a prompt when asked to: compress the system prompt, remind of the compaction's form."""
