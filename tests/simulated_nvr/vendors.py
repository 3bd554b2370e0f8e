"""How vendors' recorders name things: tokens, paths, URIs, topics. One table, one line of behaviour a field.

Hikvision's, Dahua's and Uniview's tokens are those of recorders in the field; Reolink's are a camera's, counted on. So
are PTZ and imaging, from cameras. Topics: Hikvision's and Reolink's as recorded, Dahua's as its users tell. Of Uniview's
only motion, lines and inputs are known; it stands here for the units that name what they see by the rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
import re

from .picture_settings import Setting, mode, numbers
from .topics import Topic

_SOURCE = (("Source", "{source}"),)


def _rule(name: str) -> tuple[tuple[str, str], ...]:
    """Return the source items of the rule engine's topics."""
    return (
        ("VideoSourceConfigurationToken", "{configuration}"),
        ("VideoAnalyticsConfigurationToken", "{analytics}"),
        ("Rule", name),
    )


def _in_field(kind: str, rule: str) -> Topic:
    return Topic(
        name="tns1:RuleEngine/FieldDetector/ObjectsInside",
        kind=kind,
        sources=_rule(rule),
        state="IsInside",
        object_id=True,
    )


def _my_rule(kind: str, name: str) -> Topic:
    return Topic(name=f"tns1:RuleEngine/MyRuleDetector/{name}", kind=kind, sources=_SOURCE, state="State")


_MOTION_ALARM = Topic(name="tns1:VideoSource/MotionAlarm", kind="motion", sources=_SOURCE, state="State")
_CELL_MOTION = Topic(
    name="tns1:RuleEngine/CellMotionDetector/Motion",
    kind="motion",
    sources=_rule("MyMotionDetectorRule"),
    state="IsMotion",
)
_LINE_CROSSED = Topic(
    name="tns1:RuleEngine/LineDetector/Crossed",
    kind="line_crossing",
    sources=_rule("MyLineDetector1"),
    state=None,
    object_id=True,
)
_TAMPER = Topic(
    name="tns1:RuleEngine/TamperDetector/Tamper",
    kind="tamper",
    sources=_rule("MyTamperDetectorRule"),
    state="IsTamper",
)
_SCENE_CHANGE = Topic(
    name="tns1:VideoSource/GlobalSceneChange/ImagingService", kind="tamper", sources=_SOURCE, state="State"
)
_DIGITAL_INPUT = Topic(
    name="tns1:Device/Trigger/DigitalInput",
    kind="digital_input",
    sources=(("InputToken", "{input}"),),
    state="LogicalState",
)
_HIKVISION_INPUT = Topic(
    name="tns1:Device/Trigger/tnshik:AlarmIn",
    kind="digital_input",
    sources=(("AlarmInToken", "{input}"),),
    state="State",
)
_HUMAN_SHAPE = Topic(
    name="tns1:UserAlarm/IVA/HumanShapeDetect",
    kind="person",
    sources=(("VideoSourceConfigurationToken", "{configuration}"),),
    state="State",
)
_VEHICLE = Topic(
    name="tns1:VehicleAlarm/IVB/VehicleDetect",
    kind="vehicle",
    sources=(("VideoSourceConfigurationToken", "{configuration}"),),
    state="State",
)

_BASIC = ("Brightness", "ColorSaturation", "Contrast", "Sharpness")
_RICH_PICTURE = (
    *numbers(100.0, *_BASIC),
    mode("BacklightCompensation/Mode", "OFF", "ON"),
    *numbers(100.0, "BacklightCompensation/Level"),
    mode("Exposure/Mode", "AUTO", "MANUAL"),
    *numbers(40000.0, "Exposure/ExposureTime"),
    *numbers(100.0, "Exposure/Gain"),
    mode("IrCutFilter", "AUTO", "ON", "OFF", options_path="IrCutFilterModes"),
    mode("WideDynamicRange/Mode", "OFF", "ON"),
    *numbers(100.0, "WideDynamicRange/Level"),
    mode("WhiteBalance/Mode", "AUTO", "MANUAL"),
    # The schema calls the options' otherwise.
    Setting(path="WhiteBalance/CrGain", start=50.0, span=(0.0, 100.0), options_path="WhiteBalance/YrGain"),
    Setting(path="WhiteBalance/CbGain", start=50.0, span=(0.0, 100.0), options_path="WhiteBalance/YbGain"),
)
_PLAIN_PICTURE = (
    *numbers(255.0, *_BASIC),
    mode("IrCutFilter", "AUTO", "OFF", options_path="IrCutFilterModes"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzManner:
    """What a vendor's PTZ units can do and tell. `n` is a channel number from 1."""

    token: Callable[[int], str]
    """Of the configuration."""
    node_token: Callable[[int], str]
    positions: bool = True
    """It moves to positions and by distances and tells where it is; else it only moves on and on."""
    move_status: bool = True
    """It tells whether it moves."""
    error: str = ""
    """What it always says in the status."""
    max_presets: int = 300
    home: bool = True
    auxiliary: tuple[str, ...] = ()


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
    """Service to path: device, media, media2, events, ptz, imaging, device_io."""
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
    topics: tuple[Topic, ...]
    """What it tells, and how."""
    input_token: Callable[[int], str] | None
    """A channel's alarm contact; None: the vendor's cameras have none."""
    ptz: PtzManner
    picture: tuple[Setting, ...]
    """What can be set of a picture."""


_UNDERSCORED = {
    "device": "/onvif/device_service",
    "media": "/onvif/media_service",
    "media2": "/onvif/media2_service",
    "events": "/onvif/event_service",
    "ptz": "/onvif/ptz_service",
    "imaging": "/onvif/imaging_service",
    "device_io": "/onvif/deviceIO_service",
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
                "ptz": "/onvif/PTZ",
                "imaging": "/onvif/Imaging",
                "device_io": "/onvif/DeviceIO",
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
            topics=(
                _MOTION_ALARM,
                _CELL_MOTION,
                _TAMPER,
                _LINE_CROSSED,
                _in_field("intrusion", "MyFieldDetector1"),
                _HIKVISION_INPUT,
            ),
            input_token=lambda n: f"AlarmIn_{n}",
            ptz=PtzManner(
                token=lambda n: f"PTZToken{n:03}",
                node_token=lambda n: f"PTZNODETOKEN{n:03}",
                move_status=False,
                error="NO error",
            ),
            picture=_RICH_PICTURE,
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
            topics=(_MOTION_ALARM, _CELL_MOTION, _SCENE_CHANGE, _LINE_CROSSED, _HUMAN_SHAPE, _VEHICLE, _DIGITAL_INPUT),
            input_token=lambda n: f"{n - 1:03}00",
            ptz=PtzManner(
                token=lambda n: f"{n - 1:03}",
                node_token=lambda n: f"{n - 1:03}",
                auxiliary=("tt:Wiper|On", "tt:Wiper|Off"),
            ),
            picture=_RICH_PICTURE,
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
            topics=(
                _MOTION_ALARM,
                _my_rule("person", "PeopleDetect"),
                _my_rule("vehicle", "VehicleDetect"),
                _my_rule("animal", "DogCatDetect"),
                _my_rule("face", "FaceDetect"),
                _my_rule("package", "Package"),
                _my_rule("doorbell", "Visitor"),
            ),
            input_token=None,
            ptz=PtzManner(
                token=lambda n: f"{n - 1:03}",
                node_token=lambda n: f"{n - 1:03}",
                positions=False,
                max_presets=64,
                home=False,
            ),
            picture=_PLAIN_PICTURE,
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
                "ptz": "/onvif/ptz",
                "imaging": "/onvif/imaging",
                "device_io": "/onvif/deviceio",
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
            topics=(
                _CELL_MOTION,
                _TAMPER,
                _LINE_CROSSED,
                _in_field("person", "Human"),
                _in_field("vehicle", "Vehicle"),
                _DIGITAL_INPUT,
            ),
            input_token=lambda n: f"{n:03}00",
            ptz=PtzManner(
                token=lambda n: f"ptzconf:{n:03}00", node_token=lambda n: f"ptznode:{n:03}00", max_presets=255
            ),
            picture=_RICH_PICTURE,
        ),
    )
}


def stream_of(vendor: Vendor, target: str) -> tuple[int, int] | None:
    """Return channel number and stream index of an RTSP path and query, None when it names no stream."""
    if not (found := vendor.stream_pattern.match(target)):
        return None
    number, stream = found.groups()
    return int(number), {"main": 0, "sub": 1}[stream] if stream.isalpha() else int(stream) - vendor.first_sub
