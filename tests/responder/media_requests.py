"""What the tests of both media services send and read."""

from dataclasses import replace
from typing import Any

from lxml import etree

from custom_components.onvif_proxy.model import Channel, PtzAbilities, PtzSpace, PtzSpaceKind, VideoEncoding

from .conftest import Client, make_channel as make_channel_without_ptz, make_description

H265 = VideoEncoding(codec="H265", width=3840, height=2160, frame_rate=15.0, bit_rate=6144, gov_length=30)
UNKNOWN = VideoEncoding(codec="H264", width=704, height=576)
PTZ = PtzAbilities(
    profile_token="RecorderProfile003_main",
    spaces=(
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_PAN_TILT, uri="generic:pan", x=(-1, 1), y=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_PAN_TILT, uri="other:pan", x=(-1, 1), y=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_ZOOM, uri="generic:zoom", x=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.ABSOLUTE_PAN_TILT, uri="abs:pan", x=(-1, 1), y=(-0.5, 0.5)),
        PtzSpace(kind=PtzSpaceKind.PAN_TILT_SPEED, uri="speed:pan", x=(0, 1)),
    ),
)
NO_PROFILE = (400, ["env:Sender", "ter:InvalidArgVal", "ter:NoProfile"])
NO_CONFIG = (400, ["env:Sender", "ter:InvalidArgVal", "ter:NoConfig"])


def make_channel(*, ptz: PtzAbilities | None = None, **more: Any) -> Channel:
    return replace(make_channel_without_ptz(**more), ptz=ptz)


def profile_token(token: str) -> str:
    return f"<trt:ProfileToken>{token}</trt:ProfileToken>"


def configuration_token(token: str) -> str:
    return f"<trt:ConfigurationToken>{token}</trt:ConfigurationToken>"


def use(client: Client, channel: Channel) -> None:
    client.server.update(make_description(channel=channel))


def facts(element: etree._Element | None) -> dict[str, str | None]:
    """Return the texts of all leaves by path."""
    assert element is not None
    found: dict[str, str | None] = {}

    def walk(parent: etree._Element, path: str) -> None:
        for child in parent:
            here = f"{path}{etree.QName(child).localname}"
            if len(child):
                walk(child, f"{here}/")
            else:
                found[here] = child.text

    walk(element, "")
    return found
