"""RTP payloads are put together again by the rules of their RFCs."""

import struct

import pytest

from tests.simulated_nvr.packetize import aac_payload, rtp_packet, sender_report, video_payloads


def _join_h264(payloads: list[bytes]) -> list[bytes]:
    nals: list[bytes] = []
    for payload in payloads:
        if payload[0] & 0x1F != 28:
            nals.append(payload)
        elif payload[1] & 0x80:
            nals.append(bytes([(payload[0] & 0xE0) | (payload[1] & 0x1F)]) + payload[2:])
        else:
            nals[-1] += payload[2:]
    return nals


def _join_h265(payloads: list[bytes]) -> list[bytes]:
    nals: list[bytes] = []
    for payload in payloads:
        if (payload[0] >> 1) & 0x3F != 49:
            nals.append(payload)
        elif payload[2] & 0x80:
            nals.append(bytes([(payload[0] & 0x81) | ((payload[2] & 0x3F) << 1), payload[1]]) + payload[3:])
        else:
            nals[-1] += payload[3:]
    return nals


@pytest.mark.parametrize("length", [2, 99, 100, 101, 102, 195, 196, 197, 1000])
@pytest.mark.parametrize(("codec", "join"), [("H264", _join_h264), ("H265", _join_h265)])
def test_nal_units_survive_fragmentation(codec, join, length) -> None:
    header = b"\x65\x88" if codec == "H264" else b"\x26\x01"
    nals = (b"\x67\x4d\x00\x1f" if codec == "H264" else b"\x42\x01\x01", header + bytes(range(256)) * 4)
    nals = (nals[0], nals[1][:length])
    payloads = video_payloads(codec, nals, max_payload=100)
    assert max(map(len, payloads)) <= 100
    assert join(payloads) == list(nals)


def test_only_the_last_fragment_has_the_end_bit() -> None:
    payloads = video_payloads("H264", (b"\x65" + b"x" * 300,), max_payload=100)
    assert [payload[1] >> 6 for payload in payloads] == [0b10, 0b00, 0b00, 0b01]


def test_aac_has_its_size_in_thirteen_bits() -> None:
    payload = aac_payload(b"a" * 300)
    assert struct.unpack("!HH", payload[:4]) == (16, 300 << 3)
    assert payload[4:] == b"a" * 300


def test_rtp_header_wraps_its_counters() -> None:
    packet = rtp_packet(96, 65536 + 5, (1 << 32) + 7, 0xDEADBEEF, b"payload", marker=True)
    assert struct.unpack("!BBHII", packet[:12]) == (0x80, 0x80 | 96, 5, 7, 0xDEADBEEF)
    assert packet[12:] == b"payload"


def test_sender_report_is_a_compound_packet_with_ntp_time() -> None:
    packet = sender_report(1, 1_000_000_000.5, 90000, 3, 400)
    first = struct.unpack("!BBHIIIIII", packet[:28])
    assert first == (0x80, 200, 6, 1, 1_000_000_000 + 2208988800, 1 << 31, 90000, 3, 400)
    kind, length = struct.unpack("!xBH", packet[28:32])
    assert kind == 202
    assert len(packet) == 28 + 4 * (length + 1)
