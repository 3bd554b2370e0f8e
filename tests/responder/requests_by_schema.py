"""Requests made from the schemas of their elements: as short, or with as much in them, as the schema lets be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from .schemas import XS, schemas

MAX_DEPTH: Final = 8
_XSI_TYPES = {
    "boolean": "false",
    "float": "0.5",
    "double": "0.5",
    "decimal": "0.5",
    "duration": "PT1S",
    "dateTime": "2026-01-02T03:04:05Z",
    "anyURI": "urn:example:uri",
    "base64Binary": "AAAA",
    "hexBinary": "00",
    "QName": "tns",
    "anySimpleType": "text",
}
_NUMBERS = ("int", "integer", "long", "short", "nonNegativeInteger", "positiveInteger", "unsignedInt", "unsignedShort")

type ValueOf = Callable[[str], str | None]
"""Takes the local name of an element or attribute; None where any value will do."""


@dataclass(slots=True)
class RequestBuilder:
    """Writes requests by the schemas of all services."""

    _elements: dict[str, etree._Element] = field(default_factory=dict)
    _types: dict[str, etree._Element] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the schemas."""
        for _, schema in schemas():
            namespace = schema.get("targetNamespace")
            for child in schema:
                name = f"{{{namespace}}}{child.get('name')}"
                if child.tag == f"{XS}element":
                    self._elements[name] = child
                elif child.tag in (f"{XS}complexType", f"{XS}simpleType"):
                    self._types[name] = child

    def build(self, name: str, value_of: ValueOf, *, whole: bool) -> etree._Element:
        """Return the element of a request; `whole` with all that is optional."""
        element = etree.Element(name)
        self._fill(element, self._elements[name], value_of, whole, 0)
        return element

    def _fill(
        self, element: etree._Element, declaration: etree._Element, value_of: ValueOf, whole: bool, depth: int
    ) -> None:
        known = value_of(etree.QName(element).localname)
        if known is not None:
            element.text = known
        elif (name := declaration.get("type")) is not None:
            self._fill_named(element, _expand(declaration, name), value_of, whole, depth)
        else:
            for inline in declaration.iterchildren(f"{XS}complexType", f"{XS}simpleType"):
                self._fill_type(element, inline, value_of, whole, depth)

    def _fill_named(self, element: etree._Element, name: str, value_of: ValueOf, whole: bool, depth: int) -> None:
        if name in self._types:
            self._fill_type(element, self._types[name], value_of, whole, depth)
        elif name != f"{XS}anyType":
            element.text = _simple_value(name)

    def _fill_type(
        self, element: etree._Element, kind: etree._Element, value_of: ValueOf, whole: bool, depth: int
    ) -> None:
        if kind.tag == f"{XS}simpleType":
            element.text = self._value_of_simple(kind)
            return
        for part in kind:
            if part.tag in (f"{XS}complexContent", f"{XS}simpleContent"):
                (extension,) = part.iterchildren(f"{XS}extension", f"{XS}restriction")
                self._fill_named(element, _expand(extension, str(extension.get("base"))), value_of, whole, depth)
                self._fill_type(element, extension, value_of, whole, depth)
            elif part.tag in (f"{XS}sequence", f"{XS}choice", f"{XS}all"):
                self._fill_group(element, part, value_of, whole, depth)
            elif part.tag == f"{XS}attribute" and part.get("use") == "required":
                name = str(part.get("name"))
                value = value_of(name)
                element.set(name, self._attribute_value(part) if value is None else value)

    def _attribute_value(self, attribute: etree._Element) -> str:
        name = _expand(attribute, str(attribute.get("type")))
        return self._value_of_simple(self._types[name]) if name in self._types else _simple_value(name)

    def _fill_group(
        self, element: etree._Element, group: etree._Element, value_of: ValueOf, whole: bool, depth: int
    ) -> None:
        if depth > MAX_DEPTH:
            return
        for part in group:
            if part.get("minOccurs") == "0" and not (whole and depth < MAX_DEPTH // 2):
                continue
            if part.tag in (f"{XS}sequence", f"{XS}choice"):
                self._fill_group(element, part, value_of, whole, depth)
            elif part.tag == f"{XS}element":
                reference = part.get("ref")
                declaration = part if reference is None else self._elements[_expand(part, reference)]
                namespace = _schema_of(declaration).get("targetNamespace")
                for _ in range(max(1, int(part.get("minOccurs", "1")))):
                    child = etree.SubElement(element, f"{{{namespace}}}{declaration.get('name')}")
                    self._fill(child, declaration, value_of, whole, depth + 1)
            else:
                continue
            if group.tag == f"{XS}choice":
                return

    def _value_of_simple(self, kind: etree._Element) -> str:
        for restriction in kind.iterchildren(f"{XS}restriction"):
            for enumeration in restriction.iterchildren(f"{XS}enumeration"):
                return str(enumeration.get("value"))
            base = _expand(restriction, str(restriction.get("base")))
            return self._value_of_simple(self._types[base]) if base in self._types else _simple_value(base)
        for union in kind.iterchildren(f"{XS}union"):
            return _simple_value(_expand(union, str(union.get("memberTypes")).split()[-1]))
        return ""  # an empty list


def _schema_of(element: etree._Element) -> etree._Element:
    return element.getroottree().getroot()


def _expand(scope: etree._Element, name: str) -> str:
    prefix, _, local = name.rpartition(":")
    return f"{{{scope.nsmap[prefix or None]}}}{local}"


def _simple_value(name: str) -> str:
    local = name.rpartition("}")[2]
    return "1" if local in _NUMBERS else _XSI_TYPES.get(local, "text")
