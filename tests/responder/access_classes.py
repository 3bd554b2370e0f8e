"""Who may ask what, by service: the access classes that the ONVIF specifications name beside each operation.

From Core, Media, Media2, PTZ, Imaging and Device IO of 2026. What the copies of media operations in Device IO may is said
in Media. An operation that is not here has no class in them, as certificates of old; it must not be open.
"""

PREFIXES = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
}

_TABLE = {
    "tds": {
        "PRE_AUTH": """
            GetServices GetServiceCapabilities GetSystemDateAndTime GetWsdlUrl GetCapabilities GetHostname
            GetEndpointReference
        """,
        "READ_SYSTEM": """
            GetDeviceInformation GetScopes GetDiscoveryMode GetRemoteUser GetPasswordComplexityOptions
            GetPasswordComplexityConfiguration GetPasswordHistoryConfiguration GetAuthFailureWarningOptions
            GetAuthFailureWarningConfiguration GetDNS GetNTP GetDynamicDNS GetNetworkInterfaces GetNetworkProtocols
            GetNetworkDefaultGateway GetZeroConfiguration GetIPAddressFilter GetDot11Capabilities GetDot11Status
            ScanAvailableDot11Networks GetSystemUris GetGeoLocation GetUserRoles
        """,
        "READ_SYSTEM_SECRET": """
            GetUsers GetAccessPolicy GetSystemBackup GetSystemLog GetSystemSupportInformation
        """,
        "WRITE_SYSTEM": """
            SetSystemDateAndTime SetScopes AddScopes RemoveScopes SetDiscoveryMode SetRemoteUser CreateUsers
            DeleteUsers SetUser SetUserRole DeleteUserRole SetAccessPolicy SetPasswordComplexityConfiguration
            SetPasswordHistoryConfiguration SetAuthFailureWarningConfiguration SetHostname SetHostnameFromDHCP SetDNS
            SetNTP SetDynamicDNS SetNetworkInterfaces SetNetworkProtocols SetNetworkDefaultGateway
            SetZeroConfiguration SetIPAddressFilter AddIPAddressFilter RemoveIPAddressFilter SetGeoLocation
            DeleteGeoLocation SetHashingAlgorithm
        """,
        "UNRECOVERABLE": """
            SetSystemFactoryDefault SystemReboot RestoreSystem StartFirmwareUpgrade UpgradeFirmware
            StartSystemRestore
        """,
        "READ_MEDIA": "GetRelayOutputs GetStorageConfigurations GetStorageConfiguration",
        "ACTUATE": """
            SetRelayOutputSettings SetRelayOutputState SendAuxiliaryCommand CreateStorageConfiguration
            SetStorageConfiguration DeleteStorageConfiguration
        """,
    },
    "trt": {
        "PRE_AUTH": "GetServiceCapabilities",
        "READ_SYSTEM": "GetVideoSourceModes",
        "WRITE_SYSTEM": "SetVideoSourceMode",
        "READ_MEDIA": """
            GetVideoSources GetAudioSources GetAudioOutputs GetProfile GetProfiles GetVideoSourceConfigurations
            GetVideoEncoderConfigurations GetAudioSourceConfigurations GetAudioEncoderConfigurations
            GetVideoAnalyticsConfigurations GetMetadataConfigurations GetAudioOutputConfigurations
            GetAudioDecoderConfigurations GetVideoSourceConfiguration GetVideoEncoderConfiguration
            GetAudioSourceConfiguration GetAudioEncoderConfiguration GetVideoAnalyticsConfiguration
            GetMetadataConfiguration GetAudioOutputConfiguration GetAudioDecoderConfiguration
            GetCompatibleVideoEncoderConfigurations GetCompatibleVideoSourceConfigurations
            GetCompatibleAudioEncoderConfigurations GetCompatibleAudioSourceConfigurations
            GetCompatibleVideoAnalyticsConfigurations GetCompatibleMetadataConfigurations
            GetCompatibleAudioOutputConfigurations GetCompatibleAudioDecoderConfigurations
            GetVideoSourceConfigurationOptions GetVideoEncoderConfigurationOptions
            GetAudioSourceConfigurationOptions GetAudioEncoderConfigurationOptions
            GetMetadataConfigurationOptions GetAudioOutputConfigurationOptions GetAudioDecoderConfigurationOptions
            GetGuaranteedNumberOfVideoEncoderInstances GetStreamUri GetSnapshotUri GetOSDs GetOSD GetOSDOptions
        """,
        "ACTUATE": """
            CreateProfile AddVideoEncoderConfiguration RemoveVideoEncoderConfiguration AddVideoSourceConfiguration
            RemoveVideoSourceConfiguration AddAudioEncoderConfiguration RemoveAudioEncoderConfiguration
            AddAudioSourceConfiguration RemoveAudioSourceConfiguration AddPTZConfiguration RemovePTZConfiguration
            AddVideoAnalyticsConfiguration RemoveVideoAnalyticsConfiguration AddMetadataConfiguration
            RemoveMetadataConfiguration AddAudioOutputConfiguration RemoveAudioOutputConfiguration
            AddAudioDecoderConfiguration RemoveAudioDecoderConfiguration DeleteProfile SetVideoSourceConfiguration
            SetVideoEncoderConfiguration SetAudioSourceConfiguration SetAudioEncoderConfiguration
            SetVideoAnalyticsConfiguration SetMetadataConfiguration SetAudioOutputConfiguration
            SetAudioDecoderConfiguration StartMulticastStreaming StopMulticastStreaming SetSynchronizationPoint
            SetOSD CreateOSD DeleteOSD
        """,
    },
    "tr2": {
        "PRE_AUTH": "GetServiceCapabilities",
        "READ_SYSTEM": """
            GetVideoSourceModes GetWebRTCConfigurations GetAudioClips PlayAudioClip GetPlayingAudioClips
            GetMulticastAudioDecoderConfigurations GetMulticastAudioDecoderConfigurationOptions
        """,
        "WRITE_SYSTEM": """
            SetVideoSourceMode SetWebRTCConfigurations AddAudioClip AddTTSAudioClip SetAudioClip DeleteAudioClip
            SetMulticastAudioDecoderConfiguration SetEQPresetConfiguration
        """,
        "READ_MEDIA": """
            GetProfiles GetVideoSourceConfigurations GetVideoEncoderConfigurations GetAudioSourceConfigurations
            GetAudioEncoderConfigurations GetAnalyticsConfigurations GetMetadataConfigurations
            GetAudioOutputConfigurations GetAudioDecoderConfigurations GetVideoSourceConfigurationOptions
            GetVideoEncoderConfigurationOptions GetAudioSourceConfigurationOptions
            GetAudioEncoderConfigurationOptions GetMetadataConfigurationOptions GetAudioOutputConfigurationOptions
            GetAudioDecoderConfigurationOptions GetVideoEncoderInstances GetStreamUri GetSnapshotUri GetOSDs
            GetOSDOptions GetMasks GetMaskOptions
        """,
        "ACTUATE": """
            CreateProfile AddConfiguration RemoveConfiguration DeleteProfile SetVideoSourceConfiguration
            SetVideoEncoderConfiguration SetAudioSourceConfiguration SetAudioEncoderConfiguration
            SetMetadataConfiguration SetAudioOutputConfiguration SetAudioDecoderConfiguration
            StartMulticastStreaming StopMulticastStreaming SetSynchronizationPoint SetOSD CreateOSD DeleteOSD SetMask
            CreateMask DeleteMask
        """,
    },
    "tev": {
        "PRE_AUTH": "GetServiceCapabilities",
        "READ_MEDIA": """
            CreatePullPointSubscription PullMessages Seek SetSynchronizationPoint GetEventProperties GetEventBrokers
        """,
        "WRITE_SYSTEM": "AddEventBroker DeleteEventBroker",
    },
    "wsnt": {"READ_MEDIA": "Renew Unsubscribe Subscribe"},
    "tptz": {
        "PRE_AUTH": "GetServiceCapabilities",
        "READ_MEDIA": """
            GetNodes GetNode GetConfiguration GetConfigurations GetConfigurationOptions GetPresets GetStatus
            GetPresetTours GetPresetTour GetPresetTourOptions GetCompatibleConfigurations
        """,
        "ACTUATE": """
            SetConfiguration SendAuxiliaryCommand SetPreset RemovePreset GotoPreset GotoHomePosition SetHomePosition
            ContinuousMove RelativeMove AbsoluteMove GeoMove Stop CreatePresetTour ModifyPresetTour
            OperatePresetTour RemovePresetTour MoveAndStartTracking
        """,
    },
    "timg": {
        "PRE_AUTH": "GetServiceCapabilities",
        "READ_MEDIA": "GetImagingSettings GetOptions GetMoveOptions GetStatus GetPresets GetCurrentPreset",
        "ACTUATE": "SetImagingSettings Move Stop SetCurrentPreset",
    },
    "tmd": {
        "PRE_AUTH": "GetServiceCapabilities GetRelayOutputOptions",
        "READ_MEDIA": """
            GetAudioSources GetAudioOutputs GetVideoSources GetVideoOutputs GetVideoOutputConfiguration
            GetVideoSourceConfiguration GetAudioSourceConfiguration GetAudioOutputConfiguration
            GetVideoSourceConfigurationOptions GetVideoOutputConfigurationOptions
            GetAudioSourceConfigurationOptions GetAudioOutputConfigurationOptions GetRelayOutputs
        """,
        "READ_SYSTEM": """
            GetDigitalInputs GetDigitalInputConfigurationOptions GetSerialPorts GetSerialPortConfiguration
            GetSerialPortConfigurationOptions
        """,
        "ACTUATE": """
            SetVideoOutputConfiguration SetVideoSourceConfiguration SetAudioSourceConfiguration
            SetAudioOutputConfiguration SetRelayOutputSettings SetRelayOutputState SetDigitalInputConfigurations
            SetSerialPortConfiguration SendReceiveSerialCommand
        """,
    },
}

ACCESS_CLASSES = {
    f"{{{PREFIXES[prefix]}}}{name}": access
    for prefix, classes in _TABLE.items()
    for access, names in classes.items()
    for name in names.split()
}
"""The class by `{namespace}local` of the request's element."""

OPEN = frozenset(name for name, access in ACCESS_CLASSES.items() if access == "PRE_AUTH")
"""What needs no login."""
