"""How media of one RTSP session gets to its viewer: which tracks, and by which way (RFC 2326 section 12.39)."""

from collections.abc import Callable

from .connection import Connection, local_address
from .delivery import Delivery, InterleavedDelivery
from .fields import Channels, Transport
from .frames import RtpHeader
from .limits import Limits
from .passage import Passage
from .plane import Plane
from .udp import UdpDelivery, UdpOutlet


class Route:
    """Through the viewer's connection, or in datagrams: all tracks of a session go the same way."""

    def __init__(
        self, connection: Connection, address: str, plane: Plane, limits: Limits, on_report: Callable[[], None]
    ) -> None:
        """`address` is the viewer's; `on_report` is called when RTCP comes from it in datagrams."""
        self.tracks: dict[int, Channels] = {}
        """What the viewer has set up, by track number."""
        self._connection = connection
        self._address = address
        self._plane = plane
        self._limits = limits
        self._on_report = on_report
        self._udp: UdpOutlet | None = None
        """Set where media does not go through the connection."""
        self._former_dropped = 0
        self._former_sent = 0
        self.delivery = self._new_delivery()

    @property
    def in_datagrams(self) -> bool:
        """Whether media does not go through the connection."""
        return self._udp is not None

    @property
    def sent(self) -> int:
        """Bytes, ever: of media, and of all else in the connection."""
        return self._connection.sent + self._former_sent + (0 if self._udp is None else self._udp.sent)

    @property
    def dropped(self) -> int:
        """Groups of pictures that were lost on the way, ever."""
        return self._former_dropped + self.delivery.dropped

    def takes(self, offer: Transport) -> bool:
        """Tell whether media can go that way: as what is set up already, and to nobody but who asks."""
        if offer.interleaved:
            return self._udp is None
        if not offer.datagrams or offer.client_ports is None or offer.multicast:
            return False
        return offer.destination in (None, self._address) and (self._udp is not None or not self.tracks)

    def free_channels(self, offer: Transport) -> Channels:
        """Return the channels that the viewer wants, or others where they are taken or not named."""
        taken = {channel for channels in self.tracks.values() for channel in channels}
        if offer.interleaved and offer.channels is not None and taken.isdisjoint(offer.channels):
            return offer.channels
        first = next(first for first in range(0, 256, 2) if taken.isdisjoint((first, first + 1)))
        return first, first + 1

    def set_up(
        self,
        number: int,
        offer: Transport,
        channels: Channels,
        *,
        begins: RtpHeader | None,
        hear: Callable[[memoryview], None] | None,
    ) -> str:
        """Add a track; return the Transport header that says how. Raises OSError where no ports can be had.

        `begins` is the first packet that it would get, if that is known; `hear` takes what the viewer says on the track.
        """
        if offer.interleaved or offer.client_ports is None:
            header = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"
        else:
            client, udp = offer.client_ports, self._udp
            if udp is None:
                local, _ = local_address(self._connection.sock)
                udp = UdpOutlet(local, self._address, self._plane, self._limits, on_report=self._on_report)
            server = udp.open(channels, client, hear)
            if self._udp is None:
                self._udp = udp
                self.delivery = self._new_delivery()
            header = f"{offer.protocol};unicast;client_port={client[0]}-{client[1]};server_port={server[0]}-{server[1]}"
            if begins is not None:
                header += f";ssrc={begins.ssrc:08X}"
        self.tracks[number] = channels
        return header

    def renew(self) -> None:
        """Forget the delivery that was, with what waits of it; the next one begins anew."""
        self._former_dropped += self.delivery.dropped
        outlet = self._connection if self._udp is None else self._udp
        outlet.drop_media(0)
        self.delivery = self._new_delivery()

    def close(self) -> None:
        """Have no tracks any more; the viewer may begin anew, on another way."""
        self.tracks = {}
        if self._udp is not None:
            self._former_sent += self._udp.sent
            self._udp.close()
            self._udp = None
            self.delivery = self._new_delivery()

    def _new_delivery(self) -> Delivery:
        if self._udp is not None:
            return UdpDelivery(self._udp, Passage({}, {}), self._limits)
        return InterleavedDelivery(self._connection, Passage({}, {}), self._limits)
