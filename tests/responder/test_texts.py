"""Names at a length that answers can carry."""

import pytest

from custom_components.onvif_proxy.responder.texts import shorten


@pytest.mark.parametrize(
    ("text", "max_bytes", "short"),
    [
        ("Front Door", 10, "Front Door"),
        ("Front Door", 6, "Front"),
        ("Küche", 2, "K"),
        ("Küche", 3, "Kü"),
        ("前门前门", 8, "前门"),
        ("🚪🚪", 7, "🚪"),
        ("\ud800x", 10, "?x"),
        ("", 10, ""),
        ("ü" * 12_000, 64, "ü" * 32),
    ],
)
def test_only_whole_characters_are_kept(text: str, max_bytes: int, short: str) -> None:
    assert shorten(text, max_bytes) == short
