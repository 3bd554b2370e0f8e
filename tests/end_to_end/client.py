"""What a recorder's software does with a camera: find it, log in, read it, play it, take a picture."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit
import uuid

import aiohttp
import av
from onvif import ONVIFCamera

_PROBE = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<s:Header><a:MessageID>urn:uuid:{message_id}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>
<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"""
GROUP = ("239.255.255.250", 3702)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came out of a stream."""

    frames: int
    width: int
    height: int
    codec: str
    seconds_to_first_frame: float


async def find_cameras(address: str, *, wanted: Collection[str], seconds: float = 3.0) -> dict[str, str]:
    """Probe from a local address until all wanted XAddrs have answered; returns endpoint references by XAddr.

    Those of others are left out: they may share the network with the cameras that are looked for.
    """
    return await asyncio.to_thread(_find_cameras, address, wanted, seconds)


def _find_cameras(address: str, wanted: Collection[str], seconds: float) -> dict[str, str]:
    found: dict[str, str] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        probe.bind((address, 0))
        deadline = time.monotonic() + seconds
        while len(found) < len(wanted) and time.monotonic() < deadline:
            probe.sendto(_PROBE.format(message_id=uuid.uuid4()).encode(), GROUP)
            until = min(deadline, time.monotonic() + 1.0)
            while len(found) < len(wanted) and (left := until - time.monotonic()) > 0:
                probe.settimeout(left)
                try:
                    answer = probe.recv(65536).decode(errors="replace")
                except TimeoutError:
                    break
                reference = re.search(r"Address>\s*(urn:uuid:[^<\s]+)", answer)
                address_ = re.search(r"XAddrs>\s*([^<\s]+)", answer)
                if reference and address_ and address_.group(1) in wanted:
                    found[address_.group(1)] = reference.group(1)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A media profile as the camera describes it."""

    token: str
    codec: str
    width: int
    height: int
    stream_uri: str
    snapshot_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCamera:
    """What a camera says of itself over ONVIF."""

    name: str
    serial_number: str
    mac: str
    profiles: tuple[Profile, ...]


async def read_camera(xaddr: str, username: str, password: str) -> ReadCamera:
    """Log in with onvif-zeep-async and read what a client needs to adopt the camera."""
    url = urlsplit(xaddr)
    camera = ONVIFCamera(url.hostname, url.port or 80, username, password)
    try:
        await camera.update_xaddrs()
        device = await camera.create_devicemgmt_service()
        media = await camera.create_media_service()
        information = await device.GetDeviceInformation()
        interfaces = await device.GetNetworkInterfaces()
        scopes = [scope.ScopeItem for scope in await device.GetScopes()]
        profiles = [await _read_profile(media, profile) for profile in await media.GetProfiles()]
    finally:
        await camera.close()
    return ReadCamera(
        name=next(scope.rpartition("/")[2] for scope in scopes if "/name/" in scope),
        serial_number=information.SerialNumber,
        mac=interfaces[0].Info.HwAddress,
        profiles=tuple(profiles),
    )


async def _read_profile(media: Any, profile: Any) -> Profile:
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    stream = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token})
    snapshot = await media.GetSnapshotUri({"ProfileToken": profile.token})
    video = profile.VideoEncoderConfiguration
    return Profile(
        token=profile.token,
        codec=video.Encoding,
        width=video.Resolution.Width,
        height=video.Resolution.Height,
        stream_uri=stream.Uri,
        snapshot_uri=snapshot.Uri,
    )


async def play(uri: str, username: str, password: str, *, seconds: float = 2.0, transport: str = "tcp") -> Played:
    """Play a stream with PyAV and decode its frames; raises av.FFmpegError."""
    url = urlsplit(uri)
    with_login = url._replace(netloc=f"{username}:{password}@{url.netloc}").geturl()
    return await asyncio.to_thread(_play, with_login, seconds, transport)


def _play(uri: str, seconds: float, transport: str) -> Played:
    started = time.monotonic()
    first = None
    frames = 0
    options = {"rtsp_transport": transport, "fflags": "nobuffer", "analyzeduration": "1000000"}
    with av.open(uri, options=options, timeout=(10.0, 10.0)) as container:
        video = container.streams.video[0]
        for _frame in container.decode(video):
            frames += 1
            first = first or time.monotonic()
            if time.monotonic() - first >= seconds:
                break
        return Played(
            frames=frames,
            width=video.codec_context.width,
            height=video.codec_context.height,
            codec=video.codec_context.name,
            seconds_to_first_frame=round((first or time.monotonic()) - started, 3),
        )


async def fetch_snapshot(uri: str, username: str, password: str) -> bytes:
    """Fetch a still image with HTTP digest; raises aiohttp.ClientResponseError."""
    digest = aiohttp.DigestAuthMiddleware(username, password)
    async with aiohttp.ClientSession(middlewares=(digest,)) as session, session.get(uri) as response:
        response.raise_for_status()
        return await response.read()


async def listens(xaddr: str) -> bool:
    """Whether something accepts connections there."""
    url = urlsplit(xaddr)
    try:
        _reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
    except OSError:
        return False
    writer.close()
    return True
