"""Lets players play what a camera serves, and looks whether the camera is rid of them afterwards."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .clients import Client, PlayStep
from .demo import Demo, DemoCamera
from .home_assistant import HomeAssistantFailed
from .interop_network import ClientsHost
from .interop_programs import Cell, Outcome, Row, run_program

STREAMS = ("main", "sub")
KEY_SECONDS = 5
"""From one key frame of the sub streams to the next: who joins late and waited for one would be seen to wait."""
OPEN_SECONDS = 20.0
"""For the streams to be open."""
LEFT_SECONDS = 5.0
"""For Home Assistant to show that nobody watches any more."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """A camera whose streams are always on, so that players join late, and share the recorder's sessions."""

    demo: Demo
    camera: DemoCamera
    clients_host: ClientsHost
    rtsp: str
    """URI without a path."""
    codec: str

    def job(self) -> dict[str, Any]:
        """Return what a player's program is told."""
        return {
            **{stream: f"{self.rtsp}/{stream}" for stream in STREAMS},
            "web_port": int(self.camera.address.rpartition(":")[2]),
            "username": self.demo.username,
            "password": self.demo.password,
            "wrong_password": self.demo.password[::-1] + "x",
            "key_seconds": KEY_SECONDS,
        }

    async def look_who_is_left(self) -> Cell:
        """Return whether nobody watches the camera any more."""
        viewers = self.camera.entities["viewers"]
        try:
            await self.demo.home_assistant.wait_for_state(viewers, "0", LEFT_SECONDS)
        except HomeAssistantFailed as error:
            return Cell(Outcome.FAILED, str(error))
        return Cell(Outcome.OK, "no viewer at the camera")

    def look_what_it_cost(self) -> Cell:
        """Return whether the recorder never had more than one session for each stream."""
        peak, streams = self.demo.recorder.rtsp_sessions_peak, len(STREAMS) * len(self.demo.cameras)
        return Cell(Outcome.OK if peak <= streams else Outcome.FAILED, f"{peak} sessions for {streams} streams")


async def make_stages(demo: Demo, clients_host: ClientsHost, codecs: Mapping[int, str]) -> list[Stage]:
    """Have the streams of all cameras always on; `codecs` are those of channels whose main stream is not H.264."""
    home_assistant = demo.home_assistant
    stages = []
    for channel, camera in enumerate(demo.cameras, 1):
        await home_assistant.call_action("switch.turn_on", camera.entities["on"])
        rtsp = (await home_assistant.state(camera.entities["rtsp"]))["state"].rpartition("/")[0]
        codec = codecs.get(channel, "H264")
        stages.append(Stage(demo=demo, camera=camera, clients_host=clients_host, rtsp=rtsp, codec=codec))
    async with asyncio.timeout(OPEN_SECONDS):
        while demo.recorder.rtsp_sessions < len(STREAMS) * len(stages):
            await asyncio.sleep(0.1)
    return stages


async def play_with(player: Client, stage: Stage) -> Row:
    """Let a player play a camera's streams; returns how each step went."""
    cells: Row = {}

    def hear(said: dict[str, Any]) -> None:
        cells[PlayStep(said["step"])] = Cell(Outcome.OK if said["ok"] else Outcome.FAILED, said["seen"])

    complaint = await run_program(player, stage.job(), stage.clients_host, hear)
    cells[PlayStep.LEFT] = await stage.look_who_is_left()
    cells[PlayStep.SHARED] = stage.look_what_it_cost()
    return {step: cells.get(step) or Cell(Outcome.FAILED, complaint) for step in PlayStep}
