"""What hassfest and HACS check, as far as it can be checked here, and the texts that the code asks for."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.onvif_proxy import errors
from custom_components.onvif_proxy.binary_sensor import CONNECTIVITY, SEEN
from custom_components.onvif_proxy.button import RESCAN
from custom_components.onvif_proxy.camera_status import CameraState, Trouble
from custom_components.onvif_proxy.const import DOMAIN
from custom_components.onvif_proxy.event import HAPPENED, LOGIN_REFUSED
from custom_components.onvif_proxy.interfaces import Check, Fault, ParentWarning, Refusal
from custom_components.onvif_proxy.interfaces.sentences import FAULTS
from custom_components.onvif_proxy.logins import LoginProblem, LoginWay
from custom_components.onvif_proxy.model import EventKind, StreamRole
from custom_components.onvif_proxy.relay.statistics import StreamReason, StreamState
from custom_components.onvif_proxy.sensor import SENSORS
from custom_components.onvif_proxy.switch import SWITCHES

REPOSITORY = Path(__file__).parents[2]
INTEGRATION = REPOSITORY / "custom_components" / DOMAIN


def load(path: Path) -> Any:
    return json.loads(path.read_text())


ENGLISH = load(INTEGRATION / "translations" / "en.json")


def keys(tree: Any, path: str = "") -> set[str]:
    if isinstance(tree, str):
        return {path}
    return set().union(*(keys(value, f"{path}/{key}") for key, value in tree.items()))


def test_manifest_has_what_hassfest_and_hacs_ask_for() -> None:
    manifest = load(INTEGRATION / "manifest.json")
    assert list(manifest) == ["domain", "name", *sorted(set(manifest) - {"domain", "name"})]
    assert {"codeowners", "documentation", "domain", "issue_tracker", "name", "version", "iot_class"} <= set(manifest)
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert not any("==" in requirement for requirement in manifest["requirements"])


def test_every_imported_component_is_a_dependency() -> None:
    # A dependency by being a platform: there is a file of ours with that name.
    platforms = {"binary_sensor", "button", "camera", "diagnostics", "event", "repairs", "select", "sensor", "switch"}
    manifest = load(INTEGRATION / "manifest.json")
    imported = {
        name
        for file in INTEGRATION.rglob("*.py")
        for name in re.findall(r"homeassistant\.components(?:\.| import )(\w+)", file.read_text())
    }
    assert imported <= platforms | set(manifest["dependencies"]) | set(manifest.get("after_dependencies", ()))


def test_hacs_json() -> None:
    assert load(REPOSITORY / "hacs.json")["homeassistant"] == "2026.10.0"
    assert (INTEGRATION / "brand" / "icon.png").read_bytes().startswith(b"\x89PNG")


def platform_of(description: Any) -> str:
    name = type(description).__name__.removesuffix("EntityDescription").removesuffix("Description")
    return re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower().removeprefix("camera_")


NAMED = [one for one in (*SEEN.values(), *HAPPENED.values()) if one.translation_key is not None]


@pytest.mark.parametrize("description", [*SENSORS, *SWITCHES, RESCAN, LOGIN_REFUSED, *NAMED], ids=lambda one: one.key)
def test_entities_have_a_name_and_an_icon(description: Any) -> None:
    platform = platform_of(description)
    assert description.translation_key in ENGLISH["entity"][platform]
    assert description.translation_key in load(INTEGRATION / "icons.json")["entity"][platform]


@pytest.mark.parametrize("description", [CONNECTIVITY, *SEEN.values(), *HAPPENED.values()], ids=lambda one: one.key)
def test_what_has_no_name_is_named_by_its_device_class(description: Any) -> None:
    assert description.translation_key is not None or description.device_class is not None


def test_every_kind_of_event_is_an_entity_and_can_be_assigned() -> None:
    assert {*SEEN, *HAPPENED} == set(EventKind)
    assert not set(SEEN) & set(HAPPENED)
    assert set(ENGLISH["options"]["step"]["event_sources"]["data"]) == set(EventKind)


def test_reasons_of_refused_logins_have_texts() -> None:
    attributes = ENGLISH["entity"]["event"]["login_refused"]["state_attributes"]
    assert set(attributes["event_type"]["state"]) == {problem.value for problem in LoginProblem}
    assert set(attributes["way"]["state"]) == {way.value for way in LoginWay}


def test_states_and_reasons_have_texts() -> None:
    status = ENGLISH["entity"]["sensor"]["status"]
    assert set(status["state"]) == {state.value for state in CameraState}
    assert set(status["state_attributes"]["reason"]["state"]) == {trouble.value for trouble in Trouble}
    for role in StreamRole:
        stream = ENGLISH["entity"]["sensor"][f"{role}_stream"]
        assert set(stream["state"]) == {state.value for state in StreamState}
        assert set(stream["state_attributes"]["reason"]["state"]) == {reason.value for reason in StreamReason}


def test_every_failure_of_a_recorder_has_its_sentence() -> None:
    wanted = {*errors._KEYS.values(), "refused"}
    assert wanted <= set(ENGLISH["config"]["error"])
    assert wanted <= set(ENGLISH["exceptions"])


def test_every_key_in_the_code_has_its_text() -> None:
    code = "\n".join(file.read_text() for file in INTEGRATION.glob("*.py"))
    for key in re.findall(r'translation_key="(\w+)"', code):
        assert any(f"/{key}/" in one for one in keys(ENGLISH)), key
    formless = {"reauth", "dhcp", "confirm", "host_interfaces"}
    for step in re.findall(r"async def async_step_(\w+)", code):
        assert step in {*ENGLISH["config"]["step"], *ENGLISH["options"]["step"], *formless}, step


def test_every_finding_and_refusal_has_its_text() -> None:
    for check in Check:
        assert {f"interface_{check}", f"interface_{check}_fixable"} & set(ENGLISH["issues"]), check
        # What Home Assistant can fix where it keeps the interfaces is to be done on the host elsewhere. What is left of former
        # cameras is no camera's there.
        if check is not Check.LEFTOVER and f"interface_{check}_fixable" in ENGLISH["issues"]:
            assert f"interface_{check}_host" in ENGLISH["issues"], check
    for key in (*(f"refusal_{one}" for one in Refusal), *(f"warning_{one}" for one in ParentWarning)):
        assert key in ENGLISH["common"], key
    assert set(FAULTS) == set(Fault)
    for fault, said in FAULTS.items():
        told = ENGLISH["common"][f"fault_{fault}"]
        assert set(re.findall(r"{\w+}", told)) == set(re.findall(r"{\w+}", said)), fault


def test_every_field_is_described() -> None:
    for steps in (ENGLISH["config"]["step"], ENGLISH["options"]["step"]):
        for name, step in steps.items():
            assert set(step.get("data", ())) == set(step.get("data_description", ())), name


@pytest.mark.parametrize("file", sorted((INTEGRATION / "translations").glob("*.json")), ids=lambda one: one.stem)
def test_translations_say_the_same(file: Path) -> None:
    translated = load(file)
    assert keys(translated) == keys(ENGLISH)
    for path in keys(ENGLISH):
        original: Any = ENGLISH
        other: Any = translated
        for part in path.strip("/").split("/"):
            original, other = original[part], other[part]
        assert set(re.findall(r"{\w+}", other)) == set(re.findall(r"{\w+}", original)), path
        assert "<" not in other, path
