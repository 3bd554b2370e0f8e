"""How far the integration is on Home Assistant's quality scale, kept complete and true: hassfest checks only core's."""

import json
from pathlib import Path
from typing import Any

from homeassistant import components
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.onvif_proxy.const import DOMAIN

PROJECT = Path(__file__).parents[2]
INTEGRATION = PROJECT / "custom_components" / DOMAIN


def rules_of(integration: Path) -> dict[str, dict[str, Any]]:
    """Return the rules with status and comment, in the order of the file."""
    rules = load_yaml_dict(str(integration / "quality_scale.yaml"))["rules"]
    return {name: {"status": rule} if isinstance(rule, str) else rule for name, rule in rules.items()}


RULES = rules_of(INTEGRATION)
# A platinum integration of the Home Assistant that is installed: it must answer every rule that there is.
ALL_RULES = list(rules_of(Path(components.__path__[0]) / "reolink"))


def test_every_rule_is_answered_in_order() -> None:
    assert len(ALL_RULES) == 54
    assert list(RULES) == ALL_RULES


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_a_status_and_says_why_where_it_is_not_done(name: str) -> None:
    rule = RULES[name]
    assert set(rule) <= {"status", "comment"}
    assert rule["status"] in {"done", "todo", "exempt"}
    if rule["status"] != "done":
        assert rule["comment"].strip()


def test_what_the_files_show_is_what_is_claimed() -> None:
    manifest = json.loads((INTEGRATION / "manifest.json").read_text())
    code = "\n".join(file.read_text() for file in INTEGRATION.glob("*.py"))
    has_actions = (INTEGRATION / "services.yaml").exists()
    facts = {
        "action-setup": "done" if has_actions else "exempt",
        "brands": "done" if (INTEGRATION / "brand" / "icon.png").exists() else "todo",
        "diagnostics": "done" if (INTEGRATION / "diagnostics.py").exists() else "todo",
        "discovery": "done" if {"ssdp", "zeroconf"} & set(manifest) else "todo",
        "discovery-update-info": "done" if {"registered_devices": True} in manifest.get("dhcp", []) else "todo",
        "docs-actions": "done" if has_actions else "exempt",
        "docs-examples": "done" if (PROJECT / "docs" / "automations.md").exists() else "todo",
        "docs-conditions": "done" if (INTEGRATION / "condition.py").exists() else "exempt",
        "docs-triggers": "done" if (INTEGRATION / "trigger.py").exists() else "exempt",
        "entity-disabled-by-default": "done" if "entity_registry_enabled_default=False" in code else "exempt",
        "reauthentication-flow": "done" if "async_step_reauth_confirm" in code else "todo",
        "reconfiguration-flow": "done" if "async_step_reconfigure" in code else "todo",
        "repair-issues": "done" if "async_create_issue" in code else "todo",
    }
    assert {name: RULES[name]["status"] for name in facts} == facts
