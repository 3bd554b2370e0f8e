"""Capabilities as the kernel tells them."""

import pytest

from custom_components.onvif_proxy.interfaces.privilege import Privilege, parse_privilege, read_privilege


@pytest.mark.parametrize(
    ("status", "net_admin", "net_raw"),
    [
        ("Name:\tpython\nCapPrm:\t0000000000003000\nCapEff:\t0000000000000000\n", False, False),
        ("CapEff:\t0000000000001000\n", True, False),
        ("CapEff:\t0000000000002000\n", False, True),
        ("CapEff:\t000001ffffffffff\nCapBnd:\t0\n", True, True),
        ("", False, False),
    ],
)
def test_the_effective_capabilities_count(status: str, net_admin: bool, net_raw: bool) -> None:
    assert parse_privilege(status) == Privilege(net_admin=net_admin, net_raw=net_raw)


def test_this_process_has_some_answer() -> None:
    assert isinstance(read_privilege(), Privilege)
