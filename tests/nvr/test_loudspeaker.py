"""What a recorder says of its channels' loudspeakers, and what is believed of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.onvif_proxy.model import AudioDecoding, Loudspeaker
from custom_components.onvif_proxy.nvr.loudspeaker import MAX_RATES, read_loudspeaker
from custom_components.onvif_proxy.nvr.profiles import read_profiles
from tests.simulated_nvr import Fault, RecorderOptions, SimulatedRecorder

from .conftest import DriverFactory

G711 = Loudspeaker(takes=(AudioDecoding(codec="G711", bit_rates=(64,), sample_rates=(8,)),), level=80)


def made(**members: Any) -> SimpleNamespace:
    return SimpleNamespace(**members)


def rates(bit_rates: Any, sample_rates: Any) -> SimpleNamespace:
    return made(Bitrate=made(Items=bit_rates), SampleRateRange=made(Items=sample_rates))


class TestReadLoudspeaker:
    def test_each_codec_that_it_takes(self) -> None:
        options = made(
            AACDecOptions=rates([32, 64], [16, 48_000]), G711DecOptions=rates([64], [8]), G726DecOptions=None
        )
        assert read_loudspeaker(options, 50) == Loudspeaker(
            takes=(
                AudioDecoding(codec="G711", bit_rates=(64,), sample_rates=(8,)),
                AudioDecoding(codec="AAC", bit_rates=(32, 64), sample_rates=(16, 48)),
            ),
            level=50,
        )

    @pytest.mark.parametrize("options", [None, made(), made(AACDecOptions=None), "G711"])
    def test_none_where_it_says_no_codec(self, options: object) -> None:
        assert read_loudspeaker(options, 50) is None

    @pytest.mark.parametrize("items", [None, [], "64", [None, -1, 0, True, "8"]])
    def test_rates_that_are_none_are_left_out(self, items: object) -> None:
        found = read_loudspeaker(made(G726DecOptions=rates(items, items)), None)
        assert found == Loudspeaker(takes=(AudioDecoding(codec="G726"),))

    def test_a_list_without_end_is_cut(self) -> None:
        found = read_loudspeaker(made(G711DecOptions=rates([64] * 10_000, [8])), None)
        assert found is not None
        assert len(found.takes[0].bit_rates) == MAX_RATES


class AudioOutputConfiguration(SimpleNamespace):
    """As zeep makes it: a class of the type's name."""


class AudioDecoderConfiguration(SimpleNamespace):
    """Likewise."""


def output(token: str, level: object) -> AudioOutputConfiguration:
    return AudioOutputConfiguration(OutputToken=token, OutputLevel=level)


DECODER = AudioDecoderConfiguration(token="D")


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        (None, (None, None)),
        (made(_value_1=None), (None, None)),
        (made(_value_1=[DECODER]), (None, None)),
        (made(_value_1=[output("", 1), DECODER]), (None, None)),
        (made(_value_1=[output("O", 7)]), (None, 7)),
        (made(_value_1=[made(token="X"), output("O", 0), DECODER]), ("D", 0)),
        (made(_value_1=[], AudioOutputConfiguration=output("O", -3), AudioDecoderConfiguration=DECODER), ("D", None)),
    ],
)
def test_a_profile_has_one_with_an_output_and_a_decoder(
    extension: object, expected: tuple[str | None, int | None]
) -> None:
    source = made(SourceToken="S", token="C", Name="n")
    (profile,) = read_profiles([made(token="P", VideoSourceConfiguration=source, Extension=extension)])
    assert (profile.decoder_token, profile.output_level) == expected


class TestScan:
    async def test_the_channels_that_have_one(self, make_driver: DriverFactory) -> None:
        async with SimulatedRecorder(RecorderOptions(channels=2, loudspeakers=(2,))) as recorder:
            first, second = (await make_driver(recorder).scan()).channels
            assert [stream.loudspeaker for stream in first.streams] == [None, None]
            assert [stream.loudspeaker for stream in second.streams] == [G711, G711]
            assert recorder.requests["GetAudioDecoderConfigurationOptions"] == 2

    async def test_a_recorder_that_does_not_say_what_it_takes_has_none(self, make_driver: DriverFactory) -> None:
        async with SimulatedRecorder(RecorderOptions(channels=1, loudspeakers=(1,))) as recorder:
            recorder.faults.onvif = Fault("500", operation="GetAudioDecoderConfigurationOptions")
            (channel,) = (await make_driver(recorder).scan()).channels
            assert [stream.loudspeaker for stream in channel.streams] == [None, None]
