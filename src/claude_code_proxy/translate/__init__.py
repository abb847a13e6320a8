"""Requests one way, answers the other: pure, and handed what it speaks as a value (`dialect.py`)."""
