"""A viewer's login."""

import pytest

from custom_components.onvif_proxy.digest import DigestClient
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.login import ViewerLogin
from custom_components.onvif_proxy.relay.uris import parse_viewer_uri
from custom_components.onvif_proxy.rtsp import Headers, RtspRequest

RIGHT = Credentials(username="viewer", password="ViewerSecret")
WRONG = Credentials(username="viewer", password="AnotherSecret")
URI = "rtsp://192.0.2.1:554/main"


def attempt(login: ViewerLogin, credentials: Credentials, claimed: str = URI) -> list[str]:
    """Log in as a client does, once it has the challenges; the digest is for the URI `claimed`."""
    client = DigestClient(credentials)
    assert client.take_challenges(login.check(RtspRequest("DESCRIBE", URI), None, RIGHT, address=""))
    authorization = client.authorization("DESCRIBE", claimed)
    assert authorization is not None
    request = RtspRequest("DESCRIBE", URI, headers=Headers([("Authorization", authorization)]))
    return login.check(request, parse_viewer_uri(URI), RIGHT, address="192.0.2.9")


def test_it_offers_digest_alone_with_md5_last() -> None:
    challenges = ViewerLogin("realm").check(RtspRequest("DESCRIBE", URI), None, RIGHT, address="")
    assert [challenge.partition(" ")[0] for challenge in challenges] == ["Digest", "Digest"]
    assert "SHA-256" in challenges[0]
    assert "MD5" in challenges[1]


@pytest.mark.parametrize("claimed", [URI, URI + "/", URI + "/trackID=1", "rtsp://192.0.2.1/main"])
def test_every_spelling_of_the_same_source_is_right(claimed: str) -> None:
    login = ViewerLogin("realm")
    assert attempt(login, RIGHT, claimed) == []
    assert login.done


def test_the_digest_of_another_source_is_wrong() -> None:
    login = ViewerLogin("realm")
    assert attempt(login, RIGHT, "rtsp://192.0.2.1:554/sub")
    assert (login.done, login.failures) == (False, 1)


def test_failures_count_until_a_right_login() -> None:
    login = ViewerLogin("realm")
    for failures in (1, 2):
        assert attempt(login, WRONG)
        assert (login.done, login.failures) == (False, failures)
    assert attempt(login, RIGHT) == []
    assert (login.done, login.failures) == (True, 0)
