"""Events of one camera: their states, topics and messages, and the pull points of clients."""

from .broker import EventBroker

__all__ = ["EventBroker"]
