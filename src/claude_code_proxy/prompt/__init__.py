"""What the proxy may do to a prompt when it is asked to: compress the system prompt, remind of the compaction's form."""
