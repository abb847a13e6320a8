"""What travels: server-sent events, Anthropic's events and bodies, and total accessors for foreign JSON."""
