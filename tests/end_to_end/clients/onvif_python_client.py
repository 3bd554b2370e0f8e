"""onvif-python, in its own virtual environment: it has Media2, and one of its commands is a discovery."""

import time
from typing import Any

from onvif import ONVIFClient, ONVIFDiscovery
from steps import Failed, ask_for_motion, read_job, step


def wait_for_motion(pull_point: Any, active: bool) -> None:
    """Pull until motion, or its end, is told by both topics, each of which has a name of its own for the state."""
    missing = {"State", "IsMotion"}
    while missing:
        messages = pull_point.PullMessages(Timeout="PT20S", MessageLimit=100).NotificationMessage
        for message in messages:
            item = message.Message.Message["Data"]["SimpleItem"]
            if item["Value"] is active:
                missing.discard(item["Name"])
        if not messages:
            raise Failed(f"nothing of motion {active} by {', '.join(missing)}")


def follow_events(client: ONVIFClient) -> str:
    """Subscribe, see motion begin and end, renew and unsubscribe."""
    reference = client.events().CreatePullPointSubscription(InitialTerminationTime="PT2M")
    pull_point = client.pullpoint(reference)
    for active in (True, False):
        ask_for_motion(active)
        wait_for_motion(pull_point, active)
    subscription = client.subscription(reference)
    subscription.Renew(TerminationTime="PT2M")
    subscription.Unsubscribe()
    return "true and false by both topics, renewed without wsa:MessageID"


def main() -> None:
    """Read the job, do it."""
    job = read_job()
    where = (job["host"], job["port"], job["username"])
    if job["discover"]:
        with step("discover") as seen:
            found = ONVIFDiscovery(timeout=2).discover()
            if job["xaddr"] not in [address for one in found for address in one["xaddrs"]]:
                raise Failed(f"not among the {len(found)} that were found")
            seen(f"{len(found)} cameras")
    client = ONVIFClient(*where, job["password"])
    device = client.devicemgmt()
    with step("time") as seen:
        at = device.GetSystemDateAndTime().UTCDateTime
        seen(f"{at.Date.Year}-{at.Date.Month:02}-{at.Date.Day:02}")
    with step("login") as seen:
        digest = ONVIFClient(*where, job["password"], http_digest=True)
        serials = [one.GetDeviceInformation().SerialNumber for one in (device, digest.devicemgmt())]
        seen(f"{' and '.join(serials)} by WS-UsernameToken and by HTTP digest")
    with step("wrong") as seen:
        refusals = []
        for http_digest in (False, True):
            try:
                stranger = ONVIFClient(*where, job["wrong_password"], http_digest=http_digest)
                stranger.devicemgmt().GetDeviceInformation()
            except Exception as error:
                if "NotAuthorized" not in str(error) and "401" not in str(error):
                    raise
                refusals.append(str(error))
        if len(refusals) != 2:
            raise Failed("not refused")
        seen("; ".join(refusals))
    with step("capabilities") as seen:
        services = device.GetServices(IncludeCapability=True)
        seen(f"{len(services)} services")
    media = client.media2() if job["media2"] else client.media()
    token = ""
    with step("profiles") as seen:
        profiles = media.GetProfiles(Type=["All"]) if job["media2"] else media.GetProfiles()
        token = profiles[0].token
        encoders = [
            one.Configurations.VideoEncoder if job["media2"] else one.VideoEncoderConfiguration for one in profiles
        ]
        seen(f"{len(profiles)}: {[one.Encoding for one in encoders]}")
    with step("uris") as seen:
        if job["media2"]:
            stream = media.GetStreamUri(Protocol="RTSP", ProfileToken=token)
            snapshot = media.GetSnapshotUri(ProfileToken=token)
        else:
            setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
            stream = media.GetStreamUri(StreamSetup=setup, ProfileToken=token).Uri
            snapshot = media.GetSnapshotUri(ProfileToken=token).Uri
        seen(stream, stream=stream, snapshot=snapshot)
    with step("events") as seen:
        seen(follow_events(client))
    with step("ptz") as seen:
        ptz = client.ptz()
        pan_tilt = {"x": job["velocity"]["pan"], "y": job["velocity"]["tilt"]}
        ptz.ContinuousMove(ProfileToken=token, Velocity={"PanTilt": pan_tilt})
        time.sleep(0.5)
        ptz.Stop(ProfileToken=token, PanTilt=True, Zoom=True)
        seen("ContinuousMove, Stop")


if __name__ == "__main__":
    main()
