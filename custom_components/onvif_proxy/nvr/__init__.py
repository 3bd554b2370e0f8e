"""Upstream: recorders, found and asked what channels they have."""

from .driver import RecorderDriver
from .errors import (
    ClockTooFarOff,
    EventsNotSupported,
    NoChannels,
    NotOnvif,
    RecorderError,
    RecorderRefused,
    Unreachable,
    WrongCredentials,
)
from .onvif import OnvifDriver
from .search import FoundRecorder, find_recorders

__all__ = [
    "ClockTooFarOff",
    "EventsNotSupported",
    "FoundRecorder",
    "NoChannels",
    "NotOnvif",
    "OnvifDriver",
    "RecorderDriver",
    "RecorderError",
    "RecorderRefused",
    "Unreachable",
    "WrongCredentials",
    "find_recorders",
]
