"""The call orders of clients, and what each is answered: `transcripts/README.md` tells how they are written."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from lxml import etree
import pytest

from custom_components.onvif_proxy.controls import PtzVector

from .conftest import Reply
from .envelopes import NS
from .every_operation import fault_shortcoming
from .replay import Exchange, Transcript, replaying, transcripts

TRANSCRIPTS = transcripts()
CLIENTS = {"protect", "hikvision", "dahua", "synology", "agent-dvr", "odm"}


def name_of(transcript: Transcript) -> str:
    return transcript.folder.name


def transcript_of(name: str) -> Transcript:
    (found,) = (transcript for transcript in TRANSCRIPTS if name_of(transcript) == name)
    return found


each_transcript = pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=name_of)


def written(exchange: Exchange) -> Reply | None:
    """Return the SOAP answer that is written down; None where there is none."""
    head, _, body = exchange.response.read_text().partition("\n\n")
    first, *headers = head.split("\n")
    fields = dict(line.split(": ", 1) for line in headers)
    if not fields.get("Content-Type", "").startswith("application/soap+xml"):
        return None
    # Lines between elements are for readers only.
    root = etree.fromstring(body.encode(), etree.XMLParser(remove_blank_text=True))
    return Reply(int(first.split(" ")[1]), fields, etree.tostring(root))


def soap_exchanges(transcript: Transcript) -> Iterator[tuple[Exchange, Reply]]:
    for exchange in transcript.exchanges:
        if (reply := written(exchange)) is not None:
            yield exchange, reply


def asked(exchange: Exchange) -> tuple[str, str | None]:
    """Return the name of the operation of a request, and its message id; the placeholders stand in it."""
    envelope = etree.fromstring(exchange.request.read_text().partition("\n\n")[2].encode())
    (body,) = envelope.find("env:Body", NS)
    return str(body.tag), envelope.findtext("env:Header/wsa:MessageID", None, NS)


def motions(transcript: Transcript) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Yield topic, operation and state of all that a client was told."""
    for _, reply in soap_exchanges(transcript):
        for holder in reply.body.iterfind("wsnt:NotificationMessage", NS):
            message = holder.find("wsnt:Message/tt:Message", NS)
            item = holder.find(".//tt:Data/tt:SimpleItem", NS)
            assert message is not None and item is not None
            yield holder.findtext("wsnt:Topic", None, NS), message.get("PropertyOperation"), item.get("Value")


@each_transcript
async def test_a_client_is_answered_as_it_is_written_down(transcript: Transcript) -> None:
    async with replaying(transcript.description) as play:
        for exchange in transcript.exchanges:
            assert await play.exchange(exchange) == exchange.response.read_text(), exchange.response.name


@each_transcript
def test_every_answer_follows_the_schema(
    transcript: Transcript, assert_valid: Callable[[etree._Element], None]
) -> None:
    for exchange, reply in soap_exchanges(transcript):
        if reply.body.tag == f"{{{NS['env']}}}Fault":
            check = fault_shortcoming(reply)
            # The faults of WS-BaseNotification say in their detail what others say in a subcode.
            assert check is None or (check == "no subcode" and reply.body.find("env:Detail", NS) is not None), check
        else:
            assert reply.status == 200
            assert reply.body.tag == f"{asked(exchange)[0]}Response"
            assert_valid(reply.body)


@each_transcript
def test_what_is_asked_with_addressing_of_the_event_service_is_answered_with_it(transcript: Transcript) -> None:
    for exchange, reply in soap_exchanges(transcript):
        operation, message_id = asked(exchange)
        header = etree.fromstring(reply.content).find("env:Header", NS)
        if not operation.startswith((f"{{{NS['tev']}}}", f"{{{NS['wsnt']}}}")):
            assert header is None
            continue
        assert header is not None, exchange.response.name
        action = header.findtext("wsa:Action", "", NS)
        fault = reply.status != 200
        name = etree.QName(operation).localname
        assert action.endswith("/soap/fault" if fault else f"/{name}Response")
        assert (header.find("wsa:RelatesTo", NS) is None) == (message_id is None)


def pulls(transcript: Transcript) -> bool:
    return any("pull-messages" in exchange.request.name for exchange in transcript.exchanges)


@pytest.mark.parametrize("transcript", [each for each in TRANSCRIPTS if pulls(each)], ids=name_of)
def test_motion_is_told_as_it_is_then_as_it_begins_and_as_it_ends(transcript: Transcript) -> None:
    for topic in ("tns1:VideoSource/MotionAlarm", "tns1:RuleEngine/CellMotionDetector/Motion"):
        told = [(operation, state) for of, operation, state in motions(transcript) if of == topic]
        assert told == [("Initialized", "false"), ("Changed", "true"), ("Changed", "false")]


@each_transcript
def test_every_request_has_its_answer_and_its_place(transcript: Transcript) -> None:
    exchanges = transcript.exchanges
    assert exchanges
    assert [exchange.number for exchange in exchanges] == [f"{number:02}" for number in range(1, len(exchanges) + 1)]
    files = {"transcript.toml", *(path.name for each in exchanges for path in (each.request, each.response))}
    assert {path.name for path in transcript.folder.iterdir()} == files


@each_transcript
def test_it_says_what_is_known_and_what_is_assumed(transcript: Transcript) -> None:
    assert all(transcript.facts[name] for name in ("client", "envelopes", "order", "sources"))


def test_each_client_is_there() -> None:
    assert {name_of(transcript) for transcript in TRANSCRIPTS if pulls(transcript)} >= CLIENTS


async def test_moves_reach_the_recorder_as_the_client_means_them() -> None:
    transcript = transcript_of("protect-ptz")
    async with replaying(transcript.description) as play:
        for exchange in transcript.exchanges:
            await play.exchange(exchange)
    pan, zoom = (call[1] for call in play.ptz.calls if call[0] == "continuous_move")
    assert isinstance(pan, PtzVector) and isinstance(zoom, PtzVector)
    assert (pan.pan, pan.tilt, pan.zoom) == (0.5, -0.25, 0.0)
    assert (zoom.pan, zoom.tilt, zoom.zoom) == (0.0, 0.0, 0.75)
    assert [call[0] for call in play.ptz.calls] == [
        "continuous_move",
        "stop",
        "continuous_move",
        "stop",
        "go_to_preset",
    ]


async def test_another_answer_is_noticed() -> None:
    """Or the comparison would compare nothing."""
    transcript = transcript_of("protect")
    other = replace(transcript.description, model="Another")
    async with replaying(other) as play:
        answers = {exchange: await play.exchange(exchange) for exchange in transcript.exchanges}
    differing = [exchange.number for exchange, answer in answers.items() if answer != exchange.response.read_text()]
    assert differing == ["05"]


async def test_a_request_that_does_not_wait_for_its_event_is_noticed() -> None:
    transcript = transcript_of("protect")
    first_pull = next(each for each in transcript.exchanges if "initialized" in each.request.name)
    waiting = next(each for each in transcript.exchanges if "motion-begins" in each.request.name)
    async with replaying(transcript.description) as play:
        for exchange in transcript.exchanges[: transcript.exchanges.index(first_pull)]:
            await play.exchange(exchange)
        with pytest.raises(AssertionError, match="was answered at once"):
            await play.exchange(waiting)
