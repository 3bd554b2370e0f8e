"""The clients that scripts/interop lets adopt cameras: one file each, and this table of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
import sys

from ..interop_environments import Debian, Environment, Gsoap, Here as Installed, LaterDebian, Npm, Python

HERE = Path(__file__).parent


class Step(StrEnum):
    """What a client does with a camera: the columns of the table."""

    DISCOVER = "discover"
    TIME = "time"
    LOGIN = "login"
    WRONG = "wrong"
    CAPABILITIES = "capabilities"
    PROFILES = "profiles"
    URIS = "uris"
    SNAPSHOT = "snapshot"
    EVENTS = "events"
    PTZ = "ptz"
    PLAY = "play"


class PlayStep(StrEnum):
    """What a player does with a camera: the columns of the players' table."""

    LOGIN = "login"
    WRONG = "wrong"
    TCP = "tcp"
    UDP = "udp"
    HTTP = "http"
    SOUND = "sound"
    LATE = "late"
    LEFT = "left"
    SHARED = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client that is a program of its own."""

    name: str
    environment: Environment
    command: tuple[str | Path, ...]
    """What runs it, with the environment's variables."""
    steps: Iterable[StrEnum] = Step
    cannot: Mapping[StrEnum, str] = field(default_factory=dict)
    """The steps that it has nothing for, and why."""
    media2: bool = False
    """It also adopts a camera whose main stream is H.265, by Media2."""


def _all_but(*steps: Step, reason: str) -> dict[StrEnum, str]:
    return {step: reason for step in Step if step not in steps}


def _npm_onvif(version: str) -> Client:
    environment = Npm(f"onvif-{version}")
    return Client(
        name=f"npm onvif {version}", environment=environment, command=("node", HERE / "npm_onvif.js"), media2=True
    )


def _python(name: str, environment: Python, file: str, **more: bool | Mapping[StrEnum, str]) -> Client:
    return Client(
        name=name,
        environment=environment,
        command=(environment.interpreter, HERE / file),
        **more,  # type: ignore[arg-type]  # the two fields that differ
    )


_GSOAP = Gsoap("gsoap", ("gsoap", "libgsoap-dev", "libssl-dev"), "gsoap_client.cpp")
_GSTREAMER = ("gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-libav")
_VLC = ("vlc-bin", "vlc-plugin-base", "vlc-plugin-access-extra")

CLIENTS = (
    _python(
        "onvif-zeep-async 4.3.0",
        Python("onvif-zeep-async"),
        "zeep_client.py",
        cannot={Step.DISCOVER: "the library has no discovery"},
    ),
    _npm_onvif("0.6.9"),
    _npm_onvif("0.7.4"),
    _npm_onvif("0.8.3"),
    Client(
        name="npm node-onvif 0.1.7",
        environment=Npm("node-onvif-0.1.7"),
        command=("node", HERE / "node_onvif.js"),
        cannot={Step.EVENTS: "of events the library only has GetEventProperties"},
    ),
    Client(name="npm onvif-nvt 0.3.3", environment=Npm("onvif-nvt-0.3.3"), command=("node", HERE / "onvif_nvt.js")),
    _python("onvif-python 0.4.7", Python("onvif-python"), "onvif_python_client.py", media2=True),
    _python(
        "WSDiscovery 2.1.2",
        Python("wsdiscovery"),
        "wsdiscovery_client.py",
        cannot=_all_but(Step.DISCOVER, reason="the library is for discovery"),
    ),
    Client(
        name="gSOAP (Debian)",
        environment=_GSOAP,
        command=(_GSOAP.program,),
        cannot={Step.DISCOVER: "what is generated from ONVIF's WSDLs has no discovery"},
        media2=True,
    ),
    Client(
        name="onvif-tools (Debian)",
        environment=Debian("onvif-tools", ("onvif-tools",)),
        command=(sys.executable, HERE / "onvif_tools.py"),
        cannot={
            Step.SNAPSHOT: "onvif-util has no snapshots",
            Step.EVENTS: "onvif-util has no events",
            Step.PTZ: "onvif-util has no PTZ",
        },
    ),
)


def _player(name: str, environment: Environment, file: str) -> Client:
    return Client(
        name=name, environment=environment, command=(sys.executable, HERE / file), steps=PlayStep, media2=True
    )


PLAYERS = (
    _player("ffmpeg (Debian)", Debian("ffmpeg", ("ffmpeg",)), "ffmpeg.py"),
    _player("GStreamer rtspsrc (Debian)", Debian("gstreamer", _GSTREAMER), "gstreamer.py"),
    _player("VLC (Debian forky)", LaterDebian("vlc", _VLC, "forky", ("vlc",)), "vlc.py"),
    _player(
        "openRTSP (Debian forky)", LaterDebian("openrtsp", ("livemedia-utils",), "forky", ("openRTSP",)), "openrtsp.py"
    ),
    _player("PyAV", Installed("pyav"), "pyav.py"),
)
"""They are given a stream's URI, and know nothing of ONVIF."""
