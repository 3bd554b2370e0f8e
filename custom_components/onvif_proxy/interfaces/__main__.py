"""Runs the package as a program: `python3 custom_components/onvif_proxy/interfaces`."""

from importlib import import_module
from importlib.util import find_spec
import json
from pathlib import Path
import sys
from types import ModuleType

# Run by its folder, the package has no parent, and its modules are found under their bare names, where they would hide
# others'. It gets a parent of the right name and place, but without the code of it: that needs Home Assistant, this must not.
sys.path.pop(0)
_PARENT = ModuleType("onvif_proxy")
_PARENT.__path__ = [str(Path(__file__).resolve().parents[1])]
sys.modules["onvif_proxy"] = _PARENT

if find_spec("pyroute2") is None:
    _SENTENCE = f"pyroute2 is missing. Run: {sys.executable} -m pip install 'pyroute2>=0.9.6'"
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"ok": False, "short": [_SENTENCE]}) + "\n")
    sys.exit(_SENTENCE)

sys.exit(import_module("onvif_proxy.interfaces.program").main())
