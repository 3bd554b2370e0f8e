"""What the steps of a player make of a program that plays, is refused, complains, or does not end."""

from collections.abc import Mapping
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from .clients import HERE

pytestmark = pytest.mark.timeout(60)

PLAYER = """
import signal, sys, time
name, password = sys.argv[1:]
if password == "wrong":
    sys.exit("401, go away")
{does}
"""
PLAYS = """
for number in range(40):
    print("picture sound", flush=True)
time.sleep(30)
"""


def show(tmp_path: Path, does: str, end_seconds: float = 10.0) -> Mapping[str, Mapping[str, Any]]:
    """Return what the steps say of a player that does this; it prints a word for each picture and sound.

    The limits are long for what is within them, and what is not is far beyond: machines are busy.
    """
    player = tmp_path / "player.py"
    player.write_text(PLAYER.format(does=does))
    program = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
import players
players.PLAY_SECONDS, players.END_SECONDS, players.LATE_SECONDS = 20.0, {end_seconds}, 4.0
players.show(players.Player(
    command=lambda camera, transport: (sys.executable, {str(player)!r}, camera.uri + transport.value, camera.password),
    count=lambda running: (running.output.count("picture"), running.output.count("sound")),
    refused="401", complains="torn",
))
"""
    job = {"main": "main", "sub": "sub", "web_port": 80, "username": "viewer", "password": "right"}
    job |= {"wrong_password": "wrong", "key_seconds": 1}
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(job) + "\n", capture_output=True, text=True, check=True
    )
    return {said["step"]: said for said in map(json.loads, done.stdout.splitlines())}


def test_a_player_that_plays_and_is_refused_with_a_wrong_password_does_all(tmp_path: Path) -> None:
    steps = show(tmp_path, PLAYS)
    assert {name: said["ok"] for name, said in steps.items()} == dict.fromkeys(
        ("login", "wrong", "tcp", "udp", "http", "sound", "late"), True
    )


@pytest.mark.parametrize(
    ("does", "failed"),
    [
        ("print('picture ' * 40)", {"sound"}),
        ("print('picture sound ' * 10)", {"tcp", "udp", "http"}),
        ("print('picture sound ' * 40, 'a torn picture')", {"tcp", "udp", "http"}),
        ("if name == 'mainudp': sys.exit()" + PLAYS, {"udp"}),
        ("if name == 'subtcp': time.sleep(4.5)" + PLAYS, {"late"}),
    ],
    ids=["no sound", "too few pictures", "complaints", "one transport not", "late"],
)
def test_what_a_player_does_not_do_has_failed(does: str, failed: set[str], tmp_path: Path) -> None:
    steps = show(tmp_path, does)
    assert {name for name, said in steps.items() if not said["ok"]} == failed


def test_a_player_that_does_not_end_has_failed_and_is_ended(tmp_path: Path) -> None:
    steps = show(tmp_path, "signal.signal(signal.SIGINT, signal.SIG_IGN)" + PLAYS, end_seconds=0.5)
    assert steps["tcp"]["ok"] is False
    assert "does not end" in steps["login"]["seen"]
