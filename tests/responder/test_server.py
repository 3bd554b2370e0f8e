"""The HTTP server: what it lets in, who may ask, how it fails, how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
import errno
import io
import socket
import time
from typing import Any

import aiohttp
import av
from lxml import etree
import pytest

from custom_components.onvif_proxy.digest import DigestClient, parse_parameters
from custom_components.onvif_proxy.logins import LoginProblem, LoginWay
from custom_components.onvif_proxy.model import Credentials, Snapshot
from custom_components.onvif_proxy.responder import Camera, OnvifServer, TokenVerifier
from custom_components.onvif_proxy.responder.auth import Access
from custom_components.onvif_proxy.responder.errors import SenderFault
from custom_components.onvif_proxy.responder.names import expand
from custom_components.onvif_proxy.responder.services import OPERATIONS
from custom_components.onvif_proxy.responder.services.base import Context, Operation
from custom_components.onvif_proxy.responder.xmltree import node

from .conftest import JPEG, Client, FakeSnapshots, Reply, make_camera, make_description
from .envelopes import NS, PASSWORD, PASSWORD_TEXT, USERNAME, envelope, operation, security

PRE_AUTH = {
    "tds:GetServices",
    "tds:GetServiceCapabilities",
    "tds:GetCapabilities",
    "tds:GetSystemDateAndTime",
    "tds:GetHostname",
    "tds:GetWsdlUrl",
    "tds:GetEndpointReference",
    "tmd:GetRelayOutputOptions",
}
"""And GetServiceCapabilities of every service (ONVIF Core, default access policy)."""
ALL = sorted(
    f"{prefix}:{name.removeprefix(f'{{{uri}}}')}"
    for name in OPERATIONS
    for prefix, uri in NS.items()
    if name.startswith(f"{{{uri}}}")
)
OPEN = [name for name in ALL if name in PRE_AUTH or name.endswith(":GetServiceCapabilities")]
PROTECTED = "tds:GetDeviceInformation"


def digest_login(password: str = PASSWORD) -> dict[str, Any]:
    """Make aiohttp answer HTTP digest challenges."""
    return {"middlewares": [aiohttp.DigestAuthMiddleware(USERNAME, password)]}


class Pulls:
    """Stands for PullMessages: waits until the test lets it go on."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.ended = 0
        self.release = asyncio.Event()

    async def pull(self, context: Context, _request: etree._Element) -> etree._Element:
        """Wait, then answer."""
        self.contexts.append(context)
        try:
            await self.release.wait()
        finally:
            self.ended += 1
        return node("tev:PullMessagesResponse")

    async def until(self, number: int) -> None:
        """Wait until this many have been asked."""
        async with asyncio.timeout(5):
            while len(self.contexts) < number:
                await asyncio.sleep(0.01)

    async def until_ended(self, number: int) -> None:
        """Wait until this many have ended."""
        async with asyncio.timeout(5):
            while self.ended < number:
                await asyncio.sleep(0.01)


class TestAccess:
    """Default deny: only what ONVIF puts before the login is open."""

    def test_the_table_knows_every_operation(self) -> None:
        assert len(ALL) == len(OPERATIONS)
        assert {"tds:GetScopes", "trt:GetProfiles"} <= set(ALL)

    @pytest.mark.parametrize("name", ALL)
    async def test_without_login(self, client: Client, name: str) -> None:
        reply = await client.ask(name, header="")
        assert (reply.status == 401) == (name not in OPEN)
        if reply.status != 200:
            assert reply.fault[1] in (["env:Sender", "ter:NotAuthorized"], ["env:Receiver", "ter:ActionNotSupported"])

    @pytest.mark.parametrize("name", ["tds:StartFirmwareUpgrade", "trt:Nonsense", "tds:Nonsense", "env:Other"])
    async def test_unknown_operations_need_a_login_too(self, client: Client, name: str) -> None:
        assert (await client.ask(name, header="")).fault == (401, ["env:Sender", "ter:NotAuthorized"])

    @pytest.mark.parametrize("name", ["tds:GetDot1XConfigurations", "trt:Nonsense", "env:GetProfiles"])
    async def test_unknown_operations_are_not_implemented(self, client: Client, name: str) -> None:
        reply = await client.ask(name)
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])
        assert "not implemented" in reply.reason  # Home Assistant's onvif integration looks for these words

    async def test_the_first_element_decides_not_its_content(self, client: Client) -> None:
        hidden = operation("tds:GetUsers", operation("tds:GetServices"))
        assert (await client.post(envelope(hidden))).status == 401

    async def test_two_operations_in_a_body(self, client: Client) -> None:
        both = operation("tds:GetServices") + operation("tds:GetUsers")
        assert (await client.post(envelope(both))).fault == (400, ["env:Sender", "ter:WellFormed"])

    async def test_challenges_offer_md5_first_and_last(self, client: Client) -> None:
        """Some clients read the first alone, FFmpeg the last alone, and neither knows more."""
        reply = await client.ask(PROTECTED, header="")
        challenges = [parse_parameters(text) for text in reply.headers.getall("WWW-Authenticate")]
        assert [(scheme, given["algorithm"]) for scheme, given in challenges] == [
            ("digest", "MD5"),
            ("digest", "SHA-256"),
            ("digest", "MD5"),
        ]

    def test_access_classes(self) -> None:
        by_name = {name: operation for name in ALL if (operation := OPERATIONS[expand(name)])}
        assert [name for name in ALL if by_name[name].access is Access.PRE_AUTH] == OPEN

    async def test_operations_of_a_service_that_is_not_offered(self, session: aiohttp.ClientSession) -> None:
        async with OnvifServer(make_description(), make_camera()) as server:
            offered = await Client(session, server).ask("tds:GetServices")
            assert NS["tr2"] not in offered.texts(".//tds:Namespace")
            client = Client(session, server)
            assert (await client.ask("tr2:GetProfiles")).fault == (500, ["env:Receiver", "ter:ActionNotSupported"])
            assert (await client.ask("tr2:GetProfiles", header="")).status == 401


class TestClients:
    """Who calls is told of clients that have the login, and of no one else."""

    @pytest.fixture
    def told(self) -> list[str]:
        """What it was told."""
        return []

    @pytest.fixture
    async def client(
        self, session: aiohttp.ClientSession, snapshots: FakeSnapshots, told: list[str]
    ) -> AsyncIterator[Client]:
        async with OnvifServer(make_description(), make_camera(snapshots), on_client=told.append) as server:
            yield Client(session, server)

    @pytest.mark.parametrize("name", [PROTECTED, "tds:SystemReboot"])
    async def test_a_login_is_told_whatever_is_asked_with_it(self, client: Client, told: list[str], name: str) -> None:
        await client.ask(name)
        await client.ask(name, header="", **digest_login())
        assert told == ["127.0.0.1", "127.0.0.1"]

    async def test_a_refusal_is_not(self, client: Client, told: list[str]) -> None:
        for header in ("", security(password="wrong")):
            assert (await client.ask(PROTECTED, header=header)).status in {400, 401}
        assert (await client.ask(PROTECTED, header="", **digest_login("wrong"))).status == 401
        assert (await client.post("no XML")).status == 400
        assert told == []

    @pytest.mark.parametrize("name", sorted(PRE_AUTH))
    async def test_what_needs_no_login_is_not(self, client: Client, told: list[str], name: str) -> None:
        for header in ("", security(), security(password="wrong")):
            assert (await client.ask(name, header=header)).status == 200
        assert told == []


class TestUsernameToken:
    """WS-Security logins."""

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({}, id="zeep"),
            pytest.param({"prefixed": False}, id="npm onvif, UniFi Protect"),
            pytest.param({"encoding": None}, id="Synology"),
            pytest.param({"zone": "+00:00"}, id="offset for Z"),
            pytest.param({"age": timedelta(minutes=4, seconds=30)}, id="slow clock"),
            pytest.param({"age": timedelta(minutes=-4, seconds=-30)}, id="fast clock"),
        ],
    )
    async def test_accepted(self, client: Client, options: dict[str, Any]) -> None:
        assert (await client.ask(PROTECTED, header=security(**options))).status == 200

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({"password": "wrong"}, id="wrong password"),
            pytest.param({"password": ""}, id="no password"),
            pytest.param({"username": "admin"}, id="wrong user"),
            pytest.param({"value": PASSWORD, "password_type": PASSWORD_TEXT}, id="password as text"),
            pytest.param({"password_type": PASSWORD_TEXT}, id="digest called text"),
            pytest.param({"age": timedelta(minutes=6)}, id="too old"),
            pytest.param({"age": timedelta(minutes=-6)}, id="in the future"),
            pytest.param({"created": "yesterday"}, id="no time"),
            pytest.param({"created": ""}, id="empty time"),
            pytest.param({"created": "0001-01-01T00:00:00+23:59"}, id="first day"),
            pytest.param({"created": "9999-12-31T23:59:59-23:59"}, id="last day"),
            pytest.param({"created": "2024" * 1000}, id="endless time"),
            pytest.param({"nonce": b""}, id="no nonce"),
            pytest.param({"nonce": b"x" * 1000}, id="endless nonce"),
            pytest.param({"encoding": "http://example.com/hex"}, id="unknown encoding"),
            pytest.param({"value": "\u00e9"}, id="not ASCII"),
        ],
    )
    async def test_refused_without_challenge(self, client: Client, options: dict[str, Any]) -> None:
        reply = await client.ask(PROTECTED, header=security(**options))
        assert reply.fault == (400, ["env:Sender", "ter:NotAuthorized"])
        assert "WWW-Authenticate" not in reply.headers  # npm's onvif would try HTTP digest and never come back
        assert PASSWORD not in reply.content.decode()

    async def test_used_twice(self, client: Client) -> None:
        header = security()
        assert (await client.ask(PROTECTED, header=header)).status == 200
        assert (await client.ask(PROTECTED, header=header)).fault == (400, ["env:Sender", "ter:NotAuthorized"])

    async def test_used_on_an_open_operation_first(self, client: Client) -> None:
        header = security()
        assert (await client.ask("tds:GetServices", header=header)).status == 200
        assert (await client.ask(PROTECTED, header=header)).status == 400

    async def test_used_on_an_open_operation_in_the_same_moment(
        self, session: aiohttp.ClientSession, snapshots: FakeSnapshots
    ) -> None:
        """As libonvif does when it is answered within a millisecond."""
        header = security()
        async with OnvifServer(make_description(), make_camera(snapshots), tokens=TokenVerifier()) as server:
            for operation in ("tds:GetServices", PROTECTED, "tds:GetServices", PROTECTED):
                assert (await Client(session, server).ask(operation, header=header)).status == 200

    async def test_used_again_with_another_spelling_of_the_nonce(self, client: Client) -> None:
        header = security(nonce=b"\x00" * 16)  # ends in "AA==", which decodes as "AB==" does
        assert (await client.ask(PROTECTED, header=header)).status == 200
        assert "AA==<" in header
        assert (await client.ask(PROTECTED, header=header.replace("AA==<", "AB==<"))).status == 400

    async def test_used_at_the_next_camera(self, session: aiohttp.ClientSession, snapshots: FakeSnapshots) -> None:
        tokens = TokenVerifier(same_moment=timedelta())
        header = security()
        async with (
            OnvifServer(make_description(), make_camera(snapshots), tokens=tokens) as one,
            OnvifServer(make_description(), make_camera(snapshots), tokens=tokens) as other,
        ):
            assert (await Client(session, one).ask(PROTECTED, header=header)).status == 200
            reply = await Client(session, other).ask(PROTECTED, header=header)
            assert reply.fault == (400, ["env:Sender", "ter:NotAuthorized"])
            assert (await Client(session, other).ask(PROTECTED)).status == 200

    async def test_used_before_a_restart(self, session: aiohttp.ClientSession, snapshots: FakeSnapshots) -> None:
        tokens = TokenVerifier(same_moment=timedelta())
        header = security()
        async with OnvifServer(make_description(), make_camera(snapshots), tokens=tokens) as former:
            assert (await Client(session, former).ask(PROTECTED, header=header)).status == 200
        async with OnvifServer(make_description(), make_camera(snapshots), tokens=tokens) as latter:
            assert (await Client(session, latter).ask(PROTECTED, header=header)).status == 400

    async def test_two_tokens(self, client: Client) -> None:
        reply = await client.ask(PROTECTED, header=security() + security())
        assert reply.fault == (400, ["env:Sender", "ter:NotAuthorized"])

    @pytest.mark.parametrize("header", [security(password="wrong"), security(created="never")])
    async def test_the_clock_is_told_even_after_a_wrong_login(self, client: Client, header: str) -> None:
        reply = await client.ask("tds:GetSystemDateAndTime", header=header)
        assert reply.status == 200


class TestHttpDigest:
    """Logins by HTTP."""

    async def test_accepted(self, client: Client) -> None:
        assert (await client.ask(PROTECTED, header="", **digest_login())).status == 200

    async def test_one_nonce_for_many_requests(self, client: Client) -> None:
        login = digest_login()
        for _ in range(3):
            assert (await client.ask(PROTECTED, header="", **login)).status == 200

    async def test_wrong_password(self, client: Client) -> None:
        reply = await client.ask(PROTECTED, header="", **digest_login("wrong"))
        assert reply.fault == (401, ["env:Sender", "ter:NotAuthorized"])
        assert len(reply.headers.getall("WWW-Authenticate")) == 3

    async def test_both_logins_must_be_right(self, client: Client) -> None:
        right, wrong = security(), security(password="wrong")
        assert (await client.ask(PROTECTED, header=right, **digest_login())).status == 200
        authorization = {"Authorization": 'Digest username="viewer", nonce="x", response="y"'}
        reply = await client.post(envelope(operation(PROTECTED), security()), headers=authorization)
        assert reply.status == 401
        authorization = await self._right_authorization(client)
        reply = await client.post(envelope(operation(PROTECTED), wrong), headers=authorization)
        assert reply.fault == (400, ["env:Sender", "ter:NotAuthorized"])

    async def test_a_token_is_not_used_up_by_a_stale_nonce(self, client: Client) -> None:
        """A client repeats the same body with the new nonce."""
        token = security()
        authorization = await self._right_authorization(client)
        assert (await client.post(envelope(operation(PROTECTED)), headers=authorization)).status == 200
        reply = await client.post(envelope(operation(PROTECTED), token), headers=authorization)
        assert reply.status == 401
        assert "stale=true" in reply.headers["WWW-Authenticate"]
        authorization = await self._right_authorization(client)
        assert (await client.post(envelope(operation(PROTECTED), token), headers=authorization)).status == 200

    async def _right_authorization(self, client: Client) -> dict[str, str]:
        challenges = (await client.ask(PROTECTED, header="")).headers.getall("WWW-Authenticate")
        digest = DigestClient(Credentials(username=USERNAME, password=PASSWORD))
        digest.take_challenges(challenges)
        return {"Authorization": digest.authorization("POST", "/onvif/device_service") or ""}

    async def test_repeated_answer_is_stale(self, client: Client) -> None:
        authorization = await self._right_authorization(client)
        assert (await client.post(envelope(operation(PROTECTED)), headers=authorization)).status == 200
        reply = await client.post(envelope(operation(PROTECTED)), headers=authorization)
        assert reply.status == 401
        assert "stale=true" in reply.headers["WWW-Authenticate"]

    @pytest.mark.parametrize(
        "value", ["Basic dmlld2VyOlNlc2FtZTQ3MTE=", "Digest", "nonsense", "Digest username=\udcff"]
    )
    async def test_other_schemes(self, client: Client, value: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        body = envelope(operation(PROTECTED)).encode()
        head = f"POST /onvif/device_service HTTP/1.0\r\nAuthorization: {value}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode("utf-8", "surrogateescape") + body)
        assert b" 401 " in await reader.readline()
        writer.close()


class TestWhoFailed:
    """Why a login failed is known here, and not told to who failed."""

    @pytest.mark.parametrize(
        ("header", "problem", "off"),
        [
            pytest.param(security(password="wrong"), LoginProblem.WRONG_PASSWORD, None, id="password"),
            pytest.param(security(username="admin"), LoginProblem.UNKNOWN_USER, None, id="user"),
            pytest.param(security(created="never"), LoginProblem.MALFORMED, None, id="nonsense"),
            pytest.param(security(created="2020-01-01T00:00:00Z"), LoginProblem.CLOCK_OFF, -1, id="slow clock"),
            pytest.param(security(created="2220-01-01T00:00:00Z"), LoginProblem.CLOCK_OFF, 1, id="fast clock"),
        ],
    )
    async def test_by_token(
        self, client: Client, camera: Camera, header: str, problem: LoginProblem, off: int | None
    ) -> None:
        reply = await client.ask(PROTECTED, header=header)
        assert reply.fault == (400, ["env:Sender", "ter:NotAuthorized"])
        assert problem.value not in reply.content.decode()
        (failure,) = camera.logins.recent
        assert (failure.source, failure.way, failure.problem) == ("127.0.0.1", LoginWay.SOAP, problem)
        assert (failure.seconds_off is None) == (off is None)
        assert (failure.seconds_off or 0) * (off or 1) >= 0

    async def test_a_replay(self, client: Client, camera: Camera) -> None:
        header = security()
        for _ in range(2):
            await client.ask(PROTECTED, header=header)
        assert [failure.problem for failure in camera.logins.recent] == [LoginProblem.REPLAYED]

    async def test_by_http(self, client: Client, camera: Camera) -> None:
        await client.ask(PROTECTED, header="", **digest_login("wrong"))
        async with client.session.get(client.url("/snapshot"), **digest_login("wrong")):
            pass
        assert [(failure.way, failure.problem) for failure in camera.logins.recent] == [
            (LoginWay.SOAP, LoginProblem.WRONG_PASSWORD),
            (LoginWay.SNAPSHOT, LoginProblem.WRONG_PASSWORD),
        ]

    async def test_handshakes_and_open_operations_are_no_failures(self, client: Client, camera: Camera) -> None:
        for _ in range(5):
            assert (await client.ask(PROTECTED, header="", **digest_login())).status == 200
            assert (await client.ask("tds:GetServices", header=security(password="wrong"))).status == 200
            assert (await client.ask("tds:GetServices", header="")).status == 200
        assert camera.logins.recent == ()

    async def test_who_never_sends_credentials(self, client: Client, camera: Camera) -> None:
        for _ in range(4):
            await client.ask(PROTECTED, header="")
        assert [failure.problem for failure in camera.logins.recent] == [LoginProblem.NO_CREDENTIALS]


class TestLockOut:
    """Who guesses has to wait; nobody else does."""

    @pytest.fixture(autouse=True)
    async def guess(self, client: Client) -> None:
        for _ in range(10):
            assert (await client.ask(PROTECTED, header=security(password="wrong"))).status == 400

    async def test_the_right_login_does_not_help(self, client: Client, camera: Camera) -> None:
        assert (await client.ask(PROTECTED)).fault == (400, ["env:Sender", "ter:NotAuthorized"])
        assert (await client.ask(PROTECTED, header="")).fault == (401, ["env:Sender", "ter:NotAuthorized"])
        reply = await client.ask(PROTECTED, header="", **digest_login())
        assert reply.fault == (401, ["env:Sender", "ter:NotAuthorized"])
        async with client.session.get(client.url("/snapshot"), **digest_login()) as response:
            assert response.status == 401
        assert [(failure.way, failure.problem) for failure in camera.logins.recent][1:] == [
            (LoginWay.SOAP, LoginProblem.LOCKED_OUT),
            (LoginWay.SNAPSHOT, LoginProblem.LOCKED_OUT),
        ]

    async def test_open_operations_stay_open(self, client: Client) -> None:
        assert (await client.ask("tds:GetSystemDateAndTime")).status == 200

    async def test_others_are_not_affected(self, client: Client) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))) as session:
            other = Client(session, client.server)
            for _ in range(490):
                assert (await client.ask(PROTECTED, header=security(password="wrong"))).status == 400
            assert (await other.ask(PROTECTED)).status == 200
            assert (await other.ask(PROTECTED, header="", **digest_login())).status == 200

    async def test_it_ends(self, client: Client, guard_clock: list[float]) -> None:
        guard_clock[0] += 60
        assert (await client.ask(PROTECTED)).status == 200


class TestNoLogin:
    """A camera that lets everybody in."""

    @pytest.fixture
    async def open_client(self, session: aiohttp.ClientSession, camera: Camera) -> Any:
        description = replace(make_description(), credentials=None)
        async with OnvifServer(description, camera) as server:
            yield Client(session, server)

    @pytest.mark.parametrize("header", ["", security(), security(password="wrong"), security(created="never")])
    async def test_credentials_are_not_looked_at(self, open_client: Client, camera: Camera, header: str) -> None:
        for _ in range(2):
            assert (await open_client.ask(PROTECTED, header=header)).status == 200
        assert camera.logins.recent == ()

    async def test_snapshot(self, open_client: Client) -> None:
        async with open_client.session.get(open_client.url("/snapshot")) as response:
            assert response.status == 200

    @pytest.mark.parametrize("origin", ["https://example.com", "null"])
    async def test_web_pages_are_kept_out(self, open_client: Client, origin: str) -> None:
        """Else any page could steer the camera by the browser of somebody who reads it, without even asking first."""
        body = envelope(operation(PROTECTED))
        assert (await open_client.post(body, headers={"Origin": origin, "Content-Type": "text/plain"})).status == 403
        async with open_client.session.get(open_client.url("/snapshot"), headers={"Origin": origin}) as response:
            assert response.status == 403


class TestBadInput:
    """Each gets a clear error, and the camera goes on serving others."""

    @pytest.fixture(autouse=True)
    async def still_serving(self, client: Client) -> Any:
        yield
        assert (await client.ask(PROTECTED)).status == 200

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param("", id="nothing"),
            pytest.param("hello", id="no XML"),
            pytest.param("<a><b></a>", id="not well-formed"),
            pytest.param("<a/>", id="no envelope"),
            pytest.param(envelope(""), id="empty body"),
            pytest.param(envelope("text"), id="text for a body"),
            pytest.param(b"\xff\xfe<\x00a\x00/\x00>\x00", id="UTF-16"),
            pytest.param(b"\x00" * 100, id="zeros"),
            pytest.param("<!DOCTYPE a [<!ENTITY e 'x'>]>" + envelope("&e;"), id="entity"),
            pytest.param(
                f'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>{envelope("<tds:X>&e;</tds:X>")}',
                id="external entity",
            ),
            pytest.param(envelope("<tds:X>&undeclared;</tds:X>"), id="undeclared entity"),
            pytest.param(envelope("<a>" * 60 + "</a>" * 60), id="deep"),
            pytest.param(envelope("<a>" * 5000 + "</a>" * 5000), id="deeper than libxml2 goes"),
            pytest.param(envelope("<a>" + "<b/>" * 5000 + "</a>"), id="many elements"),
            pytest.param(envelope("<a " + " ".join(f'b{n}=""' for n in range(3000)) + "/>"), id="many attributes"),
            pytest.param(envelope("<nope:GetServices/>"), id="undeclared prefix"),
        ],
    )
    async def test_not_an_operation(self, client: Client, data: str | bytes) -> None:
        reply = await client.post(data)
        assert reply.fault == (400, ["env:Sender", "ter:WellFormed"])
        assert b"root:" not in reply.content

    async def test_soap_1_1(self, client: Client) -> None:
        data = envelope("<tds:GetServices/>").replace(NS["env"], "http://schemas.xmlsoap.org/soap/envelope/")
        assert (await client.post(data)).fault == (500, ["env:VersionMismatch"])

    async def test_unknown_mandatory_header(self, client: Client) -> None:
        header = '<x:Sign xmlns:x="urn:x" env:mustUnderstand="true"/>'
        reply = await client.ask("tds:GetServices", header=header)
        assert reply.fault == (500, ["env:MustUnderstand"])
        block = etree.fromstring(reply.content).find("env:Header/env:NotUnderstood", NS)
        assert block is not None
        prefix, _, local = block.get("qname", "").partition(":")
        assert (block.nsmap[prefix], local) == ("urn:x", "Sign")

    @pytest.mark.parametrize(
        "header",
        [
            '<x:Sign xmlns:x="urn:x"/>',
            '<x:Sign xmlns:x="urn:x" env:mustUnderstand="1" env:role="urn:someone-else"/>',
            '<a:To xmlns:a="http://www.w3.org/2005/08/addressing" env:mustUnderstand="1">http://x</a:To>',
        ],
    )
    async def test_other_headers(self, client: Client, header: str) -> None:
        assert (await client.ask("tds:GetServices", header=header)).status == 200

    async def test_ten_megabytes(self, client: Client) -> None:
        reply = await client.post(b"<a>" + b"x" * 10_000_000)
        assert reply.fault == (413, ["env:Sender", "ter:WellFormed"])

    async def test_ten_megabytes_in_chunks(self, client: Client) -> None:
        async def chunks() -> Any:
            for _ in range(100):
                yield b"x" * 100_000

        reply = await client.post(chunks())
        assert reply.status == 413

    @pytest.mark.parametrize(
        "head", [b"\x16\x03\x01\x02", b"GET /\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\r\n" * 50 + b"x: y\r\n\r\n"]
    )
    async def test_not_http(self, client: Client, head: bytes, caplog: pytest.LogCaptureFixture) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        writer.write(head)
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]

    async def test_broken_chunks(self, client: Client) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        writer.write(b"POST /onvif/device_service HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()


class TestHttp:
    """Paths, methods and headers."""

    @pytest.mark.parametrize("path", ["/onvif/device_service", "/onvif/media_service"])
    async def test_any_service_path_takes_any_operation(self, client: Client, path: str) -> None:
        assert (await client.ask("trt:GetProfiles", path=path)).status == 200
        assert (await client.ask("tds:GetScopes", path=path)).status == 200

    @pytest.mark.parametrize("content_type", ["text/xml", "application/soap+xml; action=x", "nonsense"])
    async def test_any_content_type(self, client: Client, content_type: str) -> None:
        reply = await client.ask("tds:GetServices", headers={"Content-Type": content_type})
        assert reply.headers["Content-Type"] == "application/soap+xml; charset=utf-8"

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/onvif/device_service", 405),
            ("POST", "/snapshot", 405),
            ("GET", "/", 404),
            ("POST", "/onvif/", 404),
            ("GET", "/snapshot/../etc/passwd", 404),
        ],
    )
    async def test_wrong_way(self, client: Client, method: str, path: str, status: int) -> None:
        async with client.session.request(method, client.url(path)) as response:
            assert response.status == status

    async def test_clients_that_wait_for_100_continue(self, client: Client) -> None:
        async with asyncio.timeout(5):
            reply = await client.ask("tds:GetServices", expect100=True)
        assert reply.status == 200


def _draw_jpeg() -> bytes:
    """Return a picture that a decoder takes."""
    file = io.BytesIO()
    with av.open(file, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        for frame in (av.VideoFrame(64, 64, "yuvj420p"), None):
            container.mux(stream.encode(frame))
    return file.getvalue()


class TestSnapshot:
    """The still image."""

    async def test_with_login(self, client: Client) -> None:
        async with client.session.get(client.url("/snapshot"), **digest_login()) as response:
            assert (response.status, response.content_type) == (200, "image/jpeg")
            assert await response.read() == JPEG
            assert response.headers["Cache-Control"] == "no-store"

    async def test_ffmpeg_logs_in(self, client: Client, snapshots: FakeSnapshots) -> None:
        snapshots.snapshot_ = Snapshot(image=_draw_jpeg())
        url = client.url("/snapshot").replace("://", f"://{USERNAME}:{PASSWORD}@")

        def decode() -> int:
            with av.open(url, timeout=5) as picture:
                return next(picture.decode(video=0)).width

        assert await asyncio.to_thread(decode) == 64

    async def test_with_a_query(self, client: Client) -> None:
        async with client.session.get(client.url("/snapshot?t=123"), **digest_login()) as response:
            assert response.status == 200

    async def test_head(self, client: Client) -> None:
        async with client.session.head(client.url("/snapshot"), **digest_login()) as response:
            assert (response.status, response.content_length) == (200, len(JPEG))

    async def test_without_login(self, client: Client) -> None:
        async with client.session.get(client.url("/snapshot")) as response:
            assert (response.status, await response.read()) == (401, b"")
            assert len(response.headers.getall("WWW-Authenticate")) == 3

    async def test_wrong_password(self, client: Client) -> None:
        async with client.session.get(client.url("/snapshot"), **digest_login("wrong")) as response:
            assert response.status == 401

    async def test_unavailable(self, client: Client, snapshots: FakeSnapshots) -> None:
        snapshots.break_down()
        async with client.session.get(client.url("/snapshot"), **digest_login()) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "5")

    async def test_not_an_image(self, client: Client, snapshots: FakeSnapshots) -> None:
        snapshots.snapshot_ = Snapshot(image=b"<html>", content_type="text/html")
        async with client.session.get(client.url("/snapshot"), **digest_login()) as response:
            assert response.status == 503

    async def test_defect_is_logged_and_answered(
        self, client: Client, snapshots: FakeSnapshots, caplog: pytest.LogCaptureFixture
    ) -> None:
        snapshots.failure = RuntimeError("a defect")
        async with client.session.get(client.url("/snapshot"), **digest_login()) as response:
            assert response.status == 500
        assert "Could not answer /snapshot" in caplog.text
        caplog.clear()

    async def test_recorder_hangs(self, session: aiohttp.ClientSession) -> None:
        class Hanging:
            async def snapshot(self) -> Snapshot:
                await asyncio.Event().wait()
                raise AssertionError

        async with (
            OnvifServer(make_description(), make_camera(Hanging()), snapshot_timeout=0.05) as server,
            session.get(Client(session, server).url("/snapshot"), **digest_login()) as response,
        ):
            assert response.status == 503


PULL = f"{{{NS['tev']}}}PullMessages"
PULL_ACTION = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription/PullMessagesResponse"
FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"
POINT = "/onvif/subscription/7"


def header_of(reply: Reply) -> dict[str, str | None]:
    """Return the blocks of an answer's SOAP header by local name."""
    return {
        etree.QName(block).localname: block.text
        for block in etree.fromstring(reply.content).iterfind("env:Header/*", NS)
    }


class TestAddressing:
    """What clients of events look at (WS-Addressing 1.0)."""

    MESSAGE_ID = "<wsa:MessageID>urn:uuid:1</wsa:MessageID>"

    async def test_an_answer_says_what_it_is(self, client: Client) -> None:
        reply = await client.ask("tev:GetEventProperties", header=security() + self.MESSAGE_ID)
        assert reply.status == 200
        assert header_of(reply) == {
            "Action": "http://www.onvif.org/ver10/events/wsdl/EventPortType/GetEventPropertiesResponse",
            "RelatesTo": "urn:uuid:1",
        }

    @pytest.mark.parametrize("block", ["", "<wsa:MessageID/>", f"<wsa:MessageID>{'x' * 600}</wsa:MessageID>"])
    async def test_without_a_message_id_it_relates_to_nothing(self, client: Client, block: str) -> None:
        """Some send none with Renew: npm's onvif and onvif-python."""
        reply = await client.ask("tev:GetEventProperties", header=security() + block)
        assert list(header_of(reply)) == ["Action"]

    @pytest.mark.parametrize("header", [security(password="wrong"), ""])
    async def test_faults(self, client: Client, header: str) -> None:
        reply = await client.ask("tev:PullMessages", header=header + self.MESSAGE_ID, path=POINT)
        assert reply.status in (400, 401)
        assert header_of(reply) == {"Action": FAULT_ACTION, "RelatesTo": "urn:uuid:1"}

    async def test_faults_of_other_services_carry_none(self, client: Client) -> None:
        assert header_of(await client.ask(PROTECTED, header=self.MESSAGE_ID)) == {}


class TestWaiting:
    """A request may wait for a minute, at nobody's cost."""

    @pytest.fixture
    def pulls(self, monkeypatch: pytest.MonkeyPatch) -> Pulls:
        pulls = Pulls()
        monkeypatch.setitem(OPERATIONS, PULL, Operation(pulls.pull, Access.READ_MEDIA, action=PULL_ACTION))
        return pulls

    @pytest.fixture
    async def waiting(self, client: Client, pulls: Pulls) -> AsyncIterator[asyncio.Task[Reply]]:
        task = asyncio.create_task(client.ask("tev:PullMessages", path=POINT))
        await pulls.until(1)
        yield task
        task.cancel()
        await asyncio.wait([task])

    async def test_the_handler_knows_who_asks_and_what_for(
        self, client: Client, pulls: Pulls, waiting: asyncio.Task[Reply]
    ) -> None:
        (context,) = pulls.contexts
        assert (context.client, context.subscription) == ("127.0.0.1", "7")
        assert context.subscription_uri("7") == client.url(POINT)
        pulls.release.set()
        assert (await waiting).status == 200

    async def test_it_outlives_the_timeouts_of_a_connection(self, session: aiohttp.ClientSession, pulls: Pulls) -> None:
        async with OnvifServer(
            make_description(),
            make_camera(),
            head_timeout=0.05,
            body_timeout=0.05,
            answer_timeout=0.05,
            keep_alive_timeout=0.05,
            snapshot_timeout=0.05,
        ) as server:
            task = asyncio.create_task(Client(session, server).ask("tev:PullMessages", path=POINT))
            await pulls.until(1)
            await asyncio.sleep(0.3)
            pulls.release.set()
            assert (await task).status == 200

    async def test_it_ends_with_the_client(self, pulls: Pulls, waiting: asyncio.Task[Reply]) -> None:
        waiting.cancel()
        await pulls.until_ended(1)

    async def test_it_ends_with_its_login(
        self, client: Client, pulls: Pulls, waiting: asyncio.Task[Reply], subtests: pytest.Subtests
    ) -> None:
        with subtests.test("another name of the camera is no reason"):
            client.server.update(make_description(name="Back Door"))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        with subtests.test("nor is that everybody is let in"):
            client.server.update(replace(make_description(), credentials=None))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        client.server.update(make_description(password="new"))
        await pulls.until_ended(1)
        with pytest.raises(aiohttp.ClientError):
            await waiting

    async def test_stop_is_quick(self, client: Client, pulls: Pulls, waiting: asyncio.Task[Reply]) -> None:
        begun = time.monotonic()
        await client.server.stop()
        assert time.monotonic() - begun < 0.25
        assert pulls.ended == 1
        with pytest.raises(aiohttp.ClientError):
            await waiting

    async def test_many_that_wait_shut_nobody_out(self, client: Client, pulls: Pulls) -> None:
        """Four clients with 20 each are more than there are places; the greediest one's oldest ends."""
        async with AsyncExitStack() as stack:
            tasks: list[asyncio.Task[Reply]] = []
            for number in range(2, 6):
                connector = aiohttp.TCPConnector(local_addr=(f"127.0.0.{number}", 0))
                session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
                other = Client(session, client.server)
                for _ in range(20):
                    tasks.append(asyncio.create_task(other.ask("tev:PullMessages", path=POINT)))
                    await pulls.until(len(tasks))
            assert (await client.ask(PROTECTED)).status == 200
            assert sum(task.done() for task in tasks) == 80 - 63
            pulls.release.set()
            await asyncio.wait(tasks)
            for task in tasks:
                assert task.exception() is None or isinstance(task.exception(), aiohttp.ClientError)

    async def test_one_client_that_waits_too_often_harms_itself(self, client: Client, pulls: Pulls) -> None:
        tasks = [asyncio.create_task(client.ask("tev:PullMessages", path=POINT)) for _ in range(24)]
        await pulls.until(24)
        assert (await client.ask(PROTECTED)).status == 200
        assert sum(task.done() for task in tasks) == 1
        pulls.release.set()
        await asyncio.wait(tasks)
        assert sum(isinstance(task.exception(), aiohttp.ClientError) for task in tasks) == 1


class TestFaultDetail:
    """A handler's fault may say more than codes (WS-BaseFaults)."""

    async def test_it_is_sent(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_context: Context, _request: etree._Element) -> etree._Element:
            raise SenderFault("No such thing", detail=node("wsrf-r:ResourceUnknownFault", node("wsnt:Reason", "gone")))

        operation_ = Operation(fail, Access.READ_SYSTEM)
        monkeypatch.setitem(OPERATIONS, expand(PROTECTED), operation_)
        reply = await client.ask(PROTECTED)
        (detail,) = reply.body.iterfind("env:Detail/*", NS)
        assert detail.tag == expand("wsrf-r:ResourceUnknownFault")
        assert detail.findtext("wsnt:Reason", namespaces=NS) == "gone"
        assert [etree.QName(part).localname for part in reply.body] == ["Code", "Reason", "Detail"]


class TestKeptAnswers:
    """What can't have changed is not built twice, but the login is looked at every time."""

    @pytest.fixture
    def built(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        built: list[str] = []
        former = OPERATIONS[expand("tds:GetHostname")]

        def handle(context: Context, request: etree._Element) -> Any:
            built.append(context.description.name)
            return former.handler(context, request)

        monkeypatch.setitem(OPERATIONS, expand(PROTECTED), Operation(handle, Access.READ_SYSTEM, constant=True))
        return built

    async def test_once_for_all(self, client: Client, built: list[str]) -> None:
        contents = {(await client.ask(PROTECTED)).content for _ in range(3)}
        assert (len(contents), len(built)) == (1, 1)

    async def test_the_login_is_looked_at(self, client: Client, built: list[str]) -> None:
        header = security()
        assert (await client.ask(PROTECTED, header=header)).status == 200
        assert (await client.ask(PROTECTED, header=header)).status == 400
        assert (await client.ask(PROTECTED, header="")).status == 401
        assert len(built) == 1

    async def test_another_question(self, client: Client, built: list[str]) -> None:
        for content in ("", "<tds:A/>", "<tds:A>b</tds:A>", "<tds:A c='d'/>", "<tt:A/>", ""):
            assert (await client.ask(PROTECTED, content)).status == 200
        assert len(built) == 5

    async def test_a_change_is_told(self, client: Client, built: list[str]) -> None:
        before = (await client.ask(PROTECTED)).content
        client.server.update(make_description(name="Back Door"))
        assert (await client.ask(PROTECTED)).content != before
        assert built == ["Front Door", "Back Door"]


class TestLimits:
    """One client can't take what the others need."""

    async def test_slow_body(self, snapshots: FakeSnapshots) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), body_timeout=0.1) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST /onvif/device_service HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<a>")
            async with asyncio.timeout(5):
                assert b" 408 " in await reader.readline()
            writer.close()


class TestLife:
    """Start, change, stop."""

    async def test_port_in_use(self, snapshots: FakeSnapshots) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = OnvifServer(make_description(onvif_port=taken.getsockname()[1]), make_camera(snapshots))
            with pytest.raises(OSError) as raised:
                await server.start()
        assert raised.value.errno == errno.EADDRINUSE
        await server.stop()

    async def test_address_not_ours(self, snapshots: FakeSnapshots) -> None:
        with pytest.raises(OSError) as raised:
            await OnvifServer(make_description(address="192.0.2.1"), make_camera(snapshots)).start()
        assert raised.value.errno == errno.EADDRNOTAVAIL

    async def test_same_port_again_at_once(self, session: aiohttp.ClientSession, snapshots: FakeSnapshots) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots)) as server:
            assert (await Client(session, server).ask(PROTECTED)).status == 200
            port = server.port
        async with OnvifServer(make_description(onvif_port=port), make_camera(snapshots)) as server:
            assert server.port == port
            assert (await Client(session, server).ask(PROTECTED)).status == 200

    async def test_stop_does_not_wait_for_idle_clients(self, snapshots: FakeSnapshots) -> None:
        server = OnvifServer(make_description(), make_camera(snapshots))
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 404 " in await reader.readline()
        begun = time.monotonic()
        await server.stop()
        assert time.monotonic() - begun < 1
        await reader.read()
        writer.close()

    async def test_stop_does_not_wait_for_the_recorder(self, session: aiohttp.ClientSession) -> None:
        asked = asyncio.Event()

        class Hanging:
            async def snapshot(self) -> Snapshot:
                asked.set()
                await asyncio.Event().wait()
                raise AssertionError

        before = asyncio.all_tasks()
        server = OnvifServer(make_description(), make_camera(Hanging()))
        await server.start()
        url = Client(session, server).url("/snapshot")
        request = asyncio.ensure_future(session.get(url, **digest_login()))
        await asked.wait()
        begun = time.monotonic()
        await server.stop()
        await server.stop()
        assert time.monotonic() - begun < 1
        assert asyncio.all_tasks() - before <= {request}
        with pytest.raises(aiohttp.ClientError):
            await request

    async def test_update(self, client: Client) -> None:
        client.server.update(make_description(name="Back Door", password="new"))
        assert (await client.ask("tds:GetScopes")).status == 400
        reply = await client.ask("tds:GetScopes", header=security(password="new"))
        assert "onvif://www.onvif.org/name/Back%20Door" in reply.texts(".//tt:ScopeItem")

    async def test_new_credentials_hold_for_nonces_that_were_given_out_before(self, client: Client) -> None:
        challenges = (await client.ask(PROTECTED, header="")).headers.getall("WWW-Authenticate")
        client.server.update(make_description(password="new"))
        for password, status in ((PASSWORD, 401), ("new", 200)):
            digest = DigestClient(Credentials(username=USERNAME, password=password))
            digest.take_challenges(challenges)
            authorization = {"Authorization": digest.authorization("POST", "/onvif/device_service") or ""}
            reply = await client.post(envelope(operation(PROTECTED)), headers=authorization)
            assert reply.status == status

    async def test_a_handler_with_a_defect(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        client.server.update(make_description(name=None))  # type: ignore[arg-type]  # what a defect could do
        reply = await client.ask("tds:GetScopes")
        assert reply.fault == (500, ["env:Receiver", "ter:Action"])
        assert "Could not answer GetScopes" in caplog.text
        assert (await client.ask("tds:GetDeviceInformation")).status == 200
        caplog.clear()


PARAMETERS = {"tds:GetServices": "<tds:IncludeCapability>true</tds:IncludeCapability>"}
DEFECT = ["env:Receiver", "ter:Action"]


@pytest.mark.parametrize("name", ALL)
async def test_every_answer_follows_the_schema(
    client: Client, name: str, assert_valid: Callable[[etree._Element], None]
) -> None:
    reply = await client.ask(name, PARAMETERS.get(name, ""))
    if reply.status == 200:
        assert_valid(reply.response)
    else:
        assert reply.fault[1] != DEFECT
