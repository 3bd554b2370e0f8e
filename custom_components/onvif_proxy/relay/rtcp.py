"""RTCP on its way from recorder to viewer (RFC 3550 section 6): nothing that tells who or where the recorder is. No I/O."""

from collections.abc import Collection, Mapping
import re

from ..rtsp import InterleavedRun, frame

_SENDER_REPORT, _RECEIVER_REPORT, _SOURCE_DESCRIPTION, _BYE = 200, 201, 202, 203
_RTP_FEEDBACK, _PAYLOAD_FEEDBACK = 205, 206
_KEPT = frozenset({_SENDER_REPORT, _RECEIVER_REPORT, _RTP_FEEDBACK, _PAYLOAD_FEEDBACK})


def anonymous(compound: bytes | memoryview) -> bytes:
    """Return a compound packet without what its sender tells of itself.

    The texts of source descriptions (a CNAME is often `user@address`) are blanked in place, the reason of a BYE is cut off,
    application packets and what is malformed are left out.
    """
    kept = bytearray()
    position = 0
    while position + 4 <= len(compound):
        end = position + 4 + 4 * int.from_bytes(compound[position + 2 : position + 4])
        if end > len(compound):
            break
        kind, packet = compound[position + 1], bytearray(compound[position:end])
        if kind in _KEPT or (kind == _SOURCE_DESCRIPTION and _blank_texts(packet)):
            kept += packet
        elif kind == _BYE and (sources := 4 * (packet[0] & 0x1F)) <= len(packet) - 4:
            # No padding either: its count would be that of the text.
            kept += bytes((packet[0] & 0xDF, _BYE)) + (sources // 4).to_bytes(2) + packet[4 : 4 + sources]
        position = end
    return bytes(kept)


def _blank_texts(packet: bytearray) -> bool:
    """Overwrite the texts of a source description (RFC 3550 section 6.5); False when it is malformed."""
    position = 4
    for _ in range(packet[0] & 0x1F):
        position += 4
        while position < len(packet) and packet[position]:
            start = position + 2
            if start > len(packet) or (end := start + packet[start - 1]) > len(packet):
                return False
            packet[start:end] = b"-" * (end - start)
            position = end
        position += 4 - position % 4
    return position <= len(packet)


class Passage:
    """How interleaved data of the recorder becomes the viewer's: channel numbers changed, RTCP made anonymous."""

    def __init__(self, channels: Mapping[int, int], rtcp: Collection[int]) -> None:
        """`channels`: the recorder's numbers to the viewer's; `rtcp`: the recorder's numbers that carry RTCP."""
        self._channels = dict(channels)
        self._rtcp = frozenset(rtcp)
        self._same = all(theirs == ours for theirs, ours in channels.items())
        numbers = b"".join(re.escape(bytes((number,))) for number in self._rtcp)
        # What may be the start of an RTCP frame; media that looks like it only costs a walk.
        self._suspect = re.compile(rb"\$[" + numbers + rb"]") if numbers else None

    def translate(self, run: InterleavedRun) -> bytes | memoryview:
        """Return what the viewer gets; the run as it came in the usual case, frames of unknown channels left out else."""
        if self._same and (self._suspect is None or self._suspect.search(run.data) is None):
            return run.data
        changed = bytearray()
        for channel, payload in run.frames():
            if (number := self._channels.get(channel)) is None:
                continue
            if channel not in self._rtcp:
                changed += frame(number, payload)
            elif report := anonymous(payload):
                changed += frame(number, report)
        return bytes(changed)
