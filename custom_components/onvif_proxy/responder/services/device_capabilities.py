"""What the camera can do, in the two forms of the device service (ONVIF Core, capability exchange)."""

from typing import Final

from ...model import EventKind
from ..errors import ActionNotSupported, InvalidArgument
from ..names import expand
from ..xmltree import Element, child_text, node
from .base import Context, device_xaddr

VERSION: Final = (2, 60)

# The order of tt:Capabilities in the schema, and what clients may ask for.
CATEGORIES: Final = ("Analytics", "Device", "Events", "Imaging", "Media", "PTZ")
# The order of tt:CapabilitiesExtension; told to those who ask for everything.
EXTENSIONS: Final = ("DeviceIO", "Display", "Recording", "Search", "Replay", "Receiver", "AnalyticsDevice")


def capabilities(_context: Context) -> Element:
    """Build tds:Capabilities. NetworkConfigNotSupported, UserConfigNotSupported: that is settled in Home Assistant."""
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
                "JsonWebToken": False,
                "MaxUsers": 1,
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
                "StorageConfiguration": False,
                "GeoLocationEntries": 0,
                "DiscoveryNotSupported": False,
                "NetworkConfigNotSupported": True,
                "UserConfigNotSupported": True,
            },
        ),
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:Device of GetCapabilities."""
    description = context.description
    return node(
        "tt:Device",
        node("tt:XAddr", device_xaddr(description.endpoint.address, context.onvif_port)),
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
        node(
            "tt:IO",
            node("tt:InputConnectors", int(EventKind.DIGITAL_INPUT in description.event_kinds)),
            node("tt:RelayOutputs", len(description.relay_outputs)),
        ),
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
        service.category: service.legacy_capabilities
        for service in context.services
        if service.category is not None and service.legacy_capabilities is not None
    }
    if "All" in wanted:
        wanted = set(offered)
    if missing := wanted.difference(offered):
        raise ActionNotSupported(f"The service {min(missing)}", "ter:NoSuchService")
    extensions = [offered[name](context) for name in EXTENSIONS if name in wanted]
    return node(
        "tds:GetCapabilitiesResponse",
        node(
            "tds:Capabilities",
            *(offered[name](context) for name in CATEGORIES if name in wanted),
            node("tt:Extension", *extensions) if extensions else None,
        ),
    )
