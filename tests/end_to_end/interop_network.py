"""A LAN of its own for this process and its children: the cameras' host here, the clients' host at the other end of a wire.

Some clients choose no interface, and some don't hear what is on their own host: here the first find nobody else's cameras,
and the second find ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import os
from pathlib import Path
import sys

from pyroute2 import IPRoute, NetlinkError

CAMERAS = "192.0.2.10"
CLIENTS = "192.0.2.20"
"""Of the block for documentation (RFC 5737): nothing on a real network has them."""
_PREFIX_LENGTH = 24
_CAMERAS_END, _CLIENTS_END = "cameras", "clients"
_OWN = Path("/proc/self/ns/net")
_RUN_THERE = "import os, sys; os.setns(int(sys.argv[1]), os.CLONE_NEWNET); os.execvp(sys.argv[2], sys.argv[2:])"


class NoNetwork(Exception):
    """This host lets us have none; the text says why."""


@dataclass(frozen=True, slots=True)
class ClientsHost:
    """Where clients run."""

    namespace: int | None = None
    """File descriptor of its network namespace; None is this host."""

    def command(self, *command: str | Path) -> tuple[str | Path, ...]:
        """Return what runs a command there, given `descriptors`."""
        if self.namespace is None:
            return command
        return (sys.executable, "-I", "-c", _RUN_THERE, str(self.namespace), *command)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those that a command needs to get there."""
        return () if self.namespace is None else (self.namespace,)


def enter_network() -> ClientsHost:
    """Leave the host's network for the cameras' host of the LAN, for good.

    To be called before any thread is started. Raises NoNetwork; loopback is there in any case.
    """
    try:
        _leave()
        clients = _make_namespace()
    except OSError as error:
        raise NoNetwork(f"no network namespaces here ({error.strerror})") from error
    try:
        with IPRoute() as route:
            _set_up_loopback(route)
            route.link("add", ifname=_CAMERAS_END, kind="veth", peer={"ifname": _CLIENTS_END, "net_ns_fd": clients})
            _set_up(route, _CAMERAS_END, CAMERAS)
        with _inside(clients), IPRoute() as route:
            _set_up_loopback(route)
            _set_up(route, _CLIENTS_END, CLIENTS)
    except (NetlinkError, OSError) as error:
        raise NoNetwork(f"no veth interfaces here ({error})") from error
    return ClientsHost(clients)


def _leave() -> None:
    with suppress(PermissionError):
        os.unshare(os.CLONE_NEWNET)
        return
    # Whoever may not do so may still where they are their own root.
    user, group = os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _make_namespace() -> int:
    own = os.open(_OWN, os.O_RDONLY)
    try:
        os.unshare(os.CLONE_NEWNET)
        made = os.open(_OWN, os.O_RDONLY)
        os.setns(own, os.CLONE_NEWNET)
    finally:
        os.close(own)
    return made


@contextmanager
def _inside(namespace: int) -> Iterator[None]:
    own = os.open(_OWN, os.O_RDONLY)
    os.setns(namespace, os.CLONE_NEWNET)
    try:
        yield
    finally:
        os.setns(own, os.CLONE_NEWNET)
        os.close(own)


def _set_up(route: IPRoute, name: str, address: str) -> None:
    index = int(route.link_lookup(ifname=name)[0])
    route.link("set", index=index, state="up")
    route.addr("add", index=index, address=address, prefixlen=_PREFIX_LENGTH, broadcast="192.0.2.255")
    # Nothing else is to be reached: whoever tries is told at once.
    route.route("add", dst="239.0.0.0/8", oif=index)


def _set_up_loopback(route: IPRoute) -> None:
    route.link("set", index=int(route.link_lookup(ifname="lo")[0]), state="up")
