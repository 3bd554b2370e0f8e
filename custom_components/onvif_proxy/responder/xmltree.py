"""XML in and out: a parser for documents by strangers, and a builder for our own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import re

from lxml import etree
from lxml.etree import _Element as Element

from .errors import XmlError
from .names import NAMESPACES, expand

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

type Content = Element | str | bool | int | float | Mapping[str, object] | Iterable[Element] | None

__all__ = ["Content", "Element", "XmlLimits", "child_text", "document", "node", "parse_xml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlLimits:
    """How much structure a document may have; its size is capped by who reads it."""

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
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlError("The document is not well-formed XML") from error
    _check_structure(root, limits)
    return root


def _check_structure(root: Element, limits: XmlLimits) -> None:
    depth = elements = attributes = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        elements += 1
        attributes += len(element.attrib)
        if depth > limits.depth:
            raise XmlError("The document is nested too deeply")
        if elements > limits.elements or attributes > limits.attributes:
            raise XmlError("The document has too many elements or attributes")


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
