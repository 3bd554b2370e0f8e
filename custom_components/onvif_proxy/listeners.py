"""Callables that are told of something."""

from collections.abc import Callable

from homeassistant.core import CALLBACK_TYPE


class Listeners[**P]:
    """Callables to be told of something."""

    def __init__(self) -> None:
        """Begin with none."""
        self._listeners: list[Callable[P, None]] = []

    def add(self, listener: Callable[P, None]) -> CALLBACK_TYPE:
        """Add one; returns what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def notify(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell all."""
        for listener in self._listeners.copy():
            listener(*args, **kwargs)
