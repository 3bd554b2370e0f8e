"""The check itself: ONVIF's schemas let real cameras' answers pass, and find what is wrong in them."""

from pathlib import Path

from lxml import etree
import pytest

from .envelopes import NS
from .schemas import wsdl_operations

CAPTURES = Path(__file__).parents[3] / "shared" / "captures"
TR2 = "http://www.onvif.org/ver20/media/wsdl"
BODY = f"{{{NS['env']}}}Body"
# Read by hand: what the schema refuses in them is truly wrong.
WRONG_ANSWERS = {
    "axis-p3818-pve": {"GetEndpointReference.xml"},
    "hikvision-fixture": set[str](),
    "hikvision-oem-enp1a14-ir25x": {"Media1-GetProfiles.xml", "Media1-GetProfile.xml"},
    "reolink-e1-zoom": {"GetWsdlUrl.xml", "GetServices.xml"},
    "uniview-oem-gx728mf-ir28": set[str](),
}


@pytest.mark.parametrize("device", WRONG_ANSWERS)
def test_real_answers(device: str, onvif_schema: etree.XMLSchema) -> None:
    if not CAPTURES.is_dir():
        pytest.skip("the captures are not here")
    wrong, checked = set(), 0
    for path in (CAPTURES / device).rglob("*.xml"):
        try:
            body = etree.parse(path).getroot().find(BODY)
        except etree.XMLSyntaxError:
            continue
        if body is None or not len(body) or not str(body[0].tag).endswith("Response"):
            continue
        checked += 1
        if not onvif_schema.validate(etree.fromstring(etree.tostring(body[0]))):
            wrong.add(path.name)
    assert checked >= 10
    assert wrong == WRONG_ANSWERS[device]


@pytest.mark.parametrize(
    ("content", "valid"),
    [
        ('<tr2:Profiles token="a"><tr2:Name>A</tr2:Name></tr2:Profiles>', True),
        ('<tr2:Profiles token="a"><tt:Name>A</tt:Name></tr2:Profiles>', False),
        ("<tr2:Profiles><tr2:Name>A</tr2:Name></tr2:Profiles>", False),
        ('<tr2:Profiles token="a"><tr2:Configurations/><tr2:Name>A</tr2:Name></tr2:Profiles>', False),
        ('<tr2:Profiles token="a"><tr2:Name>A</tr2:Name><tr2:Surprise/></tr2:Profiles>', False),
        ("<tr2:Surprise/>", False),
    ],
)
def test_names_namespaces_order_and_attributes_count(content: str, valid: bool, onvif_schema: etree.XMLSchema) -> None:
    declarations = f'xmlns:tr2="{TR2}" xmlns:tt="{NS["tt"]}"'
    document = f"<tr2:GetProfilesResponse {declarations}>{content}</tr2:GetProfilesResponse>"
    assert onvif_schema.validate(etree.fromstring(document)) is valid


def test_operations_of_the_wsdls() -> None:
    by_name = {operation.name: operation for operation in wsdl_operations()[TR2]}
    profiles = by_name["GetProfiles"]
    assert (profiles.request, profiles.response) == (f"{{{TR2}}}GetProfiles", f"{{{TR2}}}GetProfilesResponse")
    events = {operation.name: operation for operation in wsdl_operations()["http://www.onvif.org/ver10/events/wsdl"]}
    assert (
        events["PullMessages"].action
        == "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription/PullMessagesResponse"
    )
    assert events["Unsubscribe"].request == "{http://docs.oasis-open.org/wsn/b-2}Unsubscribe"
