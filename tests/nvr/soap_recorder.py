"""A recorder of canned SOAP answers on loopback, for what no well-behaved one would say."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
import re
from typing import Self

from aiohttp import web

CAPTURES = Path(__file__).parents[3] / "shared" / "captures"
"""Real devices' answers; beside a development checkout only."""

_OPERATION = re.compile(rb"<(?:[\w.-]+:)?Body[^>]*>\s*<(?:[\w.-]+:)?(\w+)")

type Answer = str | bytes | web.StreamResponse | Callable[[web.Request], Awaitable[web.StreamResponse]]


def envelope(body: str, *, soap: str = "http://www.w3.org/2003/05/soap-envelope") -> str:
    """Wrap a body."""
    return (
        f'<s:Envelope xmlns:s="{soap}" xmlns:tt="http://www.onvif.org/ver10/schema"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl">'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )


def fault(subcode: str = "ter:ActionNotSupported", reason: str = "no", status: int = 400) -> web.Response:
    """Make a SOAP 1.2 fault; the prefix of its subcode is declared."""
    return web.Response(
        status=status,
        content_type="application/soap+xml",
        text=envelope(
            '<s:Fault xmlns:ter="http://www.onvif.org/ver10/error"><s:Code><s:Value>s:Sender</s:Value>'
            f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
            f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>'
        ),
    )


def date_and_time(when: str = "2026 1 2 3 4 5") -> str:
    """Answer GetSystemDateAndTime; `when` is UTC."""
    year, month, day, hour, minute, second = when.split()
    return envelope(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
        "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{hour}</tt:Hour><tt:Minute>{minute}</tt:Minute><tt:Second>{second}</tt:Second></tt:Time>"
        f"<tt:Date><tt:Year>{year}</tt:Year><tt:Month>{month}</tt:Month><tt:Day>{day}</tt:Day></tt:Date>"
        "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def device_information(serial_number: str = "SN123456") -> str:
    """Answer GetDeviceInformation."""
    return envelope(
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>Maker</tds:Manufacturer><tds:Model>Box</tds:Model>"
        "<tds:FirmwareVersion>1.0</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{serial_number}</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def services(xaddr: str) -> str:
    """Answer GetServices with Media1 alone."""
    return envelope(
        "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl</tds:Namespace>"
        f"<tds:XAddr>{xaddr}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version>"
        "</tds:Service></tds:GetServicesResponse>"
    )


def profile(token: str, source: str | None, *, video: tuple[str, int, int] | None = None, name: str = "p") -> str:
    """Make one profile; `video` is encoding, width, height."""
    configuration = (
        ""
        if source is None
        else f'<tt:VideoSourceConfiguration token="vsc"><tt:Name>VideoSource</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:SourceToken>{source}</tt:SourceToken>"
        '<tt:Bounds x="0" y="0" width="1" height="1"/></tt:VideoSourceConfiguration>'
    )
    encoder = (
        ""
        if video is None
        else f'<tt:VideoEncoderConfiguration token="{token}-e"><tt:Name>e</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>{video[0]}</tt:Encoding>"
        f"<tt:Resolution><tt:Width>{video[1]}</tt:Width><tt:Height>{video[2]}</tt:Height></tt:Resolution>"
        "</tt:VideoEncoderConfiguration>"
    )
    return (
        f'<trt:Profiles token="{token}" fixed="true"><tt:Name>{name}</tt:Name>{configuration}{encoder}</trt:Profiles>'
    )


def profiles(*items: str) -> str:
    """Answer GetProfiles."""
    return envelope(f"<trt:GetProfilesResponse>{''.join(items)}</trt:GetProfilesResponse>")


def media_uri(operation: str, uri: str) -> str:
    """Answer GetStreamUri or GetSnapshotUri."""
    escaped = uri.replace("&", "&amp;")
    return envelope(
        f"<trt:{operation}Response><trt:MediaUri><tt:Uri>{escaped}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
        f"<tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:{operation}Response>"
    )


class SoapRecorder:
    """Answers each operation with what `answers` holds for it; any other with ActionNotSupported."""

    def __init__(self) -> None:
        """Begin with the answers of a recorder with one channel."""
        self.calls: Counter[str] = Counter()
        self.requests: list[tuple[str, str, bytes]] = []
        """(operation, path, body)."""
        self.answers: dict[str, Answer] = {}
        self.host = "127.0.0.1"
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # aiohttp offers no other way
        self.answers = {
            "GetSystemDateAndTime": date_and_time(),
            "GetDeviceInformation": device_information(),
            "GetServices": services(f"http://{self.host}:{self.port}/onvif/media"),
            "GetProfiles": profiles(profile("p1", "s1", video=("H264", 1280, 720))),
            "GetStreamUri": media_uri("GetStreamUri", "rtsp://127.0.0.1:8554/one"),
            "GetSnapshotUri": media_uri("GetSnapshotUri", "http://127.0.0.1:8080/one.jpg"),
        }
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all sockets."""
        await self._runner.cleanup()

    def answer_from(self, folder: str, **files: str) -> None:
        """Answer operations with captured files of a folder."""
        for operation, file in files.items():
            self.answers[operation] = (CAPTURES / folder / file).read_bytes()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        found = _OPERATION.search(body)
        operation = found[1].decode() if found else request.path
        self.calls[operation] += 1
        self.requests.append((operation, request.path, body))
        answer = self.answers.get(operation)
        if answer is None:
            return fault()
        if callable(answer):
            return await answer(request)
        if isinstance(answer, web.StreamResponse):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)  # type: ignore[attr-defined]
        text = answer.encode() if isinstance(answer, str) else answer
        return web.Response(body=text, content_type="application/soap+xml")
