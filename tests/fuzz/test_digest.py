"""Logins by digest, on both sides."""

from collections.abc import Hashable, Iterator

from custom_components.onvif_proxy.digest import MAX_HEADER_LENGTH, DigestClient, DigestServer, _Nonce, parse_parameters
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.rtsp import Headers, RtspRequest

from .corpus import CHALLENGES
from .harness import holds
from .inputs import texts

VIEWER = Credentials(username='view"er', password="Secret\\ü")
URI = "rtsp://192.0.2.7/main"
NONCE = "0123456789abcdef"
WHAT_COUNTS = ("username", "uri", "nonce", "qop", "nc", "cnonce")


def server(realm: str = "camera", nonce: str = NONCE) -> DigestServer:
    """Return one that gave a nonce out."""
    made = DigestServer(realm, clock=lambda: 0.0)
    made._nonces[nonce] = _Nonce(expires=1.0)
    return made


def right(*challenges: str) -> str:
    """Return what a client with the right password says."""
    client = DigestClient(VIEWER)
    assert client.take_challenges(challenges)
    return client.authorization("DESCRIBE", URI) or ""


# A client's nonce is drawn anew in each process: without one, each run has the same inputs.
RIGHT = tuple(
    right(f'Digest realm="camera", nonce="{NONCE}", algorithm={algorithm}') for algorithm in ("MD5", "SHA-256")
)


@holds(found=texts(*RIGHT))
def test_a_login_that_was_changed_is_none(found: list[str]) -> Iterator[Hashable]:
    for header in found:
        result = server().check(header, "DESCRIBE", (URI,), VIEWER)
        given = parse_parameters(header)[1]
        if result.ok:
            assert any(_same(given, parse_parameters(text)[1]) for text in RIGHT)
        assert not server().check(header, "PLAY", (URI,), VIEWER).ok
        yield header


def _same(given: dict[str, str], wanted: dict[str, str]) -> bool:
    return given["response"].lower() == wanted["response"] and all(
        given.get(name) == wanted.get(name) for name in WHAT_COUNTS
    )


@holds(found=texts(*CHALLENGES))
def test_a_challenge_is_answered_as_it_wants_or_not_at_all(found: list[str]) -> Iterator[Hashable]:
    for header in found:
        client = DigestClient(VIEWER, allow_basic=True)
        taken = client.take_challenges([header])
        answer = client.authorization("DESCRIBE", URI)
        yield header
        assert taken == (answer is not None)
        if answer is None:
            continue
        RtspRequest("DESCRIBE", URI, Headers([("Authorization", answer)])).to_bytes()
        scheme, challenge = parse_parameters(header)
        if scheme == "digest" and len(answer) < MAX_HEADER_LENGTH:
            checking = server(challenge.get("realm", ""), challenge["nonce"])
            assert checking.check(answer, "DESCRIBE", (URI,), VIEWER).ok
