"""SOAP calls: limits, logins, threads."""

import asyncio
from datetime import timedelta
import re
import threading
from typing import Any

import aiohttp
from aiohttp import web
from onvif import client as onvif_client, transport as onvif_transport
import pytest
from zeep.wsdl.bindings.soap import SoapBinding

from custom_components.onvif_proxy.digest import DigestServer
from custom_components.onvif_proxy.nvr import soap
from custom_components.onvif_proxy.nvr.errors import NotOnvif, RecorderRefused, Unreachable, WrongCredentials
from custom_components.onvif_proxy.nvr.soap import DEVICE, SoapClient

from .conftest import CREDENTIALS
from .soap_recorder import SoapRecorder, device_information


@pytest.fixture
async def client(soap_recorder: SoapRecorder, session: aiohttp.ClientSession) -> Any:
    """A client of the canned recorder."""
    soap_client = make_client(soap_recorder, session)
    yield soap_client
    await soap_client.close()


def make_client(recorder: SoapRecorder, session: aiohttp.ClientSession, **limits: Any) -> SoapClient:
    """Make a client with other limits."""
    return SoapClient(host=recorder.host, port=recorder.port, credentials=CREDENTIALS, session=session, **limits)


async def test_a_login_is_signed_in_the_recorders_time(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """With user name and a digest; the password never goes out."""
    client.clock_offset = timedelta(days=-3650)
    await client.call(DEVICE, "GetDeviceInformation")
    _, path, body = soap_recorder.requests[0]

    assert path == "/onvif/device_service"
    assert b"<wsse:Username>admin</wsse:Username>" in body
    assert b"#PasswordDigest" in body
    assert b"Recorder123" not in body
    created = re.search(rb"Created[^>]*>(\d{4})-[^<]*Z<", body)
    assert created is not None
    assert int(created[1]) < 2020


async def test_what_needs_no_login_is_asked_without(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """A refused login counts, an asked time does not."""
    await client.call(DEVICE, "GetSystemDateAndTime", login=False)

    assert b"Security" not in soap_recorder.requests[0][2]


async def test_http_digest_is_answered_when_the_recorder_wants_it(
    soap_recorder: SoapRecorder, client: SoapClient
) -> None:
    """Once challenged, later calls bring the answer along; the library alone would fail here."""
    realm = DigestServer("recorder")
    challenged = 0

    async def protected(request: web.Request) -> web.Response:
        nonlocal challenged
        given = request.headers.get("Authorization", "")
        if realm.check(given, "POST", [request.path], CREDENTIALS).ok:
            return web.Response(text=device_information(), content_type="application/soap+xml")
        challenged += 1
        return web.Response(status=401, headers=[("WWW-Authenticate", value) for value in realm.challenges()])

    soap_recorder.answers["GetDeviceInformation"] = protected

    for _ in range(3):
        assert (await client.call(DEVICE, "GetDeviceInformation")).Model == "Box"
    assert challenged == 1


async def test_a_challenge_is_answered_on_the_only_connection(soap_recorder: SoapRecorder) -> None:
    """A session may have no other to spare."""
    realm = DigestServer("recorder")

    async def protected(request: web.Request) -> web.Response:
        if realm.check(request.headers.get("Authorization", ""), "POST", [request.path], CREDENTIALS).ok:
            return web.Response(text=device_information(), content_type="application/soap+xml")
        return web.Response(status=401, headers=[("WWW-Authenticate", realm.challenges()[0])], text="x" * 5_000_000)

    soap_recorder.answers["GetDeviceInformation"] = protected
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        client = make_client(soap_recorder, session, timeout=5)
        assert (await client.call(DEVICE, "GetDeviceInformation")).Model == "Box"
        await client.close()


async def test_a_refused_digest_login_is_tried_once(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """Recorders lock accounts after a few."""
    headers = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
    soap_recorder.answers["GetDeviceInformation"] = web.Response(status=401, headers=headers)

    with pytest.raises(WrongCredentials):
        await client.call(DEVICE, "GetDeviceInformation")
    assert soap_recorder.calls["GetDeviceInformation"] == 2  # the question and its one answer


async def test_redirects_are_not_followed(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """A recorder sends us nowhere."""
    location = f"http://127.0.0.1:{soap_recorder.port}/elsewhere"
    soap_recorder.answers["GetDeviceInformation"] = web.Response(status=307, headers={"Location": location})

    with pytest.raises(NotOnvif):
        await client.call(DEVICE, "GetDeviceInformation")
    assert {path for _, path, _ in soap_recorder.requests} == {"/onvif/device_service"}


async def test_an_answer_is_read_up_to_a_limit(soap_recorder: SoapRecorder, session: aiohttp.ClientSession) -> None:
    """Ten endless megabytes cost eight."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 10_000_000:
                await response.write(b" " * 10_000)
                sent += 10_000
        except ConnectionError:
            pass
        return response

    soap_recorder.answers["GetDeviceInformation"] = endless
    client = make_client(soap_recorder, session, max_answer=100_000)

    with pytest.raises(RecorderRefused, match="more than 100000 bytes"):
        await client.call(DEVICE, "GetDeviceInformation")
    await client.close()
    assert sent < 10_000_000


async def test_a_hanging_recorder_is_given_up(soap_recorder: SoapRecorder, session: aiohttp.ClientSession) -> None:
    """After the time-out, not before the universe ends."""
    done = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    soap_recorder.answers["GetDeviceInformation"] = hang
    client = make_client(soap_recorder, session, timeout=0.05)

    with pytest.raises(Unreachable, match="no answer in time"):
        await client.call(DEVICE, "GetDeviceInformation")
    done.set()
    await client.close()


async def test_a_resetting_recorder_is_unreachable(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """After a second try, since a kept-alive connection may just have died."""

    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    soap_recorder.answers["GetDeviceInformation"] = reset

    with pytest.raises(Unreachable):
        await client.call(DEVICE, "GetDeviceInformation")
    assert soap_recorder.calls["GetDeviceInformation"] == 2


async def test_a_connection_that_died_in_between_is_replaced(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """The recorder closes it, the next call does not fail."""
    failed = False

    async def fail_once(request: web.Request) -> web.Response:
        nonlocal failed
        if not failed:
            failed = True
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text=device_information(), content_type="application/soap+xml")

    soap_recorder.answers["GetDeviceInformation"] = fail_once

    assert (await client.call(DEVICE, "GetDeviceInformation")).Model == "Box"


async def test_calls_are_limited_in_number(soap_recorder: SoapRecorder, session: aiohttp.ClientSession) -> None:
    """As many at once as allowed, the others wait."""
    now = most = 0

    async def count(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(20):
            await asyncio.sleep(0)
        now -= 1
        return web.Response(text=device_information(), content_type="application/soap+xml")

    soap_recorder.answers["GetDeviceInformation"] = count
    client = make_client(soap_recorder, session, max_parallel=3)
    await asyncio.gather(*(client.call(DEVICE, "GetDeviceInformation") for _ in range(12)))
    await client.close()

    assert most == 3


async def test_the_loop_neither_reads_files_nor_decodes_answers(
    soap_recorder: SoapRecorder, client: SoapClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WSDL files are opened and answers decoded in worker threads."""
    threads: dict[str, set[int]] = {"load": set(), "decode": set()}
    load, decode = onvif_transport.AsyncSafeTransport.load, SoapBinding.process_reply

    def watched_load(self: Any, url: str) -> bytes:
        threads["load"].add(threading.get_ident())
        return load(self, url)

    def watched_decode(*arguments: Any) -> Any:
        threads["decode"].add(threading.get_ident())
        return decode(*arguments)

    monkeypatch.setattr(onvif_client, "_DOCUMENT_CACHE", {})
    monkeypatch.setattr(onvif_transport.AsyncSafeTransport, "load", watched_load)
    monkeypatch.setattr(SoapBinding, "process_reply", watched_decode)

    await client.call(DEVICE, "GetDeviceInformation")

    assert threads["load"]
    assert threads["decode"]
    assert threading.get_ident() not in threads["load"] | threads["decode"]


@pytest.mark.parametrize("doctype", ["<!DOCTYPE a>", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'])
async def test_entities_and_document_types_are_refused(
    doctype: str, soap_recorder: SoapRecorder, client: SoapClient
) -> None:
    """Whatever they would expand to."""
    soap_recorder.answers["GetDeviceInformation"] = doctype + device_information(
        "&x;" if "ENTITY" in doctype else "1234"
    )

    with pytest.raises(RecorderRefused, match="malformed"):
        await client.call(DEVICE, "GetDeviceInformation")


async def test_an_answer_without_end_of_nesting_is_harmless(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """The parser's own depth limit holds: what lies deeper is not there."""
    soap_recorder.answers["GetDeviceInformation"] = device_information("<a>" * 100_000)

    assert (await client.call(DEVICE, "GetDeviceInformation")).Model == "Box"


async def test_a_closed_client_opens_again(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """Closing twice is no error, and the session is still the caller's."""
    await client.call(DEVICE, "GetDeviceInformation")
    await client.close()
    await client.close()

    assert (await client.call(DEVICE, "GetDeviceInformation")).Model == "Box"
    assert not client.session.closed


async def test_a_load_that_was_broken_off_begins_anew(
    soap_recorder: SoapRecorder, client: SoapClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan's deadline may come while WSDL files are read."""
    loading = asyncio.Event()

    async def never(_: Any) -> None:
        loading.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(onvif_client.ONVIFService, "setup", never)
        call = asyncio.create_task(client.call(DEVICE, "GetDeviceInformation"))
        await loading.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert (await client.call(DEVICE, "GetDeviceInformation")).Model == "Box"


async def test_a_service_follows_its_address(soap_recorder: SoapRecorder, client: SoapClient) -> None:
    """A rescan may find it elsewhere."""
    client.addresses[soap.MEDIA] = f"http://127.0.0.1:{soap_recorder.port}/one"
    await client.call(soap.MEDIA, "GetProfiles")
    client.addresses[soap.MEDIA] = f"http://127.0.0.1:{soap_recorder.port}/two"
    await client.call(soap.MEDIA, "GetProfiles")

    assert [path for _, path, _ in soap_recorder.requests] == ["/one", "/two"]


async def test_no_session_of_the_library_stays_open(
    soap_recorder: SoapRecorder, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when a load is broken off, nor when a call is made after the client was closed, as a farewell is."""
    opened: list[aiohttp.ClientSession] = []

    def open_session(**arguments: Any) -> aiohttp.ClientSession:
        opened.append(aiohttp.ClientSession(**arguments))
        return opened[-1]

    monkeypatch.setattr(onvif_client, "ClientSession", open_session)
    monkeypatch.setattr(onvif_client, "_DOCUMENT_CACHE", {})
    client = make_client(soap_recorder, session)

    async with asyncio.TaskGroup() as tasks:
        broken_off = tasks.create_task(client.call(DEVICE, "GetDeviceInformation"))
        while not opened:
            await asyncio.sleep(0)
        broken_off.cancel()
    await client.close()
    await client.call(DEVICE, "GetDeviceInformation")
    client.addresses[DEVICE] += "?moved"
    await client.call(DEVICE, "GetDeviceInformation")

    assert len(opened) == 3
    assert all(one.closed for one in opened)
