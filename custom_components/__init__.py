"""Custom integrations of Home Assistant in this repository."""
