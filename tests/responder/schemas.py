"""ONVIF's own schemas and WSDLs, made ready for libxml2, to check everything that the responder sends.

`scripts/setup` installs them unchanged. Their authors allow no changed copies, so what libxml2 needs changed is written
to a temporary folder at test time: one file a namespace, and wildcards narrowed, as their extension rules are those of
XSD 1.1, which libxml2 finds ambiguous.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

WSDL_FOLDER = Path(__file__).parents[2] / ".tools" / "onvif-schemas" / "onvif" / "wsdl"
XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
WSAM_ACTION = "{http://www.w3.org/2007/05/addressing/metadata}Action"
WSAW_ACTION = "{http://www.w3.org/2006/05/addressing/wsdl}Action"

# They say again what another file says, or need namespaces that are not there.
_LEFT_OUT = {"federatedsearch.wsdl", "event-vs.wsdl", "bw-2-vs-mod.wsdl", "display/display.wsdl"}
_ONVIF_SCHEMA = "onvif.xsd"
# They belong to its namespace; only what analytics sends needs the second.
_INCLUDED = ("common.xsd", "metadatastream.xsd")


def _documents() -> Iterator[tuple[Path, etree._Element]]:
    """Read all WSDLs and schemas; some of the latter have no suffix."""
    if not WSDL_FOLDER.is_dir():
        raise FileNotFoundError("ONVIF's schemas are not there: run scripts/setup")
    for path in sorted(WSDL_FOLDER.rglob("*")):
        left_out = any(path.as_posix().endswith(f"/{name}") for name in _LEFT_OUT)
        if path.is_file() and path.suffix in ("", ".xsd", ".wsdl") and path.name != "LICENSE" and not left_out:
            yield path, etree.parse(path).getroot()


def schemas() -> Iterator[tuple[str, etree._Element]]:
    """Return each schema with a file name for it, those inside of WSDLs as documents of their own."""
    for path, root in _documents():
        for position, schema in enumerate(root.iter(f"{XS}schema")):
            if schema.get("targetNamespace") is None:
                continue
            # Written and read again, as its namespace declarations may stand further out.
            yield (
                path.name if schema is root else f"{path.relative_to(WSDL_FOLDER)}.{position}.xsd".replace("/", "-"),
                etree.fromstring(etree.tostring(schema, with_tail=False)),
            )


def _narrow_wildcards(schema: etree._Element) -> None:
    """Make wildcards beside elements match nothing that the elements do."""
    own = schema.get("targetNamespace")
    for wildcard in schema.iter(f"{XS}any"):
        group = wildcard.getparent()
        assert group is not None
        siblings = [each for each in group if isinstance(each.tag, str) and each is not wildcard]
        outer = group.getparent()
        assert outer is not None
        if not siblings and outer.tag != f"{XS}extension":
            continue
        foreign = any(
            ":" in ref and each.nsmap[ref.split(":")[0]] != own for each in siblings if (ref := each.get("ref"))
        )
        allowed = wildcard.get("namespace", "##any")
        narrowed = {"##any": "##other", "##targetNamespace": "##local"}.get(allowed, allowed)
        wildcard.set("namespace", "##local" if foreign else narrowed)


def load_schema(folder: Path) -> etree.XMLSchema:
    """Return one schema of all namespaces of ONVIF, made in a folder."""
    documents = dict(schemas())
    files = {str(schema.get("targetNamespace")): name for name, schema in documents.items() if name not in _INCLUDED}
    for name, schema in documents.items():
        seen = set()
        for link in list(schema.iterchildren(f"{XS}import")):
            namespace = str(link.get("namespace"))
            if namespace in seen:
                schema.remove(link)
            seen.add(namespace)
            link.set("schemaLocation", files[namespace])
        if name == _ONVIF_SCHEMA:
            schema.insert(0, etree.Element(f"{XS}include", schemaLocation=_INCLUDED[1]))
        _narrow_wildcards(schema)
        (folder / name).write_bytes(etree.tostring(schema))
    driver = etree.Element(f"{XS}schema", nsmap={"xs": XS[1:-1]})
    for namespace, name in files.items():
        etree.SubElement(driver, f"{XS}import", {"namespace": namespace, "schemaLocation": name})
    (folder / "driver.xsd").write_bytes(etree.tostring(driver))
    return etree.XMLSchema(file=str(folder / "driver.xsd"))


@dataclass(frozen=True, slots=True)
class WsdlOperation:
    """What a WSDL says of an operation."""

    request: str
    """`{namespace}local` of the element."""
    response: str
    """`{namespace}local` of the element."""
    action: str | None
    """The WS-Addressing action of the answer, where the WSDL names it."""

    @property
    def name(self) -> str:
        """What it is called by; the port type's name differs now and then."""
        return etree.QName(self.request).localname


def _expand(scope: etree._Element, name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{scope.nsmap[prefix]}}}{local}"


@cache
def wsdl_operations() -> dict[str, tuple[WsdlOperation, ...]]:
    """Return all operations of all WSDLs, in their order, by the WSDL's target namespace."""
    wsdls = [root for _, root in _documents() if root.tag == f"{WSDL}definitions"]
    elements = {
        f"{{{root.get('targetNamespace')}}}{message.get('name')}": _expand(part, str(part.get("element")))
        for root in wsdls
        for message in root.iterchildren(f"{WSDL}message")
        for part in message.iterchildren(f"{WSDL}part")
    }
    operations: dict[str, dict[str, WsdlOperation]] = {}
    for root in wsdls:
        service = operations.setdefault(str(root.get("targetNamespace")), {})
        for operation in root.iterfind(f"{WSDL}portType/{WSDL}operation"):
            request, response = operation.find(f"{WSDL}input"), operation.find(f"{WSDL}output")
            if request is None or response is None:
                continue
            read = WsdlOperation(
                request=elements[_expand(request, str(request.get("message")))],
                response=elements[_expand(response, str(response.get("message")))],
                action=response.get(WSAM_ACTION) or response.get(WSAW_ACTION),
            )
            service[read.request] = read
    return {namespace: tuple(service.values()) for namespace, service in operations.items()}
