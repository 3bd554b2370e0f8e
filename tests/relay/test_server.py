"""The server's life: ports, updates, and an end that leaves nothing."""

import asyncio
import errno
import gc
import logging
import socket

import pytest

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import Limits, RelayServer, Source
from custom_components.onvif_proxy.relay.connection import Connection as RelayConnection
from custom_components.onvif_proxy.rtsp import frame

from .conftest import QUICK, relaying, until
from .rtsp_client import VIEWER, RtspClient
from .scripted_recorder import FIRST, ScriptedRecorder, silence


def server_at(port: int, address: str = "127.0.0.1") -> RelayServer:
    """Return a server without sources."""
    return RelayServer(address, port, credentials=VIEWER, sources={})


async def test_a_port_that_is_taken_is_said_by_its_errno() -> None:
    async with server_at(0) as server:
        with pytest.raises(OSError) as raised:
            await server_at(server.port).start()
    assert raised.value.errno == errno.EADDRINUSE


async def test_an_address_that_is_not_there_is_said_by_its_errno() -> None:
    with pytest.raises(OSError) as raised:
        await server_at(0, "192.0.2.1").start()
    assert raised.value.errno == errno.EADDRNOTAVAIL


async def test_start_and_stop_may_be_repeated() -> None:
    server = server_at(0)
    await server.stop()
    await server.start()
    port = server.port
    await server.start()
    assert server.port == port
    await server.stop()
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_restart_binds_the_same_port_at_once_while_viewers_play() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        port = server.port
        await server.stop()
        assert recorder.open_connections == 0
        await server.start()
        assert server.port == port
        async with RtspClient(port) as again:
            assert (await again.play()).status == 200


@pytest.mark.parametrize("teardown", ["answered", "ignored"])
async def test_stopping_while_a_viewer_plays_leaves_nothing(teardown: str) -> None:
    recorder = ScriptedRecorder()
    if teardown == "ignored":
        recorder.script["TEARDOWN"] = silence
    before = asyncio.all_tasks()
    async with recorder:
        server = RelayServer(
            "127.0.0.1", 0, credentials=VIEWER, sources={"main": recorder.source, "sub": recorder.source}, limits=QUICK
        )
        await server.start()
        async with RtspClient(server.port) as viewer, RtspClient(server.port) as idle:
            await viewer.play()
            await idle.request("OPTIONS", "*")
            async with asyncio.timeout(2):
                await server.stop()
            assert recorder.methods.count("TEARDOWN") == 1
            assert await viewer.ended()
            assert await idle.ended()
        assert server.viewers == 0
        await until(lambda: recorder.open_connections == 0)
    gc.collect()
    assert asyncio.all_tasks() == before


async def test_stopping_while_the_recorder_hangs_does_not_hang() -> None:
    recorder = ScriptedRecorder(DESCRIBE=silence)
    async with recorder:
        server = RelayServer("127.0.0.1", 0, credentials=VIEWER, sources={"main": recorder.source}, limits=Limits())
        await server.start()
        async with RtspClient(server.port) as viewer:
            asking = asyncio.create_task(viewer.request("DESCRIBE", "/main"))
            await until(lambda: bool(recorder.requests))
            async with asyncio.timeout(3):
                await server.stop()
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asking
        await until(lambda: recorder.open_connections == 0)


async def test_new_credentials_end_viewers_and_hold_for_the_next() -> None:
    new = Credentials(username="viewer", password="Changed")
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        server.update(credentials=VIEWER)
        assert (await viewer.request("OPTIONS", "*")).status == 200
        server.update(credentials=new)
        assert await viewer.ended()
        async with RtspClient(server.port) as former:
            assert (await former.request("DESCRIBE", "/main")).status == 401
        async with RtspClient(server.port, credentials=new) as latter:
            assert (await latter.request("DESCRIBE", "/main")).status == 200


async def test_new_sources_hold_for_the_next_viewer_and_leave_others_alone() -> None:
    recorder, moved = ScriptedRecorder(), ScriptedRecorder()
    async with moved, relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        server.update(sources={"main": moved.source})
        recorder.connections[0].send(frame(0, b"goes on"))
        assert [await viewer.frame(), await viewer.frame()] == [(0, FIRST), (0, b"goes on")]
        async with RtspClient(server.port) as other:
            assert (await other.request("DESCRIBE", "/sub")).status == 404
            assert (await other.play()).status == 200
        assert "PLAY" in moved.methods


async def test_a_viewer_of_a_former_source_is_sent_away_when_that_is_lost() -> None:
    recorder, moved = ScriptedRecorder(), ScriptedRecorder()
    async with moved, relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        server.update(sources={"main": moved.source})
        recorder.connections[0].writer.close()
        assert await viewer.ended()
        assert len(recorder.connections) == 1


async def test_packets_are_not_held_back_for_more() -> None:
    """TCP_NODELAY on both sides, or single packets would wait for the one before to be confirmed."""
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert server._camera is not None
        plane = server._camera.common.plane
        assert plane.sockets == 2
        for connection in plane._owners.values():
            assert isinstance(connection, RelayConnection)
            assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_logs_hold_no_secret_and_are_silent_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.onvif_proxy")
    recorder = ScriptedRecorder(PLAY=silence)
    wrong = Credentials(username="viewer", password="ViewerSecreT")
    async with relaying(recorder) as server:
        async with RtspClient(server.port, credentials=wrong) as viewer:
            await viewer.request("DESCRIBE", "/main")
        async with RtspClient(server.port) as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == 504
    records = [record for record in caplog.records if "onvif_proxy" in record.name]
    text = "\n".join(record.getMessage() for record in records)
    assert "Login by rtsp from 127.0.0.1 failed: wrong_password" in text
    assert "recorder doesn't answer PLAY" in text
    assert all(record.levelno == logging.DEBUG for record in records)
    for secret in ("Secre", "rtsp://", "Streaming", str(recorder.port)):
        assert secret not in text


def test_a_source_shows_neither_uri_nor_password() -> None:
    source = Source(uri="rtsp://192.0.2.1/", credentials=Credentials(username="admin", password="Secret"))
    assert "192.0.2.1" not in repr(source)
    assert "Secret" not in repr(source)
