"""GStreamer's RTSP server as a recorder with one channel. For the Python of the Debian that PyGObject is from.

Gets a JSON object as the first line of standard input: host, port (0 for any), codec, sound, login (digest or basic),
username, password. Prints `{"uri"}` when it listens; answers every further line with `{"sessions"}`, the number of RTSP
sessions. Ends with its standard input.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - the versions have to be chosen before

FRAME_RATE = 15
KEY_SECONDS = 5
VIDEO = {
    "H264": f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={KEY_SECONDS * FRAME_RATE} ! rtph264pay",
    "H265": f"x265enc tune=zerolatency speed-preset=ultrafast key-int-max={KEY_SECONDS * FRAME_RATE} ! rtph265pay",
}
SOUND = {
    "AAC": "audio/x-raw,rate=16000,channels=1 ! voaacenc ! rtpmp4gpay",
    "PCMA": "audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay",
    "PCMU": "audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay",
}
PATH = "/channel"
ROLE = "viewer"


def make_factory(codec, sound):
    """Return what makes the pictures and the sound, once for all who watch, for those of the role."""
    factory = GstRtspServer.RTSPMediaFactory()
    picture = f"video/x-raw,width=320,height=180,framerate={FRAME_RATE}/1"
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! {picture} ! {VIDEO[codec]} name=pay0 pt=96 "
        f"audiotestsrc is-live=true ! {SOUND[sound]} name=pay1 pt=97 )"
    )
    factory.set_shared(True)
    factory.add_role_from_structure(
        Gst.Structure.new_from_string(
            f"{ROLE}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        )
    )
    return factory


def make_auth(login, username, password):
    """Return who lets the role in, by one way to log in."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
    if login == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(username, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(username, password), token)
    return auth


def say(**said):
    """Print an object."""
    print(json.dumps(said), flush=True)


def main():
    """Serve until standard input ends."""
    job = json.loads(sys.stdin.readline())
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(job["host"])
    server.set_service(str(job["port"]))
    server.get_mount_points().add_factory(PATH, make_factory(job["codec"], job["sound"]))
    server.set_auth(make_auth(job["login"], job["username"], job["password"]))
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        sys.exit("it can't listen")
    say(uri=f"rtsp://{job['host']}:{server.get_bound_port()}{PATH}")

    def answer():
        for _ in sys.stdin:
            pool = server.get_session_pool()
            pool.cleanup()
            say(sessions=pool.get_n_sessions())
        loop.quit()

    threading.Thread(target=answer, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
