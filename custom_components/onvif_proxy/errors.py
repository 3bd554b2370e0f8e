"""The one place where a recorder's failure gets the key of the sentence that a user reads."""

from .nvr import ClockTooFarOff, NoChannels, NotOnvif, RecorderError, Unreachable, WrongCredentials

_KEYS: dict[type[RecorderError], str] = {
    Unreachable: "unreachable",
    NotOnvif: "not_onvif",
    WrongCredentials: "wrong_credentials",
    ClockTooFarOff: "clock_too_far_off",
    NoChannels: "no_channels",
}


def error_key(error: RecorderError) -> str:
    """Return the key under `config.error` and `exceptions` in the translations."""
    return next((key for kind, key in _KEYS.items() if isinstance(error, kind)), "refused")
