"""Exchanges kept as folders: recorded as they run, replayed offline, accepted as test cases, attached to a report."""
