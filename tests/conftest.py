"""What all tests share."""

from collections.abc import Iterator
from unittest.mock import patch

from aiohttp import ThreadedResolver
import pytest
import pytest_socket

# Imported first on purpose: the Home Assistant test plugin brings a `custom_components` package of its own.
import custom_components.onvif_proxy  # noqa: F401

LOOPBACK_ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


@pytest.fixture(autouse=True)
def real_sockets_on_loopback(request: pytest.FixtureRequest) -> None:
    """Lift the Home Assistant plugin's ban on sockets, for loopback: they are what these tests are about."""
    if request.config.pluginmanager.hasplugin("homeassistant"):
        request.getfixturevalue("socket_enabled")
        pytest_socket.socket_allow_hosts(LOOPBACK_ADDRESSES, allow_unix_socket=True)


@pytest.fixture(autouse=True, scope="session")
def mock_zeroconf_resolver(pytestconfig: pytest.Config) -> Iterator[None]:
    """Resolve names in threads, in place of the Home Assistant plugin's fixture of this name.

    That one makes a c-ares channel for each asynchronous test and closes none. Until Python collects them each holds an inotify
    instance, of 128 that the kernel has for a user: a systemd that tests/lan starts meanwhile gets none, and gives up.
    """
    if not pytestconfig.pluginmanager.hasplugin("homeassistant"):
        yield
        return

    def make(*_: object) -> ThreadedResolver:
        resolver = ThreadedResolver()
        resolver.real_close = resolver.close  # type: ignore[attr-defined]  # as Home Assistant's own has it
        return resolver

    with patch("homeassistant.helpers.aiohttp_client._async_make_resolver", make):
        yield
