"""What all tests share."""

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
