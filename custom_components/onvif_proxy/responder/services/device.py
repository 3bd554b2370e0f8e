"""The device service (ONVIF Core, ver10/device/wsdl): every operation of it, and who may ask for it."""

from typing import Final

from ..auth import Access
from ..names import DEVICE_PATH
from .base import Handler, Operation, Service
from .device_capabilities import VERSION, capabilities, get_capabilities, get_services, legacy_capabilities
from .device_discovery import (
    add_scopes,
    get_discovery_mode,
    get_endpoint_reference,
    get_scopes,
    remove_scopes,
    set_discovery_mode,
    set_scopes,
)
from .device_network import (
    get_dns,
    get_hostname,
    get_network_default_gateway,
    get_network_interfaces,
    get_network_protocols,
    get_ntp,
)
from .device_relays import get_relay_outputs, set_relay_output_settings, set_relay_output_state
from .device_system import (
    get_access_policy,
    get_device_information,
    get_system_date_and_time,
    get_system_log,
    get_system_support_information,
    get_users,
    get_wsdl_url,
)
from .refusals import Names, lack, prohibit

# Addresses, accounts, the clock and the software are Home Assistant's or the host's: no client changes them.
_PROHIBITED: Final[Names] = {
    Access.WRITE_SYSTEM: (
        "SetSystemDateAndTime",
        "SetHostname",
        "SetHostnameFromDHCP",
        "SetDNS",
        "SetNTP",
        "SetNetworkInterfaces",
        "SetNetworkProtocols",
        "SetNetworkDefaultGateway",
        "CreateUsers",
        "DeleteUsers",
        "SetUser",
        "SetAccessPolicy",
        "SetHashingAlgorithm",
    ),
    Access.UNRECOVERABLE: (
        "SystemReboot",
        "SetSystemFactoryDefault",
        "UpgradeSystemFirmware",
        "StartFirmwareUpgrade",
        "UpgradeFirmware",
        "RestoreSystem",
        "StartSystemRestore",
    ),
}

# Those that today's Core lacks (certificates, discovery proxies) have the class that is theirs by what they do.
_LACKING: Final[Names] = {
    Access.READ_SYSTEM: (
        "GetSystemUris",
        "GetGeoLocation",
        "GetDynamicDNS",
        "GetZeroConfiguration",
        "GetIPAddressFilter",
        "GetRemoteDiscoveryMode",
        "GetDPAddresses",
        "GetUserRoles",
        "GetPasswordComplexityOptions",
        "GetPasswordComplexityConfiguration",
        "GetPasswordHistoryConfiguration",
        "GetAuthFailureWarningOptions",
        "GetAuthFailureWarningConfiguration",
    ),
    Access.READ_SYSTEM_SECRET: (
        "GetSystemBackup",
        "GetCertificates",
        "GetCertificatesStatus",
        "GetCertificateInformation",
        "GetCACertificates",
        "GetPkcs10Request",
        "GetClientCertificateMode",
        "GetDot1XConfiguration",
        "GetDot1XConfigurations",
    ),
    Access.WRITE_SYSTEM: (
        "SetGeoLocation",
        "DeleteGeoLocation",
        "SetDynamicDNS",
        "SetZeroConfiguration",
        "SetIPAddressFilter",
        "AddIPAddressFilter",
        "RemoveIPAddressFilter",
        "SetRemoteDiscoveryMode",
        "SetDPAddresses",
        "SetUserRole",
        "DeleteUserRole",
        "SetPasswordComplexityConfiguration",
        "SetPasswordHistoryConfiguration",
        "SetAuthFailureWarningConfiguration",
        "CreateCertificate",
        "SetCertificatesStatus",
        "DeleteCertificates",
        "LoadCertificates",
        "LoadCertificateWithPrivateKey",
        "LoadCACertificates",
        "SetClientCertificateMode",
        "CreateDot1XConfiguration",
        "SetDot1XConfiguration",
    ),
    Access.UNRECOVERABLE: ("DeleteDot1XConfiguration",),
    Access.READ_MEDIA: ("GetStorageConfigurations", "GetStorageConfiguration"),
    Access.ACTUATE: (
        "CreateStorageConfiguration",
        "SetStorageConfiguration",
        "DeleteStorageConfiguration",
        "SendAuxiliaryCommand",
    ),
}
_WITHOUT_RADIO: Final[Names] = {
    Access.READ_SYSTEM: ("GetDot11Capabilities", "GetDot11Status", "ScanAvailableDot11Networks"),
}
_WITHOUT_REMOTE_USER: Final[Names] = {
    Access.READ_SYSTEM: ("GetRemoteUser",),
    Access.WRITE_SYSTEM: ("SetRemoteUser",),
}


def _read(handler: Handler, access: Access) -> Operation:
    return Operation(handler, access, constant=True)


DEVICE: Final = Service(
    prefix="tds",
    path=DEVICE_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="Device",
    legacy_capabilities=legacy_capabilities,
    operations={
        "GetServices": _read(get_services, Access.PRE_AUTH),
        "GetCapabilities": _read(get_capabilities, Access.PRE_AUTH),
        "GetSystemDateAndTime": Operation(get_system_date_and_time, Access.PRE_AUTH),
        "GetHostname": _read(get_hostname, Access.PRE_AUTH),
        "GetEndpointReference": _read(get_endpoint_reference, Access.PRE_AUTH),
        "GetWsdlUrl": _read(get_wsdl_url, Access.PRE_AUTH),
        "GetDeviceInformation": _read(get_device_information, Access.READ_SYSTEM),
        "GetScopes": _read(get_scopes, Access.READ_SYSTEM),
        "SetScopes": Operation(set_scopes, Access.WRITE_SYSTEM),
        "AddScopes": Operation(add_scopes, Access.WRITE_SYSTEM),
        "RemoveScopes": Operation(remove_scopes, Access.WRITE_SYSTEM),
        "GetDiscoveryMode": Operation(get_discovery_mode, Access.READ_SYSTEM),
        "SetDiscoveryMode": Operation(set_discovery_mode, Access.WRITE_SYSTEM),
        "GetDNS": _read(get_dns, Access.READ_SYSTEM),
        "GetNTP": _read(get_ntp, Access.READ_SYSTEM),
        "GetNetworkInterfaces": _read(get_network_interfaces, Access.READ_SYSTEM),
        "GetNetworkProtocols": _read(get_network_protocols, Access.READ_SYSTEM),
        "GetNetworkDefaultGateway": _read(get_network_default_gateway, Access.READ_SYSTEM),
        "GetUsers": _read(get_users, Access.READ_SYSTEM_SECRET),
        "GetAccessPolicy": Operation(get_access_policy, Access.READ_SYSTEM_SECRET),
        "GetSystemLog": Operation(get_system_log, Access.READ_SYSTEM_SECRET),
        "GetSystemSupportInformation": Operation(get_system_support_information, Access.READ_SYSTEM_SECRET),
        "GetRelayOutputs": _read(get_relay_outputs, Access.READ_MEDIA),
        "SetRelayOutputState": Operation(set_relay_output_state, Access.ACTUATE),
        "SetRelayOutputSettings": Operation(set_relay_output_settings, Access.ACTUATE),
        **prohibit(_PROHIBITED),
        **lack(_LACKING),
        **lack(_WITHOUT_RADIO, "ter:InvalidDot11"),
        **lack(_WITHOUT_REMOTE_USER, "ter:NotRemoteUser"),
    },
)
