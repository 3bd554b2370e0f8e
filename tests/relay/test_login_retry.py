"""Accounts that recorders refused."""

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.login_retry import MAX_ACCOUNTS, LoginRetry

ACCOUNT = ("192.0.2.1", 554, Credentials(username="admin", password="Secret"))


def test_an_account_waits_longer_with_each_refusal_until_it_is_accepted() -> None:
    now = 0.0
    retry = LoginRetry(clock=lambda: now)
    assert retry.seconds_left(ACCOUNT) == 0
    waits = []
    for _ in range(4):
        retry.refused(ACCOUNT, first=60, longest=200)
        waits.append(retry.seconds_left(ACCOUNT))
        now += waits[-1]
        assert retry.seconds_left(ACCOUNT) == 0
    assert waits == [60, 120, 200, 200]
    retry.accepted(ACCOUNT)
    retry.refused(ACCOUNT, first=60, longest=200)
    assert retry.seconds_left(ACCOUNT) == 60


def test_another_password_is_another_account() -> None:
    retry = LoginRetry()
    retry.refused(ACCOUNT, first=60, longest=200)
    assert retry.seconds_left((*ACCOUNT[:2], Credentials(username="admin", password="Changed"))) == 0


def test_it_does_not_remember_without_end() -> None:
    retry = LoginRetry()
    for number in range(MAX_ACCOUNTS + 1):
        retry.refused((ACCOUNT[0], number, ACCOUNT[2]), first=60, longest=200)
    assert retry.seconds_left((ACCOUNT[0], 0, ACCOUNT[2])) == 0
    assert retry.seconds_left((ACCOUNT[0], 1, ACCOUNT[2])) > 0
