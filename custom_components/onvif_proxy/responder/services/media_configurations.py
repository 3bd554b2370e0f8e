"""What both media services do with a camera's configurations: find, list, and refuse to change them.

The recorder decides how it encodes, so a configuration can only be set to what it is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ...model import AudioEncoding, CameraDescription, Channel, Loudspeaker, Stream
from ..errors import ActionNotSupported, InvalidArgument, ReceiverFault, SenderFault
from ..names import expand
from ..xmltree import Element, child_text, node
from .base import Context
from .media_facts import Kind, configuration_token, loudspeakers

_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
# Counted by the camera; what a client says of it means nothing.
_READ_ONLY = expand("tt:UseCount")


def stream_of_profile(context: Context, request: Element, name: str) -> Stream:
    """Return the stream of the profile whose token is in an element of the request."""
    return _stream_of(context.description, child_text(request, name))


def _stream_of(description: CameraDescription, token: str | None) -> Stream:
    for stream in description.channel.streams:
        if stream.role == token:
            return stream
    raise InvalidArgument("There is no profile with this token", "ter:NoProfile")


def no_configuration() -> InvalidArgument:
    """Return the fault for a token that no configuration has."""
    return InvalidArgument("There is no configuration with this token", "ter:NoConfig")


def conflict() -> ReceiverFault:
    """Return the fault for a profile that can't be changed like this."""
    return ReceiverFault("The configurations of a profile are fixed", "ter:Action", "ter:ConfigurationConflict")


def too_many_profiles() -> ReceiverFault:
    """Return the fault for a profile more, the one that Synology's test of it goes on after."""
    return ReceiverFault("There are as many profiles as there can be", "ter:Action", "ter:MaxNVTProfiles")


def fixed_profile() -> SenderFault:
    """Return the fault for a profile less."""
    return SenderFault("The profile is fixed", "ter:Action", "ter:DeletionOfFixedProfile")


def has(request: Element, name: str) -> bool:
    """Return whether the request has an element."""
    return request.find(expand(name)) is not None


def _operation_of(request: Element) -> str:
    return str(request.tag).rpartition("}")[2]


def audios_of(streams: Iterable[Stream], operation: str) -> list[AudioEncoding]:
    """Return how streams sound; raises `ActionNotSupported` for silent ones."""
    audios = [stream.audio for stream in streams if stream.audio is not None]
    if not audios:
        raise ActionNotSupported(operation, "ter:AudioNotSupported")
    return audios


def loudspeakers_of(streams: Iterable[Stream], operation: str) -> list[Loudspeaker]:
    """Return what clients can talk through; raises `ActionNotSupported` where there is nothing."""
    found = loudspeakers(streams)
    if not found:
        raise ActionNotSupported(operation)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The configurations of one kind, as one of the media services says them."""

    kind: Kind
    prefix: str
    """Of the service."""
    build: Callable[[str, Channel, Stream], Element] | None = None
    """Builds the configuration of a stream's profile, with an element's name; None where no camera has one."""
    options: Callable[[str, Channel, tuple[Stream, ...]], Element | Iterable[Element]] | None = None
    """Builds what the configurations of streams may be; raises `SoapFault`. None where nothing can be said."""
    is_said: Callable[[CameraDescription, Stream], bool] = lambda _description, _stream: True
    """Whether the service has words for the configuration of a stream."""

    def token_of(self, description: CameraDescription, stream: Stream) -> str | None:
        """Return the token of a profile's configuration, None where it has none."""
        if self.build is None or not self.is_said(description, stream):
            return None
        return configuration_token(self.kind, description.channel, stream)

    def streams_with(self, description: CameraDescription, token: str | None) -> tuple[Stream, ...]:
        """Return the streams of the profiles that have a configuration; a fault where none has it."""
        streams = tuple(
            stream
            for stream in description.channel.streams
            if token is not None and self.token_of(description, stream) == token
        )
        if not streams:
            raise no_configuration()
        return streams

    def build_for(self, name: str, description: CameraDescription, stream: Stream) -> Element | None:
        """Build the configuration of a stream's profile, None where it has none."""
        if self.build is None or self.token_of(description, stream) is None:
            return None
        return self.build(name, description.channel, stream)

    def build_all(self, name: str, description: CameraDescription, streams: Iterable[Stream]) -> list[Element]:
        """Build each configuration of streams' profiles once."""
        by_token = {token: stream for stream in streams if (token := self.token_of(description, stream)) is not None}
        built = (self.build_for(name, description, stream) for stream in by_token.values())
        return [element for element in built if element is not None]

    def asked_streams(self, context: Context, request: Element) -> tuple[Stream, ...]:
        """Return the streams that a request is about: that of its tokens, or all."""
        streams = context.description.channel.streams
        if has(request, f"{self.prefix}:ProfileToken"):
            streams = (stream_of_profile(context, request, f"{self.prefix}:ProfileToken"),)
        if has(request, f"{self.prefix}:ConfigurationToken"):
            streams = self.streams_with(context.description, child_text(request, f"{self.prefix}:ConfigurationToken"))
        return streams

    def build_options(self, context: Context, request: Element) -> Element:
        """Answer Get...ConfigurationOptions."""
        streams = self.asked_streams(context, request)
        operation = _operation_of(request)
        if self.options is None:
            raise ActionNotSupported(operation)
        options = self.options(f"{self.prefix}:Options", context.description.channel, streams)
        return node(f"{self.prefix}:{operation}Response", *([options] if isinstance(options, Element) else options))

    def set_configuration(self, context: Context, request: Element) -> Element:
        """Answer Set...Configuration: what it is already is set, anything else can't be."""
        name = f"{self.prefix}:Configuration"
        wanted = request.find(expand(name))
        token = None if wanted is None else wanted.get("token")
        stream, *_ = self.streams_with(context.description, token)
        present = self.build_for(name, context.description, stream)
        assert wanted is not None
        assert present is not None
        if not asks_for_nothing_else(wanted, present):
            raise InvalidArgument("The recorder decides how it encodes", "ter:ConfigModify")
        return node(f"{self.prefix}:{_operation_of(request)}Response")

    def check_addition(self, description: CameraDescription, profile: Stream, token: str | None) -> None:
        """Refuse to add a configuration that a profile does not have already."""
        self.streams_with(description, token)
        if self.token_of(description, profile) != token:
            raise conflict()

    def check_removal(self, description: CameraDescription, profile: Stream) -> None:
        """Refuse to remove a configuration that a profile has."""
        if self.token_of(description, profile) is not None:
            raise conflict()


def asks_for_nothing_else(wanted: Element, present: Element) -> bool:
    """Return whether all values that are wanted are there; what is left out is left as it is."""
    values = dict(_values(present))
    return all(
        path in values and _meaning(values[path]) == _meaning(value)
        for path, value in _values(wanted)
        if value or path in values  # an empty element of an extension asks for nothing
    )


def _values(element: Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of leaves and the attributes, each with where it stands."""
    for name, value in element.items():
        if not str(name).startswith(_XSI):
            yield f"{path}@{name!s}", str(value).strip()
    if not len(element):
        yield path, (element.text or "").strip()
    seen: dict[str, int] = {}
    for child in element:
        tag = str(child.tag)
        if tag != _READ_ONLY:
            seen[tag] = seen.get(tag, 0) + 1
            yield from _values(child, f"{path}/{tag}[{seen[tag]}]")


def _meaning(text: str) -> float | str:
    """Return what XML schema takes for the same: 5 and 5.0, true and 1."""
    text = {"true": "1", "false": "0"}.get(text, text)
    try:
        return float(text)
    except ValueError:
        return text
