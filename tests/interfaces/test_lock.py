"""The lock of the keeper."""

import pytest

from custom_components.onvif_proxy.interfaces.errors import KeptElsewhere
from custom_components.onvif_proxy.interfaces.lock import KeeperLock


@pytest.fixture(autouse=True)
def other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave alone the lock of this machine's own keeper."""
    monkeypatch.setattr("custom_components.onvif_proxy.interfaces.lock._NAME", "\0onvif_proxy.interfaces.test")


def test_only_one_has_it_until_it_is_released() -> None:
    with KeeperLock() as lock:
        with pytest.raises(KeptElsewhere, match="Only one of them may"):
            KeeperLock()
        lock.release()
        KeeperLock().release()
