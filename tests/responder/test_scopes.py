"""Scopes: which a camera has, and which a client may add."""

from dataclasses import replace

import pytest

from custom_components.onvif_proxy.model import PtzAbilities
from custom_components.onvif_proxy.responder import is_own_scope
from custom_components.onvif_proxy.responder.scopes import (
    MAX_SCOPE_BYTES,
    InvalidScope,
    fixed_scopes,
    is_reserved,
    normalize_scope,
    scopes_of,
)

from .conftest import MAC, make_channel, make_description

LOCATION = "onvif://www.onvif.org/location/garden"


def test_fixed() -> None:
    description = make_description(name="Küche/\x07Tür", channel=make_channel(main_audio=None))
    assert fixed_scopes(description) == (
        "onvif://www.onvif.org/type/video_encoder",
        "onvif://www.onvif.org/type/Network_Video_Transmitter",
        "onvif://www.onvif.org/Profile/Streaming",
        "onvif://www.onvif.org/hardware/NVR%205000",
        "onvif://www.onvif.org/name/K%C3%BCche%2F%07T%C3%BCr",
        f"onvif://www.onvif.org/mac/{MAC}",
        "onvif-proxy://virtual-camera",
    )


def test_audio_has_a_scope() -> None:
    assert "onvif://www.onvif.org/type/audio_encoder" in fixed_scopes(make_description())


def test_a_known_location_has_a_scope() -> None:
    described = replace(make_description(), location="Vườn/\x07 sau")
    assert "onvif://www.onvif.org/location/V%C6%B0%E1%BB%9Dn%2F%07%20sau" in fixed_scopes(described)
    assert not [one for one in fixed_scopes(make_description()) if "/location/" in one]


def test_ptz_has_a_scope() -> None:
    ptz = PtzAbilities(profile_token="p", spaces=())
    steerable = make_description(channel=replace(make_channel(), ptz=ptz))
    assert "onvif://www.onvif.org/type/ptz" in fixed_scopes(steerable)
    assert "onvif://www.onvif.org/type/ptz" not in fixed_scopes(make_description())


def test_those_that_clients_added_come_after_the_fixed_ones() -> None:
    description = replace(make_description(), scopes=(LOCATION,))
    assert scopes_of(description) == (*fixed_scopes(description), LOCATION)


def test_own_scope() -> None:
    assert is_own_scope(scopes_of(make_description()))
    assert not is_own_scope(["onvif://www.onvif.org/Profile/Streaming", "onvif-proxy://virtual-camera-of-others"])


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        (f"\n {LOCATION} ", LOCATION),
        ("onvif://www.onvif.org/location/Front Door", "onvif://www.onvif.org/location/Front%20Door"),
        ("onvif://www.onvif.org/location/Küche", "onvif://www.onvif.org/location/K%C3%BCche"),
        ("onvif://www.onvif.org/location/a%20b", "onvif://www.onvif.org/location/a%20b"),
        ("onvif://www.onvif.org/location/a\nb", "onvif://www.onvif.org/location/a%0Ab"),
        ("urn:example:a", "urn:example:a"),
        ("http://[2001:db8::1]/a?b#c", "http://[2001:db8::1]/a?b#c"),
        ("a:" + "x" * (MAX_SCOPE_BYTES - 2), "a:" + "x" * (MAX_SCOPE_BYTES - 2)),
    ],
)
def test_uris_are_kept_without_spaces(text: str, scope: str) -> None:
    assert normalize_scope(text) == scope


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garden",
        "/location/garden",
        "onvif:",
        "1a:b",
        "ü:b",
        "a:100%",
        "a:%zz",
        "onvif://[bad/name",
        "a:" + "x" * (MAX_SCOPE_BYTES - 1),
        "a:" + "ü" * (MAX_SCOPE_BYTES // 3),
        "a:" + "x" * 100_000,
    ],
)
def test_no_absolute_uri_or_too_long(text: str) -> None:
    with pytest.raises(InvalidScope):
        normalize_scope(text)


@pytest.mark.parametrize(
    ("scope", "reserved"),
    [
        (LOCATION, False),
        ("onvif://www.onvif.org/country/names", False),
        ("onvif://www.example.com/name/x", False),
        ("urn:example:name", False),
        ("onvif://www.onvif.org/Profile/G", True),
        ("onvif://www.onvif.org/profile/T", True),
        ("ONVIF://WWW.ONVIF.ORG/Name/x", True),
        ("onvif://www.onvif.org/%6eame/x", True),
        ("onvif://www.onvif.org//name/x", True),
        ("onvif://www.onvif.org:80/name/x", True),
        ("onvif://www.onvif.org/hardware", True),
        ("onvif://www.onvif.org/type/ptz", True),
        ("onvif://www.onvif.org/MAC/00:00:00:00:00:00", True),
        ("onvif://www.onvif.org/MacAddress/00:00:00:00:00:00", True),
        ("onvif://www.onvif.org/SerialNumber/1", True),
        ("onvif-proxy://virtual-camera/x", True),
    ],
)
def test_what_the_camera_is_no_client_says(scope: str, reserved: bool) -> None:
    assert is_reserved(scope) is reserved
