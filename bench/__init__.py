"""Measurements: `make bench` (docs/performance.md says what they are and how to repeat them)."""
