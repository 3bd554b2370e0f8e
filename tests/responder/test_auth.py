"""User name tokens over time, and who passes the gate; what is accepted over HTTP is in the tests of the server."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree
import pytest

from custom_components.onvif_proxy.logins import LoginProblem
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.responder.auth import TokenFailure, TokenVerifier

from .envelopes import NS, PASSWORD, PASSWORD_TEXT, USERNAME, WSSE, security

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CREDENTIALS = Credentials(username=USERNAME, password=PASSWORD)
REPLAYED = TokenFailure(LoginProblem.REPLAYED)
ME = "192.0.2.1"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock at noon."""
    return Clock()


@pytest.fixture
def verifier(clock: Clock) -> TokenVerifier:
    """Return a verifier that has seen nothing."""
    return TokenVerifier(clock=clock)


def tokens(number: int = 0, created: datetime | str = NOON, **options: Any) -> list[etree._Element]:
    """Return the tokens of a header; the same number gives the same token."""
    if isinstance(created, datetime):
        created = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    options = {"nonce": number.to_bytes(16), "created": created, **options}
    root = etree.fromstring(f'<h xmlns:env="{NS["env"]}">{security(**options)}</h>')
    return list(root.iter(f"{{{WSSE}}}UsernameToken"))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_window(verifier: TokenVerifier, seconds: int) -> None:
    assert verifier.check(tokens(created=NOON + timedelta(seconds=seconds)), CREDENTIALS, ME) is None


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400 * 365])
def test_a_clock_that_is_off_is_told_by_how_much(verifier: TokenVerifier, seconds: int) -> None:
    failure = verifier.check(tokens(created=NOON + timedelta(seconds=seconds)), CREDENTIALS, ME)
    assert failure == TokenFailure(LoginProblem.CLOCK_OFF, seconds)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"username": "admin"}, LoginProblem.UNKNOWN_USER, id="user"),
        pytest.param({"username": ""}, LoginProblem.NO_CREDENTIALS, id="no user"),
        pytest.param({"username": "admin", "password": "wrong"}, LoginProblem.UNKNOWN_USER, id="both"),
        pytest.param({"password": "wrong"}, LoginProblem.WRONG_PASSWORD, id="password"),
        pytest.param(
            {"password": "wrong", "created": "2020-01-01T00:00:00Z"}, LoginProblem.WRONG_PASSWORD, id="password, time"
        ),
        pytest.param({"value": "", "password": ""}, LoginProblem.WRONG_PASSWORD, id="empty digest"),
        pytest.param({"created": "noon"}, LoginProblem.MALFORMED, id="time"),
        pytest.param({"created": ""}, LoginProblem.MALFORMED, id="no time"),
        pytest.param({"nonce": b""}, LoginProblem.MALFORMED, id="no nonce"),
        pytest.param({"password_type": PASSWORD_TEXT}, LoginProblem.MALFORMED, id="password in clear"),
        pytest.param({"encoding": "urn:hex"}, LoginProblem.MALFORMED, id="encoding"),
    ],
)
def test_problems(verifier: TokenVerifier, options: dict[str, Any], problem: LoginProblem) -> None:
    assert verifier.check(tokens(**options), CREDENTIALS, ME) == TokenFailure(problem)


@pytest.mark.parametrize("number", [0, 2])
def test_one_token_no_more_no_less(verifier: TokenVerifier, number: int) -> None:
    assert verifier.check(tokens() * number, CREDENTIALS, ME) == TokenFailure(LoginProblem.MALFORMED)


def test_a_token_from_the_future_is_remembered_as_long_as_it_is_fresh(verifier: TokenVerifier, clock: Clock) -> None:
    early = NOON + timedelta(minutes=4)
    assert verifier.check(tokens(1, early), CREDENTIALS, ME) is None
    clock.now = NOON + timedelta(minutes=8)
    assert verifier.check(tokens(2, clock.now), CREDENTIALS, ME) is None
    assert verifier.check(tokens(1, early), CREDENTIALS, ME) == REPLAYED


def test_old_tokens_are_forgotten(verifier: TokenVerifier, clock: Clock) -> None:
    for number in range(5):
        verifier.check(tokens(number), CREDENTIALS, ME)
    clock.now += timedelta(minutes=6)
    assert verifier.check(tokens(9, clock.now), CREDENTIALS, ME) is None
    assert len(verifier._used) == 1


def test_no_more_tokens_are_remembered_than_the_limit(clock: Clock) -> None:
    verifier = TokenVerifier(clock=clock, max_remembered=3)
    for number in range(10):
        assert verifier.check(tokens(number), CREDENTIALS, ME) is None
    assert len(verifier._used) == 3
    assert verifier.check(tokens(9), CREDENTIALS, "192.0.2.2") == REPLAYED


def test_a_wrong_token_takes_no_room(verifier: TokenVerifier) -> None:
    other = Credentials(username=USERNAME, password="other")
    assert verifier.check(tokens(1), other, ME) == TokenFailure(LoginProblem.WRONG_PASSWORD)
    assert verifier.check(tokens(1), CREDENTIALS, ME) is None


def test_what_a_client_asks_within_a_moment_may_carry_one_token(verifier: TokenVerifier, clock: Clock) -> None:
    for _ in range(3):
        assert verifier.check(tokens(1), CREDENTIALS, ME) is None
        assert verifier.check(tokens(1), CREDENTIALS, "192.0.2.2") == REPLAYED
        clock.now += timedelta(seconds=0.3)
    clock.now += timedelta(seconds=0.1)
    assert verifier.check(tokens(1), CREDENTIALS, ME) == REPLAYED
