"""Starts a real Home Assistant in a folder of its own, and works it through its REST and WebSocket API."""

import asyncio
from collections.abc import Mapping
import contextlib
import json
import os
from pathlib import Path
import re
import shutil
import socket
import sys
import tempfile
import time
from typing import Any, Self

import aiohttp

REPOSITORY = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
DEFAULT_PORT = 8123
START_SECONDS = 120.0
STOP_SECONDS = 20.0

CONFIGURATION = """\
homeassistant:
  name: ONVIF Proxy demo
  country: GB
frontend:
config:
diagnostics:
stream:
logger:
  default: warning
  logs:
    custom_components.onvif_proxy: info
"""
# What Home Assistant itself would write after its first start; given before it, there is no trial period.
HTTP_STORAGE: dict[str, Any] = {
    "version": 2,
    "minor_version": 2,
    "key": "http",
    "data": {
        "stable": {
            "server_port": DEFAULT_PORT,
            "server_host": ["127.0.0.1"],
            "cors_allowed_origins": ["https://cast.home-assistant.io"],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": True,
            "ssl_profile": "modern",
            "use_x_frame_options": True,
            "created_at": "2026-01-01T00:00:00+00:00",
            "error": None,
            "error_message": None,
        },
        "pending": None,
        "yaml_migration_done": True,
    },
}
# All steps but the first user are done: one of them would add integrations that ask the internet.
ONBOARDING_STORAGE = {
    "version": 4,
    "minor_version": 1,
    "key": "onboarding",
    "data": {"done": ["core_config", "analytics", "integration"]},
}
# Its own discovery stays on this machine too, and does not mind when there is no network at all.
NETWORK_STORAGE = {
    "version": 1,
    "minor_version": 1,
    "key": "core.network",
    "data": {"configured_adapters": ["lo"]},
}
# Home Assistant says these of a custom integration that does what it should not.
_COMPLAINTS = re.compile(
    r"(ERROR|CRITICAL).*onvif_proxy|Detected blocking call.*onvif_proxy|Detected that custom integration 'onvif_proxy'"
)


class HomeAssistantFailed(Exception):
    """Home Assistant did not do what it was asked; the text says what."""


def _end_with_us() -> tuple[str, ...]:
    """Return what makes a command end when this process is killed, where the system has it."""
    return ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


def reserve_port(wanted: int = 0) -> socket.socket:
    """Return a UDP socket whose port is free for TCP on loopback too: `wanted` if possible.

    Home Assistant listens only seconds after its port was chosen; the socket keeps others that ask here from it until then.
    Nothing of it uses UDP there.
    """
    for port in (wanted, *[0] * 10):
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            reservation.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(reservation.getsockname())
        except OSError:
            reservation.close()
        else:
            return reservation
    raise HomeAssistantFailed("no port is free on 127.0.0.1")


class HomeAssistant:
    """A Home Assistant process; use it as an asynchronous context manager."""

    def __init__(
        self,
        *,
        username: str = "demo",
        password: str = "demo-demo",
        host: str = "127.0.0.1",
        port: int | None = None,
        prefix: tuple[str, ...] = (),
        configuration: str = "",
    ) -> None:
        """`host` is the address that it listens on; `prefix` is put before its command, to run it elsewhere.

        `configuration` is YAML, added to that of every test.
        """
        self.username = username
        self.password = password
        self.host = host
        self._reservation: socket.socket | None = None
        if port is None:
            self._reservation = reserve_port(DEFAULT_PORT)
            port = int(self._reservation.getsockname()[1])
        self.port = port
        self.url = f"http://{host}:{self.port}"
        self.tokens: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="onvif_proxy_home_assistant_"))
        self.log = self.folder / "home-assistant.out"
        self._prefix = prefix
        self._configuration = CONFIGURATION + configuration
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Start it, and make its first user."""
        try:
            self._write_configuration()
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90))
            await self.start()
            await self._onboard()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it and remove its folder, also when interrupted in this."""
        try:
            await self.stop()
        finally:
            if self._reservation is not None:
                self._reservation.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            if self._session is not None:
                await self._session.close()

    def _write_configuration(self) -> None:
        components = self.folder / "custom_components"
        components.mkdir()
        (components / "onvif_proxy").symlink_to(REPOSITORY / "custom_components" / "onvif_proxy")
        (self.folder / "configuration.yaml").write_text(self._configuration)
        storage = self.folder / ".storage"
        storage.mkdir()
        http = json.loads(json.dumps(HTTP_STORAGE))
        http["data"]["stable"] |= {"server_host": [self.host], "server_port": self.port}
        (storage / "http").write_text(json.dumps(http))
        (storage / "onboarding").write_text(json.dumps(ONBOARDING_STORAGE))
        (storage / "core.network").write_text(json.dumps(NETWORK_STORAGE))

    async def start(self) -> None:
        """Start the process and wait until its API answers."""
        path = os.pathsep.join(filter(None, (str(STAND_INS), os.environ.get("PYTHONPATH"))))
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_end_with_us(),
                *self._prefix,
                *(sys.executable, "-m", "homeassistant", "--config", str(self.folder), "--skip-pip"),
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for us: we stop it in our own time
            )
        deadline = time.monotonic() + START_SECONDS
        while not await self._answers():
            if self._process.returncode is not None:
                raise HomeAssistantFailed(f"Home Assistant ended with {self._process.returncode}: {self.log_tail()}")
            if time.monotonic() > deadline:
                raise HomeAssistantFailed(f"Home Assistant did not answer in {START_SECONDS:.0f} s: {self.log_tail()}")
            await asyncio.sleep(0.2)

    async def stop(self, *, kill: bool = False) -> None:
        """Ask the process to end, wait for it, and insist if it does not; or kill it without asking."""
        if self._process is None or self._process.returncode is not None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def wait_for_saved(self, name: str, seconds: float = 15.0) -> None:
        """Wait until a file of its storage is newer than this call: writes are delayed."""
        file = self.folder / ".storage" / name
        now = time.time()
        deadline = time.monotonic() + seconds
        while not file.exists() or file.stat().st_mtime < now:
            if time.monotonic() > deadline:
                raise HomeAssistantFailed(f"{name} was not saved in {seconds:.0f} s")
            await asyncio.sleep(0.1)

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def complaints(self) -> list[str]:
        """Return the log lines in which Home Assistant complains of the integration."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if _COMPLAINTS.search(line)]

    async def _answers(self) -> bool:
        """Whether it can be worked with: at first for its first user, after a restart when all is started."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._client.get(self.url + ("/api/config" if self.tokens else "/api/onboarding")) as response:
                return response.status == 200 and (not self.tokens or (await response.json())["state"] == "RUNNING")
        return False

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise HomeAssistantFailed("Home Assistant was not started")
        return self._session

    async def _onboard(self) -> None:
        client_id = self.url + "/"
        user = {"client_id": client_id, "name": "Demo", "username": self.username, "password": self.password}
        code = (await self.request("POST", "/api/onboarding/users", user | {"language": "en"}))["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
        async with self._client.post(self.url + "/auth/token", data=form) as response:
            self.tokens = await response.json() | {"hassUrl": self.url, "clientId": client_id}
        self._client.headers["Authorization"] = f"Bearer {self.tokens['access_token']}"

    async def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the REST API; returns the JSON of the answer."""
        async with self._client.request(method, self.url + path, json=body) as response:
            if response.status >= 400:
                raise HomeAssistantFailed(f"{method} {path}: HTTP {response.status} {(await response.text())[:500]}")
            return await response.json(content_type=None)

    async def image(self, entity_id: str) -> bytes:
        """Return the still image of a camera entity."""
        async with self._client.get(f"{self.url}/api/camera_proxy/{entity_id}") as response:
            if response.status != 200:
                raise HomeAssistantFailed(f"no still image of {entity_id}: HTTP {response.status}")
            return await response.read()

    async def command(self, kind: str, **parameters: Any) -> Any:
        """Call the WebSocket API; returns the result."""
        async with self._client.ws_connect(self.url + "/api/websocket") as socket_:
            await socket_.receive_json()
            await socket_.send_json({"type": "auth", "access_token": self.tokens["access_token"]})
            await socket_.receive_json()
            await socket_.send_json({"id": 1, "type": kind, **parameters})
            answer = await socket_.receive_json()
        if not answer["success"]:
            raise HomeAssistantFailed(f"{kind}: {answer['error']['message']}")
        return answer["result"]

    async def call_action(self, action: str, entity_id: str, **data: Any) -> None:
        """Run an action on an entity, and wait until it is done."""
        domain, service = action.split(".")
        await self.request("POST", f"/api/services/{domain}/{service}", {"entity_id": entity_id, **data})

    async def state(self, entity_id: str) -> dict[str, Any]:
        """Return an entity's state and attributes."""
        return dict(await self.request("GET", f"/api/states/{entity_id}"))

    async def wait_for_state(self, entity_id: str, wanted: str, seconds: float = 30.0) -> None:
        """Wait until an entity has a state."""
        deadline = time.monotonic() + seconds
        while (state := (await self.state(entity_id))["state"]) != wanted:
            if time.monotonic() > deadline:
                raise HomeAssistantFailed(f"{entity_id} is {state}, not {wanted}, after {seconds:.0f} s")
            await asyncio.sleep(0.1)

    async def entities(self, platform: str = "onvif_proxy") -> list[dict[str, Any]]:
        """Return the registered entities of an integration."""
        return [one for one in await self.command("config/entity_registry/list") if one["platform"] == platform]

    async def add_integration(self, handler: str, *answers: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Go through a config flow; a missing field takes what the form suggests.

        Returns the result of the last step, and all values that were submitted.
        """
        step = await self.request("POST", "/api/config/config_entries/flow", {"handler": handler})
        submitted: dict[str, Any] = {}
        for answer in answers:
            body = _proposed(step) | answer
            submitted |= body
            step = await self.request("POST", f"/api/config/config_entries/flow/{step['flow_id']}", body)
            if step.get("errors"):
                raise HomeAssistantFailed(f"the flow of {handler} shows {step['errors']} at {step['step_id']}")
        if step["type"] != "create_entry":
            raise HomeAssistantFailed(f"the flow of {handler} ended as {step['type']}: {step}")
        return step["result"], submitted


def _proposed(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form has filled in by itself."""
    proposed = {}
    for one in step.get("data_schema") or ():
        description = one.get("description") or {}
        if "suggested_value" in description:
            proposed[one["name"]] = description["suggested_value"]
        elif "default" in one:
            proposed[one["name"]] = one["default"]
    return proposed
