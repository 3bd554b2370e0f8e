"""Reading SOAP answers as trees, by local names: recorders disagree on namespaces, and some declare none. Pure."""

from collections.abc import Iterator
import re

from lxml import etree

MAX_MARKUP = 100_000
"""Tags of an answer, both ends counted: a hundred messages make some thousand."""
MAX_DECLARATIONS = 4096
"""Of namespaces: each element below knows them all."""
_ENVELOPE = re.compile(rb"<(?:[\w.-]+:)?Envelope[\s>]")


def is_envelope(content: bytes) -> bool:
    """Tell whether an answer is SOAP at all, without parsing it."""
    return _ENVELOPE.search(content[:16384]) is not None


def parse_envelope(content: bytes) -> etree._Element | None:
    """Parse an answer, also one that is not well-formed, as far as it goes; None when nothing can be read of it.

    One with more structure than any recorder needs is not read: what walks it would keep the processor busy.
    Document types are refused (SOAP 1.2 part 1 section 5 forbids them): an entity in an attribute would be expanded.
    """
    if b"<!DOCTYPE" in content or content.count(b"<") > MAX_MARKUP or content.count(b"xmlns") > MAX_DECLARATIONS:
        return None
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root: etree._Element | None = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return None
    return root


def local_name(element: etree._Element) -> str:
    """Return a tag without its namespace, or without a prefix that was never declared; empty for comments."""
    return element.tag.rpartition("}")[2].rpartition(":")[2] if isinstance(element.tag, str) else ""


def text_in(element: etree._Element | None) -> str:
    """Return the text of an element without the space around it."""
    return "" if element is None else (element.text or "").strip()


def all_named(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Yield the elements of these names inside, in their order."""
    return (found for found in element.iter(etree.Element) if local_name(found) in names)


def first_named(element: etree._Element | None, name: str) -> etree._Element | None:
    """Return the first element of a name inside."""
    return None if element is None else next(all_named(element, name), None)
