"""Inputs: real messages, changed as no device and many an attacker would, and cut anywhere."""

from collections.abc import Callable, Iterator, Sequence
import itertools
import random
import re

from hypothesis import strategies as st

_NUMBER = re.compile(rb"[0-9]+(?:\.[0-9]+)?")
_LINE = re.compile(rb"[^\n]*\n?")

NASTY = (
    b"",
    b"\0",
    b"$",
    b"$\0\0\0",
    b"$\xff\xff\xff",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\n\r\n",
    b" ",
    b"\t",
    b"\r\n ",
    b":",
    b"=",
    b",",
    b";",
    b"/",
    b'"',
    b"\\",
    b"<",
    b"&",
    b"&#0;",
    b"]]>",
    b"<!DOCTYPE",
    b"%00",
    b"..",
    b"@",
    b"[::1]",
    b"\xff\xfe",
    b"\xc3",
    "ü€😀".encode(),
    "\u0660\u0661\u00b2".encode(),
    "\u0085\u2028\u00a0".encode(),
    b"\\ud800",
    b"\x7f",
    b"\x1b[31m",
    b"0",
    b"-1",
    b"00",
    b"000",
    b"1.5",
    b"1e400",
    b"NaN",
    b"Infinity",
    b"255",
    b"65535",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"99999999999999999999",
    b"9" * 400,
    b"9" * 5000,
    b"A" * 300,
    b"a:" * 500,
    b"[" * 2000,
    b"\0\0\x03",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"RTSP/1.0 200 OK\r\n\r\n",
    b"Content-Length: 5\r\n",
)
"""Bytes that parsers stumble over."""

SEEDS = st.integers(0, 0xFFFFFFFF)
"""Of chance."""

type Change = tuple[str, int, int, bytes]
"""What is done, where, with how much, and with what."""


def _delete(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[:at] + data[at + size :]


def _insert(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[:at] + material + data[at:]


def _replace(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[:at] + material + data[at + len(material) :]


def _repeat(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[:at] + data[at : at + size] * (1 + size % 7) + data[at:]


def _flip(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[:at] + bytes((data[at] ^ (1 << size % 8),)) + data[at + 1 :] if at < len(data) else data


def _end(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[:at]


def _begin(data: bytes, at: int, size: int, material: bytes) -> bytes:
    return data[at:]


def _number(data: bytes, at: int, size: int, material: bytes) -> bytes:
    """Put something in the place of the number that follows."""
    return data[:at] + _NUMBER.sub(lambda _: material, data[at:], count=1)


def _line(data: bytes, at: int, size: int, material: bytes) -> bytes:
    """Delete, double or move the line that follows."""
    start = data.find(b"\n", at) + 1
    end = start + len(_LINE.match(data, start)[0])  # type: ignore[index] - it matches nothing, too
    line, rest = data[start:end], data[:start] + data[end:]
    return (rest, data[:end] + line + data[end:], line + rest, rest + line)[size % 4]


def _exchange(data: bytes, at: int, size: int, material: bytes) -> bytes:
    """Let two parts change places."""
    middle = at + size
    return data[:at] + data[middle : middle + size] + data[at:middle] + data[middle + size :]


_CHANGES: dict[str, Callable[[bytes, int, int, bytes], bytes]] = {
    function.__name__: function
    for function in (_insert, _replace, _number, _delete, _flip, _repeat, _line, _exchange, _end, _begin)
}


_KINDS = tuple(_CHANGES)


def changes(*corpus: bytes) -> st.SearchStrategy[Change]:
    """Draw changes; what is put in may be a message of the corpus."""
    material = st.one_of(st.sampled_from(NASTY), st.binary(max_size=6), st.sampled_from((b"", *corpus)))
    return st.tuples(st.sampled_from(_KINDS), st.integers(0, 0xFFFF), st.integers(0, 64), material)


def changed(data: bytes, change: Change) -> bytes:
    """Change once; where is taken as a part of the length."""
    kind, at, size, material = change
    return _CHANGES[kind](data, at * (len(data) + 1) >> 16, size, material)


def variants(*corpus: bytes, longest: int = 16 * 1024) -> st.SearchStrategy[list[bytes]]:
    """Draw a message of the corpus, or some in a row, what becomes of it change by change, and by chance after that.

    Hypothesis chooses the first changes, and finds the fewest that do harm; those by chance come from a seed of its choice,
    many for the price of one. None is longer than `longest`.
    """
    begin = st.one_of(
        st.sampled_from(corpus),
        st.lists(st.sampled_from(corpus), min_size=2, max_size=3).map(b"".join),
        st.binary(max_size=40),
    )

    def develop(drawn: tuple[bytes, list[Change], int, int]) -> list[bytes]:
        data, wanted, seed, more = drawn
        found = [data[:longest]]
        for change in wanted:
            found.append(changed(found[-1], change)[:longest])
        chance = random.Random(seed)
        for _ in range(more):
            data = chance.choice(found) or chance.choice(corpus)
            for _ in range(chance.choice((1, 1, 2, 4))):
                material = chance.choice(NASTY) if chance.random() < 0.7 else chance.choice(corpus)
                change = chance.choice(_KINDS), chance.randrange(0x10000), chance.randrange(65), material
                data = changed(data, change)[:longest]
            found.append(data)
        return found

    return st.tuples(begin, st.lists(changes(*corpus), max_size=8), SEEDS, st.integers(0, 60)).map(develop)


def rearranged[T](parts: Sequence[T], seed: int, most: int = 20) -> Iterator[list[T]]:
    """Yield parts as they are, and then in other orders, some of them more than once."""
    yield list(parts)
    chance = random.Random(seed)
    for _ in range(most if parts else 0):
        yield chance.choices(parts, k=chance.randrange(2 * len(parts) + 1))


def texts(*corpus: str) -> st.SearchStrategy[list[str]]:
    """Draw the same of header values, as they are once a message was read: without control characters."""
    return variants(*(text.encode() for text in corpus), longest=6000).map(
        lambda found: [_as_value(data) for data in found]
    )


def _as_value(data: bytes) -> str:
    text = data.decode("utf-8", "replace" if len(data) % 2 else "ignore")
    return "".join(character for character in text if character == "\t" or (character >= " " and character != "\x7f"))


CUTS = st.lists(st.integers(0, 0xFFFF), max_size=12)
"""Where something is cut, as parts of its length."""


def pieces(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """Cut; without a cut, after each byte."""
    places = sorted({cut * (len(data) + 1) >> 16 for cut in cuts} | {0, len(data)})
    if not cuts:
        places = list(range(len(data) + 1))
    for start, end in itertools.pairwise(places):
        yield data[start:end]
