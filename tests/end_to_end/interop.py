"""Clients that are not ours adopt the cameras of a real Home Assistant, players play them: a table each of who could do what."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
import json
import sys

import aiohttp

from tests.simulated_nvr import StreamOptions

from .clients import CLIENTS, PLAYERS, Client, PlayStep, Step
from .clients.home_assistant import NAME as HOME_ASSISTANT, adopt_with_home_assistant
from .demo import LOOPBACK, Interrupted, run_interruptibly, say, start_demo
from .home_assistant import HomeAssistantFailed
from .interop_environments import NotInstalled, one_at_a_time
from .interop_network import CAMERAS, ClientsHost, NoNetwork, enter_network
from .interop_players import KEY_SECONDS, Stage, make_stages, play_with
from .interop_programs import Bed, Outcome, Row, adopt, untried_row
from .interop_recorders import RECORDERS, Recorder, put_behind_relay, untried_recorder
from .recorders import RecorderStep

H265_CHANNEL = 2
CODECS = {H265_CHANNEL: "H265"}
COLUMNS: dict[StrEnum, str] = {
    Step.DISCOVER: "discover",
    Step.TIME: "time",
    Step.LOGIN: "login",
    Step.WRONG: "wrong",
    Step.CAPABILITIES: "capab.",
    Step.PROFILES: "profiles",
    Step.URIS: "URIs",
    Step.SNAPSHOT: "snapshot",
    Step.EVENTS: "events",
    Step.PTZ: "PTZ",
    Step.PLAY: "play",
}
PLAYER_COLUMNS: dict[StrEnum, str] = {
    PlayStep.LOGIN: "login",
    PlayStep.WRONG: "wrong",
    PlayStep.TCP: "TCP",
    PlayStep.UDP: "UDP",
    PlayStep.HTTP: "HTTP",
    PlayStep.SOUND: "sound",
    PlayStep.LATE: "late",
    PlayStep.LEFT: "left",
    PlayStep.SHARED: "shared",
}
RECORDER_COLUMNS: dict[StrEnum, str] = {step: step.value for step in RecorderStep}
SUB = StreamOptions(width=640, height=360, bit_rate=512, key_seconds=KEY_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """A row of the table: a client with a camera."""

    client: str
    camera: str
    row: Row


def install(clients: Sequence[Client | Recorder]) -> dict[str, str]:
    """Install the clients and recorders; returns of those that can't be had why not."""
    missing = {}
    with one_at_a_time():
        for client in clients:
            try:
                client.environment.install()
            except NotInstalled as error:
                missing[client.name] = f"not installed: {error}"
    return missing


async def run(
    clients: Sequence[Client],
    players: Sequence[Client],
    missing: Mapping[str, str],
    *,
    with_home_assistant: bool,
    clients_host: ClientsHost,
    no_discovery: str | None,
) -> list[Adoption]:
    """Start the demo, and let every client adopt the cameras that it is for, then every player play, both cameras at a time."""
    async with AsyncExitStack() as stack:
        demo = await start_demo(
            stack,
            channels=2,
            port=None,
            vendor="hikvision",
            host=LOOPBACK if clients_host.namespace is None else CAMERAS,
            codecs=CODECS,
            sub=SUB,
            ptz=(1, H265_CHANNEL),
        )
        beds = [
            Bed(
                recorder=demo.recorder,
                channel=channel,
                name=camera.name,
                xaddr=camera.xaddr,
                username=demo.username,
                password=demo.password,
                media2=channel == H265_CHANNEL,
                clients_host=clients_host,
                no_discovery=no_discovery,
            )
            for channel, camera in enumerate(demo.cameras, 1)
        ]
        by_bed = await asyncio.gather(*(_adopt_all(clients, missing, bed) for bed in beds))
        adoptions = [adoption for of_bed in by_bed for adoption in of_bed]
        if players:
            stages = await make_stages(demo, clients_host, CODECS)
            by_stage = await asyncio.gather(*(_play_all(players, missing, stage) for stage in stages))
            adoptions += [adoption for of_stage in by_stage for adoption in of_stage]
        if with_home_assistant:
            # It goes on watching for a while, so it is the last.
            say(f"{HOME_ASSISTANT} ...")
            row = await adopt_with_home_assistant(demo.home_assistant, beds[0])
            adoptions.append(Adoption(client=HOME_ASSISTANT, camera=_describe(beds[0]), row=row))
    return adoptions


async def put_all_behind_relays(recorders: Sequence[Recorder], missing: Mapping[str, str]) -> list[Adoption]:
    """Watch all recorders through relays, at the same time."""

    async def put(recorder: Recorder) -> Adoption:
        say(f"{recorder.name} ({recorder.offers}) ...")
        if recorder.name in missing:
            row = untried_recorder(missing[recorder.name])
        else:
            row = await put_behind_relay(recorder)
        return Adoption(client=recorder.name, camera=recorder.offers, row=row)

    return await asyncio.gather(*map(put, recorders))


async def _adopt_all(clients: Sequence[Client], missing: Mapping[str, str], bed: Bed) -> list[Adoption]:
    """Let one client after the other adopt a camera."""
    adoptions = []
    for client in clients:
        if bed.media2 and not client.media2:
            continue
        say(f"{client.name} ({_describe(bed)}) ...")
        if client.name in missing:
            row = untried_row(client, missing[client.name])
        else:
            row = await adopt(client, bed)
        adoptions.append(Adoption(client=client.name, camera=_describe(bed), row=row))
    return adoptions


async def _play_all(players: Sequence[Client], missing: Mapping[str, str], stage: Stage) -> list[Adoption]:
    """Let one player after the other play a camera."""
    adoptions = []
    for player in players:
        say(f"{player.name} ({stage.codec}) ...")
        if player.name in missing:
            row = untried_row(player, missing[player.name])
        else:
            row = await play_with(player, stage)
        adoptions.append(Adoption(client=player.name, camera=stage.codec, row=row))
    return adoptions


def _describe(bed: Bed) -> str:
    return "H.265, Media2" if bed.media2 else "H.264, Media"


def judge(adoptions: Sequence[Adoption], *, allow_missing: bool) -> list[str]:
    """Return a sentence on each shortfall; that nobody met a camera is one, too."""
    short = [] if adoptions else ["No client met a camera."]
    for adoption in adoptions:
        for step, cell in adoption.row.items():
            if cell.outcome is Outcome.FAILED or (cell.outcome is Outcome.MISSING and not allow_missing):
                short.append(f"{adoption.client} ({adoption.camera}), {step}: {cell.seen}")
    return short


def print_tables(adoptions: Sequence[Adoption]) -> None:
    """Print a line for each client with a camera, each player with one, and each recorder."""
    width = max((len(f"{one.client}  {one.camera}") for one in adoptions), default=0) + 2
    for columns in (COLUMNS, PLAYER_COLUMNS, RECORDER_COLUMNS):
        rows = [one for one in adoptions if one.row.keys() == columns.keys()]
        if rows:
            print(" " * width + " ".join(f"{title:<8}" for title in columns.values()).rstrip())
        for one in rows:
            cells = " ".join(f"{one.row[step].outcome:<8}" for step in columns)
            print(f"{one.client}  {one.camera}".ljust(width) + cells.rstrip())


def main() -> int:
    """Read the command line, print the table."""
    parser = argparse.ArgumentParser(prog="scripts/interop", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--verbose", action="store_true", help="print what each client saw, too")
    parser.add_argument("--allow-missing", action="store_true", help="don't mind what can't be installed or tried here")
    parser.add_argument(
        "--only", metavar="TEXT", help="only the clients, players and recorders whose name has this in it"
    )
    arguments = parser.parse_args()
    wanted = (arguments.only or "").lower()
    clients = [client for client in CLIENTS if wanted in client.name.lower()]
    recorders = [recorder for recorder in RECORDERS if wanted in recorder.name.lower()]
    players = [player for player in PLAYERS if wanted in player.name.lower()]
    short: list[str] = []
    adoptions: list[Adoption] = []
    status = 1
    try:
        missing = install([*clients, *players, *recorders])
        clients_host, no_discovery = ClientsHost(), None
        try:
            clients_host = enter_network()
        except NoNetwork as error:
            no_discovery = f"{error}: what is sent to all would leave this machine"
        with_home_assistant = wanted in HOME_ASSISTANT.lower()
        if clients or players or with_home_assistant:
            program = run(
                clients,
                players,
                missing,
                with_home_assistant=with_home_assistant,
                clients_host=clients_host,
                no_discovery=no_discovery,
            )
            adoptions += run_interruptibly(program)
        adoptions += run_interruptibly(put_all_behind_relays(recorders, missing))
    except Interrupted as error:
        short.append(str(error))
        status = error.exit_status
    except (HomeAssistantFailed, aiohttp.ClientError, OSError, TimeoutError) as error:
        short.append(f"The demo did not start: {error}")
    print_tables(adoptions)
    if arguments.verbose:
        for one in adoptions:
            for step, cell in one.row.items():
                print(f"{one.client} ({one.camera}), {step}: {cell.outcome}: {cell.seen}")
    short += judge(adoptions, allow_missing=arguments.allow_missing)
    for sentence in short:
        say(f"short: {sentence}")
    if arguments.json:
        rows = [
            {
                "client": one.client,
                "camera": one.camera,
                "steps": {step: {"outcome": cell.outcome, "seen": cell.seen} for step, cell in one.row.items()},
            }
            for one in adoptions
        ]
        print(json.dumps({"ok": not short, "rows": rows, "short": short}))
    return status if short else 0


if __name__ == "__main__":
    sys.exit(main())
