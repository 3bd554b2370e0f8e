"""A LAN for each test that asks for one."""

from collections.abc import Iterator

import pytest
import pytest_socket

from .bed import NETWORK, PREFIX_LENGTH, Lan, missing_privilege
from .machine import CannotBoot, Machine


@pytest.fixture(scope="session")
def lan_possible() -> None:
    """Skip where no LAN can be made."""
    if (reason := missing_privilege()) is not None:
        pytest.skip(f"LAN test: {reason}")


@pytest.fixture(autouse=True)
def sockets_on_the_lan(real_sockets_on_loopback: None, request: pytest.FixtureRequest) -> None:
    """Let sockets reach the addresses of the namespaces, too; the Home Assistant plugin allows loopback only."""
    if request.config.pluginmanager.hasplugin("homeassistant"):
        pytest_socket.socket_allow_hosts(["127.0.0.1", f"{NETWORK}.0/{PREFIX_LENGTH}"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def systemd_possible(lan_possible: None) -> None:
    """Skip what needs a systemd of its own where none can be had: found out once. What can be had once must be had again."""
    with Lan() as lan:
        try:
            with Machine(lan):
                pass
        except CannotBoot as reason:
            pytest.skip(f"systemd test: {reason}")


@pytest.fixture
def lan(lan_possible: None) -> Iterator[Lan]:
    """A recorder, a Home Assistant host and a client on one switch."""
    with Lan() as lan:
        yield lan
