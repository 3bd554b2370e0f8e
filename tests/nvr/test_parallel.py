"""Several requests at once."""

import asyncio

import pytest

from custom_components.onvif_proxy.nvr.parallel import all_of


async def test_results_come_in_order() -> None:
    """Whichever is ready first."""
    ready = asyncio.Event()

    async def first() -> int:
        await ready.wait()
        return 1

    async def second() -> int:
        ready.set()
        return 2

    assert await all_of([first(), second()]) == [1, 2]
    assert await all_of([]) == []


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_the_first_error_ends_the_others(error: type[BaseException]) -> None:
    """Nothing goes on asking a recorder that has failed."""
    ended = False

    async def fail() -> None:
        await asyncio.sleep(0)
        raise error

    async def wait() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    with pytest.raises(error):
        await all_of([wait(), fail()])
    assert ended
