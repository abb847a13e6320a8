"""`claude-code-proxy doctor`: what is set, what a backend answers, and what to do about what is wrong."""
