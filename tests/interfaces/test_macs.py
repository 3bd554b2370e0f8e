"""MACs for cameras: the same for ever, of nobody else."""

import re

import pytest

from custom_components.onvif_proxy.interfaces.macs import derive_mac, is_camera_mac


def test_a_cameras_mac_depends_on_the_installation_and_the_camera_alone() -> None:
    mac = derive_mac("instance", "camera")
    assert derive_mac("instance", "camera") == mac
    assert derive_mac("instance", "camera", {"02:00:00:00:00:01"}) == mac
    assert len({mac, derive_mac("other", "camera"), derive_mac("instance", "other")}) == 3


def test_it_never_changes_between_versions() -> None:
    # Clients know cameras by it.
    assert derive_mac("instance", "camera") == "8a:5c:14:c5:a4:bf"


def test_all_are_locally_administered_unicast_and_not_dockers() -> None:
    for number in range(3000):
        mac = derive_mac("instance", str(number))
        assert re.fullmatch(r"[0-9a-f][26ae](:[0-9a-f]{2}){5}", mac)
        assert not mac.startswith("02:42:")
        assert is_camera_mac(mac)


def test_one_that_is_taken_is_not_given_again() -> None:
    first = derive_mac("instance", "camera")
    second = derive_mac("instance", "camera", {first})
    third = derive_mac("instance", "camera", {first, second})
    assert len({first, second, third}) == 3


@pytest.mark.parametrize(
    "mac",
    ["", "02:00:00:00:00", "02:00:00:00:00:0G", "02-00-00-00-00-01", "02:00:00:00:00:0A", "00:1b:21:00:00:05",
     "03:00:00:00:00:01", "02:42:00:00:00:01", "02:00:00:00:00:01\n"],
)  # fmt: skip
def test_what_no_camera_may_have(mac: str) -> None:
    assert not is_camera_mac(mac)
