"""Media profiles of a recorder, and how they make channels. Pure: zeep's objects in, values out.

A channel is a distinct source token of the profiles' video source configurations; nothing is derived from the order, the
count or the names of profiles, since each vendor numbers them differently.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
import math
from typing import Any

from ..model import AudioEncoding, VideoEncoding

MAX_PROFILES = 1024
MAX_TOKEN_LENGTH = 256
"""Characters; ONVIF allows 64, some recorders take more."""
MAX_PICTURE_SIDE = 32768
"""Pixels."""

VIDEO_CODECS = {
    "H264": "H264",
    "H.264": "H264",
    "AVC": "H264",
    # Not in Media1's enumeration, but what Hikvision and others write there.
    "H265": "H265",
    "H.265": "H265",
    "HEVC": "H265",
    "MPEG4": "MPEG4",
    "JPEG": "JPEG",
    "MJPEG": "JPEG",
}
AUDIO_CODECS = {
    "G711": "G711",
    "PCMU": "G711",
    "PCMA": "G711",
    "G711A": "G711",
    "G711U": "G711",
    "G726": "G726",
    "AAC": "AAC",
    "MP4A-LATM": "AAC",
    "MPEG4-GENERIC": "AAC",
}
_STREAMED_CODECS = {"H264", "H265"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A media profile with a video source; None where the recorder is silent."""

    token: str
    source_token: str
    names: tuple[object, ...] = ()
    """What its video source configuration and it itself are called, as given."""
    source_configuration: str | None = None
    """The tokens of its configurations."""
    analytics_configuration: str | None = None
    ptz_configuration: str | None = None
    ptz_node: str | None = None
    """The token of the PTZ unit that its PTZ configuration is for."""
    encoder_token: str | None = None
    codec: str | None = None
    """ONVIF's name: H264, H265, MPEG4 or JPEG."""
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    bit_rate: int | None = None
    gov_length: int | None = None
    codec_profile: str | None = None
    quality: float | None = None
    audio: AudioEncoding | None = None
    decoder_token: str | None = None
    """Of the configuration of what decodes sound for its loudspeaker; None unless it has both."""
    output_level: int | None = None
    """The volume of its loudspeaker."""

    @property
    def video(self) -> VideoEncoding | None:
        """What its pictures are, None while codec or size are unknown."""
        if self.codec is None or self.width is None or self.height is None:
            return None
        return VideoEncoding(
            codec=self.codec,
            width=self.width,
            height=self.height,
            frame_rate=self.frame_rate,
            bit_rate=self.bit_rate,
            gov_length=self.gov_length,
            codec_profile=self.codec_profile,
            quality=self.quality,
        )

    def with_encoder(self, encoder: object) -> Profile:
        """Return it with a VideoEncoderConfiguration read into it."""
        return replace(self, **{**_video_facts(encoder), "encoder_token": self.encoder_token})

    def with_description(self, video: VideoEncoding | None, audio: AudioEncoding | None) -> Profile:
        """Return it with what its session description told: the truth on codec, size and audio codec."""
        if video is None:
            return self
        same_audio = audio is not None and self.audio is not None and audio.codec == self.audio.codec
        return replace(
            self,
            codec=video.codec,
            width=video.width,
            height=video.height,
            frame_rate=self.frame_rate or video.frame_rate,
            audio=self.audio if same_audio else audio,
        )


def text_of(value: object) -> str | None:
    """Return a non-empty text, None for anything else."""
    return value.strip() or None if isinstance(value, str) else None


def get(value: object, *path: str) -> Any:
    """Follow attributes, None as soon as one is missing: zeep's objects lack what an answer left out."""
    for name in path:
        value = getattr(value, name, None)
    return value


def items_of(value: object) -> Sequence[Any]:
    """Return the items of a list, none for anything else."""
    return value if isinstance(value, list) else ()


def read_token(value: object) -> str | None:
    """Return a token as it is: opaque, not even stripped. None for what can't be one."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TOKEN_LENGTH and value.isprintable() else None


def _positive(value: object, limit: float = 1e9) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and 0 < value <= limit else None


def whole_number(value: object, limit: float = 1e9) -> int | None:
    """Return a number above zero, rounded; None for anything else."""
    number = _positive(value, limit)
    return None if number is None else round(number)


def _video_facts(encoder: object) -> dict[str, Any]:
    codec = VIDEO_CODECS.get((text_of(get(encoder, "Encoding")) or "").upper())
    width = whole_number(get(encoder, "Resolution", "Width"), MAX_PICTURE_SIDE)
    height = whole_number(get(encoder, "Resolution", "Height"), MAX_PICTURE_SIDE)
    details = get(encoder, {"H264": "H264", "MPEG4": "MPEG4"}.get(codec or "", ""))
    return {
        "encoder_token": read_token(get(encoder, "token")),
        "codec": codec,
        "width": width if height else None,
        "height": height if width else None,
        "frame_rate": _positive(get(encoder, "RateControl", "FrameRateLimit"), 1000),
        "bit_rate": whole_number(get(encoder, "RateControl", "BitrateLimit")),
        "gov_length": whole_number(get(details, "GovLength")),
        "codec_profile": text_of(get(details, "H264Profile")) or text_of(get(details, "Mpeg4Profile")),
        "quality": _positive(get(encoder, "Quality")),
    }


def _audio(encoder: object) -> AudioEncoding | None:
    codec = AUDIO_CODECS.get((text_of(get(encoder, "Encoding")) or "").upper())
    if codec is None:
        return None
    sample_rate = whole_number(get(encoder, "SampleRate"))
    return AudioEncoding(
        codec=codec,
        bit_rate=whole_number(get(encoder, "Bitrate")),
        # ONVIF counts kHz; some devices write Hz.
        sample_rate=sample_rate // 1000 if sample_rate and sample_rate >= 1000 else sample_rate,
    )


def _extension_item(extension: object, name: str) -> object:
    """Return an item of an extension whose element and type have one name.

    zeep takes it for one of the wildcard before it, and keeps the name of its type only.
    """
    wild = items_of(get(extension, "_value_1"))
    return next((item for item in (get(extension, name), *wild) if type(item).__name__ == name), None)


def _loudspeaker_facts(extension: object) -> dict[str, Any]:
    output = _extension_item(extension, "AudioOutputConfiguration")
    if read_token(get(output, "OutputToken")) is None:
        return {}
    level = get(output, "OutputLevel")
    return {
        "decoder_token": read_token(get(_extension_item(extension, "AudioDecoderConfiguration"), "token")),
        "output_level": 0 if level == 0 else whole_number(level),
    }


def read_profiles(answer: object) -> list[Profile]:
    """Read the answer to GetProfiles; profiles without a video source or with a token seen before are left out."""
    profiles: dict[str, Profile] = {}
    for item in answer[:MAX_PROFILES] if isinstance(answer, list) else []:
        source = get(item, "VideoSourceConfiguration")
        token, source_token = read_token(get(item, "token")), read_token(get(source, "SourceToken"))
        if token is None or source_token is None or token in profiles:
            continue
        profiles[token] = Profile(
            token=token,
            source_token=source_token,
            names=(get(source, "Name"), get(item, "Name")),
            source_configuration=read_token(get(source, "token")),
            analytics_configuration=read_token(get(item, "VideoAnalyticsConfiguration", "token")),
            ptz_configuration=read_token(get(item, "PTZConfiguration", "token")),
            ptz_node=read_token(get(item, "PTZConfiguration", "NodeToken")),
            audio=_audio(get(item, "AudioEncoderConfiguration")),
            **_loudspeaker_facts(get(item, "Extension")),
            **_video_facts(get(item, "VideoEncoderConfiguration")),
        )
    return list(profiles.values())


def group_by_source(profiles: Iterable[Profile]) -> dict[str, list[Profile]]:
    """Return the profiles of each channel, channels in the order in which their first profiles come."""
    channels: dict[str, list[Profile]] = {}
    for profile in profiles:
        channels.setdefault(profile.source_token, []).append(profile)
    return channels


def silent_profiles(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the profiles of one channel whose video must be asked for elsewhere.

    Those whose encoder hides its codec or size (Dahua's H.265 mains); and, where that leaves fewer than two streams, those
    without an encoder, which most often are leftovers but on Dahua are the subs.
    """
    hidden = [profile for profile in profiles if profile.video is None and profile.encoder_token is not None]
    told = [profile for profile in profiles if profile.video is not None]
    if len(hidden) + len(told) >= 2:
        return hidden
    return [profile for profile in profiles if profile.video is None]


def choose_streams(profiles: Sequence[Profile]) -> tuple[Profile | None, Profile | None]:
    """Choose (main, sub) among one channel's profiles: the largest picture, and the largest that is smaller.

    H.264 and H.265 go before others whatever their size; between equal sizes main is the one of the higher bit rate, sub
    the one in H.264, which more clients can show; then the order of the profiles decides.
    """

    def pixels(video: VideoEncoding) -> int:
        return video.width * video.height

    told = [(profile, profile.video) for profile in profiles if profile.video is not None]
    if not told:
        return None, None
    main, main_video = max(
        told, key=lambda item: (item[1].codec in _STREAMED_CODECS, pixels(item[1]), item[1].bit_rate or 0)
    )
    smaller = [item for item in told if pixels(item[1]) < pixels(main_video)]
    sub = max(
        smaller,
        key=lambda item: (item[1].codec in _STREAMED_CODECS, pixels(item[1]), item[1].codec == "H264"),
        default=None,
    )
    return main, sub[0] if sub else None
