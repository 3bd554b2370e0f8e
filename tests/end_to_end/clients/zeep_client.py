"""onvif-zeep-async, the library of Home Assistant and Frigate, in its own virtual environment."""

import asyncio
from collections.abc import Callable
import datetime as dt
from pathlib import Path
from typing import Any

import onvif
from onvif import ONVIFCamera
from onvif.util import is_auth_error
from steps import MOTION_TOPICS, Failed, ask_for_motion, read_job, step
from zeep.exceptions import Fault

SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
INTERVAL = dt.timedelta(minutes=2)


async def wait_for_motion(pull_point: Any, active: bool) -> None:
    """Pull until motion, or its end, is told by both topics."""
    missing = set(MOTION_TOPICS)
    while missing:
        pulled = await pull_point.PullMessages({"Timeout": dt.timedelta(seconds=20), "MessageLimit": 100})
        for message in pulled.NotificationMessage:
            item = message.Message._value_1.Data.SimpleItem[0]
            told = message.Topic._value_1
            if (item.Value == "true") is active:
                missing -= {topic for topic in missing if told.endswith(topic)}
        if not pulled.NotificationMessage:
            raise Failed(f"nothing of motion {active} by {', '.join(missing)}")


async def follow_events(camera: ONVIFCamera) -> str:
    """Subscribe, see motion begin and end, renew and unsubscribe."""
    manager = await camera.create_pullpoint_manager(INTERVAL, subscription_lost_callback=lambda: None)
    pull_point = manager.get_service()
    await manager.set_synchronization_point()
    try:
        for active in (True, False):
            ask_for_motion(active)
            await wait_for_motion(pull_point, active)
        subscription = await camera.create_subscription_service("PullPointSubscription")
        await subscription.Renew(camera.get_next_termination_time(INTERVAL))
    finally:
        await manager.shutdown()
    return "true and false by both topics, renewed"


async def run(job: dict[str, Any], make: Callable[[str], ONVIFCamera]) -> None:
    """Go through all steps."""
    camera = make(job["password"])
    await camera.update_xaddrs()
    device = await camera.create_devicemgmt_service()
    media = await camera.create_media_service()
    with step("time") as seen:
        at = (await device.GetSystemDateAndTime()).UTCDateTime
        seen(f"{at.Date.Year}-{at.Date.Month:02}-{at.Date.Day:02}")
    with step("login") as seen:
        seen((await device.GetDeviceInformation()).SerialNumber)
    with step("wrong") as seen:
        stranger = make(job["wrong_password"])
        try:
            await (await stranger.create_devicemgmt_service()).GetDeviceInformation()
        except Fault as fault:
            if not is_auth_error(fault):
                raise
            seen(str(fault))
        else:
            raise Failed("not refused")
        finally:
            await stranger.close()
    with step("capabilities") as seen:
        services = await device.GetServices({"IncludeCapability": False})
        capabilities = await device.GetCapabilities({"Category": "All"})
        seen(f"{len(services)} services, events {capabilities.Events is not None}")
    token = ""
    with step("profiles") as seen:
        profiles = await media.GetProfiles()
        token = profiles[0].token
        encodings = [one.VideoEncoderConfiguration and one.VideoEncoderConfiguration.Encoding for one in profiles]
        seen(f"{len(profiles)}: {encodings}")
    with step("uris") as seen:
        stream = (await media.GetStreamUri({"StreamSetup": SETUP, "ProfileToken": token})).Uri
        seen(stream, stream=stream)
    with step("snapshot") as seen:
        image = await camera.get_snapshot(token)
        if not image or not image.startswith(b"\xff\xd8"):
            raise Failed("no JPEG")
        seen(f"{len(image)} bytes")
    with step("events") as seen:
        seen(await follow_events(camera))
    with step("ptz") as seen:
        ptz = await camera.create_ptz_service()
        pan_tilt = {"x": job["velocity"]["pan"], "y": job["velocity"]["tilt"]}
        await ptz.ContinuousMove({"ProfileToken": token, "Velocity": {"PanTilt": pan_tilt}})
        await asyncio.sleep(0.5)
        await ptz.Stop({"ProfileToken": token, "PanTilt": True, "Zoom": True})
        status = await ptz.GetStatus({"ProfileToken": token})
        seen(f"at {status.Position.PanTilt.x:.2f}, {status.Position.PanTilt.y:.2f}")
    await camera.close()


def main() -> None:
    """Read the job, do it."""
    job = read_job()
    wsdl = str(Path(onvif.__file__).parent / "wsdl")

    def make(password: str) -> ONVIFCamera:
        return ONVIFCamera(job["host"], job["port"], job["username"], password, wsdl)

    asyncio.run(run(job, make))


if __name__ == "__main__":
    main()
