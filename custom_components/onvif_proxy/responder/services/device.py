"""The device service (ONVIF Core, ver10/device/wsdl): who the camera is, and what it can do."""

from datetime import datetime
import re
import unicodedata

from ..auth import Access
from ..errors import ActionNotSupported, InvalidArgument
from ..names import DEVICE_PATH, expand
from ..scopes import scopes_of
from ..texts import shorten
from ..xmltree import Element, child_text, node
from .base import Context, Operation, Service

VERSION = (2, 60)
SPECIFICATIONS_URL = "https://www.onvif.org/profiles/specifications/"
INTERFACE_TOKEN = "NetworkInterface_1"
_MAX_LABEL_LENGTH = 63

# The order of tt:Capabilities in the schema, and what clients may ask for.
CATEGORIES = ("Analytics", "Device", "Events", "Imaging", "Media", "PTZ")


def capabilities(context: Context) -> Element:
    """Build tds:Capabilities. UserConfigNotSupported: accounts are kept in Home Assistant."""
    return node(
        "tds:Capabilities",
        node(
            "tds:Network",
            {
                "IPFilter": False,
                "ZeroConfiguration": False,
                "IPVersion6": False,
                "DynDNS": False,
                "Dot11Configuration": False,
                "Dot1XConfigurations": 0,
                "HostnameFromDHCP": False,
                "NTP": 0,
                "DHCPv6": False,
            },
        ),
        node(
            "tds:Security",
            {
                "TLS1.0": False,
                "TLS1.1": False,
                "TLS1.2": False,
                "OnboardKeyGeneration": False,
                "AccessPolicyConfig": False,
                "DefaultAccessPolicy": True,
                "Dot1X": False,
                "RemoteUserHandling": False,
                "X.509Token": False,
                "SAMLToken": False,
                "KerberosToken": False,
                "UsernameToken": True,
                "HttpDigest": True,
                "RELToken": False,
                "MaxUsers": 1,
                "UserConfigNotSupported": True,
                "HashingAlgorithms": "MD5,SHA-256",
            },
        ),
        node(
            "tds:System",
            {
                "DiscoveryResolve": True,
                "DiscoveryBye": True,
                "RemoteDiscovery": False,
                "SystemBackup": False,
                "SystemLogging": False,
                "FirmwareUpgrade": False,
                "HttpFirmwareUpgrade": False,
                "HttpSystemBackup": False,
                "HttpSystemLogging": False,
                "HttpSupportInformation": False,
            },
        ),
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:Device of GetCapabilities."""
    return node(
        "tt:Device",
        node("tt:XAddr", context.xaddr(DEVICE)),
        node(
            "tt:Network",
            *(node(f"tt:{name}", False) for name in ("IPFilter", "ZeroConfiguration", "IPVersion6", "DynDNS")),
        ),
        node(
            "tt:System",
            node("tt:DiscoveryResolve", True),
            node("tt:DiscoveryBye", True),
            *(
                node(f"tt:{name}", False)
                for name in ("RemoteDiscovery", "SystemBackup", "SystemLogging", "FirmwareUpgrade")
            ),
            node("tt:SupportedVersions", node("tt:Major", VERSION[0]), node("tt:Minor", VERSION[1])),
        ),
        node("tt:IO", node("tt:InputConnectors", 0), node("tt:RelayOutputs", 0)),
        node(
            "tt:Security",
            *(
                node(f"tt:{name}", False)
                for name in (
                    "TLS1.1",
                    "TLS1.2",
                    "OnboardKeyGeneration",
                    "AccessPolicyConfig",
                    "X.509Token",
                    "SAMLToken",
                    "KerberosToken",
                    "RELToken",
                )
            ),
        ),
    )


def get_services(context: Context, request: Element) -> Element:
    """List the services; what each can do comes along when asked for."""
    with_capabilities = child_text(request, "tds:IncludeCapability") in ("true", "1")
    return node(
        "tds:GetServicesResponse",
        *(
            node(
                "tds:Service",
                node("tds:Namespace", service.namespace),
                node("tds:XAddr", context.xaddr(service)),
                node("tds:Capabilities", service.capabilities(context)) if with_capabilities else None,
                node("tds:Version", node("tt:Major", service.version[0]), node("tt:Minor", service.version[1])),
            )
            for service in context.services
        ),
    )


def get_capabilities(context: Context, request: Element) -> Element:
    """List the services in the form of ONVIF 1."""
    wanted = {(element.text or "").strip() for element in request.iterfind(expand("tds:Category"))} or {"All"}
    if unknown := wanted.difference(CATEGORIES, ("All",)):
        raise InvalidArgument(f"There is no capability category {min(unknown)}")
    offered = {
        service.category: service.legacy_capabilities(context)
        for service in context.services
        if service.category is not None and service.legacy_capabilities is not None
    }
    if "All" in wanted:
        wanted = set(offered)
    if missing := wanted.difference(offered):
        raise ActionNotSupported(f"The service {min(missing)}", "ter:NoSuchService")
    return node(
        "tds:GetCapabilitiesResponse",
        node("tds:Capabilities", *(offered[category] for category in CATEGORIES if category in wanted)),
    )


def get_device_information(context: Context, _request: Element) -> Element:
    """Tell who made what."""
    description = context.description
    return node(
        "tds:GetDeviceInformationResponse",
        node("tds:Manufacturer", shorten(description.manufacturer)),
        node("tds:Model", shorten(description.model)),
        node("tds:FirmwareVersion", shorten(description.firmware)),
        node("tds:SerialNumber", description.identity.serial_number),
        node("tds:HardwareId", shorten(description.model)),
    )


def get_system_date_and_time(context: Context, _request: Element) -> Element:
    """Tell the host's clock, in UTC both times.

    `NTP`, as Home Assistant sets the clock of a device that says `Manual`; the host's clock is not ours to set.
    """
    return node(
        "tds:GetSystemDateAndTimeResponse",
        node(
            "tds:SystemDateAndTime",
            node("tt:DateTimeType", "NTP"),
            node("tt:DaylightSavings", False),
            node("tt:TimeZone", node("tt:TZ", "UTC0")),
            _date_time("tt:UTCDateTime", context.now),
            _date_time("tt:LocalDateTime", context.now),
        ),
    )


def _date_time(name: str, moment: datetime) -> Element:
    return node(
        name,
        node(
            "tt:Time",
            node("tt:Hour", moment.hour),
            node("tt:Minute", moment.minute),
            node("tt:Second", moment.second),
        ),
        node("tt:Date", node("tt:Year", moment.year), node("tt:Month", moment.month), node("tt:Day", moment.day)),
    )


def get_scopes(context: Context, _request: Element) -> Element:
    """List the scopes; none can be changed by ONVIF."""
    return node(
        "tds:GetScopesResponse",
        *(
            node("tds:Scopes", node("tt:ScopeDef", "Fixed"), node("tt:ScopeItem", scope))
            for scope in scopes_of(context.description)
        ),
    )


def get_discovery_mode(context: Context, _request: Element) -> Element:
    """Tell whether WS-Discovery is answered."""
    mode = "Discoverable" if context.discoverable else "NonDiscoverable"
    return node("tds:GetDiscoveryModeResponse", node("tds:DiscoveryMode", mode))


def get_endpoint_reference(context: Context, _request: Element) -> Element:
    """Tell the endpoint reference of WS-Discovery."""
    return node("tds:GetEndpointReferenceResponse", node("tds:GUID", f"urn:uuid:{context.description.identity.uuid}"))


def get_wsdl_url(_context: Context, _request: Element) -> Element:
    """Tell where the specifications are."""
    return node("tds:GetWsdlUrlResponse", node("tds:WsdlUrl", SPECIFICATIONS_URL))


def get_hostname(context: Context, _request: Element) -> Element:
    """Tell the camera's name as a host name label (RFC 1123)."""
    ascii_name = unicodedata.normalize("NFKD", context.description.name).encode("ascii", "ignore").decode().lower()
    label = re.sub("[^a-z0-9]+", "-", ascii_name).strip("-")[:_MAX_LABEL_LENGTH].rstrip("-")
    return node(
        "tds:GetHostnameResponse",
        node(
            "tds:HostnameInformation",
            node("tt:FromDHCP", False),
            node("tt:Name", label or f"camera-{context.description.identity.uuid[:8]}"),
        ),
    )


def get_dns(_context: Context, _request: Element) -> Element:
    """Tell that the camera has no name servers: it looks nothing up."""
    return node("tds:GetDNSResponse", node("tds:DNSInformation", node("tt:FromDHCP", False)))


def get_network_interfaces(context: Context, _request: Element) -> Element:
    """Tell the one interface; its hardware address is what UniFi Protect and Home Assistant know the camera by."""
    endpoint = context.description.endpoint
    address = node("tt:Manual", node("tt:Address", endpoint.address), node("tt:PrefixLength", endpoint.prefix_length))
    return node(
        "tds:GetNetworkInterfacesResponse",
        node(
            "tds:NetworkInterfaces",
            {"token": INTERFACE_TOKEN},
            node("tt:Enabled", True),
            node("tt:Info", node("tt:Name", endpoint.interface), node("tt:HwAddress", endpoint.mac)),
            node("tt:IPv4", node("tt:Enabled", True), node("tt:Config", address, node("tt:DHCP", False))),
        ),
    )


def get_network_protocols(context: Context, _request: Element) -> Element:
    """Tell the ports."""
    ports = {"HTTP": context.onvif_port, "RTSP": context.description.endpoint.rtsp_port}
    return node(
        "tds:GetNetworkProtocolsResponse",
        *(
            node("tds:NetworkProtocols", node("tt:Name", name), node("tt:Enabled", True), node("tt:Port", port))
            for name, port in ports.items()
        ),
    )


def get_users(context: Context, _request: Element) -> Element:
    """Tell the one user, never the password."""
    credentials = context.description.credentials
    return node(
        "tds:GetUsersResponse",
        None
        if credentials is None
        else node("tds:User", node("tt:Username", credentials.username), node("tt:UserLevel", "Administrator")),
    )


DEVICE = Service(
    prefix="tds",
    path=DEVICE_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="Device",
    legacy_capabilities=legacy_capabilities,
    operations={
        "GetServices": Operation(get_services, Access.PRE_AUTH),
        "GetCapabilities": Operation(get_capabilities, Access.PRE_AUTH),
        "GetSystemDateAndTime": Operation(get_system_date_and_time, Access.PRE_AUTH),
        "GetHostname": Operation(get_hostname, Access.PRE_AUTH),
        "GetEndpointReference": Operation(get_endpoint_reference, Access.PRE_AUTH),
        "GetWsdlUrl": Operation(get_wsdl_url, Access.PRE_AUTH),
        "GetDeviceInformation": Operation(get_device_information, Access.READ_SYSTEM),
        "GetScopes": Operation(get_scopes, Access.READ_SYSTEM),
        "GetDiscoveryMode": Operation(get_discovery_mode, Access.READ_SYSTEM),
        "GetDNS": Operation(get_dns, Access.READ_SYSTEM),
        "GetNetworkInterfaces": Operation(get_network_interfaces, Access.READ_SYSTEM),
        "GetNetworkProtocols": Operation(get_network_protocols, Access.READ_SYSTEM),
        "GetUsers": Operation(get_users, Access.READ_SYSTEM_SECRET),
    },
)
