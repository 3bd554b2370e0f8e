"""XML in and out: a parser for documents by strangers, and a builder for our own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import re
import threading

from lxml import etree
from lxml.etree import _Element as Element

from .errors import XmlError
from .names import NAMESPACES, expand

MAX_KNOWN_MARKUP = 256 * 1024
"""Bytes, of the whole process."""
_ATTRIBUTE = re.compile(rb"=\s*[\"']")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

type Content = Element | str | bool | int | float | Mapping[str, object] | Iterable[Element] | None

__all__ = ["Content", "Element", "XmlLimits", "child_text", "document", "node", "parse_xml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlLimits:
    """How much structure a document may have; its size is capped by who reads it.

    Comments and sections of CDATA count as elements, what looks like an attribute in a text as one where there are very many.
    """

    depth: int = 32
    elements: int = 2000
    attributes: int = 1000


def parse_xml(data: bytes, limits: XmlLimits) -> Element:
    """Return the root element of a UTF-8 document; raises `XmlError`.

    A document type is refused before parsing, which takes all entity attacks with it. The encoding is fixed, as
    another one could hide the document type, and SOAP over HTTP clients send UTF-8.
    """
    if b"<!DOCTYPE" in data:
        raise XmlError("A document type is not allowed")
    # What is counted here is at least the number of elements and of attributes, so nothing huge is parsed in vain.
    starts = data.count(b"<") - data.count(b"</")
    equals = data.count(b"=")
    if equals > limits.attributes:
        equals = len(_ATTRIBUTE.findall(data))
    if starts > limits.elements or equals > limits.attributes:
        raise XmlError("The document has too many elements or attributes")
    try:
        root = etree.fromstring(data, _PARSER) if _WORDS.are_known(data) else _parse_aside(data)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlError("The document is not well-formed XML") from error
    if starts > limits.depth:  # else it can't be deeper
        _check_depth(root, limits.depth)
    return root


def _make_parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


class _Words:
    """The markup that was met before, so much of it and no more.

    libxml2 keeps every name, namespace and run of blanks that a thread has ever parsed, until the thread ends: strangers
    could make it keep gigabytes by inventing names.
    """

    _MARKUP = re.compile(rb"<[^<>]*>\s*")

    def __init__(self, max_bytes: int) -> None:
        self._known: set[bytes] = set()
        self._room = max_bytes

    def are_known(self, data: bytes) -> bool:
        """Tell whether a document brings nothing that would be kept, or there is room for that."""
        markup = self._MARKUP.findall(data)
        if b"&" in data or not data.count(b"<") == data.count(b">") == len(markup):
            return False  # entities have names, too; a stray angle bracket might hide markup
        if self._known.issuperset(markup):
            return True
        new = set(markup) - self._known
        size = sum(map(len, new))
        if size > self._room:
            return False
        self._room -= size
        self._known |= new
        return True


_WORDS = _Words(MAX_KNOWN_MARKUP)
_PARSER = _make_parser()


def _parse_aside(data: bytes) -> Element:
    """Parse in a thread of its own, which keeps nothing when it has ended; raises as lxml does."""
    result: list[Element | BaseException] = []

    def parse() -> None:
        try:
            result.append(etree.fromstring(data, _make_parser()))
        except (etree.XMLSyntaxError, ValueError) as error:
            result.append(error)

    thread = threading.Thread(target=parse, daemon=True)
    thread.start()
    thread.join()
    (outcome,) = result
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _check_depth(root: Element, limit: int) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > limit:
            raise XmlError("The document is nested too deeply")


def child_text(parent: Element | None, name: str) -> str | None:
    """Return the stripped text of the first child of a prefixed name; None where there is no such child."""
    if parent is None or (child := parent.find(expand(name))) is None:
        return None
    return (child.text or "").strip()


def _text_of(value: object) -> str:
    """Write a value as XML schema does, without characters that XML can't carry."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return _FORBIDDEN.sub("", str(value))


def node(name: str, *content: Content) -> Element:
    """Build an element of a prefixed name from text, attributes (a mapping), children, or None for nothing."""
    element = etree.Element(expand(name), nsmap=NAMESPACES)
    for item in content:
        if item is None:
            continue
        if isinstance(item, Element):
            element.append(item)
        elif isinstance(item, str | int | float):
            element.text = _text_of(item)
        elif isinstance(item, Mapping):
            for key, value in item.items():
                element.set(key, _text_of(value))
        else:
            element.extend(item)
    return element


def document(root: Element, *prefixes: str) -> bytes:
    """Write a document; our prefixes that only stand in text must be named, those of tags are kept by themselves."""
    etree.cleanup_namespaces(
        root,
        top_nsmap={prefix: NAMESPACES[prefix] for prefix in prefixes},
        keep_ns_prefixes=(*prefixes, "header"),
    )
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")
