"""Looks at the demo with a real browser, as a person does; also takes the pictures of the documentation."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import json
from pathlib import Path
import shutil
import sys
import time

from playwright.async_api import Page, async_playwright

from .demo import Demo, Interrupted, run_interruptibly, say, start_demo
from .home_assistant import REPOSITORY, HomeAssistant, HomeAssistantFailed

IMAGES = REPOSITORY / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGE_SECONDS = 60.0
# Nothing of the browser's own asks the network for anything.
ARGUMENTS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


def find_browser() -> str | None:
    """Return the path of an installed Chromium, None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@asynccontextmanager
async def logged_in_page(home_assistant: HomeAssistant, executable: str) -> AsyncIterator[Page]:
    """Open a browser that is logged in to Home Assistant."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
        context.set_default_timeout(PAGE_SECONDS * 1000)
        expires = (time.time() + home_assistant.tokens["expires_in"]) * 1000
        tokens = json.dumps(home_assistant.tokens | {"expires": expires})
        await context.add_init_script(f"localStorage.setItem('hassTokens', JSON.stringify({tokens}))")
        try:
            yield await context.new_page()
        finally:
            await browser.close()


async def open_device(page: Page, demo: Demo, name: str) -> None:
    """Show the page of a camera's device, with its picture."""
    devices = await demo.home_assistant.command("config/device_registry/list")
    device_id = next(device["id"] for device in devices if name in (device["name_by_user"], device["name"]))
    await page.goto(f"{demo.home_assistant.url}/config/devices/device/{device_id}")
    await page.get_by_text("Discovery", exact=True).first.wait_for()
    await page.get_by_text("Connected via").first.wait_for()


async def take_pictures(demo: Demo, page: Page) -> None:
    """Write the pictures of the documentation."""
    names = ("Front door", "Driveway", "Garden", "Garage")
    devices = {
        device["name"]: device["id"] for device in await demo.home_assistant.command("config/device_registry/list")
    }
    for camera, name in zip(demo.cameras, names, strict=False):
        await demo.home_assistant.command(
            "config/device_registry/update", device_id=devices[camera.name], name_by_user=name
        )
    await open_device(page, demo, names[0])
    await asyncio.sleep(3)  # the page settles: icons, the picture, the status
    await page.screenshot(path=IMAGES / "device.png")
    await page.goto(f"{demo.home_assistant.url}/config/integrations/integration/onvif_proxy")
    await page.get_by_text("Garage").first.wait_for()
    await asyncio.sleep(2)
    await page.screenshot(path=IMAGES / "integration.png")


async def run() -> int:
    """Start the demo, and take the pictures; returns the exit status."""
    if (executable := find_browser()) is None:
        say("No Chromium is installed; on Debian: apt-get install chromium")
        return 1
    try:
        async with AsyncExitStack() as stack:
            demo = await start_demo(stack, channels=4, port=None, vendor="hikvision")
            page = await stack.enter_async_context(logged_in_page(demo.home_assistant, executable))
            await take_pictures(demo, page)
    except HomeAssistantFailed as error:
        say(str(error))
        return 1
    say(f"The pictures are in {IMAGES.relative_to(Path.cwd())}.")
    return 0


if __name__ == "__main__":
    argparse.ArgumentParser(prog="scripts/pictures", description=__doc__).parse_args()
    try:
        sys.exit(run_interruptibly(run()))
    except Interrupted as error:
        sys.exit(error.exit_status)
