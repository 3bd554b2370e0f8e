"""RFC 7616 on both sides, checked against the RFC's examples and aiohttp's client."""

from aiohttp import web
from aiohttp.client_middleware_digest_auth import DigestAuthMiddleware
from aiohttp.test_utils import TestClient, TestServer
import pytest

from custom_components.onvif_proxy import digest
from custom_components.onvif_proxy.digest import DigestClient, DigestResult, DigestServer, parse_parameters
from custom_components.onvif_proxy.logins import LoginProblem
from custom_components.onvif_proxy.model import Credentials

CREDENTIALS = Credentials(username="viewer", password="Secret123")
URI = "rtsp://192.0.2.1/main"


class Clock:
    """A clock that tests set."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@pytest.fixture(name="clock")
def clock_fixture() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture(name="server")
def server_fixture(clock: Clock) -> DigestServer:
    """Return a server of both algorithms."""
    return DigestServer("camera", clock=clock)


def answer(server: DigestServer, *, credentials: Credentials = CREDENTIALS, method: str = "DESCRIBE") -> str:
    """Answer a new challenge."""
    client = DigestClient(credentials)
    assert client.take_challenges(server.challenges())
    authorization = client.authorization(method, URI)
    assert authorization is not None
    return authorization


def test_parameters_are_split_and_unquoted() -> None:
    scheme, parameters = parse_parameters(r'Digest realm="a \"b\", c", nonce=abc , QOP="auth,auth-int", opaque=""')
    assert scheme == "digest"
    assert parameters == {"realm": 'a "b", c', "nonce": "abc", "qop": "auth,auth-int", "opaque": ""}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_client_gives_the_response_of_the_rfc(monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str) -> None:
    """RFC 7616 section 3.9.1."""
    monkeypatch.setattr(digest.secrets, "token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    client = DigestClient(Credentials(username="Mufasa", password="Circle of Life"))
    tail = 'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    assert client.take_challenges(
        [f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, {tail}']
    )
    _, given = parse_parameters(client.authorization("GET", "/dir/index.html") or "")
    assert given["response"] == response
    assert given["nc"] == "00000001"
    assert given["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def test_client_without_qop_gives_the_response_of_rfc_2069() -> None:
    """The example of RFC 2069 section 2.4, with the value of its erratum."""
    client = DigestClient(Credentials(username="Mufasa", password="CircleOfLife"))
    assert client.take_challenges(
        ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc0"']
    )
    _, given = parse_parameters(client.authorization("GET", "/dir/index.html") or "")
    assert given["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert "qop" not in given
    assert "algorithm" not in given


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_server_accepts_aiohttp_as_client(algorithm: str) -> None:
    server = DigestServer("camera", algorithms=(algorithm,))
    seen = []

    async def guarded(request: web.Request) -> web.Response:
        header = request.headers.get("Authorization")
        result = server.check(header or "", request.method, (request.path_qs,), CREDENTIALS)
        seen.append(result.ok)
        if not result.ok:
            return web.Response(status=401, headers=[("WWW-Authenticate", item) for item in server.challenges()])
        return web.Response(text="in")

    application = web.Application()
    application.router.add_get("/picture", guarded)
    login = DigestAuthMiddleware(CREDENTIALS.username, CREDENTIALS.password)
    async with TestClient(TestServer(application), middlewares=(login,)) as client:
        for _ in range(2):
            async with client.get("/picture?size=1") as response:
                assert await response.text() == "in"
    assert seen == [False, True, True]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_own_client_is_accepted_with_a_rising_count(algorithm: str) -> None:
    server = DigestServer("camera", algorithms=(algorithm,))
    client = DigestClient(CREDENTIALS)
    client.take_challenges(server.challenges())
    for _ in range(3):
        assert server.check(client.authorization("PLAY", URI) or "", "PLAY", (URI,), CREDENTIALS).ok


def test_an_answer_is_good_once(server: DigestServer) -> None:
    header = answer(server)
    assert server.check(header, "DESCRIBE", (URI,), CREDENTIALS).ok
    again = server.check(header, "DESCRIBE", (URI,), CREDENTIALS)
    assert not again.ok
    assert again == DigestResult(LoginProblem.REPLAYED, stale=True)


def test_wrong_password_is_refused_and_not_called_stale(server: DigestServer) -> None:
    header = answer(server, credentials=Credentials(username="viewer", password="Secret124"))
    result = server.check(header, "DESCRIBE", (URI,), CREDENTIALS)
    assert not result.ok
    assert result == DigestResult(LoginProblem.WRONG_PASSWORD)


@pytest.mark.parametrize(
    ("method", "uri"), [("PLAY", URI), ("DESCRIBE", "rtsp://192.0.2.1/sub")], ids=["method", "uri"]
)
def test_an_answer_is_for_one_method_and_uri(server: DigestServer, method: str, uri: str) -> None:
    assert not server.check(answer(server), method, (uri,), CREDENTIALS).ok


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param('username="viewer"', 'username="admin"', LoginProblem.UNKNOWN_USER, id="user"),
        pytest.param('username="viewer"', 'name="viewer"', LoginProblem.UNKNOWN_USER, id="no user"),
        pytest.param("response=", "answer=", LoginProblem.WRONG_PASSWORD, id="no response"),
        pytest.param("nc=00000001", "nc=1", LoginProblem.MALFORMED, id="count"),
        pytest.param("qop=auth", "qop=auth-int", LoginProblem.MALFORMED, id="qop"),
        pytest.param("algorithm=SHA-256", "algorithm=MD5-sess", LoginProblem.MALFORMED, id="algorithm"),
        pytest.param("Digest ", "Basic ", LoginProblem.MALFORMED, id="scheme"),
    ],
)
def test_changed_answers_are_refused(server: DigestServer, old: str, new: str, problem: LoginProblem) -> None:
    header = answer(server)
    assert old in header
    assert server.check(header.replace(old, new), "DESCRIBE", (URI,), CREDENTIALS) == DigestResult(problem)


@pytest.mark.parametrize(
    "header", ["", "Digest", "Digest ,,,=", "\x00\xff", "Digest username=é, response=ü", "Digest " + "a" * 10000]
)
def test_nonsense_is_refused(server: DigestServer, header: str) -> None:
    assert not server.check(header, "DESCRIBE", (URI,), CREDENTIALS).ok


def test_an_old_nonce_is_stale(server: DigestServer, clock: Clock) -> None:
    header = answer(server)
    clock.now += server.nonce_lifetime + 1
    result = server.check(header, "DESCRIBE", (URI,), CREDENTIALS)
    assert not result.ok
    assert result == DigestResult(stale=True)
    assert all(challenge.endswith("stale=true") for challenge in server.challenges(stale=True))


def test_the_number_of_nonces_is_bounded(clock: Clock) -> None:
    server = DigestServer("camera", clock=clock, max_nonces=2)
    first = answer(server)
    for _ in range(2):
        server.challenges()
    assert server.check(first, "DESCRIBE", (URI,), CREDENTIALS).stale


def test_client_prefers_the_stronger_algorithm(server: DigestServer) -> None:
    client = DigestClient(CREDENTIALS)
    client.take_challenges(server.challenges())
    assert "algorithm=SHA-256" in (client.authorization("PLAY", URI) or "")


def test_client_sends_basic_only_when_allowed_and_nothing_better_is_offered() -> None:
    cautious, lenient = DigestClient(CREDENTIALS), DigestClient(CREDENTIALS, allow_basic=True)
    assert not cautious.take_challenges(['Basic realm="camera"'])
    assert cautious.authorization("PLAY", URI) is None
    assert lenient.take_challenges(['Basic realm="camera"'])
    assert lenient.authorization("PLAY", URI) == "Basic dmlld2VyOlNlY3JldDEyMw=="
    assert lenient.take_challenges(['Basic realm="camera"', 'Digest realm="camera", nonce="1"'])
    assert (lenient.authorization("PLAY", URI) or "").startswith("Digest ")


def test_client_refuses_algorithms_it_does_not_know() -> None:
    client = DigestClient(CREDENTIALS)
    assert not client.take_challenges(['Digest realm="camera", nonce="1", algorithm=SHA-512-256'])
    assert client.authorization("PLAY", URI) is None


def test_quotes_survive_the_way(server: DigestServer) -> None:
    odd = Credentials(username='a"b\\c', password="Secret123")
    header = answer(server, credentials=odd)
    assert server.check(header, "DESCRIBE", (URI,), odd).ok


def test_password_is_in_no_repr() -> None:
    assert "Secret" not in repr(DigestClient(CREDENTIALS))


def test_a_long_name_is_scanned_once() -> None:
    """And not from each of its characters on: anybody could keep the event loop busy with it."""
    assert digest._PARAMETER.findall("a" * 1_000_000) == []
