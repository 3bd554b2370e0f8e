"""Debian's GStreamer: rtspsrc in a pipeline of gst-launch."""

from collections.abc import Sequence

from players import Camera, Player, Running, Transport, show


def _command(camera: Camera, transport: Transport) -> Sequence[str]:
    url = camera.url
    if transport is Transport.HTTP:
        url = url._replace(scheme="rtsph", netloc=f"{url.hostname}:{camera.web_port}")
    else:
        url = url._replace(scheme={Transport.TCP: "rtspt", Transport.UDP: "rtspu"}[transport])
    login = (f"user-id={camera.username}", f"user-pw={camera.password}")
    source = ("rtspsrc", f"location={url.geturl()}", "latency=0", "name=source", *login)
    eyes = ("source.", "!", "application/x-rtp,media=video", "!", "decodebin", "!", "videoconvert")
    ears = ("source.", "!", "application/x-rtp,media=audio", "!", "decodebin", "!", "audioconvert")
    # identity tells of each decoded picture and piece of sound.
    ends = (
        ("!", "identity", f"name={name}", "silent=false", "!", "fakesink", "sync=false") for name in ("eyes", "ears")
    )
    seen, heard = ends
    return ("gst-launch-1.0", "--verbose", *source, *eyes, *seen, *ears, *heard)


def _count(running: Running) -> tuple[int, int]:
    output = running.output
    return output.count("eyes: last-message = chain"), output.count("ears: last-message = chain")


if __name__ == "__main__":
    show(Player(command=_command, count=_count, refused="Unauthorized", complains="ERROR|WARNING"))
