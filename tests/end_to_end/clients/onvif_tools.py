"""Debian's onvif-tools: its command onvif-util, which has a prompt."""

import re
import subprocess
from typing import Any

from steps import Failed, read_job, step

ATTEMPTS = 10


def onvif_util(*arguments: str, lines: tuple[str, ...] = ()) -> str:
    """Run it with lines for its prompt; returns what it says, and how it ended where that is an error."""
    done = subprocess.run(
        ["onvif-util", *arguments],
        input="".join(f"{line}\n" for line in (*lines, "quit")),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    ended = f"\nended with {done.returncode}" if done.returncode else ""
    return done.stdout + done.stderr + ended


class Session:
    """Logs in anew for each command, to the same camera."""

    def __init__(self, job: dict[str, Any], password: str) -> None:
        """Take a login."""
        self._login = ("-u", job["username"], "-p", password, job["host"])
        self._name = job["name"]

    def refused(self) -> str:
        """Return how a camera refuses the login; not every search of the program finds one."""
        said = ""
        for _ in range(ATTEMPTS):
            said = onvif_util(*self._login)
            if "found host" in said:
                break
        if "ter:NotAuthorized" not in said:
            raise Failed(said.strip())
        return said.strip()

    def say(self, command: str, wanted: str) -> str:
        """Return what a pattern finds in the answer to a command; as a person does it, not only once.

        The program knows no ports: of several cameras on one host it takes the one that was heard first.
        """
        said = ""
        for _ in range(ATTEMPTS):
            said = onvif_util(*self._login, lines=(command,))
            if re.search(rf"name: +{self._name} ", said):
                break
        if not (found := re.search(wanted, said)):
            raise Failed(said.strip())
        return found[0]


def main() -> None:
    """Read the job, do it."""
    job = read_job()
    if not job["discover"]:
        return
    with step("discover") as seen:
        found = onvif_util("-a")
        if not re.search(rf"{job['host']} .*\({job['name']} ", found):
            raise Failed(found)
        seen(found.strip())
    session = Session(job, job["password"])
    with step("time") as seen:
        seen(session.say("get time", r"Time Offset: [01] seconds"))
    with step("login") as seen:
        seen(session.say("", r"serial: \w+"))
    with step("wrong") as seen:
        seen(Session(job, job["wrong_password"]).refused())
    with step("capabilities") as seen:
        seen(session.say("get capabilities", r"event_service: +POST \S+"))
    with step("profiles") as seen:
        session.say("get profiles", r"Token 0: main\s+Token 1: sub")
        seen(session.say("get video", r"Resolution: 1280 x 720\s+Frame Rate: 15"))
    with step("uris") as seen:
        stream = session.say("get rtsp", r"rtsp://\S+")
        seen(stream, stream=stream)


if __name__ == "__main__":
    main()
