"""Fetching still images."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web
import pytest

from custom_components.onvif_proxy.digest import DigestServer
from custom_components.onvif_proxy.nvr.errors import RecorderError, RecorderRefused, Unreachable, WrongCredentials
from custom_components.onvif_proxy.nvr.snapshot import fetch_snapshot

from .conftest import CREDENTIALS
from .soap_recorder import SoapRecorder

JPEG = b"\xff\xd8\xff\xe0" + b"x" * 100 + b"\xff\xd9"


@pytest.fixture
async def uri(soap_recorder: SoapRecorder) -> str:
    """Where the image is; its query must arrive as it was."""
    return f"http://127.0.0.1:{soap_recorder.port}/snap.cgi?channel=0&user=admin&x=a%20b"


async def test_an_image(soap_recorder: SoapRecorder, session: aiohttp.ClientSession, uri: str) -> None:
    """As the recorder sends it; it may call it what it likes."""
    queries = []

    async def image(request: web.Request) -> web.Response:
        queries.append(request.raw_path)
        return web.Response(body=JPEG, content_type="text/plain")

    soap_recorder.answers["/snap.cgi"] = image
    snapshot = await fetch_snapshot(session, uri, CREDENTIALS)

    assert (snapshot.image, snapshot.content_type) == (JPEG, "image/jpeg")
    assert queries == ["/snap.cgi?channel=0&user=admin&x=a%20b"]


async def test_a_digest_is_given_when_it_is_wanted(
    soap_recorder: SoapRecorder, session: aiohttp.ClientSession, uri: str
) -> None:
    """Of path and query, also where Basic is offered first."""
    realm = DigestServer("recorder")

    async def image(request: web.Request) -> web.Response:
        if realm.check(request.headers.get("Authorization", ""), "GET", [request.raw_path], CREDENTIALS).ok:
            return web.Response(body=JPEG)
        challenges = ['Basic realm="recorder"', *realm.challenges()]
        return web.Response(status=401, headers=[("WWW-Authenticate", value) for value in challenges])

    soap_recorder.answers["/snap.cgi"] = image

    assert (await fetch_snapshot(session, uri, CREDENTIALS)).image == JPEG


@pytest.mark.parametrize(
    ("challenges", "sent"),
    [
        (['Basic realm="r"'], True),
        # Never in the clear where a digest would do.
        (['Digest realm="r", nonce="n"', 'Basic realm="r"'], False),
        (['Basic realm="r"', 'Digest realm="r", nonce="n"'], False),
        ([], False),
    ],
)
async def test_basic_is_given_only_where_nothing_else_is_offered(
    challenges: list[str], sent: bool, soap_recorder: SoapRecorder, session: aiohttp.ClientSession, uri: str
) -> None:
    """Some recorders have only that."""
    given = []

    async def image(request: web.Request) -> web.Response:
        given.append(request.headers.get("Authorization", ""))
        if given[-1] == "Basic YWRtaW46UmVjb3JkZXIxMjM=":
            return web.Response(body=JPEG)
        return web.Response(status=401, headers=[("WWW-Authenticate", value) for value in challenges])

    soap_recorder.answers["/snap.cgi"] = image
    if sent:
        assert (await fetch_snapshot(session, uri, CREDENTIALS)).image == JPEG
    else:
        with pytest.raises(WrongCredentials):
            await fetch_snapshot(session, uri, CREDENTIALS)
    assert any(value.startswith("Basic") for value in given) == sent


type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        for _ in range(1000):
            await response.write(JPEG * 100)
    except ConnectionError:
        pass
    return response


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (web.Response(status=403), WrongCredentials),
        (web.Response(status=404), RecorderRefused),
        (web.Response(status=500), RecorderRefused),
        (web.Response(status=302, headers={"Location": "http://192.0.2.1/"}), RecorderRefused),
        (web.Response(body=b"<html>", content_type="image/jpeg"), RecorderRefused),
        (web.Response(body=b"", content_type="image/jpeg"), RecorderRefused),
        (_huge, RecorderRefused),
        (_reset, Unreachable),
    ],
)
async def test_what_is_no_image(
    answer: web.Response | Handler,
    kind: type[RecorderError],
    soap_recorder: SoapRecorder,
    session: aiohttp.ClientSession,
    uri: str,
) -> None:
    """Each has its error; a redirect is not followed; a text does not pass for a picture."""
    soap_recorder.answers["/snap.cgi"] = answer

    with pytest.raises(RecorderError) as caught:
        await fetch_snapshot(session, uri, CREDENTIALS, max_image=10_000)
    assert type(caught.value) is kind
    assert "user=admin" not in str(caught.value)


async def test_a_hanging_recorder_is_given_up(
    soap_recorder: SoapRecorder, session: aiohttp.ClientSession, uri: str
) -> None:
    """After the time-out."""
    done = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    soap_recorder.answers["/snap.cgi"] = hang
    with pytest.raises(Unreachable):
        await fetch_snapshot(session, uri, CREDENTIALS, timeout=0.05)
    done.set()
