"""What people and recorders call things, at a length that answers can carry. No I/O."""

MAX_TEXT_BYTES = 64


def shorten(text: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return as much of a text as fits into a number of bytes of UTF-8, in whole characters."""
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore").rstrip()
