"""A real Home Assistant: what a restart keeps, and what a person sees in a real browser."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from .browser import find_browser, logged_in_page, open_device
from .client import find_cameras, listens, read_camera
from .demo import LOOPBACK, Demo, start_demo, wait_for_cameras

pytestmark = pytest.mark.timeout(180)
CHANNELS = 2


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    async with AsyncExitStack() as stack:
        yield await start_demo(stack, channels=CHANNELS, port=None, vendor="reolink")


async def identities(demo: Demo) -> dict[str, tuple[str, str, str]]:
    """Read what a client remembers of each camera."""
    return {
        camera.name: (camera.address, read.mac, read.serial_number)
        for camera in demo.cameras
        for read in [await read_camera(camera.xaddr, demo.username, demo.password)]
    }


@pytest.mark.parametrize("crash", [False, True], ids=["clean stop", "kill -9"])
async def test_a_restart_keeps_identities_and_switches(demo: Demo, crash: bool) -> None:
    home_assistant, off, hidden = demo.home_assistant, demo.cameras[0], demo.cameras[1]
    before = await identities(demo)
    xaddrs = [camera.xaddr for camera in demo.cameras]
    found = await find_cameras(LOOPBACK, wanted=xaddrs)
    await home_assistant.call_action("switch.turn_off", off.entities["running"])
    await home_assistant.call_action("switch.turn_off", hidden.entities["discovery"])
    await home_assistant.wait_for_saved("onvif_proxy.identities")

    await home_assistant.stop(kill=crash)
    assert not await listens(hidden.xaddr)
    await home_assistant.start()
    await home_assistant.wait_for_state(hidden.entities["status"], "running")

    assert (await home_assistant.state(off.entities["status"]))["state"] == "stopped"
    assert await find_cameras(LOOPBACK, wanted=xaddrs, seconds=1.5) == {}
    await home_assistant.call_action("switch.turn_on", off.entities["running"])
    await home_assistant.call_action("switch.turn_on", hidden.entities["discovery"])
    demo.cameras = await wait_for_cameras(home_assistant, CHANNELS)
    assert await identities(demo) == before
    assert await find_cameras(LOOPBACK, wanted=xaddrs) == found
    assert home_assistant.complaints() == []


async def test_a_person_switches_a_camera_off_in_the_browser(demo: Demo) -> None:
    if (executable := find_browser()) is None:
        pytest.skip("no Chromium is installed (on Debian: apt-get install chromium)")
    camera = demo.cameras[0]
    async with logged_in_page(demo.home_assistant, executable) as page:
        await open_device(page, demo, camera.name)
        await page.get_by_text("127.0.0.1:").first.wait_for()
        await page.locator(f"ha-switch[aria-label='Toggle {camera.name} Running off']").click()
        await demo.home_assistant.wait_for_state(camera.entities["status"], "stopped")
        await page.get_by_text("Stopped").first.wait_for()
    assert demo.home_assistant.complaints() == []
