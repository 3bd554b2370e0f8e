"""Changing the configurations of a camera by the media service: nothing changes."""

from collections.abc import Callable
from copy import deepcopy

from lxml import etree
import pytest

from .conftest import Client, Reply
from .envelopes import NS
from .media_requests import NO_CONFIG, NO_PROFILE, PTZ, configuration_token, facts, make_channel, profile_token, use

CONFLICT = (500, ["env:Receiver", "ter:Action", "ter:ConfigurationConflict"])
CONFIG_MODIFY = (400, ["env:Sender", "ter:InvalidArgVal", "ter:ConfigModify"])


class TestChanges:
    """The recorder decides: what is so already succeeds, anything else fails as the specification says."""

    async def test_synology_tries_to_create_a_profile(self, client: Client) -> None:
        reply = await client.ask("trt:CreateProfile", "<trt:Name>SynoProfile</trt:Name>")
        assert reply.fault == (500, ["env:Receiver", "ter:Action", "ter:MaxNVTProfiles"])

    async def test_create_one_that_is_there(self, client: Client) -> None:
        reply = await client.ask("trt:CreateProfile", "<trt:Name>A</trt:Name><trt:Token>main</trt:Token>")
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:ProfileExists"])

    async def test_delete_a_profile(self, client: Client) -> None:
        reply = await client.ask("trt:DeleteProfile", profile_token("main"))
        assert reply.fault == (400, ["env:Sender", "ter:Action", "ter:DeletionOfFixedProfile"])
        assert (await client.ask("trt:DeleteProfile", profile_token("SynoProfile"))).fault == NO_PROFILE
        assert len((await client.ask("trt:GetProfiles")).response) == 2

    @pytest.mark.parametrize(
        ("kind", "token"),
        [
            ("VideoSource", "VideoSourceConfiguration_1"),
            ("VideoEncoder", "VideoEncoder_main"),
            ("AudioSource", "AudioSourceConfiguration_1"),
            ("AudioEncoder", "AudioEncoder_main"),
            ("PTZ", "PTZConfiguration_1"),
        ],
    )
    async def test_add_and_remove(
        self, client: Client, kind: str, token: str, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        use(client, make_channel(ptz=PTZ))
        before = facts((await client.ask("trt:GetProfiles")).response)
        for profile, expected in (("main", None), ("other", NO_PROFILE)):
            reply = await client.ask(f"trt:Add{kind}Configuration", profile_token(profile) + configuration_token(token))
            if expected is None:
                assert_valid(reply.response)
            else:
                assert reply.fault == expected
        reply = await client.ask(f"trt:Add{kind}Configuration", profile_token("main") + configuration_token("other"))
        assert reply.fault == NO_CONFIG
        assert (await client.ask(f"trt:Remove{kind}Configuration", profile_token("main"))).fault == CONFLICT
        assert facts((await client.ask("trt:GetProfiles")).response) == before

    async def test_the_encoder_of_another_profile(self, client: Client) -> None:
        content = profile_token("sub") + configuration_token("VideoEncoder_main")
        assert (await client.ask("trt:AddVideoEncoderConfiguration", content)).fault == CONFLICT

    @pytest.mark.parametrize("kind", ["AudioEncoder", "PTZ", "Metadata", "VideoAnalytics", "AudioOutput"])
    async def test_remove_what_is_not_there(
        self, client: Client, kind: str, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        assert_valid((await client.ask(f"trt:Remove{kind}Configuration", profile_token("sub"))).response)

    @pytest.mark.parametrize(
        ("kind", "token"),
        [
            ("VideoSource", "VideoSourceConfiguration_1"),
            ("VideoEncoder", "VideoEncoder_main"),
            ("VideoEncoder", "VideoEncoder_sub"),
            ("AudioSource", "AudioSourceConfiguration_1"),
            ("AudioEncoder", "AudioEncoder_main"),
        ],
    )
    async def test_set_to_what_it_is(
        self, client: Client, kind: str, token: str, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        read = (await client.ask(f"trt:Get{kind}Configuration", configuration_token(token))).response[0]
        for written in (read, without(read, "Multicast"), with_text(read, "UseCount", "0")):
            assert_valid((await self.set(client, kind, written)).response)
        assert (await self.set(client, kind, with_text(read, "Name", "Mine"))).fault == CONFIG_MODIFY
        read.set("token", "other")
        assert (await self.set(client, kind, read)).fault == NO_CONFIG

    async def set(self, client: Client, kind: str, configuration: etree._Element) -> Reply:
        content = etree.tostring(configuration).decode() + "<trt:ForcePersistence>true</trt:ForcePersistence>"
        return await client.ask(f"trt:Set{kind}Configuration", content)

    @pytest.mark.parametrize(
        ("name", "value", "succeeds"),
        [
            ("Quality", "5.0", True),
            ("AutoStart", "0", True),
            ("FrameRateLimit", "20", True),
            ("FrameRateLimit", "10", False),
            ("BitrateLimit", "", False),
            ("Encoding", "JPEG", False),
            ("H264Profile", "Main", False),
            ("Width", "nan", False),
        ],
    )
    async def test_set_a_value(self, client: Client, name: str, value: str, succeeds: bool) -> None:
        token = configuration_token("VideoEncoder_main")
        read = (await client.ask("trt:GetVideoEncoderConfiguration", token)).response[0]
        reply = await self.set(client, "VideoEncoder", with_text(read, name, value))
        assert reply.status == (200 if succeeds else 400)
        if not succeeds:
            assert reply.fault == CONFIG_MODIFY

    @pytest.mark.parametrize(
        ("extra", "succeeds"),
        [
            ("<tt:Extension/>", True),
            ("<tt:Extension><tt:Rotate><tt:Mode>ON</tt:Mode></tt:Rotate></tt:Extension>", False),
            ('<tt:Extension a="b"/>', False),
        ],
    )
    async def test_set_what_the_camera_does_not_have(self, client: Client, extra: str, succeeds: bool) -> None:
        token = configuration_token("VideoSourceConfiguration_1")
        read = (await client.ask("trt:GetVideoSourceConfiguration", token)).response[0]
        read.append(etree.fromstring(f'<wrapper xmlns:tt="{NS["tt"]}">{extra}</wrapper>')[0])
        assert (await self.set(client, "VideoSource", read)).status == (200 if succeeds else 400)

    async def test_a_smaller_picture(self, client: Client) -> None:
        token = configuration_token("VideoSourceConfiguration_1")
        read = (await client.ask("trt:GetVideoSourceConfiguration", token)).response[0]
        bounds = read.find("tt:Bounds", NS)
        assert bounds is not None
        bounds.set("width", "100")
        assert (await self.set(client, "VideoSource", read)).fault == CONFIG_MODIFY

    async def test_nothing(self, client: Client) -> None:
        assert (await client.ask("trt:SetVideoEncoderConfiguration")).fault == NO_CONFIG

    @pytest.mark.parametrize(
        "operation",
        ["SetSynchronizationPoint", "StartMulticastStreaming", "StopMulticastStreaming", "GetVideoSourceModes"],
    )
    async def test_what_a_relay_cannot(self, client: Client, operation: str) -> None:
        reply = await client.ask(f"trt:{operation}", profile_token("main"))
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])


def without(element: etree._Element, name: str) -> etree._Element:
    """Return a copy without the children of a name."""
    copied = deepcopy(element)
    for child in copied.findall(f"tt:{name}", NS):
        copied.remove(child)
    return copied


def with_text(element: etree._Element, name: str, text: str) -> etree._Element:
    """Return a copy with another text in the first element of a name."""
    copied = deepcopy(element)
    found = copied.find(f".//tt:{name}", NS)
    assert found is not None
    found.text = text
    return copied
