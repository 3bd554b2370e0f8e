"""A video recorder of its own: ONVIF, RTSP, snapshots, discovery, limits and faults, without any of the integration's code.

A second, independent reading of the protocols on purpose: a misreading that both sides shared would never show.
"""

from .faults import Fault, Faults
from .options import RecorderOptions, StreamOptions
from .recorder import SimulatedRecorder

__all__ = ["Fault", "Faults", "RecorderOptions", "SimulatedRecorder", "StreamOptions"]
