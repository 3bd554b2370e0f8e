"""Which of the names that a recorder gives to its configurations were meant for people.

Most are made by the firmware: `MediaProfile_Channel7_SubStream1` (Dahua), `mainStream` (Hikvision), `Profile000_MainStream`
and `VideoS_000` (Reolink), `media_profile1` and `video_source_config1` (Uniview), `profile_1 h264` (Axis). What is left
when their vocabulary is taken away was typed by somebody.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
import re

MAX_NAME_LENGTH = 64
"""Characters; what ONVIF's `Name` type allows."""

_WHAT_IT_IS = """
    profile media video source src encoder encoding config configuration conf cfg stream streaming token sensor input in
    channel chan chn ch camera cam ipcamera ipcam ipc ip nvr dvr xvr hvr analog digital vs vsc ve vec videos videoe
    mainstream substream thirdstream mediaprofile videosource videoencoder snapshot onvif rtsp
"""
_WHICH_ONE = """
    main sub third second secondary primary minor major extra first mobile low high mid middle default name user new
"""
_HOW_ENCODED = "h264 h265 h hevc avc jpeg mjpeg mpeg mpeg4 svc sd hd fhd uhd d cif qcif vga balanced quality"
TECHNICAL_WORDS = frozenset(f"{_WHAT_IT_IS} {_WHICH_ONE} {_HOW_ENCODED}".split())
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|[A-Z]", re.UNICODE)
_STREAM_SUFFIX = re.compile(r"[\s_\-.]+(?:main|sub|third|second|mobile)[\s_\-]*(?:stream)?[\s_\-]*\d*$", re.IGNORECASE)


def clean_name(text: object) -> str:
    """Return one line of printable text of bounded length, empty when there is none."""
    if not isinstance(text, str):
        return ""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * MAX_NAME_LENGTH])
    return " ".join(printable.split())[:MAX_NAME_LENGTH].strip()


def human_name(text: object) -> str:
    """Return the part of a name that people chose, empty when firmware made all of it."""
    name = _STREAM_SUFFIX.sub("", clean_name(text)).strip(" _-.")
    words = [word.lower() for word in _WORD.findall(name)]
    return "" if all(word in TECHNICAL_WORDS or (len(word) == 1 and word.isascii()) for word in words) else name


def channel_names(candidates: Mapping[str, Iterable[object]]) -> dict[str, str]:
    """Choose a name for each channel token from its candidates, best first; empty where no candidate is human.

    A name that all of several channels share tells of the recorder, not of a camera: then none of them has it.
    """
    names = {token: next(filter(None, map(human_name, given)), "") for token, given in candidates.items()}
    if len(names) > 1 and len(Counter(names.values())) == 1:
        return dict.fromkeys(names, "")
    return names
