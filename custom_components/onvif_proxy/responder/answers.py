"""Answers that can't have changed, so that they are not built twice. No I/O."""

from collections import OrderedDict

from lxml import etree

from .xmltree import Element

MAX_BYTES = 64 * 1024
MAX_REQUEST_BYTES = 1024


class AnswerCache:
    """The answers of one camera to the same questions; those asked for the longest time ago make room.

    A login is none of its business: who asks has passed the gate before.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_request_bytes: int = MAX_REQUEST_BYTES) -> None:
        """Keep `max_bytes` of questions and answers; a question of more than `max_request_bytes` is not kept."""
        self._max_bytes = max_bytes
        self._max_request_bytes = max_request_bytes
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0

    @staticmethod
    def key(request: Element) -> bytes:
        """Return what tells requests apart: their elements, spelt out."""
        if len(request) == 0 and not request.text and not request.attrib:
            return str(request.tag).encode()
        return etree.tostring(request, with_tail=False)

    def get(self, key: bytes) -> bytes | None:
        """Return a kept answer."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: bytes, answer: bytes) -> None:
        """Keep an answer, if it is not too large."""
        size = len(key) + len(answer)
        if len(key) > self._max_request_bytes or size > self._max_bytes or key in self._answers:
            return
        self._answers[key] = answer
        self._size += size
        while self._size > self._max_bytes:
            former, dropped = self._answers.popitem(last=False)
            self._size -= len(former) + len(dropped)

    def clear(self) -> None:
        """Forget everything: something has changed."""
        self._answers.clear()
        self._size = 0
