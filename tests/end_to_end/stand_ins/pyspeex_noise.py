"""Stands in for a compiled package of Home Assistant's voice assistant, which has no wheel for this Python.

Without it the frontend never finishes loading. Nothing here listens to anybody, so nothing of it is ever called.
"""


class AudioProcessor:
    """The name that assist_pipeline imports."""
