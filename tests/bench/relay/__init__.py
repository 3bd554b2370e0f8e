"""What relaying costs: the relay in namespaces, against peers in the same run."""

from .figures import FIGURES, measure
from .relays import PROGRAM

__all__ = ["FIGURES", "PROGRAM", "measure"]
