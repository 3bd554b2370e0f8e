"""The lock of the keeper, beside those of other network namespaces."""

from custom_components.onvif_proxy.interfaces.lock import KeeperLock, is_kept

from .bed import Lan


def test_each_network_namespace_has_its_own_keeper(lan: Lan) -> None:
    with lan.call("ha", KeeperLock):
        assert lan.call("ha", is_kept)
        assert not lan.call("client", is_kept)
        lan.call("client", KeeperLock).release()
    assert not lan.call("ha", is_kept)
