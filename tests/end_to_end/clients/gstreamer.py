"""Debian's GStreamer: plays over TCP, and as it does when told nothing: UDP first."""

import re
import subprocess
from typing import Any

from steps import Failed, read_job, step

FRAMES = 20
TCP = "protocols=tcp"


def play(job: dict[str, Any], password: str, *protocols: str) -> tuple[int, str]:
    """Decode some frames; returns how many, and what was said."""
    source = ("rtspsrc", f"location={job['stream']}", *protocols, "latency=0", "name=source")
    login = (f"user-id={job['username']}", f"user-pw={password}")
    decode = ("source.", "!", "application/x-rtp,media=video", "!", "decodebin", "!", "videoconvert")
    end = ("!", "identity", f"eos-after={FRAMES + 1}", "name=counter", "silent=false", "!", "fakesink", "sync=false")
    command = ("gst-launch-1.0", "--verbose", "--eos-on-shutdown", *source, *login, *decode, *end)
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    frames = len(re.findall(r"counter: last-message = chain", done.stdout))
    return frames, done.stderr.replace(password, "***").strip()


def main() -> None:
    """Read the job, do it."""
    job = read_job()
    with step("login") as seen:
        frames, said = play(job, job["password"], TCP)
        if not frames:
            raise Failed(said)
        seen("RTSP digest")
    with step("wrong") as seen:
        frames, said = play(job, job["wrong_password"], TCP)
        if frames or "nauthorized" not in said:
            raise Failed(f"{frames} frames, {said}")
        seen("Unauthorized")
    with step("play") as seen:
        counted = []
        for protocols in ((TCP,), ()):
            frames, said = play(job, job["password"], *protocols)
            if frames < FRAMES:
                raise Failed(f"{frames} frames {' '.join(protocols)}: {said}")
            counted.append(f"{frames} frames {' '.join(protocols) or 'without protocols='}")
        seen(", ".join(counted))


if __name__ == "__main__":
    main()
