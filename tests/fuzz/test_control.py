"""The control channel and configuration files: JSON of any kind."""

from collections.abc import Hashable, Iterator
import math

from custom_components.onvif_proxy.relay.config import ConfigError, read_config
from custom_components.onvif_proxy.relay.messages import MAX_PAYLOAD, decode, encode
from custom_components.onvif_proxy.relay.uris import parse_location
from custom_components.onvif_proxy.relay.wire import WireError
from custom_components.onvif_proxy.rtsp import RtspError, RtspRequest

from .corpus import CONFIGURATION, LINES
from .harness import holds
from .inputs import variants

SECRETS = ("ViewerSecret", "Süß")


def check_text(told: str) -> None:
    """See that what is said of a fault holds no value."""
    assert not any(secret in told for secret in SECRETS)


@holds(found=variants(*LINES))
def test_a_message_means_something_or_is_none(found: list[bytes]) -> Iterator[Hashable]:
    for line in found:
        yield line
        try:
            envelope = decode(line)
        except WireError as error:
            check_text(str(error))
            continue
        assert 0 <= envelope.payload_size <= MAX_PAYLOAD
        again = decode(encode(envelope.message, envelope.number))
        assert (again.message, again.number) == (envelope.message, envelope.number)


@holds(found=variants(CONFIGURATION))
def test_a_configuration_can_be_used_or_is_refused(found: list[bytes]) -> Iterator[Hashable]:
    for data in found:
        text = data.decode("utf-8", "replace")
        yield text
        try:
            cameras = read_config(text)
        except ConfigError as error:
            check_text(str(error))
            continue
        assert cameras
        for camera in cameras:
            assert 0 <= camera.port < 65536
            assert math.isfinite(camera.options.keep_seconds + camera.options.tick)
            for source in camera.sources.values():
                host = parse_location(source.uri).host
                host.encode("idna")
                f"{source.credentials.username}:{source.credentials.password}".encode()
                try:
                    RtspRequest("DESCRIBE", source.uri).to_bytes()
                except RtspError:
                    continue
