"""What all tests share."""

from pathlib import Path

import pytest
import pytest_socket

# Imported first on purpose: the Home Assistant test plugin brings a `custom_components` package of its own.
import custom_components.onvif_proxy  # noqa: F401

# Folders of tests without Home Assistant: real sockets on loopback are what they are about.
_HOME_ASSISTANT_FOLDER = Path(__file__).parent / "home_assistant"


@pytest.fixture(autouse=True)
def real_sockets_on_loopback(request: pytest.FixtureRequest) -> None:
    """Lift the Home Assistant plugin's ban on sockets, for loopback."""
    if "socket_enabled" in request.fixturenames or request.config.pluginmanager.hasplugin("homeassistant"):
        request.getfixturevalue("socket_enabled")
        pytest_socket.socket_allow_hosts(["127.0.0.1", "127.0.0.2", "127.0.0.3"], allow_unix_socket=True)
