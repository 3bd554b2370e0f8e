"""The spaces that PTZ units understand and the configuration that names them (ONVIF PTZ, predefined spaces)."""

from dataclasses import dataclass

from .channels import SimulatedChannel
from .service import configuration
from .soap import text
from .vendors import Vendor

DEFAULT_TIMEOUT = 60.0
TIMEOUTS = (0.1, 600.0)
"""Seconds that a continuous move may be told to go on, shortest and longest."""
_PAN_TILT = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/"
_ZOOM = "http://www.onvif.org/ver10/tptz/ZoomSpaces/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Numbers that an operation takes."""

    uri: str
    low: float
    high: float
    flat: bool
    """It has x and y, else x only."""
    part: float = 1.0
    """What 1 in it is of the generic space."""


def _plane(uri: str, part: float = 1.0) -> Space:
    return Space(uri=_PAN_TILT + uri, low=-1.0, high=1.0, flat=True, part=part)


def _line(uri: str, low: float = 0.0) -> Space:
    return Space(uri=uri, low=low, high=1.0, flat=False)


SPACES = {
    "AbsolutePanTiltPositionSpace": (_plane("PositionGenericSpace"),),
    "AbsoluteZoomPositionSpace": (_line(f"{_ZOOM}PositionGenericSpace"),),
    # From the middle of the picture to its edge; how far that is would depend on the zoom.
    "RelativePanTiltTranslationSpace": (_plane("TranslationGenericSpace"), _plane("TranslationSpaceFov", 0.1)),
    "RelativeZoomTranslationSpace": (_line(f"{_ZOOM}TranslationGenericSpace", -1.0),),
    "ContinuousPanTiltVelocitySpace": (_plane("VelocityGenericSpace"),),
    "ContinuousZoomVelocitySpace": (_line(f"{_ZOOM}VelocityGenericSpace", -1.0),),
    "PanTiltSpeedSpace": (_line(f"{_PAN_TILT}GenericSpeedSpace"),),
    "ZoomSpeedSpace": (_line(f"{_ZOOM}ZoomGenericSpeedSpace"),),
}
"""By the elements of tt:PTZSpaces, in its order; the first of each is the default."""
_DEFAULTS = {
    # The schema's spelling of the first.
    "AbsolutePanTiltPositionSpace": "DefaultAbsolutePantTiltPositionSpace",
    "AbsoluteZoomPositionSpace": "DefaultAbsoluteZoomPositionSpace",
    "RelativePanTiltTranslationSpace": "DefaultRelativePanTiltTranslationSpace",
    "RelativeZoomTranslationSpace": "DefaultRelativeZoomTranslationSpace",
    "ContinuousPanTiltVelocitySpace": "DefaultContinuousPanTiltVelocitySpace",
    "ContinuousZoomVelocitySpace": "DefaultContinuousZoomVelocitySpace",
}


def spaces_of(vendor: Vendor) -> dict[str, tuple[Space, ...]]:
    """Return the spaces that a vendor's units have."""
    if vendor.ptz.positions:
        return SPACES
    return {name: spaces for name, spaces in SPACES.items() if not name.startswith(("Absolute", "Relative"))}


def _range(tag: str, space: Space) -> str:
    return f"<tt:{tag}><tt:Min>{space.low}</tt:Min><tt:Max>{space.high}</tt:Max></tt:{tag}>"


def _described(tag: str, space: Space) -> str:
    y = _range("YRange", space) if space.flat else ""
    return f"<{tag}><tt:URI>{text(space.uri)}</tt:URI>{_range('XRange', space)}{y}</{tag}>"


def spaces_xml(vendor: Vendor, tag: str) -> str:
    """Return a tt:PTZSpaces."""
    described = "".join(
        _described(f"tt:{name}", space) for name, spaces in spaces_of(vendor).items() for space in spaces
    )
    return f"<{tag}>{described}</{tag}>"


def ptz_configuration(channel: SimulatedChannel, vendor: Vendor, tag: str) -> str:
    """Return the tt:PTZConfiguration that a channel's profiles share."""
    spaces = spaces_of(vendor)
    defaults = "".join(
        f"<tt:{default}>{text(spaces[name][0].uri)}</tt:{default}>"
        for name, default in _DEFAULTS.items()
        if name in spaces
    )
    limits = ""
    if vendor.ptz.positions:
        limits = (
            f"<tt:PanTiltLimits>{_described('tt:Range', spaces['AbsolutePanTiltPositionSpace'][0])}</tt:PanTiltLimits>"
            f"<tt:ZoomLimits>{_described('tt:Range', spaces['AbsoluteZoomPositionSpace'][0])}</tt:ZoomLimits>"
        )
    return configuration(
        tag,
        vendor.ptz.token(channel.number),
        f"PTZ_{channel.number}",
        len(channel.streams),
        f"<tt:NodeToken>{text(vendor.ptz.node_token(channel.number))}</tt:NodeToken>{defaults}"
        f'<tt:DefaultPTZSpeed><tt:PanTilt x="1" y="1" space="{spaces["PanTiltSpeedSpace"][0].uri}"/>'
        f'<tt:Zoom x="1" space="{spaces["ZoomSpeedSpace"][0].uri}"/></tt:DefaultPTZSpeed>'
        f"<tt:DefaultPTZTimeout>PT{DEFAULT_TIMEOUT:g}S</tt:DefaultPTZTimeout>{limits}",
    )
