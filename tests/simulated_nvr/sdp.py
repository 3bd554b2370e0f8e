"""Session descriptions (RFC 4566) in the vendors' styles. No I/O."""

import base64

from .encode import EncodedAudio, EncodedVideo
from .loops import Loop


def _video_fmtp(video: EncodedVideo) -> str:
    sets = [base64.b64encode(nal).decode() for nal in video.parameter_sets]
    if video.codec == "H264":
        # RFC 6184 section 8.1: the three bytes after the SPS's NAL header.
        level = video.parameter_sets[0][1:4].hex().upper()
        return f"packetization-mode=1;profile-level-id={level};sprop-parameter-sets={','.join(sets)}"
    return f"sprop-vps={sets[0]};sprop-sps={sets[1]};sprop-pps={sets[2]}"


def _audio_lines(audio: EncodedAudio, payload_type: int) -> list[str]:
    if audio.encoding == "mpeg4-generic":
        mode = "streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
        return [
            f"a=rtpmap:{payload_type} mpeg4-generic/{audio.sample_rate}/1",
            f"a=fmtp:{payload_type} {mode};config={audio.config.hex().upper()}",
        ]
    return [f"a=rtpmap:{payload_type} {audio.encoding}/{audio.sample_rate}/1"]


BACKCHANNEL = "www.onvif.org/ver20/backchannel"
"""What a client requires that wants to talk (ONVIF Streaming Specification, "Back Channel Connection")."""
BACKCHANNEL_PAYLOAD_TYPE = 0
"""PCMU."""


def describe(
    loop: Loop,
    address: str,
    bit_rate: int,
    controls: list[str],
    aggregate_control: str,
    *,
    backchannel_control: str | None = None,
) -> bytes:
    """Return the SDP of a stream; `controls` holds one control attribute a track, that of the loudspeaker is apart."""
    lines = [
        "v=0",
        f"o=- 1109162014219182 1 IN IP4 {address}",
        "s=Media Presentation",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"a=control:{aggregate_control}",
        "a=range:npt=now-",
    ]
    for track, control in zip(loop.tracks, controls, strict=True):
        kind = track.payload_type
        lines.append(f"m={track.kind} 0 RTP/AVP {kind}")
        if track.kind == "video":
            lines += [
                f"b=AS:{bit_rate}",
                f"a=rtpmap:{kind} {loop.video.codec}/90000",
                f"a=fmtp:{kind} {_video_fmtp(loop.video)}",
                f"a=framerate:{loop.video.frame_rate:.6f}",
            ]
        elif loop.audio is not None:
            lines += ["b=AS:64", *_audio_lines(loop.audio, kind)]
        lines += [f"a=control:{control}", "a=recvonly"]
    if backchannel_control is not None:
        kind = BACKCHANNEL_PAYLOAD_TYPE
        lines += [
            f"m=audio 0 RTP/AVP {kind}",
            f"a=rtpmap:{kind} PCMU/8000",
            f"a=control:{backchannel_control}",
            "a=sendonly",
        ]
    return ("\r\n".join(lines) + "\r\n").encode()
