"""How vendors' recorders name things: tokens, paths, URIs, topics. One table, one line of behaviour a field.

Hikvision's, Dahua's and Uniview's tokens are those of recorders in the field; Reolink's are a camera's, counted on.
"""

from collections.abc import Callable
from dataclasses import dataclass
import re

MOTION_ALARM = "tns1:VideoSource/MotionAlarm"
CELL_MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One vendor's conventions. `n` is a channel number from 1, `s` 0 for main and 1 for sub, `c` the recorder's capacity."""

    name: str
    manufacturer: str
    model: str
    firmware: str
    hardware: str
    profile_token: Callable[[int, int, int], str]
    """(n, s, c)."""
    profile_name: Callable[[int, int], str]
    source_token: Callable[[int], str]
    source_configuration_token: Callable[[int], str]
    encoder_token: Callable[[int, int], str]
    mains_first: bool
    """GetProfiles lists all mains, then all subs; else channel by channel."""
    lists_empty_sources: bool
    """GetVideoSources counts channels without a camera too."""
    paths: dict[str, str]
    """Service to path: device, media, media2, events."""
    subscription: str
    """What follows the events path in a pull point's address; `{}` is its id."""
    snapshot: Callable[[int, int, str], str]
    """(n, s, profile token) to path and query."""
    stream: Callable[[int, int, str], str]
    """(n, s, profile token) to path and query."""
    stream_pattern: re.Pattern[str]
    """Finds `n` and `s` in a stream's path and query."""
    first_sub: int
    """The number that `s` begins with in the pattern's second group."""
    control: Callable[[int], str]
    """Track index from 0 to its control attribute."""
    absolute_control: bool
    """The control attribute is a whole URI."""
    rtsp_realm: str
    rtsp_qop: bool
    """The RTSP challenge offers qop (RFC 2617), else it is RFC 2069's."""
    g711_law: str
    """PCMU or PCMA."""
    motion_topics: tuple[str, ...]


_UNDERSCORED = {
    "device": "/onvif/device_service",
    "media": "/onvif/media_service",
    "media2": "/onvif/media2_service",
    "events": "/onvif/event_service",
}

VENDORS = {
    vendor.name: vendor
    for vendor in (
        Vendor(
            name="hikvision",
            # What Hikvision's recorders really call themselves.
            manufacturer="NETWORK",
            model="DS-7616NI-K2",
            firmware="V4.61.025 build 220905",
            hardware="DS-7616NI-K2",
            profile_token=lambda n, s, c: f"ProfileToken{n + s * c:03}",
            profile_name=lambda n, s: f"{'subStream' if s else 'mainStream'}{n}",
            source_token=lambda n: f"VideoSourceToken{n:03}",
            source_configuration_token=lambda n: f"VideoSourceConfigurationToken{n:03}",
            encoder_token=lambda n, s: f"VideoEncoderToken_{n}{s + 1:02}",
            mains_first=True,
            lists_empty_sources=False,
            paths={
                "device": "/onvif/device_service",
                "media": "/onvif/Media",
                "media2": "/onvif/Media2",
                "events": "/onvif/Events",
            },
            subscription="/PullSubManager_{}",
            snapshot=lambda n, s, token: f"/onvif-http/snapshot?{token}",
            stream=lambda n, s, token: f"/Streaming/Channels/{n}{s + 1:02}?transportmode=unicast&profile={token}",
            stream_pattern=re.compile(r"^/Streaming/Channels/(\d+)0(\d)(?:[/?]|$)", re.IGNORECASE),
            first_sub=1,
            control=lambda track: f"trackID={track + 1}",
            absolute_control=True,
            rtsp_realm="IP Camera(C6496)",
            rtsp_qop=False,
            g711_law="PCMU",
            motion_topics=(MOTION_ALARM, CELL_MOTION),
        ),
        Vendor(
            name="dahua",
            manufacturer="Dahua",
            model="DHI-NVR5216-16P-4KS2E",
            firmware="4.003.0000000.0",
            hardware="NVR5216-16P-4KS2E",
            profile_token=lambda n, s, c: f"MediaProfile{n - 1:03}{s:02}",
            profile_name=lambda n, s: f"MediaProfile_Channel{n}_{'SubStream1' if s else 'MainStream'}",
            source_token=lambda n: f"{n - 1:03}00",
            source_configuration_token=lambda n: f"{n - 1:03}00",
            encoder_token=lambda n, s: f"{n - 1:03}{s:02}",
            mains_first=False,
            lists_empty_sources=False,
            paths=_UNDERSCORED,
            subscription="/Subscription?Idx={}",
            snapshot=lambda n, s, token: f"/onvifsnapshot/media_service/snapshot?channel={n}&subtype={s}",
            stream=lambda n, s, token: f"/cam/realmonitor?channel={n}&subtype={s}&unicast=true&proto=Onvif",
            stream_pattern=re.compile(r"^/cam/realmonitor/?\?channel=(\d+)&subtype=(\d)(?:[&/]|$)"),
            first_sub=0,
            control=lambda track: f"trackID={track}",
            absolute_control=False,
            rtsp_realm="Login to 4f1c0b6e2d9a8357",
            rtsp_qop=False,
            g711_law="PCMA",
            motion_topics=(MOTION_ALARM, CELL_MOTION),
        ),
        Vendor(
            name="reolink",
            manufacturer="Reolink",
            model="RLN16-410",
            firmware="v3.3.0.282_23102300",
            hardware="NVR",
            # Three streams a channel are counted, the third is never there: a hole in the numbers.
            profile_token=lambda n, s, c: f"{3 * (n - 1) + s:03}",
            profile_name=lambda n, s: f"Profile{n - 1:03}_{'SubStream' if s else 'MainStream'}",
            source_token=lambda n: f"{n - 1:03}",
            source_configuration_token=lambda n: f"{n - 1:03}",
            encoder_token=lambda n, s: f"{3 * (n - 1) + s:03}",
            mains_first=False,
            lists_empty_sources=False,
            paths=_UNDERSCORED | {"media2": "/onvif/Media2"},
            subscription="/SubManager/{}",
            snapshot=lambda n, s, token: f"/cgi-bin/api.cgi?cmd=onvifSnapPic&channel={n - 1}",
            stream=lambda n, s, token: f"/Preview_{n:02}_{'sub' if s else 'main'}",
            stream_pattern=re.compile(r"^/Preview_(\d+)_(main|sub)(?:/|$)"),
            first_sub=0,
            control=lambda track: f"track{track + 1}",
            absolute_control=False,
            rtsp_realm="BC Streaming Media",
            rtsp_qop=False,
            g711_law="PCMU",
            motion_topics=(MOTION_ALARM,),
        ),
        Vendor(
            name="uniview",
            manufacturer="Uniview",
            model="NVR304-16S-P16",
            firmware="NVR-B3601.32.60.210520",
            hardware="NVR304-16S-P16",
            profile_token=lambda n, s, c: f"token:17/0/{n - 1}/1/{n}/s{s}",
            profile_name=lambda n, s: f"channel{n}_s{s}",
            source_token=lambda n: f"{n:03}00",
            source_configuration_token=lambda n: f"vsconf:{n:03}00",
            encoder_token=lambda n, s: f"veconf:{n}/s{s}",
            mains_first=False,
            lists_empty_sources=True,
            paths={
                "device": "/onvif/device_service",
                "media": "/onvif/media",
                "media2": "/onvif/media2",
                "events": "/onvif/event",
            },
            subscription="/subscription_{}",
            snapshot=lambda n, s, token: f"/images/snapshot.jpg?channel={n}&stream={s}",
            stream=lambda n, s, token: f"/unicast/c{n}/s{s}/live",
            stream_pattern=re.compile(r"^/unicast/c(\d+)/s(\d)/live(?:/|$)"),
            first_sub=0,
            control=lambda track: f"streamid={track}",
            absolute_control=False,
            rtsp_realm="48ea63a1b2c3",
            rtsp_qop=True,
            g711_law="PCMA",
            motion_topics=(CELL_MOTION,),
        ),
    )
}


def stream_of(vendor: Vendor, target: str) -> tuple[int, int] | None:
    """Return channel number and stream index of an RTSP path and query, None when it names no stream."""
    if not (found := vendor.stream_pattern.match(target)):
        return None
    number, stream = found.groups()
    return int(number), {"main": 0, "sub": 1}[stream] if stream.isalpha() else int(stream) - vendor.first_sub
