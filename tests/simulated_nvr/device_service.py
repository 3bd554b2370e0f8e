"""The device management service (ONVIF Core, ver10/device)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote

from .service import Call, Handler, Recorder
from .soap import NAMESPACES, text

OPEN_OPERATIONS = frozenset(
    {
        "GetWsdlUrl",
        "GetServices",
        "GetServiceCapabilities",
        "GetCapabilities",
        "GetHostname",
        "GetSystemDateAndTime",
        "GetEndpointReference",
    }
)
"""Access class PRE_AUTH: answered without credentials."""

_VERSIONS = {
    "tds": (22, 12),
    "trt": (2, 60),
    "tr2": (16, 12),
    "tev": (2, 60),
    "tptz": (16, 12),
    "timg": (2, 50),
    "tmd": (16, 12),
}


class DeviceService:
    """Who the recorder is and what it offers."""

    def __init__(self, recorder: Recorder, counts: Callable[[], Mapping[str, int]]) -> None:
        """Answer for a recorder; `counts` tells how many inputs and outputs of each sort it has now."""
        self._recorder = recorder
        self._counts = counts
        self._options = recorder.options
        self._vendor = recorder.channels.vendor
        self.operations: dict[str, Handler] = {
            "tds:GetSystemDateAndTime": self._date_and_time,
            "tds:GetServices": self._services,
            "tds:GetCapabilities": self._capabilities,
            "tds:GetServiceCapabilities": self._service_capabilities,
            "tds:GetDeviceInformation": self._information,
            "tds:GetScopes": self._scopes,
            "tds:GetHostname": self._hostname,
            "tds:GetNetworkInterfaces": self._network_interfaces,
            "tds:GetNetworkProtocols": self._network_protocols,
            "tds:GetDiscoveryMode": self._discovery_mode,
            "tds:GetEndpointReference": self._endpoint_reference,
            "tds:GetWsdlUrl": self._wsdl_url,
            "tds:GetUsers": self._users,
        }

    @property
    def manufacturer(self) -> str:
        """The manufacturer as announced."""
        return self._options.manufacturer or self._vendor.manufacturer

    @property
    def model(self) -> str:
        """The model as announced."""
        return self._options.model or self._vendor.model

    def scopes(self) -> list[str]:
        """Return the scope URIs, as in GetScopes and WS-Discovery."""
        base = "onvif://www.onvif.org/"
        scopes = [
            f"{base}type/video_encoder",
            f"{base}type/Network_Video_Transmitter",
            f"{base}Profile/Streaming",
            f"{base}hardware/{quote(self._vendor.hardware)}",
            f"{base}name/{quote(f'{self.manufacturer} {self.model}')}",
            f"{base}location/country/china",
            f"{base}MAC/{self._options.mac}",
        ]
        return [*scopes, f"{base}Profile/T"] if self._options.media2 else scopes

    async def _date_and_time(self, call: Call) -> str:
        now = self._recorder.now()

        def parts(tag: str, moment: datetime) -> str:
            return (
                f"<tt:{tag}><tt:Time><tt:Hour>{moment.hour}</tt:Hour><tt:Minute>{moment.minute}</tt:Minute>"
                f"<tt:Second>{moment.second}</tt:Second></tt:Time><tt:Date><tt:Year>{moment.year}</tt:Year>"
                f"<tt:Month>{moment.month}</tt:Month><tt:Day>{moment.day}</tt:Day></tt:Date></tt:{tag}>"
            )

        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone>"
            f"{parts('UTCDateTime', now)}{parts('LocalDateTime', now)}"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _xaddrs(self, call: Call) -> dict[str, str]:
        paths = self._vendor.paths
        found = {"tds": paths["device"], "trt": paths["media"], "tev": paths["events"], "tmd": paths["device_io"]}
        if self._options.media2:
            found["tr2"] = paths["media2"]
        if self._options.ptz:
            found["tptz"] = paths["ptz"]
        if self._options.imaging:
            found["timg"] = paths["imaging"]
        return {prefix: text(call.http_base + path) for prefix, path in found.items()}

    async def _services(self, call: Call) -> str:
        services = "".join(
            f"<tds:Service><tds:Namespace>{NAMESPACES[prefix]}</tds:Namespace><tds:XAddr>{xaddr}</tds:XAddr>"
            f"<tds:Version><tt:Major>{_VERSIONS[prefix][0]}</tt:Major><tt:Minor>{_VERSIONS[prefix][1]}</tt:Minor>"
            "</tds:Version></tds:Service>"
            for prefix, xaddr in self._xaddrs(call).items()
        )
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    async def _capabilities(self, call: Call) -> str:
        xaddrs, counts = self._xaddrs(call), self._counts()
        imaging = f"<tt:Imaging><tt:XAddr>{xaddrs['timg']}</tt:XAddr></tt:Imaging>" if "timg" in xaddrs else ""
        ptz = f"<tt:PTZ><tt:XAddr>{xaddrs['tptz']}</tt:XAddr></tt:PTZ>" if "tptz" in xaddrs else ""
        connectors = "".join(
            f"<tt:{name}>{counts[name]}</tt:{name}>"
            for name in ("VideoSources", "VideoOutputs", "AudioSources", "AudioOutputs", "RelayOutputs")
        )
        return (
            "<tds:GetCapabilitiesResponse><tds:Capabilities>"
            f"<tt:Device><tt:XAddr>{xaddrs['tds']}</tt:XAddr><tt:IO>"
            f"<tt:InputConnectors>{counts['DigitalInputs']}</tt:InputConnectors>"
            f"<tt:RelayOutputs>{counts['RelayOutputs']}</tt:RelayOutputs></tt:IO></tt:Device>"
            f"<tt:Events><tt:XAddr>{xaddrs['tev']}</tt:XAddr>"
            "<tt:WSSubscriptionPolicySupport>false</tt:WSSubscriptionPolicySupport>"
            "<tt:WSPullPointSupport>true</tt:WSPullPointSupport>"
            "<tt:WSPausableSubscriptionManagerInterfaceSupport>false"
            f"</tt:WSPausableSubscriptionManagerInterfaceSupport></tt:Events>{imaging}"
            f"<tt:Media><tt:XAddr>{xaddrs['trt']}</tt:XAddr><tt:StreamingCapabilities>"
            "<tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true</tt:RTP_TCP>"
            f"<tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>{ptz}"
            f"<tt:Extension><tt:DeviceIO><tt:XAddr>{xaddrs['tmd']}</tt:XAddr>{connectors}</tt:DeviceIO></tt:Extension>"
            "</tds:Capabilities></tds:GetCapabilitiesResponse>"
        )

    async def _service_capabilities(self, call: Call) -> str:
        return (
            '<tds:GetServiceCapabilitiesResponse><tds:Capabilities><tds:Network IPFilter="false" ZeroConfiguration="false" '
            'IPVersion6="false" DynDNS="false"/><tds:Security TLS1.0="false" TLS1.1="false" TLS1.2="false" '
            'OnboardKeyGeneration="false" AccessPolicyConfig="false" UsernameToken="true" HttpDigest="true"/>'
            '<tds:System DiscoveryResolve="true" DiscoveryBye="true" RemoteDiscovery="false" SystemBackup="false" '
            'SystemLogging="false" FirmwareUpgrade="false"/></tds:Capabilities></tds:GetServiceCapabilitiesResponse>'
        )

    async def _information(self, call: Call) -> str:
        return (
            "<tds:GetDeviceInformationResponse>"
            f"<tds:Manufacturer>{text(self.manufacturer)}</tds:Manufacturer><tds:Model>{text(self.model)}</tds:Model>"
            f"<tds:FirmwareVersion>{text(self._options.firmware or self._vendor.firmware)}</tds:FirmwareVersion>"
            f"<tds:SerialNumber>{text(self._recorder.serial_number)}</tds:SerialNumber>"
            "<tds:HardwareId>88</tds:HardwareId></tds:GetDeviceInformationResponse>"
        )

    async def _scopes(self, call: Call) -> str:
        scopes = "".join(
            f"<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>{text(scope)}</tt:ScopeItem></tds:Scopes>"
            for scope in self.scopes()
        )
        return f"<tds:GetScopesResponse>{scopes}</tds:GetScopesResponse>"

    async def _hostname(self, call: Call) -> str:
        return (
            "<tds:GetHostnameResponse><tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP>"
            f"<tt:Name>{text(self._vendor.name)}-nvr</tt:Name></tds:HostnameInformation></tds:GetHostnameResponse>"
        )

    async def _network_interfaces(self, call: Call) -> str:
        address = call.http_base.removeprefix("http://").rpartition(":")[0]
        return (
            '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled>'
            f"<tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>{text(self._options.mac)}</tt:HwAddress>"
            "<tt:MTU>1500</tt:MTU></tt:Info><tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config><tt:Manual>"
            f"<tt:Address>{text(address)}</tt:Address><tt:PrefixLength>24</tt:PrefixLength></tt:Manual>"
            "<tt:DHCP>false</tt:DHCP></tt:Config></tt:IPv4></tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
        )

    async def _network_protocols(self, call: Call) -> str:
        ports = {"HTTP": call.http_base.rpartition(":")[2], "RTSP": call.rtsp_base.rpartition(":")[2]}
        protocols = "".join(
            f"<tds:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>true</tt:Enabled><tt:Port>{port}</tt:Port>"
            "</tds:NetworkProtocols>"
            for name, port in ports.items()
        )
        return f"<tds:GetNetworkProtocolsResponse>{protocols}</tds:GetNetworkProtocolsResponse>"

    async def _discovery_mode(self, call: Call) -> str:
        mode = "Discoverable" if self._options.discovery else "NonDiscoverable"
        return f"<tds:GetDiscoveryModeResponse><tds:DiscoveryMode>{mode}</tds:DiscoveryMode></tds:GetDiscoveryModeResponse>"

    async def _endpoint_reference(self, call: Call) -> str:
        return (
            f"<tds:GetEndpointReferenceResponse><tds:GUID>urn:uuid:{self._recorder.uuid}</tds:GUID>"
            "</tds:GetEndpointReferenceResponse>"
        )

    async def _wsdl_url(self, call: Call) -> str:
        return "<tds:GetWsdlUrlResponse><tds:WsdlUrl>http://www.onvif.org/</tds:WsdlUrl></tds:GetWsdlUrlResponse>"

    async def _users(self, call: Call) -> str:
        return (
            f"<tds:GetUsersResponse><tds:User><tt:Username>{text(self._options.username)}</tt:Username>"
            "<tt:UserLevel>Administrator</tt:UserLevel></tds:User></tds:GetUsersResponse>"
        )
