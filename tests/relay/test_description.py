"""What a viewer reads of a stream."""

from custom_components.onvif_proxy.relay.description import describe, offered_tracks
from custom_components.onvif_proxy.sdp import parse_sdp

from .scripted_recorder import SDP


def description(sdp: bytes) -> list[str]:
    """Return the lines that a viewer gets."""
    session = parse_sdp(sdp)
    tracks = offered_tracks(session)
    return describe(session, tracks, name="main", address="192.0.2.9").decode().split("\r\n")


def test_a_description_is_made_of_what_is_known_to_be_harmless() -> None:
    first, origin, *lines = description(SDP)
    assert first == "v=0"
    assert origin.endswith(" IN IP4 192.0.2.9")
    assert lines == [
        "s=main",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        "m=video 0 RTP/AVP 96",
        "b=AS:5000",
        "a=x-dimensions:352,288",
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=,aO4xsg==",
        "a=recvonly",
        "a=control:trackID=1",
        "m=audio 0 RTP/AVP 8",
        "a=rtpmap:8 PCMA/8000",
        "a=recvonly",
        "a=control:trackID=2",
        "",
    ]


def test_the_version_changes_with_the_media_only() -> None:
    other = SDP.replace(b"s=Media", b"s=Medium").replace(b"198.51.100.64", b"198.51.100.65")
    assert description(SDP)[1] == description(other)[1]
    assert description(SDP)[1] != description(SDP.replace(b"PCMA", b"PCMU"))[1]


def test_addresses_in_unexpected_places_are_left_out() -> None:
    hidden = (
        b"a=fmtp:96 url=rtsp://198.51.100.64/\r\na=framerate:198.51.100.64\r\na=x-dimensions:198.51.100.64\r\n"
        b"a=rtpmap:97 198.51.100.64\r\nb=X:198.51.100.64\r\ni=198.51.100.64\r\n"
    )
    sdp = SDP.replace(b"a=recvonly\r\n", hidden, 1).replace(b"npt=now-", b"npt=198.51.100.64-")
    assert "198.51.100.64" not in "\n".join(description(sdp))


def test_back_channels_and_metadata_are_not_offered() -> None:
    assert [(number, track.control) for number, track in offered_tracks(parse_sdp(SDP)).items()] == [
        (1, "trackID=video"),
        (2, "trackID=audio"),
    ]
