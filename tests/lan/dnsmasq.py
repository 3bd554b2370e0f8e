"""dnsmasq as the DHCP server of a LAN: what many routers have; scripts/setup gets it. For faults, see `dhcp_server`."""

from collections.abc import Mapping
import os
from pathlib import Path
import shutil
import time
from typing import Self

from .bed import GATEWAY, NETWORK, Lan

_OWN = Path(__file__).parents[2] / ".tools" / "dnsmasq" / "usr" / "sbin"
PROGRAM = shutil.which("dnsmasq", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(_OWN)]))
"""None where it is not."""
NO_DNSMASQ = "LAN test: dnsmasq is not here, and scripts/setup could not get it"


class Dnsmasq:
    """Serves addresses from 200 on, and those reserved, from its start until it is stopped or the LAN is gone."""

    def __init__(self, lan: Lan, host: str, folder: Path, reserved: Mapping[str, str] | None = None) -> None:
        """Choose the host, a folder for its files, and addresses by MAC."""
        self._lan = lan
        self._host = host
        self._lease_file = folder / "dnsmasq.leases"
        self._log = folder / "dnsmasq.log"
        self._reserved = dict(reserved or {})

    def __enter__(self) -> Self:
        """Start it, and wait until it serves."""
        assert PROGRAM is not None, NO_DNSMASQ
        self._log.write_text("")
        options = [
            "keep-in-foreground",
            "conf-file=/dev/null",
            "user=root",
            "port=0",
            "interface=eth0",
            "bind-interfaces",
            "dhcp-authoritative",
            # It would wait three seconds for an answer from each address before it gives it.
            "no-ping",
            f"dhcp-range={NETWORK}.200,{NETWORK}.240,255.255.255.0,1h",
            f"dhcp-option=option:router,{GATEWAY}",
            f"dhcp-leasefile={self._lease_file}",
            f"log-facility={self._log}",
            *(f"dhcp-host={mac},{address}" for mac, address in self._reserved.items()),
        ]
        self._process = self._lan.popen(self._host, [PROGRAM, *(f"--{option}" for option in options)])
        end = time.monotonic() + 5
        while "sockets bound" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"dnsmasq does not serve: {self._log.read_text()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(timeout=5)

    @property
    def leases(self) -> dict[str, tuple[str, str]]:
        """Addresses and host names by MAC, of the leases that it has given and not got back."""
        lines = self._lease_file.read_text().splitlines()
        return {mac: (address, name) for _, mac, address, name, _ in map(str.split, lines)}
