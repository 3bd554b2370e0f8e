"""Filters of messages by their content (ONVIF Core, message content filter): a small part of XPath."""

from collections.abc import Callable, Mapping
import re
from typing import Final

from ..names import NAMESPACES
from .errors import InvalidMessageContent
from .notification import Notification

ITEM_FILTER: Final = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"

MAX_LENGTH: Final = 4096
MAX_DEPTH: Final = 16
_TOKEN: Final = re.compile(
    r"\s*(?:"
    r"(?P<path>//(?:(?P<prefix>[^\W\d][\w.-]*):)?(?P<item>SimpleItem|ElementItem)\b)"
    r"|(?P<attribute>@(?:Name|Value)\b)"
    r"|(?P<word>(?:and|or|not|boolean)\b)"
    r"|(?P<string>\"[^\"]*\"|'[^']*')"
    r"|(?P<symbol>[()\[\]=])"
    r")"
)

type Item = tuple[str, str]
"""Name and value of a simple item."""
type ContentFilter = Callable[[Notification], bool]


def parse_content_expression(text: str, dialect: str | None, namespaces: Mapping[str | None, str]) -> ContentFilter:
    """Return what an expression matches; `namespaces` are those declared where it stands.

    Raises `InvalidMessageContent`.
    """
    if (dialect or "").strip() != ITEM_FILTER:
        raise InvalidMessageContent("The dialect of the message content filter is not supported")
    if len(text) > MAX_LENGTH:
        raise InvalidMessageContent("The message content filter is too long")
    matches = _Parser(text, namespaces).parse()
    return lambda notification: matches(notification.items)


class _Parser:
    """Takes an expression apart, from left to right; the numbers are those of the grammar in the specification."""

    def __init__(self, text: str, namespaces: Mapping[str | None, str]) -> None:
        self._namespaces = namespaces
        self._tokens: list[re.Match[str]] = []
        self._depth = 0
        end = 0
        text = text.rstrip()
        while end < len(text):
            if (token := _TOKEN.match(text, end)) is None:
                raise InvalidMessageContent("The message content filter is not one of its dialect")
            self._tokens.append(token)
            end = token.end()
        self._tokens.reverse()  # the next one is the last

    def parse(self) -> Callable[[tuple[Item, ...]], bool]:
        """Return the whole expression as a function of a message's items."""
        matches = self._either(self._boolean)
        if self._tokens:
            raise self._broken()
        return matches

    def _either[T](self, operand: Callable[[], Callable[[T], bool]]) -> Callable[[T], bool]:
        """Read operands that are joined by `and` and `or`, of which the former binds closer: 1 and 6."""
        alternatives = [self._all(operand)]
        while self._accept("or"):
            alternatives.append(self._all(operand))
        return lambda tested: any(each(tested) for each in alternatives)

    def _all[T](self, operand: Callable[[], Callable[[T], bool]]) -> Callable[[T], bool]:
        conditions = [self._one(operand)]
        while self._accept("and"):
            conditions.append(self._one(operand))
        return lambda tested: all(each(tested) for each in conditions)

    def _one[T](self, operand: Callable[[], Callable[[T], bool]]) -> Callable[[T], bool]:
        negated = self._accept("not")
        if not negated and not self._accept("("):
            return operand()
        if negated:
            self._expect("(")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidMessageContent("The message content filter is nested too deeply")
        inner = self._either(operand)
        self._expect(")")
        self._depth -= 1
        return (lambda tested: not inner(tested)) if negated else inner

    def _boolean(self) -> Callable[[tuple[Item, ...]], bool]:
        """Read the test whether a message has an item: 2 to 5."""
        self._expect("boolean")
        self._expect("(")
        path = self._next("path")
        if path["prefix"] and self._namespaces.get(path["prefix"], NAMESPACES["tt"]) != NAMESPACES["tt"]:
            raise InvalidMessageContent("The items of messages are in the namespace of ONVIF's schema")
        self._expect("[")
        matches = self._either(self._comparison)
        self._expect("]")
        self._expect(")")
        # No message of ours has an element item.
        return lambda items: path["item"] == "SimpleItem" and any(matches(item) for item in items)

    def _comparison(self) -> Callable[[Item], bool]:
        """Read a test of an attribute: 7 and 8."""
        position = ("@Name", "@Value").index(self._next("attribute")["attribute"])
        self._expect("=")
        wanted = self._next("string")["string"][1:-1]
        return lambda item: item[position] == wanted

    def _next(self, kind: str) -> re.Match[str]:
        if not self._tokens or self._tokens[-1].lastgroup != kind:
            raise self._broken()
        return self._tokens.pop()

    def _accept(self, text: str) -> bool:
        if not self._tokens or self._tokens[-1][0].strip() != text:
            return False
        self._tokens.pop()
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._broken()

    def _broken(self) -> InvalidMessageContent:
        return InvalidMessageContent("The message content filter is not one of its dialect")
