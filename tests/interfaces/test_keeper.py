"""The keeper where it may do nothing: without privilege, and before it was started."""

import pytest

from custom_components.onvif_proxy.interfaces import InterfaceKeeper, Inventory, NotPermitted, Privilege, keeper
from custom_components.onvif_proxy.interfaces.lock import KeeperLock

from .test_inventory import BOTH


@pytest.fixture(autouse=True)
def no_privilege(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no capabilities, and leave the lock of this machine's own keeper alone."""
    monkeypatch.setattr(keeper, "read_privilege", lambda: Privilege(net_admin=False, net_raw=False))
    monkeypatch.setattr("custom_components.onvif_proxy.interfaces.lock._NAME", "\0onvif_proxy.interfaces.test")


async def test_without_privilege_it_does_not_start_and_holds_nothing() -> None:
    one = InterfaceKeeper(BOTH)
    for _ in range(2):
        with pytest.raises(NotPermitted, match="CAP_NET_ADMIN"):
            await one.start()
    KeeperLock().release()
    await one.stop()


async def test_before_the_start_another_inventory_is_only_taken() -> None:
    one = InterfaceKeeper(Inventory())
    await one.replace(BOTH)
    assert one.inventory == BOTH
    assert one.interfaces == {}
