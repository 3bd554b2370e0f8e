"""Runs a simulated recorder until Ctrl-C or SIGTERM: `python -m tests.simulated_nvr --help`."""

import argparse
import asyncio
from datetime import timedelta
import json
import re
import signal
import sys

from .faults import KINDS, Fault
from .options import AUDIO_CODECS, DEFAULT_PASSWORD, DEFAULT_USERNAME, RecorderOptions, StreamOptions
from .recorder import SimulatedRecorder
from .topics import KINDS as TOPIC_KINDS
from .vendors import VENDORS

_STREAM = re.compile(r"^(?:(H264|H265):)?(\d+)x(\d+)@(\d+)$")


def _stream(text: str) -> StreamOptions:
    if not (found := _STREAM.match(text)):
        raise argparse.ArgumentTypeError("expected like 1280x720@15 or H265:1920x1080@20")
    codec, width, height, rate = found.groups()
    try:
        return StreamOptions(codec=codec or "H264", width=int(width), height=int(height), frame_rate=int(rate))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _codec(text: str) -> tuple[int, str]:
    number, _, codec = text.partition("=")
    if not number.isdigit() or codec not in {"H264", "H265"}:
        raise argparse.ArgumentTypeError("expected like 2=H265")
    return int(number), codec


def _fault(text: str) -> tuple[str, Fault]:
    service, _, rest = text.partition("=")
    kind, _, operation = rest.partition(":")
    if kind not in KINDS.get(service, ()):
        known = "; ".join(f"{service}: {', '.join(kinds)}" for service, kinds in KINDS.items())
        raise argparse.ArgumentTypeError(f"expected like onvif=hang or rtsp=500:PLAY, of {known}")
    return service, Fault(kind, operation or None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulated_nvr", description="A video recorder that exists only in software.")
    parser.add_argument("--channels", type=int, default=4, help="cameras (default 4)")
    parser.add_argument("--gap", type=int, action="append", default=[], metavar="N", help="channel without a camera")
    parser.add_argument("--vendor", choices=list(VENDORS), default="hikvision", help="whose tokens, paths and habits")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="HTTP port, 0 for a free one (default 8000)")
    parser.add_argument("--rtsp-port", type=int, default=8554, help="RTSP port, 0 for a free one (default 8554)")
    parser.add_argument("--username", default=DEFAULT_USERNAME)
    parser.add_argument("--password", default=DEFAULT_PASSWORD, help="a test password, visible to all on this machine")
    parser.add_argument("--serial-number", default="")
    parser.add_argument("--mac", default=RecorderOptions().mac)
    parser.add_argument("--main", type=_stream, default=RecorderOptions().main, metavar="[CODEC:]WxH@FPS")
    parser.add_argument("--sub", type=_stream, default=RecorderOptions().sub, metavar="[CODEC:]WxH@FPS")
    parser.add_argument("--no-sub", action="store_true", help="main streams only")
    parser.add_argument(
        "--codec", type=_codec, action="append", default=[], metavar="N=CODEC", help="of a channel's main"
    )
    parser.add_argument("--audio", choices=[*AUDIO_CODECS, "none"], default="G711")
    parser.add_argument(
        "--loudspeaker", type=int, action="append", default=[], metavar="N", help="channel that can be talked to"
    )
    parser.add_argument("--clock-offset", type=float, default=0.0, metavar="SECONDS", help="how far its clock is ahead")
    parser.add_argument("--wrong-xaddr", metavar="HOST:PORT", help="where it believes it is reached")
    parser.add_argument("--media1-hides-h265", action="store_true", help="Dahua's way with encoders in Media1")
    parser.add_argument("--no-media2", action="store_true", help="without ver20/media")
    parser.add_argument(
        "--ptz", type=int, action="append", metavar="N", help="channel with a PTZ unit (default: channel 1)"
    )
    parser.add_argument("--no-ptz", action="store_true", help="without PTZ units and ver20/ptz")
    parser.add_argument("--no-imaging", action="store_true", help="without ver20/imaging")
    parser.add_argument(
        "--relay-outputs", type=int, default=RecorderOptions().relay_outputs, metavar="N", help="default 2"
    )
    parser.add_argument("--answer-delay", type=float, default=0.0, metavar="SECONDS", help="before each SOAP answer")
    parser.add_argument("--max-rtsp-sessions", type=int, metavar="N")
    parser.add_argument("--max-pull-points", type=int, metavar="N")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="SERVICE=KIND[:OPERATION]",
        help="; ".join(f"{service}: {', '.join(kinds)}" for service, kinds in KINDS.items()),
    )
    parser.add_argument(
        "--discovery", nargs="?", const="127.0.0.1", metavar="ADDRESS", help="answer WS-Discovery there"
    )
    parser.add_argument("--motion-every", type=float, metavar="SECONDS", help="motion on one channel after the other")
    parser.add_argument(
        "--kind",
        choices=TOPIC_KINDS,
        action="append",
        default=[],
        help="what --motion-every also lets happen, if the vendor's recorders tell it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object once it listens")
    return parser


def _options(given: argparse.Namespace) -> RecorderOptions:
    return RecorderOptions(
        channels=given.channels,
        gaps=tuple(given.gap),
        vendor=given.vendor,
        host=given.host,
        port=given.port,
        rtsp_port=given.rtsp_port,
        username=given.username,
        password=given.password,
        serial_number=given.serial_number,
        mac=given.mac,
        main=given.main,
        sub=None if given.no_sub else given.sub,
        codecs=dict(given.codec),
        audio=None if given.audio == "none" else given.audio,
        loudspeakers=tuple(given.loudspeaker),
        clock_offset=timedelta(seconds=given.clock_offset),
        wrong_xaddr=given.wrong_xaddr,
        media1_hides_h265=given.media1_hides_h265,
        media2=not given.no_media2,
        ptz=() if given.no_ptz else tuple(given.ptz or RecorderOptions().ptz),
        imaging=not given.no_imaging,
        relay_outputs=given.relay_outputs,
        answer_delay=given.answer_delay,
        max_rtsp_sessions=given.max_rtsp_sessions,
        max_pull_points=given.max_pull_points,
        discovery=given.discovery is not None,
        discovery_interface=given.discovery or "127.0.0.1",
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _announce(recorder: SimulatedRecorder, as_json: bool) -> None:
    options = recorder.options
    facts = {
        "host": recorder.host,
        "port": recorder.port,
        "rtsp_port": recorder.rtsp_port,
        "url": recorder.url,
        "username": options.username,
        "password": options.password,
        "vendor": options.vendor,
        "serial_number": recorder.serial_number,
        "channels": [
            {
                "number": channel.number,
                "token": channel.source_token,
                "streams": [recorder.stream_uri(channel.number, stream.index) for stream in channel.streams],
                "snapshot": recorder.snapshot_uri(channel.number),
                "ptz": channel.ptz is not None,
            }
            for channel in recorder.channels
        ],
    }
    if as_json:
        _say(json.dumps(facts))
        return
    _say(f"{options.vendor} recorder at {recorder.url}, user {options.username}, password {options.password}")
    for channel in recorder.channels:
        uris = " ".join(recorder.stream_uri(channel.number, stream.index) for stream in channel.streams)
        _say(f"  channel {channel.number}: {uris}")
    _say("Ctrl-C ends it.")


async def _move(recorder: SimulatedRecorder, seconds: float, kinds: list[str]) -> None:
    """Let motion, and what else is wanted and told, go round the channels."""
    told = [kind for kind in recorder.event_kinds if kind == "motion" or kind in kinds]
    while True:
        for channel in list(recorder.channels):
            for kind in told:
                recorder.set_event(channel.number, kind, active=True)
            await asyncio.sleep(seconds)
            for kind in told:
                recorder.set_event(channel.number, kind, active=False)
        if not list(recorder.channels):
            await asyncio.sleep(seconds)


async def _run(given: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with SimulatedRecorder(_options(given)) as recorder:
        for service, fault in given.fault:
            recorder.faults.set(service, fault)
        preparing = asyncio.create_task(recorder.prepare())
        waiting = asyncio.create_task(ended.wait())
        await asyncio.wait({preparing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.is_set():
            await preparing
            _announce(recorder, given.json)
            moving = (
                asyncio.create_task(_move(recorder, given.motion_every, given.kind)) if given.motion_every else None
            )
            await waiting
            if moving is not None:
                moving.cancel()
        waiting.cancel()
        preparing.cancel()


def main() -> int:
    """Run; return the exit status."""
    parser = _parser()
    given = parser.parse_args()
    try:
        asyncio.run(_run(given))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"simulated_nvr: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
