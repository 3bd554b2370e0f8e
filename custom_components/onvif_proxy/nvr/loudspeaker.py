"""What the loudspeaker of a channel takes (ONVIF Media, audio decoder configurations). Pure: zeep's objects in, values out."""

from ..model import AudioDecoding, Loudspeaker
from .profiles import get, items_of, whole_number

MAX_RATES = 32
"""Of bit rates, and of sample rates, of one codec."""
_OPTIONS = {"G711": "G711DecOptions", "G726": "G726DecOptions", "AAC": "AACDecOptions"}
"""Elements of tt:AudioDecoderConfigurationOptions by ONVIF's name of the codec."""


def read_loudspeaker(options: object, level: int | None) -> Loudspeaker | None:
    """Read the answer to GetAudioDecoderConfigurationOptions; None where it names no codec."""
    takes = tuple(
        AudioDecoding(
            codec=codec,
            bit_rates=_numbers(get(options, name, "Bitrate", "Items")),
            # ONVIF counts kHz; some devices write Hz.
            sample_rates=tuple(
                rate // 1000 if rate >= 1000 else rate
                for rate in _numbers(get(options, name, "SampleRateRange", "Items"))
            ),
        )
        for codec, name in _OPTIONS.items()
        if get(options, name) is not None
    )
    return Loudspeaker(takes=takes, level=level) if takes else None


def _numbers(items: object) -> tuple[int, ...]:
    numbers = (whole_number(item) for item in items_of(items)[:MAX_RATES])
    return tuple(number for number in numbers if number is not None)
