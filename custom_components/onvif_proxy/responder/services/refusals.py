"""Operations that end in a fault: what a camera does not let its clients do, and what it lacks.

Who may ask is checked before, so each has its access class all the same.
"""

from collections.abc import Mapping

from lxml import etree

from ..auth import Access
from ..errors import ActionNotSupported, SenderFault
from ..xmltree import Element
from .base import Context, Operation

type Names = Mapping[Access, tuple[str, ...]]
"""Names of operations by access class."""


def prohibit(names: Names) -> dict[str, Operation]:
    """Return operations that the camera knows, but is asked for in vain: that is Home Assistant's business."""

    def refuse(_context: Context, request: Element) -> Element:
        name = etree.QName(request).localname
        raise SenderFault(f"{name} is prohibited: this is settled in Home Assistant", "ter:OperationProhibited")

    return {name: Operation(refuse, access) for access, group in names.items() for name in group}


def lack(names: Names, subcode: str | None = None) -> dict[str, Operation]:
    """Return operations that are not implemented; `subcode` as in the service's specification."""

    def refuse(_context: Context, request: Element) -> Element:
        raise ActionNotSupported(etree.QName(request).localname, subcode)

    return {name: Operation(refuse, access) for access, group in names.items() for name in group}
