"""Who a recorder is."""

from typing import Any

import pytest

from custom_components.onvif_proxy.model import RecorderInfo
from custom_components.onvif_proxy.nvr.identity import normal_mac, recorder_info


def info(**answers: Any) -> RecorderInfo:
    """Put a recorder's answers together; the defaults are a well-behaved one."""
    given: dict[str, Any] = {
        "serial_number": "DS-7616NI0120190430",
        "manufacturer": "NETWORK",
        "model": "DS-7616NI-K2",
        "firmware": "V4.61",
        "addresses": ["192.168.1.20"],
    }
    return recorder_info(**{**given, **answers})


def test_a_recorder_is_known_by_its_serial_number() -> None:
    """Its strings are kept as they are, without the blanks around them."""
    found = info(serial_number=" DS-7616NI0120190430\n", macs=["44-19-B6-01-02-03"])

    assert found.serial_number == "DS-7616NI0120190430"
    assert (found.manufacturer, found.model, found.firmware) == ("NETWORK", "DS-7616NI-K2", "V4.61")
    assert found.mac == "44:19:b6:01:02:03"


@pytest.mark.parametrize(
    "serial", [None, "", "0", "000000000000", "FFFFFFFF", "unknown", "N/A", "123456789", "192168120"]
)
def test_a_serial_number_that_others_have_too_gives_way_to_the_mac(serial: object) -> None:
    """`192168120` is Reolink's: its address without dots."""
    assert info(serial_number=serial, macs=["44:19:b6:01:02:03"]).serial_number == "44:19:b6:01:02:03"


def test_without_a_mac_the_endpoint_tells_then_the_address() -> None:
    """In this order."""
    assert info(serial_number="", endpoint="urn:uuid:abc-def").serial_number == "abc-def"
    assert info(serial_number="").serial_number == "192.168.1.20"


@pytest.mark.parametrize(
    "mac", [None, "", "00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF", "44:19:b6:01:02", "zz:19:b6:01:02:03", 5]
)
def test_what_is_no_mac(mac: object) -> None:
    """It is left out."""
    assert normal_mac(mac) is None
    assert info(macs=[mac, "44:19:B6:01:02:03"]).mac == "44:19:b6:01:02:03"


def test_the_name_comes_from_scopes_then_host_name_then_model() -> None:
    """Percent-decoded; `localhost` is nobody's name."""
    scopes = ["onvif://www.onvif.org/Profile/Streaming", "onvif://www.onvif.org/name/Shop%20NVR"]

    assert info(scopes=scopes, host_name="nvr").name == "Shop NVR"
    assert info(scopes=[None, "onvif://www.onvif.org/name/"], host_name="nvr").name == "nvr"
    assert info(host_name="localhost.localdomain").name == "DS-7616NI-K2"
    assert info(model=None).name == "192.168.1.20"
