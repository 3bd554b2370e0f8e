"""One RTSP session: its transports, and a task that sends its loop in real time."""

import asyncio
from dataclasses import dataclass, field
import heapq
import math
import secrets
import socket
import time

from .channels import SimulatedStream
from .faults import Faults
from .loops import Loop, PacketLoop
from .packetize import rtp_packet, sender_report

MAX_BUFFERED = 1 << 20
"""Bytes that may wait for a slow reader; what comes then is dropped until it caught up."""
REPORT_INTERVAL = 5.0
"""Seconds from one RTCP sender report to the next."""
_PORT_PAIR_ATTEMPTS = 50
_ROUNDING = 1e-6
"""Frames; keeps a frame that begins exactly with the key frame from being rounded away."""


class TcpDelivery:
    """Interleaved in the RTSP connection (RFC 2326 section 10.12)."""

    def __init__(self, writer: asyncio.StreamWriter, channel: int) -> None:
        """Send RTP on `channel`, RTCP on the next."""
        self._writer = writer
        self._channel = channel
        self.transport_header = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"

    @property
    def congested(self) -> bool:
        """Whether the reader is too far behind."""
        return self._writer.transport.get_write_buffer_size() > MAX_BUFFERED

    def send_rtp(self, packets: list[bytes]) -> None:
        """Send one frame."""
        self._send(self._channel, packets)

    def send_rtcp(self, packet: bytes) -> None:
        """Send one compound report."""
        self._send(self._channel + 1, [packet])

    def _send(self, channel: int, packets: list[bytes]) -> None:
        if not self._writer.transport.is_closing():
            framed = (b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet for packet in packets)
            self._writer.write(b"".join(framed))

    def close(self) -> None:
        """Nothing to close: the connection is the client's."""


class UdpDelivery:
    """Two sockets of ours, to the client's two ports."""

    congested = False

    def __init__(self, local: str, remote: str, ports: tuple[int, int]) -> None:
        """Bind an even port and the one after it (RFC 3550 section 11); raises OSError."""
        self._sockets = _bind_pair(local)
        self._targets = [(remote, port) for port in ports]
        own = self._sockets[0].getsockname()[1]
        self.transport_header = (
            f"RTP/AVP/UDP;unicast;client_port={ports[0]}-{ports[1]};server_port={own}-{own + 1};source={local}"
        )

    def send_rtp(self, packets: list[bytes]) -> None:
        """Send one frame."""
        for packet in packets:
            self._send(0, packet)

    def send_rtcp(self, packet: bytes) -> None:
        """Send one compound report."""
        self._send(1, packet)

    def _send(self, which: int, packet: bytes) -> None:
        try:
            self._sockets[which].sendto(packet, self._targets[which])
        except OSError:
            # A full buffer or a client that has gone: what UDP loses is lost.
            return

    def close(self) -> None:
        """Give the ports back."""
        for one in self._sockets:
            one.close()


def _bind_pair(address: str) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(_PORT_PAIR_ATTEMPTS):
        pair = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        try:
            pair[0].bind((address, 0))
            port = pair[0].getsockname()[1]
            if port % 2 == 0:
                pair[1].bind((address, port + 1))
                for one in pair:
                    one.setblocking(False)
                return pair
        except OSError:
            # The next port is taken: another pair.
            pass
        for one in pair:
            one.close()
    raise OSError("no free pair of UDP ports")


@dataclass(slots=True)
class Track:
    """One medium of a session."""

    loop: PacketLoop
    delivery: TcpDelivery | UdpDelivery
    url: str
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(16))
    timestamp: int = field(default_factory=lambda: secrets.randbits(32))
    packets: int = 0
    octets: int = 0
    waits_for_key: bool = False
    next_report: float = 0.0

    @property
    def rtp_info(self) -> str:
        """The track's part of RTP-Info (RFC 2326 section 12.33): what the next packet carries."""
        return f"url={self.url};seq={self.sequence & 0xFFFF};rtptime={self.timestamp & 0xFFFFFFFF}"

    def send(self, payloads: tuple[bytes, ...], timestamp: int) -> None:
        """Send one frame."""
        packets = []
        for number, payload in enumerate(payloads, 1):
            marker = number == len(payloads) and (self.loop.kind == "video" or self.loop.payload_type >= 96)
            packets.append(
                rtp_packet(self.loop.payload_type, self.sequence, timestamp, self.ssrc, payload, marker=marker)
            )
            self.sequence += 1
        self.packets += len(payloads)
        self.octets += sum(map(len, payloads))
        self.delivery.send_rtp(packets)

    def report(self, moment: float, timestamp: int) -> None:
        """Send a sender report when it is time; `moment` is the monotonic time that `timestamp` stands for."""
        if moment >= self.next_report:
            self.next_report = moment + REPORT_INTERVAL
            wall_clock = time.time() + moment - time.monotonic()
            self.delivery.send_rtcp(sender_report(self.ssrc, wall_clock, timestamp, self.packets, self.octets))


class RtspSession:
    """A client's session with one stream."""

    def __init__(self, stream: SimulatedStream, loop: Loop, epoch: float, faults: Faults) -> None:
        """Begin without tracks; `epoch` is the monotonic time of the loop's first frame."""
        self.id = secrets.token_hex(8)
        self.stream = stream
        self.loop = loop
        self.tracks: dict[int, Track] = {}
        self.last_seen = time.monotonic()
        self.frames_dropped = 0
        self.talks = False
        """Whether the client has set up a way to the loudspeaker."""
        self._epoch = epoch
        self._faults = faults
        self._sending: asyncio.Task[None] | None = None

    @property
    def playing(self) -> bool:
        """Whether media is sent."""
        return self._sending is not None

    def play(self) -> None:
        """Send from the last key frame on, in real time."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name=f"simulated_nvr session {self.id}")

    async def pause(self) -> None:
        """Send nothing more; raises what went wrong while it sent."""
        if self._sending is not None:
            sending, self._sending = self._sending, None
            sending.cancel()
            [result] = await asyncio.gather(sending, return_exceptions=True)
            if isinstance(result, Exception):
                raise result

    async def close(self) -> None:
        """End it and give its ports back."""
        try:
            await self.pause()
        finally:
            for track in self.tracks.values():
                track.delivery.close()
            self.tracks.clear()

    async def _send(self) -> None:
        """Send every frame at its moment on the recorder's time line; what is past since the key frame, at once."""
        position = time.monotonic() - self._epoch
        for track in self.tracks.values():
            if track.loop.key_interval > 1:
                span = track.loop.key_interval * track.loop.frame_duration
                position = position // span * span
        due: list[tuple[float, int, int]] = []
        begun: dict[int, tuple[int, int]] = {}
        for number, track in self.tracks.items():
            frame = math.ceil(position / track.loop.frame_duration - _ROUNDING)
            begun[number] = (frame, track.timestamp)
            track.waits_for_key = False
            track.next_report = 0.0
            heapq.heappush(due, (self._epoch + frame * track.loop.frame_duration, number, frame))
        while due:
            moment, number, frame = due[0]
            if (wait := moment - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            track = self.tracks[number]
            first, base = begun[number]
            timestamp = base + track.loop.ticks(frame - first)
            if self._faults.rtsp.kind != "stall":
                track.report(moment, timestamp)
                self._send_frame(track, frame, timestamp)
            track.timestamp = base + track.loop.ticks(frame + 1 - first)
            heapq.heapreplace(due, (self._epoch + (frame + 1) * track.loop.frame_duration, number, frame + 1))

    def _send_frame(self, track: Track, number: int, timestamp: int) -> None:
        if number % track.loop.key_interval == 0:
            track.waits_for_key = False
        if track.delivery.congested:
            track.waits_for_key = track.loop.key_interval > 1
            self.frames_dropped += 1
        elif not track.waits_for_key:
            track.send(track.loop.frames[number % len(track.loop.frames)], timestamp)
