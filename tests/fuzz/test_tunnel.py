"""Base64 in a tunnel, cut and broken anywhere."""

from base64 import b64decode, b64encode
from collections.abc import Hashable, Iterator

from hypothesis import strategies as st

from custom_components.onvif_proxy.relay.tunnel import Base64Reader
from custom_components.onvif_proxy.rtsp import RtspError

from .corpus import REQUESTS
from .harness import holds
from .inputs import CUTS, SEEDS, pieces, rearranged, variants


def read(data: bytes, cuts: list[int] | None = None) -> tuple[bytes, bool]:
    """Return what was said, and whether all of it could be read."""
    reader, said = Base64Reader(), b""
    for piece in (data,) if cuts is None else pieces(data, cuts):
        try:
            said += reader.feed(piece)
        except RtspError:
            return said, False
        assert len(reader._rest) < 4
    return said, True


@holds(drawn=st.lists(st.one_of(st.sampled_from(REQUESTS), st.binary(max_size=20)), max_size=6), seed=SEEDS, cuts=CUTS)
def test_texts_in_a_row_are_read_in_any_pieces(drawn: list[bytes], seed: int, cuts: list[int]) -> Iterator[Hashable]:
    for said in rearranged(drawn, seed):
        data = b"\r\n".join(map(b64encode, said))
        assert read(data, cuts) == (b"".join(said), True)
        yield data, tuple(cuts)


@holds(found=variants(*(b64encode(request) for request in REQUESTS), longest=2000), cuts=CUTS)
def test_what_is_no_base64_is_refused_wherever_it_is_cut(found: list[bytes], cuts: list[int]) -> Iterator[Hashable]:
    for data in found:
        said, good = read(data)
        yield data
        also_said, also_good = read(data, cuts)
        yield data, tuple(cuts)
        assert good == also_good
        if good:
            assert also_said == said
            assert len(said) <= len(data) * 3 // 4
            if b"=" not in data:
                whole = data.translate(None, b" \t\r\n")
                assert said == b64decode(whole[: len(whole) // 4 * 4])
