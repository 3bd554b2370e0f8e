"""How much is kept, and what makes room."""

from lxml import etree

from custom_components.onvif_proxy.responder.answers import AnswerCache


def test_the_oldest_unused_make_room() -> None:
    cache = AnswerCache(max_bytes=30)
    for key in (b"a", b"b", b"c"):
        cache.keep(key, b"x" * 9)
    assert cache.get(b"a") is not None
    cache.keep(b"d", b"x" * 9)
    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key) is not None] == [b"a", b"c", b"d"]


def test_what_is_too_large_is_not_kept() -> None:
    cache = AnswerCache(max_bytes=100, max_request_bytes=10)
    cache.keep(b"a", b"x" * 100)
    cache.keep(b"k" * 11, b"x")
    assert (cache.get(b"a"), cache.get(b"k" * 11)) == (None, None)


def test_size_stays_right() -> None:
    cache = AnswerCache(max_bytes=50)
    for number in range(1000):
        cache.keep(b"%d" % number, b"x" * (number % 60))
        cache.keep(b"%d" % number, b"again")
        assert cache._size == sum(len(key) + len(answer) for key, answer in cache._answers.items()) <= 50
    cache.clear()
    assert (cache._size, cache.get(b"999")) == (0, None)


def test_keys_tell_requests_apart() -> None:
    texts = ["<a/>", "<a>1</a>", "<a b='1'/>", "<a><b/></a>", "<a xmlns='u'/>", "<a><b>1</b></a>", "<a><b c='1'/></a>"]
    keys = {AnswerCache.key(etree.fromstring(text)) for text in texts}
    assert len(keys) == len(texts)
    assert AnswerCache.key(etree.fromstring("<a></a>")) == AnswerCache.key(etree.fromstring("<a/>"))
