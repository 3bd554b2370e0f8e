"""User name tokens over time; what is accepted over HTTP is in the tests of the server."""

from datetime import UTC, datetime, timedelta

from lxml import etree

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.responder.auth import TokenVerifier

from .envelopes import NS, PASSWORD, USERNAME, WSSE, security

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CREDENTIALS = Credentials(username=USERNAME, password=PASSWORD)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def token(number: int = 0, created: datetime = NOON) -> list[etree._Element]:
    """Return the tokens of a header; the same number gives the same token."""
    header = security(nonce=number.to_bytes(16), created=created.strftime("%Y-%m-%dT%H:%M:%SZ"))
    root = etree.fromstring(f'<h xmlns:env="{NS["env"]}">{header}</h>')
    return list(root.iter(f"{{{WSSE}}}UsernameToken"))


def test_window_in_both_directions() -> None:
    clock = Clock()
    verifier = TokenVerifier(clock=clock)
    for number, offset in enumerate((-300, 0, 300)):
        assert verifier.failure(token(number, NOON + timedelta(seconds=offset)), CREDENTIALS) is None
    for number, offset in enumerate((-301, 301), start=10):
        assert "created" in (verifier.failure(token(number, NOON + timedelta(seconds=offset)), CREDENTIALS) or "")


def test_a_token_from_the_future_is_remembered_as_long_as_it_is_fresh() -> None:
    clock = Clock()
    verifier = TokenVerifier(clock=clock)
    early = NOON + timedelta(minutes=4)
    assert verifier.failure(token(1, early), CREDENTIALS) is None
    clock.now = NOON + timedelta(minutes=8)
    assert verifier.failure(token(2, clock.now), CREDENTIALS) is None
    assert verifier.failure(token(1, early), CREDENTIALS) == "used before"


def test_old_tokens_are_forgotten() -> None:
    clock = Clock()
    verifier = TokenVerifier(clock=clock)
    for number in range(5):
        verifier.failure(token(number), CREDENTIALS)
    clock.now += timedelta(minutes=6)
    assert verifier.failure(token(9, clock.now), CREDENTIALS) is None
    assert len(verifier._used) == 1


def test_no_more_tokens_are_remembered_than_the_limit() -> None:
    verifier = TokenVerifier(clock=Clock(), max_remembered=3)
    for number in range(10):
        assert verifier.failure(token(number), CREDENTIALS) is None
    assert len(verifier._used) == 3
    assert verifier.failure(token(9), CREDENTIALS) == "used before"


def test_a_wrong_token_takes_no_room() -> None:
    verifier = TokenVerifier(clock=Clock())
    assert verifier.failure(token(1), Credentials(username=USERNAME, password="other")) == "wrong user or password"
    assert verifier.failure(token(1), CREDENTIALS) is None


def test_reasons_hold_no_secret() -> None:
    reason = TokenVerifier(clock=Clock()).failure(token(), Credentials(username="x", password="hush"))
    assert reason == "wrong user or password"
