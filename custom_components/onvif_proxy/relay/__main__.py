"""Start the relay as a program: `python3 custom_components/onvif_proxy/relay --help`.

It runs without Home Assistant, so the package that it is a part of must not be imported: its `__init__.py` is Home
Assistant's. A bare package of the same name and place stands in for it; what the relay uses of it is imported as ever.
"""

from importlib import import_module
from pathlib import Path
import sys
from types import ModuleType

_HERE = Path(__file__).resolve().parent
# Python puts the folder that it was started with first: names in it would hide those of the standard library.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _HERE]

_package = ModuleType("onvif_proxy")
_package.__path__ = [str(_HERE.parent)]
sys.modules["onvif_proxy"] = _package

if sys.version_info < (3, 14):  # noqa: UP036 - started by hand, any Python may come here
    sys.exit(f"relay: this needs Python 3.14 or newer; this is {sys.version.partition(' ')[0]}.")

sys.exit(import_module("onvif_proxy.relay.program").main())
