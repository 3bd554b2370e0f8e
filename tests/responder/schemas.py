"""The W3C schemas of ONVIF, made ready for libxml2, to validate what the responder sends.

The WSDLs that onvif-zeep-async ships are split into plain schemas in a temporary folder. libxml2 finds wildcards beside
elements ambiguous, so they are narrowed: to other namespaces where anything was allowed, and to none where only the
own namespace was.
"""

from pathlib import Path

from lxml import etree
import onvif

WSDL_FOLDER = Path(onvif.__file__).parent / "wsdl"
XS = "{http://www.w3.org/2001/XMLSchema}"
SERVICES = ("devicemgmt", "media")


def _narrow_wildcards(schema: etree._Element) -> None:
    for wildcard in schema.iter(f"{XS}any"):
        parent = wildcard.getparent()
        assert parent is not None
        if len(parent) == 1 and parent.getparent().tag != f"{XS}extension":
            continue
        allowed = wildcard.get("namespace", "##any")
        wildcard.set("namespace", {"##any": "##other", "##targetNamespace": "##local"}.get(allowed, allowed))


def load_schema(folder: Path) -> etree.XMLSchema:
    """Return one schema of the device and media services, written to a folder."""
    for source in WSDL_FOLDER.iterdir():
        if source.suffix not in ("", ".xsd"):
            continue
        tree = etree.parse(source)
        _narrow_wildcards(tree.getroot())
        tree.write(folder / source.name)
    driver = etree.Element(f"{XS}schema", nsmap={"xs": XS[1:-1]})
    for service in SERVICES:
        inline = etree.parse(WSDL_FOLDER / f"{service}.wsdl").getroot().find(f".//{XS}schema")
        assert inline is not None
        _narrow_wildcards(inline)
        (folder / f"{service}.xsd").write_bytes(etree.tostring(inline, with_tail=False))
        etree.SubElement(
            driver,
            f"{XS}import",
            {"namespace": inline.get("targetNamespace", ""), "schemaLocation": f"{service}.xsd"},
        )
    (folder / "driver.xsd").write_bytes(etree.tostring(driver))
    return etree.XMLSchema(file=str(folder / "driver.xsd"))
