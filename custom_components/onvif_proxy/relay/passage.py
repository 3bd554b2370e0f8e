"""How a recorder's media becomes a viewer's: channels renumbered, tracks left out, numbers that go on after a reconnect. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
import struct

from ..rtsp import frame
from .fields import Channels
from .frames import HEADER, RTP_HEADER, RtpHeader, rtp_header, spans
from .rtcp import renumbered

_NUMBERS = struct.Struct("!HII")


@dataclass(slots=True)
class Continuation:
    """Lets a track of a new session go on where the former one ended: same SSRC, next numbers (RFC 3550 section 5.1)."""

    sequence: int
    """Of the next packet; once it came, what is added to the recorder's."""
    timestamp: int
    """Likewise."""
    ssrc: int
    begun: bool = False
    """Whether the next packet came."""

    def continued(self, header: RtpHeader) -> RtpHeader:
        """Return the header that a viewer gets; the first one decides."""
        if not self.begun:
            self.begun = True
            self.sequence -= header.sequence
            self.timestamp -= header.timestamp
        sequence, timestamp = header.sequence + self.sequence, header.timestamp + self.timestamp
        return RtpHeader(header.marker, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self.ssrc)


class Passage:
    """What one kind of viewer gets of one session with the recorder."""

    def __init__(
        self,
        recorder: Mapping[int, Channels],
        viewer: Mapping[int, Channels],
        continuations: Mapping[int, Continuation] | None = None,
        *,
        video: int = -1,
    ) -> None:
        """Channels by track number: all of the recorder's, those that the viewer has set up; `video` as in `Scanner`."""
        self.video = video
        self.continuations = dict(continuations or {})
        """By track number."""
        common = [(recorder[number], viewer[number], number) for number in viewer if number in recorder]
        self._media = {theirs[0]: (ours[0], self.continuations.get(number)) for theirs, ours, number in common}
        self._reports = {theirs[1]: (ours[1], self.continuations.get(number)) for theirs, ours, number in common}
        self.unchanged = (
            not self.continuations
            and len(common) == len(recorder)
            and all(theirs[0] == ours[0] for theirs, ours, _ in common)
        )
        """Whether viewers get media exactly as it came."""

    def translate(self, piece: bytes) -> bytes:
        """Return what the viewer gets of whole media frames."""
        if self.unchanged:
            return piece
        changed = bytearray()
        for channel, position, step, count in spans(piece):
            if (passed := self._media.get(channel)) is None:
                continue
            number, continuation = passed
            start = len(changed)
            changed += memoryview(piece)[position : position + step * count]
            if number != channel:
                changed[start + 1 :: step] = bytes((number,)) * count
            if continuation is not None and step >= HEADER + RTP_HEADER:
                for at in range(start + HEADER, len(changed), step):
                    header = continuation.continued(rtp_header(changed, at))
                    _NUMBERS.pack_into(changed, at + 2, header.sequence, header.timestamp, header.ssrc)
        return bytes(changed)

    def report(self, channel: int, compound: bytes) -> bytes:
        """Return the frame that the viewer gets of RTCP; empty where it is of a track that it has not set up."""
        if (passed := self._reports.get(channel)) is None:
            return b""
        number, continuation = passed
        if continuation is not None:
            if not continuation.begun:
                return b""
            compound = renumbered(compound, continuation.ssrc, continuation.timestamp)
        return frame(number, compound)
