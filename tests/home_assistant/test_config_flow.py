"""Setting up a recorder, and changing what was set up: the way through, and back from each error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Interface
import socket
from typing import Any
from unittest.mock import AsyncMock, patch

from aiohttp import web
from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy import config_flow, forms
from custom_components.onvif_proxy.const import (
    CONF_ADDRESS,
    CONF_ADDRESSES,
    CONF_ADDRESSING,
    CONF_ALLOW_NO_CARRIER,
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_CHANNELS,
    CONF_EXCLUDED_CHANNELS,
    CONF_METHOD,
    CONF_PARENT,
    CONF_REMOVE_INTERFACES,
    DOMAIN,
)
from custom_components.onvif_proxy.interface_manager import async_get_manager, camera_key
from custom_components.onvif_proxy.interfaces import (
    Hypervisor,
    Interface,
    InterfaceAddress,
    InterfaceSpec,
    Inventory,
    KernelRefused,
    Parent,
    ParentWarning,
    Refusal,
)
from custom_components.onvif_proxy.nvr import ClockTooFarOff, FoundRecorder, OnvifDriver, RecorderRefused
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, LOOPBACK

pytestmark = pytest.mark.usefixtures("no_cameras")


@pytest.fixture
def no_cameras() -> Iterator[AsyncMock]:
    """A flow ends where the entry's life begins."""
    with patch("custom_components.onvif_proxy.async_setup_entry", AsyncMock(return_value=True)) as setup:
        yield setup


def recorder_input(recorder: SimulatedRecorder, **changes: Any) -> dict[str, Any]:
    options = recorder.options
    return {
        CONF_HOST: recorder.host,
        CONF_PORT: recorder.port,
        CONF_USERNAME: options.username,
        CONF_PASSWORD: options.password,
    } | changes


async def begin(hass: HomeAssistant, way: str) -> ConfigFlowResult:
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert menu["type"] is FlowResultType.MENU
    return await submit(hass, menu, {"next_step_id": way})


async def submit(hass: HomeAssistant, step: ConfigFlowResult, answer: dict[str, Any]) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_configure(step["flow_id"], answer)


def suggested(step: ConfigFlowResult) -> dict[str, Any]:
    """Return what a form proposes."""
    assert step["data_schema"] is not None
    return {
        str(key): key.description["suggested_value"]
        for key in step["data_schema"].schema
        if key.description and "suggested_value" in key.description
    }


async def to_channels(hass: HomeAssistant, recorder: SimulatedRecorder) -> ConfigFlowResult:
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder))
    assert step["step_id"] == "channels"
    return step


async def to_addressing(hass: HomeAssistant, recorder: SimulatedRecorder) -> ConfigFlowResult:
    step = await to_channels(hass, recorder)
    return await submit(hass, step, {CONF_CHANNELS: tokens_of(step)})


async def to_credentials(hass: HomeAssistant, recorder: SimulatedRecorder) -> ConfigFlowResult:
    step = await submit(hass, await to_addressing(hass, recorder), {"next_step_id": "shared"})
    return await submit(hass, step, {CONF_ADDRESS: LOOPBACK})


def channel_options(step: ConfigFlowResult) -> list[dict[str, str]]:
    assert step["data_schema"] is not None
    return list(step["data_schema"].schema[CONF_CHANNELS].config["options"])


def tokens_of(step: ConfigFlowResult) -> list[str]:
    return [option["value"] for option in channel_options(step)]


async def test_typed_recorder_with_shared_address(
    hass: HomeAssistant, recorder: SimulatedRecorder, no_cameras: AsyncMock
) -> None:
    step = await to_channels(hass, recorder)
    assert [label["label"].count("×") for label in channel_options(step)] == [2, 2]
    assert all("H264" in label["label"] for label in channel_options(step))
    first, second = tokens_of(step)

    step = await submit(hass, step, {CONF_CHANNELS: [first]})
    assert (step["type"], step["step_id"]) == (FlowResultType.MENU, "addressing")
    step = await submit(hass, step, {"next_step_id": "shared"})
    assert suggested(step) == {CONF_ADDRESS: LOOPBACK}  # the address from which this recorder is reached

    step = await submit(hass, step, {CONF_ADDRESS: LOOPBACK})
    proposal = suggested(step)
    assert len(proposal[CONF_CAMERA_PASSWORD]) == forms.GENERATED_PASSWORD_LENGTH
    step = await submit(hass, step, proposal)
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert step["result"].unique_id == recorder.serial_number
    assert step["data"] == recorder_input(recorder) | {CONF_ADDRESSING: "shared", CONF_ADDRESS: LOOPBACK}
    assert step["options"] == proposal | {CONF_EXCLUDED_CHANNELS: [second]}
    await hass.async_block_till_done()
    assert len(no_cameras.mock_calls) == 1


async def test_generated_passwords_differ(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    passwords = set()
    for _ in range(2):
        step = await to_credentials(hass, recorder)
        passwords.add(suggested(step)[CONF_CAMERA_PASSWORD])
        hass.config_entries.flow.async_abort(step["flow_id"])
    assert len(passwords) == 2


async def test_a_url_that_is_none_is_unreachable(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder, **{CONF_HOST: "http://["}))
    await recovers(hass, step, "unreachable", recorder)


@pytest.mark.parametrize("typed", ["http://{}/index.html", " {} ", "{}/"])
async def test_a_pasted_url_is_taken_as_a_host(hass: HomeAssistant, recorder: SimulatedRecorder, typed: str) -> None:
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder, **{CONF_HOST: typed.format(recorder.host)}))
    assert step["step_id"] == "channels"


async def test_found_recorder_fills_the_form(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    found = FoundRecorder(
        uuid="urn:uuid:1", host=recorder.host, port=recorder.port, name="Attic", hardware="NVR", scopes=()
    )
    with patch.object(config_flow, "find_recorders", AsyncMock(return_value=[found])) as search:
        step = await begin(hass, "search")
    assert search.await_args is not None
    assert search.await_args.kwargs["ignore"] is config_flow.is_own_scope
    assert step["step_id"] == "search"
    step = await submit(hass, step, {CONF_HOST: f"{recorder.host}:{recorder.port}"})
    assert suggested(step) == {CONF_HOST: recorder.host, CONF_PORT: recorder.port}
    step = await submit(hass, step, recorder_input(recorder))
    assert step["step_id"] == "channels"


@pytest.mark.parametrize("configured", [False, True])
async def test_nothing_new_found_leads_to_the_form(
    hass: HomeAssistant, recorder: SimulatedRecorder, configured: bool
) -> None:
    found = []
    if configured:
        known = {CONF_HOST: recorder.host, CONF_PORT: recorder.port}
        MockConfigEntry(domain=DOMAIN, data=known, unique_id="x").add_to_hass(hass)
        found = [
            FoundRecorder(uuid="urn:uuid:1", host=recorder.host, port=recorder.port, name="", hardware="", scopes=())
        ]
    with patch.object(config_flow, "find_recorders", AsyncMock(return_value=found)):
        step = await begin(hass, "search")
    assert (step["step_id"], step["errors"]) == ("recorder", {"base": "no_recorders_found"})
    assert (await submit(hass, step, recorder_input(recorder)))["step_id"] == "channels"


async def recovers(hass: HomeAssistant, step: ConfigFlowResult, error: str, recorder: SimulatedRecorder) -> None:
    assert step["type"] is FlowResultType.FORM
    assert (step["step_id"], step["errors"]) == ("recorder", {"base": error})
    assert CONF_HOST in suggested(step)  # what was typed is not lost
    step = await submit(hass, step, recorder_input(recorder))
    assert step["step_id"] == "channels"


async def test_unreachable(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder, **{CONF_PORT: 1}))
    await recovers(hass, step, "unreachable", recorder)


async def test_not_onvif(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    runner = web.ServerRunner(web.Server(page))
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    port = runner.addresses[0][1]
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder, **{CONF_PORT: port}))
    await runner.cleanup()
    await recovers(hass, step, "not_onvif", recorder)


async def page(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="<html>A web page</html>", content_type="text/html")


async def test_wrong_credentials(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder, **{CONF_PASSWORD: "wrong"}))
    await recovers(hass, step, "wrong_credentials", recorder)


async def test_no_channels(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    async with SimulatedRecorder(RecorderOptions(channels=0)) as empty:
        step = await begin(hass, "recorder")
        step = await submit(hass, step, recorder_input(empty))
    await recovers(hass, step, "no_channels", recorder)


@pytest.mark.parametrize(
    ("failure", "error"),
    [(ClockTooFarOff(timedelta(hours=3)), "clock_too_far_off"), (RecorderRefused("nonsense"), "refused")],
)
async def test_other_failures(hass: HomeAssistant, recorder: SimulatedRecorder, failure: Exception, error: str) -> None:
    step = await begin(hass, "recorder")
    with patch.object(OnvifDriver, "scan", AsyncMock(side_effect=failure)):
        step = await submit(hass, step, recorder_input(recorder))
    await recovers(hass, step, error, recorder)


async def test_a_recorder_is_set_up_once(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    MockConfigEntry(domain=DOMAIN, unique_id=recorder.serial_number, data={CONF_HOST: "elsewhere"}).add_to_hass(hass)
    step = await begin(hass, "recorder")
    step = await submit(hass, step, recorder_input(recorder))
    assert (step["type"], step["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_at_least_one_channel(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await to_channels(hass, recorder)
    tokens = tokens_of(step)
    assert suggested(step) == {CONF_CHANNELS: tokens}
    step = await submit(hass, step, {CONF_CHANNELS: []})
    assert step["errors"] == {"base": "no_channel_chosen"}
    assert suggested(step) == {CONF_CHANNELS: []}  # what was chosen is not forgotten
    step = await submit(hass, step, {CONF_CHANNELS: tokens})
    assert step["step_id"] == "addressing"


def macvlan(number: int) -> Interface:
    return Interface(
        name=f"cam{number}",
        mac=f"02:00:00:00:00:{number:02x}",
        kind="macvlan",
        parent="eth0",
        up=True,
        alias=None,
        addresses=(InterfaceAddress(address=f"192.0.2.{number}", prefix_length=24),),
    )


ETH0 = Parent(
    name="eth0",
    mac="52:54:00:00:00:01",
    addresses=(InterfaceAddress(address="192.0.2.5", prefix_length=24),),
    speed_mbit=1000,
    refusal=None,
    warnings=(ParentWarning.VIRTUAL_MACHINE,),
    hypervisor=Hypervisor.KVM,
)
VETH0 = replace(ETH0, name="veth0", speed_mbit=None, warnings=(), hypervisor=None)
WLAN0 = Parent(name="wlan0", mac="52:54:00:00:00:02", addresses=(), speed_mbit=None, refusal=Refusal.WIRELESS)


@contextmanager
def host(
    *, privileged: bool, interfaces: list[Interface], parents: tuple[Parent, ...] = (ETH0, VETH0, WLAN0)
) -> Iterator[list[Interface]]:
    """Pretend a host: its macvlans, its parents, and whether this process may make more."""
    with (
        patch.object(config_flow, "async_may_make_interfaces", AsyncMock(return_value=privileged)),
        patch.object(config_flow, "read_interfaces", AsyncMock(side_effect=lambda: list(interfaces))),
        patch.object(config_flow, "list_parents", AsyncMock(return_value=list(parents))),
        patch.object(config_flow, "propose_addresses", AsyncMock(return_value=["192.0.2.201", "192.0.2.202"])),
        patch.object(config_flow, "INTERFACE_POLL_SECONDS", 0.01),
    ):
        yield interfaces


async def finish(hass: HomeAssistant, step: ConfigFlowResult) -> ConfigFlowResult:
    assert step["step_id"] == "credentials"
    return await submit(hass, step, suggested(step))


async def test_dedicated_interfaces_are_made_here_with_leases(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=True, interfaces=[]):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        assert step["step_id"] == "make_interfaces"
        assert suggested(step) == {CONF_PARENT: "eth0"}
        assert step["data_schema"] is not None
        parents = step["data_schema"].schema[CONF_PARENT].config["options"]
        assert parents == [
            {"value": "eth0", "label": "eth0 (192.0.2.5, 1000 Mbit/s)"},
            {"value": "veth0", "label": "veth0 (192.0.2.5)"},
        ]
        notes = (step["description_placeholders"] or {})["notes"]
        assert "- wlan0: access points" in notes
        assert "- eth0: this is a virtual machine (KVM)" in notes
        wish = {CONF_PARENT: "eth0", CONF_METHOD: "dhcp", CONF_REMOVE_INTERFACES: True}
        step = await finish(hass, await submit(hass, step, wish))
    assert step["data"] == recorder_input(recorder) | {
        CONF_ADDRESSING: "dedicated",
        CONF_PARENT: "eth0",
        CONF_ADDRESSES: [],
        CONF_REMOVE_INTERFACES: True,
    }


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("192.0.2.300, 192.0.2.202", "bad_address"),
        ("192.0.2.201", "too_few_addresses"),
        ("192.0.2.201 192.0.2.201", "too_few_addresses"),
        ("192.0.2.5, 192.0.2.202", "address_outside_network"),
        ("192.0.2.255, 192.0.2.202", "address_outside_network"),
        ("198.51.100.1, 192.0.2.202", "address_outside_network"),
    ],
)
async def test_dedicated_interfaces_are_made_here_with_fixed_addresses(
    hass: HomeAssistant, recorder: SimulatedRecorder, typed: str, error: str
) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=True, interfaces=[]):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        step = await submit(hass, step, {CONF_PARENT: "eth0", CONF_METHOD: "static", CONF_REMOVE_INTERFACES: False})
        assert suggested(step) == {CONF_ADDRESSES: "192.0.2.201, 192.0.2.202"}
        step = await submit(hass, step, {CONF_ADDRESSES: typed})
        assert step["errors"] == {CONF_ADDRESSES: error}
        step = await finish(hass, await submit(hass, step, {CONF_ADDRESSES: "192.0.2.201\n192.0.2.202"}))
    assert step["data"][CONF_ADDRESSES] == ["192.0.2.201/24", "192.0.2.202/24"]


@pytest.mark.parametrize("taken", [True, False])
async def test_a_usual_port_that_another_program_has_is_told(
    hass: HomeAssistant, recorder: SimulatedRecorder, taken: bool
) -> None:
    with socket.socket() as wildcard, socket.socket() as free:
        wildcard.bind(("0.0.0.0", 0))
        free.bind((LOOPBACK, 0))
        usual, instead = wildcard.getsockname()[1], free.getsockname()[1]
        if taken:
            wildcard.listen()
        else:
            wildcard.close()
        free.close()
        with (
            patch.object(config_flow, "DEDICATED_ONVIF_PORTS", (usual, instead)),
            patch.object(config_flow, "DEDICATED_RTSP_PORTS", (instead,)),
            host(privileged=False, interfaces=[macvlan(1), macvlan(2)]),
        ):
            step = await submit(hass, await to_addressing(hass, recorder), {"next_step_id": "dedicated"})
            step = await submit(hass, step, {})
    note = (step["description_placeholders"] or {})["ports"]
    assert (f"port {usual} " in note, f"port {instead} instead" in note) == (taken, taken)


@pytest.mark.parametrize("own", [True, False])
async def test_an_address_of_another_camera_is_refused_but_not_one_of_before(
    hass: HomeAssistant, recorder: SimulatedRecorder, own: bool
) -> None:
    manager = await async_get_manager(hass)
    spec = InterfaceSpec(
        id=1,
        name="onvifcam1",
        mac="02:00:00:00:00:01",
        parent="eth0",
        address=IPv4Interface("192.0.2.201/24"),
        camera=camera_key(recorder.serial_number if own else "another", "1"),
    )
    step = await to_addressing(hass, recorder)
    with (
        host(privileged=True, interfaces=[]),
        patch.object(type(manager), "inventory", Inventory(specs=(spec,))),
    ):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        step = await submit(hass, step, {CONF_PARENT: "eth0", CONF_METHOD: "static", CONF_REMOVE_INTERFACES: False})
        step = await submit(hass, step, {CONF_ADDRESSES: "192.0.2.201, 192.0.2.202"})
    if own:
        assert step["step_id"] == "credentials"
    else:
        assert step["errors"] == {CONF_ADDRESSES: "address_reserved"}


async def test_no_interface_of_the_host_can_carry_cameras(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=True, interfaces=[], parents=(WLAN0,)):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
    assert (step["step_id"], step["errors"]) == ("make_interfaces", {"base": "no_parent"})


ETH1 = replace(ETH0, name="eth1", addresses=(), speed_mbit=None, refusal=Refusal.NO_CARRIER, warnings=())


async def test_a_parent_without_link_is_refused_until_it_is_meant(
    hass: HomeAssistant, recorder: SimulatedRecorder
) -> None:
    step = await to_addressing(hass, recorder)
    wish: dict[str, Any] = {CONF_PARENT: "eth1", CONF_METHOD: "dhcp", CONF_REMOVE_INTERFACES: False}
    with host(privileged=True, interfaces=[], parents=(ETH0, ETH1)):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        assert step["data_schema"] is not None
        assert CONF_ALLOW_NO_CARRIER not in step["data_schema"].schema
        assert suggested(step) == {CONF_PARENT: "eth0"}
        step = await submit(hass, step, wish)
        assert (step["step_id"], step["errors"]) == ("make_interfaces", {CONF_PARENT: "no_carrier"})
        assert suggested(step) == wish  # what was chosen is not forgotten
        step = await submit(hass, step, wish | {CONF_ALLOW_NO_CARRIER: False})
        assert step["errors"] == {CONF_PARENT: "no_carrier"}
        meant = wish | {CONF_ALLOW_NO_CARRIER: True}
        static = await submit(hass, step, meant | {CONF_METHOD: "static"})
        assert static["errors"] == {CONF_PARENT: "parent_without_address"}
    with host(privileged=True, interfaces=[], parents=(ETH0, ETH1)):
        step = await submit(hass, static, wish)
        step = await finish(hass, await submit(hass, step, meant))
    assert (step["data"][CONF_PARENT], step["data"][CONF_REMOVE_INTERFACES]) == ("eth1", False)
    assert CONF_ALLOW_NO_CARRIER not in step["data"]


async def test_a_parent_that_is_lost_while_it_is_chosen_is_told(
    hass: HomeAssistant, recorder: SimulatedRecorder
) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=True, interfaces=[]):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
    with host(privileged=True, interfaces=[], parents=(VETH0, WLAN0)):
        step = await submit(hass, step, {CONF_PARENT: "eth0", CONF_METHOD: "dhcp", CONF_REMOVE_INTERFACES: False})
    assert step["errors"] == {CONF_PARENT: "parent_refused"}


async def test_interfaces_that_are_there_can_be_used(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=True, interfaces=[macvlan(1), macvlan(2)]) as interfaces:
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        assert step["menu_options"] == ["make_interfaces", "existing_interfaces"]
        step = await submit(hass, step, {"next_step_id": "existing_interfaces"})
        assert (step["description_placeholders"] or {})["interfaces"] == "cam1, cam2"
        gone = interfaces.pop()
        step = await submit(hass, step, {})
        assert step["step_id"] == "make_interfaces"  # there are not enough any more
        interfaces.append(gone)
    assert step["type"] is FlowResultType.FORM


async def test_without_the_privilege_the_flow_waits_for_the_host(
    hass: HomeAssistant, recorder: SimulatedRecorder
) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=False, interfaces=[macvlan(1)]) as interfaces:
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        assert step["type"] is FlowResultType.SHOW_PROGRESS
        command = (step["description_placeholders"] or {})["command"]
        assert command == "sudo ./setup_interfaces.sh --parent eth0 --count 2 --static 192.0.2.201/24"
        step = await hass.config_entries.flow.async_configure(step["flow_id"])
        assert step["type"] is FlowResultType.SHOW_PROGRESS
        interfaces.append(macvlan(2))
        await hass.async_block_till_done()
        step = await hass.config_entries.flow.async_configure(step["flow_id"])
        assert step["step_id"] == "existing_interfaces"
        step = await finish(hass, await submit(hass, step, {}))
    assert step["data"] == recorder_input(recorder) | {CONF_ADDRESSING: "dedicated"}


async def test_when_another_takes_an_interface_the_flow_waits_again(
    hass: HomeAssistant, recorder: SimulatedRecorder
) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=False, interfaces=[macvlan(1)]) as interfaces:
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        interfaces.append(macvlan(2))
        await hass.async_block_till_done()
        step = await hass.config_entries.flow.async_configure(step["flow_id"])
        assert step["step_id"] == "existing_interfaces"
        interfaces.pop()
        step = await submit(hass, step, {})
        assert step["type"] is FlowResultType.SHOW_PROGRESS
        interfaces.append(macvlan(2))
        await hass.async_block_till_done()
        step = await hass.config_entries.flow.async_configure(step["flow_id"])
        assert step["step_id"] == "existing_interfaces"
        await finish(hass, await submit(hass, step, {}))


async def test_the_wait_survives_a_kernel_that_does_not_answer_once(
    hass: HomeAssistant, recorder: SimulatedRecorder
) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=False, interfaces=[macvlan(1)]) as interfaces:
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        interfaces.append(macvlan(2))
        answers = [KernelRefused("busy"), interfaces, interfaces]
        with patch.object(config_flow, "read_interfaces", AsyncMock(side_effect=answers)):
            await hass.async_block_till_done()
            step = await hass.config_entries.flow.async_configure(step["flow_id"])
    assert step["step_id"] == "existing_interfaces"
    assert (step["description_placeholders"] or {})["interfaces"] == "cam1, cam2"


async def test_the_command_without_a_usable_parent(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=False, interfaces=[], parents=(WLAN0,)) as interfaces:
        step = await submit(hass, step, {"next_step_id": "dedicated"})
        assert (step["description_placeholders"] or {})["command"] == "sudo ./setup_interfaces.sh --count 2"
        interfaces += [macvlan(1), macvlan(2)]
        await hass.async_block_till_done()


async def test_enough_interfaces_are_there_without_the_privilege(
    hass: HomeAssistant, recorder: SimulatedRecorder
) -> None:
    step = await to_addressing(hass, recorder)
    with host(privileged=False, interfaces=[macvlan(1), macvlan(2)]):
        step = await submit(hass, step, {"next_step_id": "dedicated"})
    assert step["step_id"] == "existing_interfaces"


async def test_an_unknown_host_suggests_no_address(hass: HomeAssistant, recorder: SimulatedRecorder) -> None:
    step = await to_addressing(hass, recorder)
    with patch.object(forms.socket.socket, "connect", side_effect=OSError):
        step = await submit(hass, step, {"next_step_id": "shared"})
    assert suggested(step) == {CONF_ADDRESS: None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (CONF_CAMERA_USERNAME, ""),
        (CONF_CAMERA_USERNAME, "cámara"),
        (CONF_CAMERA_PASSWORD, "a&b"),
        (CONF_CAMERA_PASSWORD, "x" * 33),
    ],
)
async def test_only_credentials_that_clients_can_send(
    hass: HomeAssistant, recorder: SimulatedRecorder, field: str, value: str
) -> None:
    step = await to_credentials(hass, recorder)
    good = {CONF_CAMERA_USERNAME: CAMERA_USERNAME, CONF_CAMERA_PASSWORD: CAMERA_PASSWORD}
    step = await submit(hass, step, good | {field: value})
    assert step["errors"] == {field: "bad_credential"}
    step = await submit(hass, step, good)
    assert step["type"] is FlowResultType.CREATE_ENTRY


@pytest.fixture
def existing(hass: HomeAssistant, recorder: SimulatedRecorder) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Attic",
        unique_id=recorder.serial_number,
        data=recorder_input(recorder, **{CONF_PASSWORD: "old"}),
        options={
            CONF_CAMERA_USERNAME: CAMERA_USERNAME,
            CONF_CAMERA_PASSWORD: CAMERA_PASSWORD,
            CONF_EXCLUDED_CHANNELS: [],
        },
    )
    entry.add_to_hass(hass)
    return entry


async def test_reauthentication(hass: HomeAssistant, recorder: SimulatedRecorder, existing: MockConfigEntry) -> None:
    step = await existing.start_reauth_flow(hass)
    assert CONF_PASSWORD not in suggested(step)
    login = {CONF_USERNAME: recorder.options.username, CONF_PASSWORD: "wrong"}
    step = await submit(hass, step, login)
    assert step["errors"] == {"base": "wrong_credentials"}
    step = await submit(hass, step, login | {CONF_PASSWORD: recorder.options.password})
    assert (step["type"], step["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert existing.data[CONF_PASSWORD] == recorder.options.password


async def test_reconfiguration(hass: HomeAssistant, recorder: SimulatedRecorder, existing: MockConfigEntry) -> None:
    step = await existing.start_reconfigure_flow(hass)
    step = await submit(hass, step, recorder_input(recorder, **{CONF_PORT: 1}))
    assert step["errors"] == {"base": "unreachable"}
    step = await submit(hass, step, recorder_input(recorder, **{CONF_HOST: f"http://{recorder.host}/"}))
    assert (step["type"], step["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert existing.data == recorder_input(recorder)


async def test_reconfiguration_moves_shared_cameras_to_another_address(
    hass: HomeAssistant, recorder: SimulatedRecorder, existing: MockConfigEntry
) -> None:
    shared = {CONF_ADDRESSING: "shared", CONF_ADDRESS: "192.0.2.99"}  # the host had it once
    hass.config_entries.async_update_entry(existing, data=existing.data | shared)
    step = await existing.start_reconfigure_flow(hass)
    step = await submit(hass, step, recorder_input(recorder, **{CONF_ADDRESS: LOOPBACK}))
    assert (step["type"], step["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert existing.data[CONF_ADDRESS] == LOOPBACK


async def test_reconfiguration_refuses_another_recorder(hass: HomeAssistant, existing: MockConfigEntry) -> None:
    async with SimulatedRecorder(RecorderOptions(channels=1, serial_number="ANOTHER")) as another:
        step = await existing.start_reconfigure_flow(hass)
        step = await submit(hass, step, recorder_input(another))
    assert (step["type"], step["reason"]) == (FlowResultType.ABORT, "another_recorder")
    assert existing.data[CONF_PASSWORD] == "old"
