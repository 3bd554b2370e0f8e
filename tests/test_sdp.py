"""Session descriptions as recorders write them."""

import pytest

from custom_components.onvif_proxy.sdp import MediaDescription, SdpError, onvif_codec, parse_sdp, picture_size

# In the style of Hikvision: session-level address, absolute controls, a metadata track.
HIKVISION = b"""v=0\r
o=- 1109162014219182 1109162014219192 IN IP4 192.0.2.64\r
s=Media Presentation\r
e=NONE\r
b=AS:5100\r
t=0 0\r
a=control:rtsp://192.0.2.64:554/Streaming/Channels/101/\r
m=video 0 RTP/AVP 96\r
c=IN IP4 0.0.0.0\r
b=AS:5000\r
a=recvonly\r
a=x-dimensions:1920,1080\r
a=control:rtsp://192.0.2.64:554/Streaming/Channels/101/trackID=1\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=,aO4xsg==\r
m=audio 0 RTP/AVP 8\r
b=AS:50\r
a=recvonly\r
a=control:rtsp://192.0.2.64:554/Streaming/Channels/101/trackID=2\r
a=rtpmap:8 PCMA/8000\r
m=application 0 RTP/AVP 107\r
a=control:rtsp://192.0.2.64:554/Streaming/Channels/101/trackID=3\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
a=Media_header:MEDIAINFO=494D4B48010300000400000100000000000000000000000000000000000000000000000000000000;\r
a=appversion:1.0\r
"""

# In the style of Dahua: relative controls, a back channel, AAC, H.265, LF alone.
DAHUA = b"""v=0
o=- 2251938210 2251938210 IN IP4 0.0.0.0
s=Media Server
c=IN IP4 0.0.0.0
t=0 0
a=control:*
a=packetization-supported:DH
a=range:npt=now-
m=video 0 RTP/AVP 98
a=control:trackID=0
a=framerate:25.000000
a=rtpmap:98 H265/90000
a=fmtp:98 profile-id=1;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwB4oAPAgBDlllZpJMrmgIAAAAMAgAAADIQ=;sprop-pps=RAHAcvBTJA==;sprop-vps=QAEMAf//AWA=
a=recvonly
m=audio 0 RTP/AVP 97
a=control:trackID=1
a=rtpmap:97 MPEG4-GENERIC/16000/2
a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1410
a=recvonly
m=audio 0 RTP/AVP 8 0
a=control:trackID=5
a=rtpmap:8 PCMA/8000/1
a=sendonly
"""


def medium(attributes: str, line: str = "m=video 0 RTP/AVP 96") -> MediaDescription:
    """Return a description's only medium."""
    (found,) = parse_sdp(f"v=0\r\n{line}\r\n{attributes}".encode()).media
    return found


def test_a_hikvision_style_description() -> None:
    session = parse_sdp(HIKVISION)
    assert session.control == "rtsp://192.0.2.64:554/Streaming/Channels/101/"
    video, audio, metadata = session.media
    assert (video.kind, video.payload_type, video.encoding, video.clock_rate) == ("video", 96, "H264", 90000)
    assert video.control == "rtsp://192.0.2.64:554/Streaming/Channels/101/trackID=1"
    assert video.fmtp["packetization-mode"] == "1"
    assert video.bandwidth == ("AS:5000",)
    assert video.direction == "recvonly"
    assert onvif_codec(video) == "H264"
    assert (audio.encoding, onvif_codec(audio), audio.clock_rate, audio.channels) == ("PCMA", "G711", 8000, 1)
    assert (metadata.kind, onvif_codec(metadata)) == ("application", None)


def test_a_dahua_style_description() -> None:
    session = parse_sdp(DAHUA)
    assert session.control == "*"
    assert ("range", "npt=now-") in session.attributes
    video, audio, back = session.media
    assert (onvif_codec(video), video.framerate, picture_size(video)) == ("H265", 25.0, (1920, 1080))
    assert (onvif_codec(audio), audio.clock_rate, audio.channels, audio.fmtp["config"]) == ("AAC", 16000, 2, "1410")
    assert (back.direction, back.payload_types) == ("sendonly", (8, 0))


@pytest.mark.parametrize(
    ("line", "encoding", "codec"),
    [
        ("m=audio 0 RTP/AVP 0", "PCMU", "G711"),
        ("m=audio 0 RTP/AVP 8", "PCMA", "G711"),
        ("m=video 0 RTP/AVP 26", "JPEG", "JPEG"),
        ("m=video 0 RTP/AVP 120", "", None),
    ],
)
def test_static_payload_types_need_no_rtpmap(line: str, encoding: str, codec: str | None) -> None:
    found = medium("", line)
    assert (found.encoding, onvif_codec(found)) == (encoding, codec)


@pytest.mark.parametrize(
    ("rtpmap", "codec"),
    [("h264/90000", "H264"), ("MP4V-ES/90000", "MPEG4"), ("G726-32/8000", "G726"), ("mpeg4-generic/8000", "AAC")],
)
def test_encoding_names_have_no_case(rtpmap: str, codec: str) -> None:
    assert onvif_codec(medium(f"a=rtpmap:96 {rtpmap}")) == codec


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ("sprop-parameter-sets=Z2QAKKzZQHgCJ+WEAAADAAQAAAMAyDxgxlg=,aOvssiw=", (1920, 1080)),
        ("sprop-parameter-sets=Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA", (352, 288)),
        ("sprop-parameter-sets=Z2QAKKzZQHgCJ6mhAAADAAEAAAMAMg8YMZY=", (1918, 1078)),
        ("sprop-parameter-sets=aOvssiw=,Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=", (352, 288)),
        ("sprop-sps=QgEBAWAAAAMAkAAAAwAAAwB4oAPAgBDlllZpJMrmgIAAAAMAgAAADIQ=", (1920, 1080)),
        ("sprop-sps=QgEBAWAAAAMAkAAAAwAAAwA/oAUSAXHJJllZpJMrmgIAAAMAAgAAAwAyEA==", (642, 362)),
        ("sprop-parameter-sets=", None),
        ("sprop-parameter-sets=!!!!", None),
        ("sprop-parameter-sets=Zü==", None),
        ("sprop-parameter-sets=Z2QAKKzZ", None),
        ("sprop-parameter-sets=" + "Z" * 4000, None),
        ("sprop-sps=QgE=", None),
        ("", None),
    ],
)
def test_picture_size_is_that_of_the_parameter_sets(parameters: str, size: tuple[int, int] | None) -> None:
    """The sets are x264's and x265's for pictures of these sizes; 1080, 1918 and 642 need cropping."""
    assert picture_size(medium(f"a=fmtp:96 {parameters}")) == size


@pytest.mark.parametrize(
    ("attribute", "size"),
    [
        ("a=x-dimensions:704,480", (704, 480)),
        ("a=x-dimensions: 704 , 480", (704, 480)),
        ("a=framesize:96 1280-720", (1280, 720)),
        ("a=framesize:97 1280-720", None),
        ("a=x-dimensions:0,0", None),
        ("a=x-dimensions:99999,480", None),
        ("a=x-dimensions:wide,high", None),
    ],
)
def test_picture_size_by_attribute(attribute: str, size: tuple[int, int] | None) -> None:
    assert picture_size(medium(attribute)) == size


@pytest.mark.parametrize(
    ("value", "rate"),
    [("25", 25.0), ("12.5", 12.5), ("0", None), ("nan", None), ("inf", None), ("-1", None), ("x", None)],
)
def test_frame_rate(value: str, rate: float | None) -> None:
    assert medium(f"a=framerate:{value}").framerate == rate


def test_direction_of_the_session_holds_for_its_media() -> None:
    session = parse_sdp(b"v=0\na=recvonly\nm=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 0\na=sendonly\n")
    assert [item.direction for item in session.media] == ["recvonly", "sendonly"]


def test_lines_that_make_no_sense_are_left_out() -> None:
    session = parse_sdp(
        b"\xef\xbb\xbfv=0\r\nnonsense\r\na\r\n=\r\nm=video\r\nm=video 0 RTP/AVP x 200\r\na=rtpmap\r\n"
        b"m=video 0 RTP/AVP 96\r\na=rtpmap:96\r\na=fmtp:96 ;;=;a\r\na=framerate:\xff\r\n"
    )
    (video,) = session.media
    assert (video.payload_type, video.encoding, video.fmtp) == (96, "", {"a": ""})


def test_a_payload_type_is_offered_once() -> None:
    assert medium("", f"m=video 0 RTP/AVP {'96 97 ' * 5000}").payload_types == (96, 97)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>no</html>",
        b"\x00\xff" * 100,
        b"v=0\n" + b"a=b\n" * 2000,
        b"v=0\n" + b"m=video 0 RTP/AVP 96\n" * 100,
        b"v=0\n" + b" " * 70000,
    ],
    ids=["empty", "HTML", "binary", "lines", "media", "length"],
)
def test_nonsense_and_too_much_are_errors(text: bytes) -> None:
    with pytest.raises(SdpError):
        parse_sdp(text)


def test_a_description_may_have_no_media() -> None:
    assert parse_sdp(b"v=0\r\ns=nothing\r\n").media == ()
