"""The demo: a real model in a child process, the proxy in front of it, and two questions asked through both."""
