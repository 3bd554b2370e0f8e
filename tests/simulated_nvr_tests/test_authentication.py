"""What credentials are worth, case by case."""

import base64
from datetime import UTC, datetime
import hashlib

import pytest

from tests.simulated_nvr.authentication import MAX_NONCES, DigestRealm, UsernameTokens, Verdict

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def _token(created: str, nonce: bytes = b"0123456789abcdef", password: str = "secret") -> tuple[str, str, str, str]:
    digest = hashlib.sha1(nonce + created.encode() + password.encode()).digest()
    return "admin", base64.b64encode(digest).decode(), base64.b64encode(nonce).decode(), created


@pytest.mark.parametrize("created", ["2026-05-04T03:02:01Z", "2026-05-04T03:01:59.123Z", "2026-05-04T02:57:02Z"])
def test_a_fresh_token_is_right_once(created) -> None:
    tokens = UsernameTokens("admin", "secret")
    assert tokens.check(*_token(created), NOW) is None
    assert tokens.check(*_token(created), NOW) == "Nonce was used before"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (_token("2026-05-04T02:56:00Z"), "too far"),
        (_token("2026-05-04T03:02:01+00:00"), "Zulu"),
        (_token("yesterday"), "can't be read"),
        (_token("2026-05-04T03:02:01Z", nonce=b""), "no Nonce"),
        (_token("2026-05-04T03:02:01Z", password="other"), "wrong"),
        (("root", *_token("2026-05-04T03:02:01Z")[1:]), "wrong"),
        (("admin", "x", "not base64!", "2026-05-04T03:02:01Z"), "can't be read"),
    ],
)
def test_a_bad_token_is_refused_with_its_reason(token, reason) -> None:
    assert reason in (UsernameTokens("admin", "secret").check(*token, NOW) or "")


def _realm_and_header(**changes: str) -> tuple[DigestRealm, str]:
    """Return a realm and a right header for GET /, changed as told."""
    realm = DigestRealm("r", "admin", "secret")
    nonce = realm.challenges()[0].split('nonce="')[1].split('"')[0]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    response = md5(f"{md5('admin:r:secret')}:{nonce}:00000001:c:auth:{md5('GET:/')}")
    given = {
        "username": "admin",
        "realm": "r",
        "nonce": nonce,
        "uri": "/",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "c",
    }
    given |= {"response": response} | changes
    return realm, "Digest " + ", ".join(f'{name}="{value}"' for name, value in given.items() if value)


def test_a_right_header_is_right_and_its_repetition_stale() -> None:
    realm, header = _realm_and_header()
    assert realm.check(header, "GET", "/") is Verdict.RIGHT
    assert realm.check(header, "GET", "/") is Verdict.STALE


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "root"},
        {"realm": "other"},
        {"uri": "/other"},
        {"qop": "auth-int"},
        {"nc": "zz"},
        {"nc": "1"},
        {"nc": ""},
        {"cnonce": ""},
        {"algorithm": "SHA-512"},
        {"response": "0" * 32},
        {"response": "é"},
        {"nonce": "another"},
    ],
)
def test_a_changed_header_is_wrong(changes) -> None:
    realm, header = _realm_and_header(**changes)
    assert realm.check(header, "GET", "/") is Verdict.WRONG


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Digest", "Digest nonsense", 'Digest a="', "Digest ,,,"])
def test_no_digest_is_wrong(header) -> None:
    assert DigestRealm("r", "admin", "secret").check(header, "GET", "/") is Verdict.WRONG


def test_another_method_is_wrong() -> None:
    realm, header = _realm_and_header()
    assert realm.check(header, "PUT", "/") is Verdict.WRONG


def test_forgotten_nonces_are_stale() -> None:
    realm, header = _realm_and_header()
    for _ in range(MAX_NONCES):
        realm.challenges()
    assert realm.check(header, "GET", "/") is Verdict.STALE
