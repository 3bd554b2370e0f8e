"""Home Assistant's own onvif integration, set up through its config flow as a person would."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
import time
from typing import Any

import aiohttp
import av

from ..home_assistant import HomeAssistant, HomeAssistantFailed
from ..interop_programs import Bed, Cell, HeadDidOtherwise, Outcome, Row
from . import Step

NAME = "Home Assistant's onvif integration"
STATE_SECONDS = 30.0
MIN_FRAMES = 5
_JPEG = b"\xff\xd8"


@dataclass(slots=True)
class _Visit:
    """The integration with a camera."""

    home_assistant: HomeAssistant
    bed: Bed
    entry_id: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """What its diagnostics say of the camera."""
    cameras: list[str] = field(default_factory=list)
    motion: list[str] = field(default_factory=list)

    def _login(self, password: str) -> dict[str, Any]:
        job = self.bed.job()
        return {
            "name": job["name"],
            "host": job["host"],
            "port": job["port"],
            "username": job["username"],
            "password": password,
        }

    async def discover(self) -> str:
        """See the camera's address in the list that the flow offers."""
        step = await self.home_assistant.request("POST", "/api/config/config_entries/flow", {"handler": "onvif"})
        path = f"/api/config/config_entries/flow/{step['flow_id']}"
        step = await self.home_assistant.request("POST", path, {"auto": True})
        await self.home_assistant.request("DELETE", path)
        offered: list[tuple[str, str]] = next(
            (one["options"] for one in step["data_schema"] if one["name"] == "host"), []
        )
        host = self.bed.job()["host"]
        texts = [text for value, text in offered if value == host]
        if not texts:
            raise HomeAssistantFailed(f"{host} is not among {offered}")
        return str(texts[0])

    async def wrong(self) -> str:
        """Be refused by the flow with the words for a wrong password."""
        try:
            await self.home_assistant.add_integration(
                "onvif", {"auto": False}, self._login(self.bed.job()["wrong_password"])
            )
        except HomeAssistantFailed as error:
            if "'password': 'auth_failed'" in str(error):
                return "auth_failed at the password"
            raise
        raise HomeAssistantFailed("the flow took a wrong password")

    async def login(self) -> str:
        """Add the camera, and wait until the integration runs."""
        result, _ = await self.home_assistant.add_integration("onvif", {"auto": False}, self._login(self.bed.password))
        self.entry_id = result["entry_id"]
        await self._until(self._is_loaded, "its entry is not loaded")
        await self._until(self._has_diagnostics, "no diagnostics")
        diagnostics = await self.home_assistant.request("GET", f"/api/diagnostics/config_entry/{self.entry_id}")
        self.details = diagnostics["data"]
        entities = [
            one for one in await self.home_assistant.entities("onvif") if one["config_entry_id"] == self.entry_id
        ]
        self.cameras = sorted(one["entity_id"] for one in entities if one["entity_id"].startswith("camera."))
        return f"entry {result['title']}"

    async def time(self) -> str:
        """Have no complaint of the camera's clock in the log."""
        for line in self.home_assistant.log.read_text(errors="replace").splitlines():
            if "components.onvif" in line and ("date/time" in line or "Date/Time" in line or "datetime" in line):
                raise HomeAssistantFailed(line)
        return "no warning of a clock that differs"

    async def capabilities(self) -> str:
        """Have found what the camera offers."""
        found = {name for name, offered in self.details["device"]["capabilities"].items() if offered}
        if missing := {"snapshot", "events", "ptz", "imaging"} - found:
            raise HomeAssistantFailed(f"not found: {missing}")
        return ", ".join(sorted(found))

    async def profiles(self) -> str:
        """Have a camera entity for each profile."""
        profiles = self.details["device"]["profiles"]
        if len(profiles) != 2 or len(self.cameras) != 2:
            raise HomeAssistantFailed(f"{len(profiles)} profiles, {len(self.cameras)} camera entities instead of 2")
        return ", ".join(f"{one['video']['encoding']} {one['video']['resolution']['width']}" for one in profiles)

    async def uris(self) -> str:
        """Get a stream of Home Assistant's for the camera, which takes the URI."""
        await self._stream()
        return "a stream of Home Assistant's by its URI"

    async def snapshot(self) -> str:
        """See the still image of an entity."""
        image = await self.home_assistant.image(self.cameras[0])
        if not image.startswith(_JPEG):
            raise HomeAssistantFailed("no JPEG")
        return f"{len(image)} bytes"

    async def events(self) -> str:
        """See its motion sensors go on and off."""
        await self._until(self._has_motion, "no motion sensor")
        for active in (True, False):
            self.bed.recorder.set_motion(self.bed.channel, active)
            for entity_id in self.motion:
                await self.home_assistant.wait_for_state(entity_id, "on" if active else "off", STATE_SECONDS)
        return f"{len(self.motion)} sensors on and off"

    async def ptz(self) -> str:
        """Move by its action; the head stops."""
        unit = self.bed.recorder.ptz(self.bed.channel)
        told, position = len(unit.commands), unit.position
        velocity = self.bed.velocity()
        move = {
            "pan": "RIGHT" if velocity["pan"] > 0 else "LEFT",
            "tilt": "UP" if velocity["tilt"] > 0 else "DOWN",
            "move_mode": "ContinuousMove",
            "speed": 0.5,
            "continuous_duration": 0.5,
        }
        await self.home_assistant.call_action("onvif.ptz", self.cameras[0], **move)
        self.bed.judge_ptz(told, position)
        return "ContinuousMove, Stop"

    async def play(self) -> str:
        """Decode what Home Assistant makes of the stream."""
        url = self.home_assistant.url + (await self._stream())["url"]
        frames = await asyncio.to_thread(_count_frames, url)
        if frames < MIN_FRAMES:
            raise HomeAssistantFailed(f"{frames} frames")
        return f"{frames} frames of its HLS"

    async def _stream(self) -> dict[str, Any]:
        return dict(await self.home_assistant.command("camera/stream", entity_id=self.cameras[0]))

    async def _is_loaded(self) -> bool:
        entries = await self.home_assistant.request("GET", "/api/config/config_entries/entry?domain=onvif")
        return any(one["entry_id"] == self.entry_id and one["state"] == "loaded" for one in entries)

    async def _has_diagnostics(self) -> bool:
        """Platforms of other integrations, as this is one, come when the entry is there already."""
        return any(one["domain"] == "onvif" for one in await self.home_assistant.command("diagnostics/list"))

    async def _has_motion(self) -> bool:
        self.motion = [
            one["entity_id"]
            for one in await self.home_assistant.entities("onvif")
            if one["config_entry_id"] == self.entry_id
            and one["entity_id"].startswith("binary_sensor.")
            and "motion" in one["entity_id"]
        ]
        return bool(self.motion)

    async def _until(self, met: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        deadline = time.monotonic() + STATE_SECONDS
        while not await met():
            if time.monotonic() > deadline:
                raise HomeAssistantFailed(f"{otherwise}: {self.home_assistant.log_tail(3)}")
            await asyncio.sleep(0.2)


def _count_frames(url: str) -> int:
    frames = 0
    with av.open(url, timeout=(20.0, 20.0)) as container:
        for _frame in container.decode(video=0):
            frames += 1
            if frames == MIN_FRAMES:
                break
    return frames


async def adopt_with_home_assistant(home_assistant: HomeAssistant, bed: Bed) -> Row:
    """Let the integration adopt a camera; returns how each step went."""
    visit = _Visit(home_assistant, bed)
    steps: dict[Step, Callable[[], Awaitable[str]]] = {
        Step.DISCOVER: visit.discover,
        Step.WRONG: visit.wrong,
        Step.LOGIN: visit.login,
        Step.TIME: visit.time,
        Step.CAPABILITIES: visit.capabilities,
        Step.PROFILES: visit.profiles,
        Step.URIS: visit.uris,
        Step.SNAPSHOT: visit.snapshot,
        Step.EVENTS: visit.events,
        Step.PTZ: visit.ptz,
        Step.PLAY: visit.play,
    }
    row: Row = {}
    for step, does in steps.items():
        if step is Step.DISCOVER and bed.no_discovery is not None:
            row[step] = Cell(Outcome.MISSING, bed.no_discovery)
            continue
        try:
            row[step] = Cell(Outcome.OK, await does())
        except (
            HeadDidOtherwise,
            HomeAssistantFailed,
            aiohttp.ClientError,
            av.FFmpegError,
            LookupError,
            OSError,
        ) as error:
            row[step] = Cell(Outcome.FAILED, f"{type(error).__name__}: {error}")
    bed.recorder.set_motion(bed.channel, active=False)
    return row
