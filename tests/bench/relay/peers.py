"""What the relay is compared with: plain TCP proxies, fetched once, none of them installed, and the least that a relay can do."""

from collections.abc import Callable, Mapping
from pathlib import Path
import platform
import shutil

from ..figure import Unmeasured
from .cache import cached, run
from .load import RECORDER_PORT, programs
from .wires import RECORDER, RELAY

HAPROXY, NGINX, NODE, SOCAT, BARE = "haproxy", "nginx", "node", "socat", "bare"
TITLES: Mapping[str, str] = {
    HAPROXY: "haproxy, TCP mode with splice",
    NGINX: "nginx stream",
    NODE: "node-tcp-proxy",
    SOCAT: "socat",
    BARE: "C that only reads and sends",
}
PORTS: Mapping[str, int] = {name: 9000 + index for index, name in enumerate(TITLES)}
"""Where each listens."""

_PACKAGES = ("haproxy", "nginx", "libnginx-mod-stream", "socat")
_PEER = Path(__file__).parent / "peer"
# Splicing in both directions, with pipes that hold as much as helps: the best that it can do.
_HAPROXY = """\
global
    nbthread 1
    maxconn 2000
    tune.pipesize 262144
defaults
    mode tcp
    option splice-request
    option splice-response
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen recorder
    bind {address}:{port}
    server recorder {recorder}:{recorder_port}
"""
_NGINX = """\
load_module {modules}/ngx_stream_module.so;
user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 2048; }}
stream {{
    server {{
        listen {address}:{port};
        proxy_pass {recorder}:{recorder_port};
    }}
}}
"""


def command(name: str, folder: Path) -> list[str]:
    """Return how a peer is started; `folder` is there for its files.

    Raises:
        Unmeasured: It can't be had.
    """
    return _COMMANDS[name](folder)


def _names(name: str, folder: Path) -> dict[str, str | int]:
    return {
        "address": RELAY,
        "port": PORTS[name],
        "recorder": RECORDER,
        "recorder_port": RECORDER_PORT,
        "folder": str(folder),
        "modules": f"{_debian()}/usr/lib/nginx/modules",
    }


def _haproxy(folder: Path) -> list[str]:
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(**_names(HAPROXY, folder)))
    return [*_of_debian("haproxy"), "-db", "-q", "-f", str(config)]


def _nginx(folder: Path) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(**_names(NGINX, folder)))
    return [*_of_debian("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]


def _socat(_: Path) -> list[str]:
    listen = f"TCP4-LISTEN:{PORTS[SOCAT]},bind={RELAY},fork,reuseaddr,nodelay,backlog=256"
    return [*_of_debian("socat"), listen, f"TCP4:{RECORDER}:{RECORDER_PORT},nodelay"]


def _node(_: Path) -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unmeasured(f"No {TITLES[NODE]}: node and npm are not installed.")

    def install(folder: Path) -> None:
        shutil.copytree(_PEER, folder, dirs_exist_ok=True)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        run(f"No {TITLES[NODE]}", npm, "ci", *options, cwd=folder)

    folder = cached("node", (path.read_bytes() for path in sorted(_PEER.iterdir())), install)
    return [node, str(folder / "proxy.js"), RELAY, str(PORTS[NODE]), RECORDER, str(RECORDER_PORT)]


def _bare(_: Path) -> list[str]:
    return [str(programs() / "bare"), RELAY, str(PORTS[BARE]), RECORDER, str(RECORDER_PORT)]


_COMMANDS: Mapping[str, Callable[[Path], list[str]]] = {
    HAPROXY: _haproxy,
    NGINX: _nginx,
    NODE: _node,
    SOCAT: _socat,
    BARE: _bare,
}


def _debian() -> Path:
    """Return a folder with Debian's packages unpacked, and the libraries that they need and this system lacks."""

    def unpack(folder: Path) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise Unmeasured(
                "No haproxy, nginx, socat: they are unpacked from Debian's packages, and this is no Debian."
            )
        state = folder / "apt"
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True)
        # Lists and packages of the system stay as they are.
        options = [
            *("-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"),
            *("-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User=", "-o", "APT::Install-Recommends=false"),
        ]
        purpose = "No haproxy, nginx, socat"
        run(purpose, "apt-get", *options, "update")
        install = ("install", "--yes", "--reinstall", "--download-only")
        run(purpose, "apt-get", *options, *install, *_PACKAGES)
        for package in (state / "cache/archives").glob("*.deb"):
            run(purpose, "dpkg", "-x", package, folder)
        shutil.rmtree(state)

    system = Path("/etc/os-release")
    return cached("debian", [system.read_bytes() if system.exists() else b"", *map(str.encode, _PACKAGES)], unpack)


def _of_debian(name: str) -> list[str]:
    root = _debian()
    libraries = ":".join(str(root / part / f"{platform.machine()}-linux-gnu") for part in ("usr/lib", "lib"))
    program = next(path for part in ("usr/sbin", "usr/bin") if (path := root / part / name).exists())
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(program)]
