"""Configurations that people write."""

import json
import math

import pytest

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.config import CameraConfig, ConfigError, read_config
from custom_components.onvif_proxy.relay.options import CameraOptions
from custom_components.onvif_proxy.relay.source import Source

ACCOUNT = {"username": "admin", "password": "RecorderSecret"}


def camera(**changes: object) -> dict[str, object]:
    """Return a camera's configuration."""
    return {
        "address": "127.0.0.1",
        "port": 554,
        "credentials": {"username": "viewer", "password": "ViewerSecret"},
        "sources": {"main": {"uri": "rtsp://192.0.2.1/a", "credentials": ACCOUNT}},
        **changes,
    }


def test_a_camera_is_all_that_it_says() -> None:
    credentials = Credentials(username="admin", password="RecorderSecret")
    assert read_config(
        json.dumps([camera(options={"tick": 0, "audio": False, "raw": True}), camera(credentials=None)])
    ) == [
        CameraConfig(
            address="127.0.0.1",
            port=554,
            credentials=Credentials(username="viewer", password="ViewerSecret"),
            sources={"main": Source(uri="rtsp://192.0.2.1/a", credentials=credentials)},
            options=CameraOptions(tick=0.0, audio=False, raw=True),
        ),
        CameraConfig(
            address="127.0.0.1",
            port=554,
            credentials=None,
            sources={"main": Source(uri="rtsp://192.0.2.1/a", credentials=credentials)},
        ),
    ]


@pytest.mark.parametrize("options", [{"tick": 0.1, "keep_seconds": 86400}, {"tick": 0, "keep_seconds": 0}])
def test_options_may_be_as_long_as_is_sensible(options: dict[str, float]) -> None:
    (read,) = read_config(json.dumps([camera(options=options)]))
    assert read.options == CameraOptions(**options)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a list of cameras"),
        ("[]", "not a list of cameras"),
        ("[1]", "camera 1 is not dict"),
        (json.dumps([camera(), camera(port=True)]), "camera 2, port is not int"),
        (json.dumps([camera(port=65536)]), "camera 1, port is out of range"),
        (json.dumps([camera(address=None)]), "camera 1, address is not str"),
        (json.dumps([camera(sources={})]), "camera 1: no sources"),
        (json.dumps([{"address": "192.0.2.1", "port": 554, "sources": {}}]), "camera 1: credentials is missing"),
        (json.dumps([camera(credentials={"username": "a"})]), "camera 1, credentials: password is missing"),
        (json.dumps([camera(colour="blue")]), "camera 1: 'colour' is unknown"),
        (json.dumps([camera(options={"audio": 1})]), "camera 1, options, audio is not bool"),
        (json.dumps([camera(options={"tick": "1"})]), "camera 1, options, tick is not float"),
        (json.dumps([camera(options={"tick": 5})]), "camera 1, options, tick is not from 0 to 0.1"),
        (json.dumps([camera(options={"tick": -0.001})]), "camera 1, options, tick is not from 0 to 0.1"),
        (json.dumps([camera(options={"tick": math.nan})]), "camera 1, options, tick is no number"),
        (json.dumps([camera(options={"keep_seconds": -1})]), "camera 1, options, keep_seconds is not from 0 to 86400"),
        (
            json.dumps([camera(options={"keep_seconds": 86401})]),
            "camera 1, options, keep_seconds is not from 0 to 86400",
        ),
        (json.dumps([camera(options={"keep_seconds": math.inf})]), "camera 1, options, keep_seconds is no number"),
        (json.dumps([camera(sources={"main": {}})]), "camera 1, sources, 'main': uri is missing"),
        (
            json.dumps([camera(sources={"main": {"uri": "http://a/", "credentials": ACCOUNT}})]),
            "camera 1, sources, 'main', uri: not an RTSP URI",
        ),
        (
            json.dumps([camera(sources={"main": {"uri": "rtsp://a:Secret@b/", "credentials": ACCOUNT}})]),
            "camera 1, sources, 'main', uri: credentials don't belong into it",
        ),
    ],
)
def test_what_is_wrong_with_a_configuration_is_named(config: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_config(config)
    assert str(error.value) == message
