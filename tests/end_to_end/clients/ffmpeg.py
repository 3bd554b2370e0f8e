"""Debian's ffmpeg: plays over TCP, and as it does when told nothing: UDP first."""

import re
import subprocess
from typing import Any
from urllib.parse import urlsplit

from steps import Failed, read_job, step

FRAMES = 20
TCP = ("-rtsp_transport", "tcp")


def play(job: dict[str, Any], password: str, *transport: str) -> tuple[int, str]:
    """Decode some frames; returns how many, and what was said."""
    url = urlsplit(job["stream"])
    uri = url._replace(netloc=f"{job['username']}:{password}@{url.netloc}").geturl()
    command = ("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", *transport, "-i", uri)
    output = ("-an", "-frames:v", str(FRAMES), "-progress", "-", "-f", "null", "-")
    done = subprocess.run([*command, *output], capture_output=True, text=True, timeout=30, check=False)
    frames = [int(number) for number in re.findall(r"^frame=(\d+)", done.stdout, re.MULTILINE)]
    return max(frames, default=0), done.stderr.replace(password, "***").strip()


def main() -> None:
    """Read the job, do it."""
    job = read_job()
    with step("login") as seen:
        frames, said = play(job, job["password"], *TCP)
        if not frames:
            raise Failed(said)
        seen("RTSP digest")
    with step("wrong") as seen:
        frames, said = play(job, job["wrong_password"], *TCP)
        if frames or "401" not in said:
            raise Failed(f"{frames} frames, {said}")
        seen(said.splitlines()[-1])
    with step("play") as seen:
        counted = []
        for transport in (TCP, ()):
            frames, said = play(job, job["password"], *transport)
            if frames < FRAMES:
                raise Failed(f"{frames} frames {' '.join(transport)}: {said}")
            counted.append(f"{frames} frames {' '.join(transport) or 'without -rtsp_transport'}")
        seen(", ".join(counted))


if __name__ == "__main__":
    main()
