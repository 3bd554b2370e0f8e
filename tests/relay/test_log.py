"""What the relay logs reaches its parent: bounded, and without secrets."""

from collections.abc import Iterator
import logging

import pytest

from custom_components.onvif_proxy.relay.log import MessageHandler, without_secrets
from custom_components.onvif_proxy.relay.messages import LogLine


class Log:
    """A logger with the handler, and what the parent is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[LogLine] = []
        self.logger = logging.getLogger("package.relay.viewer")
        self.handler = MessageHandler(
            self.told.append,
            lambda: ["P%ss/w rd"],
            package="package",
            max_text=2000,
            max_lines=3,
            interval=10.0,
            clock=lambda: self.now,
        )


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    made.logger.addHandler(made.handler)
    yield made
    made.logger.removeHandler(made.handler)


def test_a_line_has_its_level_and_the_name_of_its_logger(log: Log) -> None:
    log.logger.warning("%s left", "viewer")
    assert log.told == [LogLine(level=logging.WARNING, logger="relay.viewer", text="viewer left")]


def test_exceptions_are_told_too(log: Log) -> None:
    log.logger.error("failed", exc_info=RuntimeError("rtsp://admin:P%ss/w rd@192.0.2.1/a"))
    (line,) = log.told
    assert line.text.startswith("failed\nRuntimeError: rtsp://")
    assert "w rd" not in line.text


def test_too_many_lines_are_counted_instead(log: Log) -> None:
    for number in range(5):
        log.logger.warning("%d", number)
    assert [line.text for line in log.told] == ["0", "1", "2"]
    log.now = 10.0
    log.logger.warning("again")
    assert [line.text for line in log.told[3:]] == ["2 more lines of the log were left out", "again"]


def test_a_long_line_is_cut(log: Log) -> None:
    log.logger.warning("x" * 5000)
    assert len(log.told[0].text) == 2000


def test_a_line_that_cannot_be_made_ends_nothing_and_shows_nothing(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.logger.propagate = False  # others would do what this one doesn't: write the arguments
    log.logger.warning("%d", "Secret1")
    log.logger.propagate = True
    assert [line.text for line in log.told] == ["A line of the log could not be formatted: TypeError"]
    assert "Secret1" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing to hide", "nothing to hide"),
        ("from rtsp://admin:Secret1@192.0.2.1:554/a?password=Secret1 now", "from rtsp://192.0.2.1:554/*** now"),
        ("from 'rtsp://[2001:db8::1]/user=admin_password=Secret1_channel=1'", "from 'rtsp://[2001:db8::1]/***'"),
        ('Authorization: Digest username="a", response="b"', "Authorization: ***"),
        ("password is Secret1", "password is ***"),
        ("quoted %53ecret 1: Pa%2Fss word", "quoted %53ecret 1: *** word"),
        ("a b: ab stays", "a b: ab stays"),
    ],
)
def test_secrets_are_cut(text: str, told: str) -> None:
    assert without_secrets(text, ["Secret1", "Pa/ss", "ab"]) == told
