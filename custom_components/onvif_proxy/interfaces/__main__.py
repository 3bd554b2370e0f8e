"""Runs the package as a program: `python3 custom_components/onvif_proxy/interfaces`."""

from importlib import import_module
from pathlib import Path
import sys
from types import ModuleType

# Run by its folder, the package has no parent, and its modules are found under their bare names, where they would hide
# others'. It gets a parent of the right name and place, but without the code of it: that needs Home Assistant, this must not.
sys.path.pop(0)
_PARENT = ModuleType("onvif_proxy")
_PARENT.__path__ = [str(Path(__file__).resolve().parents[1])]
sys.modules["onvif_proxy"] = _PARENT

sys.exit(import_module("onvif_proxy.interfaces.program").main())
