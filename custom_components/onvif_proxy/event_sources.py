"""The entities of Home Assistant that were assigned to cameras: what they tell becomes events of the cameras."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from homeassistant.components.event.const import DOMAIN as EVENT_DOMAIN
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_entity_registry_updated_event, async_track_state_change_event
from homeassistant.util import dt as dt_util

from .model import EventKind
from .options import Sources

MAX_EVENT_AGE = timedelta(seconds=5)
"""What an event entity tells later than this, after a restart or a lost connection, is no news."""


class EventTarget(Protocol):
    """A camera, as far as it takes events."""

    def report(self, source: str, kind: EventKind, active: bool, at: datetime, *, momentary: bool = False) -> None:
        """Take what a source sees."""

    def forget_events(self, source: str) -> None:
        """End what a source saw."""


class EventSources:
    """Watches the entities that were assigned to one camera, by whatever name they have now."""

    def __init__(self, hass: HomeAssistant, target: EventTarget) -> None:
        """Watch nothing yet."""
        self._hass = hass
        self._target = target
        self._sources: Sources = {}
        self._by_entity: dict[str, tuple[str, tuple[EventKind, ...]]] = {}
        """What was assigned, and for what, by the entity id of now."""
        self._last_events: dict[str, datetime] = {}
        """Of event entities, by what was assigned."""
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @callback
    def async_set(self, sources: Sources) -> None:
        """Watch these from now on; of those that stay nothing is forgotten."""
        if sources == self._sources:
            return
        for reference, kinds in _by_reference(self._sources).items():
            if kinds != _by_reference(sources).get(reference):
                self._target.forget_events(reference)
        self._sources = sources
        self._async_watch()

    @callback
    def async_stop(self) -> None:
        """Watch nothing more."""
        while self._unsubscribe:
            self._unsubscribe.pop()()

    @callback
    def _async_watch(self) -> None:
        self.async_stop()
        registry = er.async_get(self._hass)
        self._by_entity = {
            entity_id: (reference, kinds)
            for reference, kinds in _by_reference(self._sources).items()
            if (entity_id := er.async_resolve_entity_id(registry, reference)) is not None
        }
        self._unsubscribe = [
            async_track_state_change_event(self._hass, self._by_entity, self._async_state_changed),
            async_track_entity_registry_updated_event(self._hass, self._by_entity, self._async_entity_changed),
        ]
        if len(self._by_entity) < len(_by_reference(self._sources)):
            self._unsubscribe.append(
                self._hass.bus.async_listen(
                    er.EVENT_ENTITY_REGISTRY_UPDATED, self._async_entity_created, event_filter=_is_creation
                )
            )
        for entity_id in self._by_entity:
            self._async_report(entity_id, self._hass.states.get(entity_id))

    @callback
    def _async_entity_changed(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        """Follow an entity that has another name now, and leave one that was deleted."""
        if event.data["action"] == "remove":
            self._target.forget_events(self._by_entity[event.data["entity_id"]][0])
            self._async_watch()
        elif "old_entity_id" in event.data:
            self._async_watch()

    @callback
    def _async_entity_created(self, _event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        """Find an entity again that was deleted, with its integration perhaps: it comes back as the same."""
        self._async_watch()

    @callback
    def _async_state_changed(self, event: Event[EventStateChangedData]) -> None:
        self._async_report(event.data["entity_id"], event.data["new_state"])

    @callback
    def _async_report(self, entity_id: str, state: State | None) -> None:
        reference, kinds = self._by_entity[entity_id]
        if entity_id.startswith(f"{EVENT_DOMAIN}."):
            happened = None if state is None else dt_util.parse_datetime(state.state)
            if happened is None or happened == self._last_events.get(reference):
                return
            self._last_events[reference] = happened
            if dt_util.utcnow() - happened < MAX_EVENT_AGE:
                for kind in kinds:
                    self._target.report(reference, kind, True, happened, momentary=True)
        elif state is not None and state.state in (STATE_ON, STATE_OFF):
            for kind in kinds:
                self._target.report(reference, kind, state.state == STATE_ON, state.last_changed)
        else:  # unavailable, unknown, or gone
            self._target.forget_events(reference)


@callback
def _is_creation(data: er.EventEntityRegistryUpdatedData) -> bool:
    return data["action"] == "create"


def _by_reference(sources: Sources) -> dict[str, tuple[EventKind, ...]]:
    references = dict.fromkeys(reference for entities in sources.values() for reference in entities)
    return {
        reference: tuple(kind for kind, entities in sources.items() if reference in entities)
        for reference in references
    }


@callback
def async_references(hass: HomeAssistant, entity_ids: Iterable[str]) -> list[str]:
    """Return what to store of entities, so that another name of theirs does not matter."""
    registry = er.async_get(hass)
    return [entity_id if (known := registry.async_get(entity_id)) is None else known.id for entity_id in entity_ids]


@callback
def async_entity_ids(hass: HomeAssistant, references: Iterable[str]) -> list[str]:
    """Return the names that stored entities have now, without those that are gone."""
    registry = er.async_get(hass)
    found = (er.async_resolve_entity_id(registry, reference) for reference in references)
    return [entity_id for entity_id in found if entity_id is not None]


def kinds_of(sources: Mapping[EventKind, object]) -> tuple[EventKind, ...]:
    """Return the kinds for which something is assigned."""
    return tuple(kind for kind, entities in sources.items() if entities)
