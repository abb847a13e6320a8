"""The backends: HTTP, addresses, and what they say of their models."""
