"""A viewer's login."""

from base64 import b64encode

import pytest

from custom_components.onvif_proxy.digest import DigestClient
from custom_components.onvif_proxy.logins import LoginGuard, LoginProblem, LoginWay
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import RelayServer
from custom_components.onvif_proxy.relay.login import ViewerLogin
from custom_components.onvif_proxy.relay.uris import parse_viewer_uri
from custom_components.onvif_proxy.rtsp import Headers, RtspRequest

from .conftest import relaying
from .rtsp_client import RtspClient
from .scripted_recorder import ScriptedRecorder

RIGHT = Credentials(username="viewer", password="ViewerSecret")
WRONG = Credentials(username="viewer", password="AnotherSecret")
URI = "rtsp://192.0.2.1:554/main"
ME, OTHER = "192.0.2.9", "192.0.2.10"


def ask(login: ViewerLogin, authorization: str | None = None, *, address: str = ME) -> list[str]:
    """Send a request; return the challenges."""
    headers = Headers([] if authorization is None else [("Authorization", authorization)])
    return login.check(RtspRequest("DESCRIBE", URI, headers=headers), parse_viewer_uri(URI), RIGHT, address=address)


def attempt(login: ViewerLogin, credentials: Credentials, claimed: str = URI, *, address: str = ME) -> list[str]:
    """Log in as a client does, once it has the challenges; the digest is for the URI `claimed`."""
    client = DigestClient(credentials)
    assert client.take_challenges(ask(login, address=address))
    authorization = client.authorization("DESCRIBE", claimed)
    assert authorization is not None
    return ask(login, authorization, address=address)


@pytest.fixture
def guard() -> LoginGuard:
    """Return what all ways into a camera share."""
    return LoginGuard()


@pytest.fixture
def login(guard: LoginGuard) -> ViewerLogin:
    """Return the login of a connection."""
    return ViewerLogin("realm", guard)


def test_it_offers_digests_with_md5_last_and_behind_them_basic(login: ViewerLogin) -> None:
    challenges = ask(login)
    assert [challenge.partition(" ")[0] for challenge in challenges] == ["Digest", "Digest", "Basic"]
    assert "SHA-256" in challenges[0]
    assert "MD5" in challenges[1]
    assert challenges[2] == 'Basic realm="realm", charset="UTF-8"'


def basic(text: str) -> str:
    """Return the header of who knows no digest."""
    return "Basic " + b64encode(text.encode()).decode()


def test_basic_is_right_too(login: ViewerLogin) -> None:
    assert ask(login, basic("viewer:ViewerSecret")) == []
    assert login.done


@pytest.mark.parametrize(
    ("authorization", "problem"),
    [
        (basic("viewer:AnotherSecret"), LoginProblem.WRONG_PASSWORD),
        (basic("viewer:"), LoginProblem.WRONG_PASSWORD),
        (basic("somebody:ViewerSecret"), LoginProblem.UNKNOWN_USER),
        (basic("viewer"), LoginProblem.MALFORMED),
        ("Basic ", LoginProblem.MALFORMED),
        ("basic !", LoginProblem.MALFORMED),
        ("Basic \xe9\xe9", LoginProblem.MALFORMED),
    ],
)
def test_basic_can_be_wrong(authorization: str, problem: LoginProblem) -> None:
    told: list[LoginProblem] = []
    login = ViewerLogin("realm", LoginGuard(lambda failure: told.append(failure.problem)))
    assert ask(login, authorization)
    assert (login.done, login.failures, told) == (False, 1, [problem])


@pytest.mark.parametrize("claimed", [URI, URI + "/", URI + "/trackID=1", "rtsp://192.0.2.1/main"])
def test_every_spelling_of_the_same_source_is_right(login: ViewerLogin, claimed: str) -> None:
    assert attempt(login, RIGHT, claimed) == []
    assert login.done


def test_the_digest_of_another_source_is_wrong(login: ViewerLogin) -> None:
    assert attempt(login, RIGHT, "rtsp://192.0.2.1:554/sub")
    assert (login.done, login.failures) == (False, 1)


def test_failures_count_until_a_right_login(login: ViewerLogin) -> None:
    for failures in (1, 2):
        assert attempt(login, WRONG)
        assert (login.done, login.failures) == (False, failures)
    assert attempt(login, RIGHT) == []
    assert (login.done, login.failures) == (True, 0)


def test_without_credentials_everybody_is_in(login: ViewerLogin) -> None:
    assert login.check(RtspRequest("DESCRIBE", URI), parse_viewer_uri(URI), None, address=ME) == []
    assert login.done


@pytest.mark.parametrize(
    ("credentials", "claimed", "problem"),
    [
        (WRONG, URI, LoginProblem.WRONG_PASSWORD),
        (Credentials(username="admin", password="ViewerSecret"), URI, LoginProblem.UNKNOWN_USER),
        (RIGHT, "rtsp://192.0.2.1:554/sub", LoginProblem.MALFORMED),
    ],
)
def test_the_guard_is_told_why(
    login: ViewerLogin, guard: LoginGuard, credentials: Credentials, claimed: str, problem: LoginProblem
) -> None:
    attempt(login, credentials, claimed)
    assert [(item.source, item.way, item.problem) for item in guard.recent] == [(ME, LoginWay.RTSP, problem)]


def test_a_handshake_is_no_failure(login: ViewerLogin, guard: LoginGuard) -> None:
    for _ in range(5):
        assert attempt(login, RIGHT) == []
    assert guard.recent == ()


def lock_out(guard: LoginGuard) -> None:
    """Guess a password until the guard has had enough."""
    while not guard.is_locked_out(ME):
        attempt(ViewerLogin("realm", guard), WRONG)


def test_a_source_that_guesses_is_locked_out_with_the_right_password_too(guard: LoginGuard) -> None:
    lock_out(guard)
    login = ViewerLogin("realm", guard)
    assert attempt(login, RIGHT)
    assert (login.done, login.failures) == (False, 2)
    assert guard.recent[-1].problem is LoginProblem.LOCKED_OUT
    assert attempt(ViewerLogin("realm", guard), RIGHT, address=OTHER) == []


def test_a_viewer_that_is_in_stays_in(login: ViewerLogin, guard: LoginGuard) -> None:
    assert attempt(login, RIGHT) == []
    lock_out(guard)
    assert attempt(login, RIGHT) == []
    assert guard.is_locked_out(ME)


async def test_a_relay_without_credentials_plays_to_everybody_until_it_has_some() -> None:
    async with relaying(ScriptedRecorder()) as server:
        server.update(credentials=None)
        async with RtspClient(server.port, credentials=None) as viewer:
            assert (await viewer.play()).status == 200
            server.update(credentials=RIGHT)
            assert await viewer.ended()
        async with RtspClient(server.port, credentials=None) as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == 401


async def test_a_relay_keeps_a_source_out_that_guesses_and_no_other() -> None:
    recorder = ScriptedRecorder()
    guard = LoginGuard()
    async with (
        recorder,
        RelayServer("127.0.0.1", 0, credentials=RIGHT, sources={"main": recorder.source}, logins=guard) as server,
    ):
        while not guard.is_locked_out("127.0.0.1"):
            async with RtspClient(server.port, credentials=WRONG) as viewer:
                assert (await viewer.request("DESCRIBE", "/main")).status == 401
        async with RtspClient(server.port, credentials=RIGHT) as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == 401
        async with RtspClient(server.port, credentials=RIGHT, local_address="127.0.0.2") as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == 200
