"""What strangers send is parsed within limits, and leaves nothing behind."""

from pathlib import Path
import subprocess
import sys

from lxml import etree
import pytest

from custom_components.onvif_proxy.responder import xmltree
from custom_components.onvif_proxy.responder.errors import XmlError
from custom_components.onvif_proxy.responder.xmltree import XmlLimits, parse_xml

LIMITS = XmlLimits(depth=4, elements=10, attributes=5)


def nested(depth: int) -> str:
    """Write elements in each other."""
    return "<a>" * depth + "</a>" * depth


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nested(4), id="depth"),
        pytest.param("<a>" + "<b/>" * 9 + "</a>", id="elements"),
        pytest.param("<a " + " ".join(f'b{n}=""' for n in range(5)) + "/>", id="attributes"),
        pytest.param("<a>" + "=" * 1000 + "</a>", id="what is no attribute"),
        pytest.param("<a b='&lt;'>&amp;</a>", id="entities that need no declaration"),
        pytest.param("<a b='>'> > </a>", id="angle bracket in a value"),
        pytest.param("<a><![CDATA[<b>]]></a>", id="CDATA"),
    ],
)
def test_within_the_limits(text: str) -> None:
    assert etree.tostring(parse_xml(text.encode(), LIMITS)) == etree.tostring(etree.fromstring(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nested(5), id="depth"),
        pytest.param("<a>" + "<b/>" * 10 + "</a>", id="elements"),
        pytest.param("<a " + " ".join(f'b{n}=""' for n in range(6)) + "/>", id="attributes"),
        pytest.param("<a " + " ".join(f"b{n} = '1'" for n in range(6)) + "/>", id="attributes, spaced"),
        pytest.param("<!DOCTYPE a><a/>", id="document type"),
        pytest.param("<a>&b;</a>", id="entity"),
        pytest.param("<a>", id="not well-formed"),
        pytest.param("", id="nothing"),
    ],
)
def test_beyond_the_limits(text: str) -> None:
    with pytest.raises(XmlError):
        parse_xml(text.encode(), LIMITS)


def test_what_is_parsed_aside_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmltree, "_WORDS", xmltree._Words(0))
    assert parse_xml(b"<a><b c='d'>e</b></a>", LIMITS).findtext("b") == "e"
    with pytest.raises(XmlError):
        parse_xml(b"<a>", LIMITS)


def test_words_are_known_within_their_room() -> None:
    words = xmltree._Words(20)
    assert words.are_known(b"<one/>text<two/>")
    assert words.are_known(b"<two/>other text<one/>")
    assert not words.are_known(b"<much-too-long/>")
    assert words.are_known(b"<one/>")


@pytest.mark.parametrize("data", [b"<a b='>' c/>", b"<a>&b;</a>", b"<a> > </a>", b"<<a>"])
def test_markup_that_can_not_be_told_is_not_known(data: bytes) -> None:
    assert not xmltree._Words(1000).are_known(data)


INVENTOR = """
from pathlib import Path
from custom_components.onvif_proxy.responder.xmltree import XmlLimits, parse_xml

def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def invent(first):
    for number in range(first, first + 100):
        names = "".join(f"<n{number}-{index}-{'y' * 100}/>" for index in range(1900))
        parse_xml(f"<a>{names}</a>".encode(), XmlLimits())

invent(0)
before = memory()
invent(100)
print(memory() - before)
"""


def test_invented_names_leave_nothing_behind() -> None:
    """libxml2 would keep all of these 22 MB for as long as the thread lives."""
    root = Path(__file__).parents[2]
    output = subprocess.run(
        [sys.executable, "-c", INVENTOR], cwd=root, capture_output=True, check=True, text=True
    ).stdout
    assert int(output) < 5_000_000
