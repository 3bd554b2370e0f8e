"""Measures what the project promises: `scripts/bench SUBJECT`."""
