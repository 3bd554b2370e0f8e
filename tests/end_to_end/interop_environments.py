"""Installs each client into a folder of its own under .tools/clients: nothing else on the machine is changed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import fcntl
import hashlib
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import override

from .home_assistant import REPOSITORY

HERE = Path(__file__).parent
TOOLS = REPOSITORY / ".tools"
FOLDER = TOOLS / "clients"
INSTALL_SECONDS = 600.0
_STAMP = ".interop-stamp"
_DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MIRROR = re.compile(r"https?://[^\s#]+/debian(?=/?\s)")
_SERVICES = (
    "ver10/device/wsdl/devicemgmt",
    "ver10/media/wsdl/media",
    "ver20/media/wsdl/media",
    "ver10/events/wsdl/event",
    "ver20/ptz/wsdl/ptz",
)
_ONVIF_TYPES = """
tds = "http://www.onvif.org/ver10/device/wsdl"
trt = "http://www.onvif.org/ver10/media/wsdl"
tr2 = "http://www.onvif.org/ver20/media/wsdl"
tev = "http://www.onvif.org/ver10/events/wsdl"
tptz = "http://www.onvif.org/ver20/ptz/wsdl"
tt = "http://www.onvif.org/ver10/schema"
wsnt = "http://docs.oasis-open.org/wsn/b-2"
xsd__boolean = | bool
"""
"""How wsdl2h is to name what is in ONVIF's namespaces."""


class NotInstalled(Exception):
    """A client can't be had here; the text says why."""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other runs from installing meanwhile; the lock ends with this process."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Environment(ABC):
    """What a client needs to run."""

    name: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return FOLDER / self.name

    def variables(self) -> dict[str, str]:
        """Return the environment variables of its programs, beside our own."""
        return {}

    def install(self) -> None:
        """Install what is not installed yet, or is not what is asked for now; raises NotInstalled."""
        stamp = self.folder / _STAMP
        wanted = hashlib.sha256(self._wanted()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._install()
        stamp.write_text(wanted)

    @abstractmethod
    def _wanted(self) -> bytes:
        """Return all that it is made of."""

    @abstractmethod
    def _install(self) -> None:
        """Fill the empty folder; raises NotInstalled."""

    def _run(self, *command: str | Path, variables: dict[str, str] | None = None, folder: Path | None = None) -> None:
        log = FOLDER / f"{self.name}.log"
        with log.open("ab") as output:
            try:
                status = subprocess.run(
                    command,
                    cwd=folder or self.folder,
                    env=os.environ | (variables or {}),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=INSTALL_SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                status = None
        if status != 0:
            said = "took too long" if status is None else f"ended with {status}"
            raise NotInstalled(f"{Path(command[0]).name} {said}; see {log.relative_to(REPOSITORY)}")


def _program(name: str, debian: str) -> str:
    """Return where a program is that the machine has to have; raises NotInstalled."""
    if (found := shutil.which(name)) is None:
        raise NotInstalled(f"{name} is not on this machine (on Debian: apt-get install {debian})")
    return found


@dataclass(frozen=True, slots=True)
class Npm(Environment):
    """A package of npm, by the lock file in npm/<name>."""

    @override
    def variables(self) -> dict[str, str]:
        return {"NODE_PATH": str(self.folder / "node_modules")}

    @override
    def _wanted(self) -> bytes:
        return (HERE / "npm" / self.name / "package-lock.json").read_bytes()

    @override
    def _install(self) -> None:
        npm = _program("npm", "nodejs npm")
        shutil.copytree(HERE / "npm" / self.name, self.folder, dirs_exist_ok=True)
        self._run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True, slots=True)
class Python(Environment):
    """A package of PyPI in a virtual environment, by the lock file python/<name>.lock."""

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def _lock(self) -> Path:
        return HERE / "python" / f"{self.name}.lock"

    @override
    def _wanted(self) -> bytes:
        return self._lock.read_bytes() + sys.version.encode() + str(self.folder).encode()

    @override
    def _install(self) -> None:
        own = TOOLS / "uv" / "bin" / "uv"
        uv = str(own) if own.exists() else _program("uv", "pipx; pipx install uv")
        self._run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, self.folder)
        sync = (uv, "pip", "sync", "--quiet", "--require-hashes", "--python", self.interpreter)
        try:
            self._run(*sync, "--offline", self._lock)  # what is in the cache needs no network
        except NotInstalled:
            self._run(*sync, self._lock)


@dataclass(frozen=True, slots=True)
class Here(Environment):
    """What this environment has already."""

    @override
    def install(self) -> None:
        """It is there."""

    @override
    def _wanted(self) -> bytes:
        return b""

    @override
    def _install(self) -> None:
        """Nothing is to be installed."""


def _folders_with_libraries(libraries: Path) -> list[Path]:
    """Return the folders in there that have shared libraries themselves."""
    return [one for one in sorted(libraries.iterdir()) if one.is_dir() and any(one.glob("*.so*"))]


def _debian_mirror() -> str:
    """Return the mirror that the system uses, where it is a Debian."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for file in files:
        if file.suffix in (".list", ".sources") and (
            found := _MIRROR.search(file.read_text() if file.exists() else "")
        ):
            return found[0]
    return "http://deb.debian.org/debian"


@dataclass(frozen=True, slots=True)
class Debian(Environment):
    """Packages of the Debian that this is, unpacked and not installed; beside them what they need and the machine lacks."""

    packages: Sequence[str]

    @property
    def libraries(self) -> Path:
        """Where its shared libraries are."""
        return next(self.folder.glob("usr/lib/*-linux-gnu*"), self.folder)

    @override
    def variables(self) -> dict[str, str]:
        # What the machine has already was not unpacked.
        plugins = [folder / "gstreamer-1.0" for folder in (self.libraries, Path("/", *self.libraries.parts[-3:]))]
        folders = [self.libraries, *_folders_with_libraries(self.libraries)]
        return {
            "PATH": f"{self.folder / 'usr/bin'}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": ":".join(map(str, folders)),
            "GST_PLUGIN_SYSTEM_PATH": ":".join(map(str, plugins)),
            "GST_REGISTRY": str(self.folder / "gstreamer-registry.bin"),
        }

    @override
    def _wanted(self) -> bytes:
        release = Path("/etc/os-release")
        return " ".join(self.packages).encode() + (release.read_bytes() if release.exists() else b"")

    @override
    def _install(self) -> None:
        with self._apt() as unpack:
            unpack(*self.packages)

    @contextmanager
    def _apt(self, *, sources: str | None = None) -> Iterator[Callable[..., None]]:
        """Give what unpacks packages and what they need, by an apt whose state is its own; `sources` instead of the system's."""
        apt, dpkg = _program("apt-get", "apt"), _program("dpkg", "dpkg")
        state = FOLDER / "apt"
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True, exist_ok=True)
        options = [
            *(
                "-o",
                f"Dir::State={state}",
                "-o",
                f"Dir::Cache={state / 'cache'}",
                "-o",
                "APT::Install-Recommends=false",
            ),
            *("-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="),
        ]
        if sources is None:
            options += ["-o", "Dir::State::status=/var/lib/dpkg/status"]
        else:
            (state / "sources.list").write_text(sources)
            (state / "status").touch()
            options += [
                "-o",
                f"Dir::State::status={state / 'status'}",
                "-o",
                f"Dir::Etc::sourcelist={state}/sources.list",
            ]
            options += ["-o", "Dir::Etc::sourceparts=-"]

        def unpack(*packages: str) -> None:
            self._run(apt, *options, "update")
            self._run(apt, *options, "install", "--yes", "--reinstall", "--download-only", *packages)
            for package in sorted((state / "cache/archives").glob("*.deb")):
                self._run(dpkg, "-x", package, self.folder)

        try:
            yield unpack
        finally:
            shutil.rmtree(state)


@dataclass(frozen=True, slots=True)
class GObject(Debian):
    """Packages of this Debian whose libraries are called from Python."""

    @property
    def interpreter(self) -> Path:
        """The Python that Debian's modules are for."""
        own = self.folder / "usr/bin/python3"
        return own if own.exists() else Path("/usr/bin/python3")

    @override
    def variables(self) -> dict[str, str]:
        return super(GObject, self).variables() | {
            "GI_TYPELIB_PATH": str(self.libraries / "girepository-1.0"),
            "PYTHONPATH": str(self.folder / "usr/lib/python3/dist-packages"),
        }


@dataclass(frozen=True, slots=True)
class LaterDebian(Debian):
    """Packages of a Debian that is later than this system, unpacked beside their own C library."""

    release: str
    programs: Sequence[str]

    @override
    def variables(self) -> dict[str, str]:
        # Nothing of their libraries may get into programs of this system.
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "VLC_PLUGIN_PATH": str(self.libraries / "vlc/plugins"),
            "HOME": str(self.folder),
        }

    @override
    def _wanted(self) -> bytes:
        return " ".join((self.release, str(self.folder), *self.programs, *self.packages)).encode()

    @override
    def _install(self) -> None:
        with self._apt(sources=f"deb [signed-by={self._keys()}] {_debian_mirror()} {self.release} main\n") as unpack:
            unpack(*self.packages)
        loader = next(self.libraries.glob("ld-linux*.so.*"), None)
        if loader is None:
            raise NotInstalled("there is no C library among the packages")
        folders = ":".join(str(one) for one in (self.libraries, *_folders_with_libraries(self.libraries)))
        (self.folder / "bin").mkdir()
        for name in self.programs:
            launcher = self.folder / "bin" / name
            program = self.folder / "usr/bin" / name
            launcher.write_text(f'#!/bin/sh\nexec "{loader}" --library-path "{folders}" "{program}" "$@"\n')
            launcher.chmod(0o755)

    def _keys(self) -> Path:
        """Return Debian's keys: those of the system, or what its own distribution, which it trusts, has of them."""
        if _DEBIAN_KEYS.exists():
            return _DEBIAN_KEYS
        with self._apt() as unpack:
            unpack("debian-archive-keyring")
        return self.folder / _DEBIAN_KEYS.relative_to("/")


@dataclass(frozen=True, slots=True)
class Gsoap(Debian):
    """Debian's gSOAP, and our program compiled with what it generates from ONVIF's WSDLs."""

    source: str

    @property
    def program(self) -> Path:
        """What was compiled."""
        return self.folder / "client"

    @property
    def _source(self) -> Path:
        return HERE / "clients" / self.source

    @override
    def _wanted(self) -> bytes:
        stamp = TOOLS / "onvif-schemas" / ".setup-stamp"
        return super(Gsoap, self)._wanted() + self._source.read_bytes() + stamp.read_bytes() + _ONVIF_TYPES.encode()

    @override
    def _install(self) -> None:
        compiler = _program("g++", "g++")
        super(Gsoap, self)._install()
        build = self.folder / "build"
        build.mkdir()
        variables = self.variables()
        wsdl = TOOLS / "onvif-schemas" / "onvif" / "wsdl"
        share = self.folder / "usr/share/gsoap"

        def run(*command: str | Path) -> None:
            self._run(*command, variables=variables, folder=build)

        types = build / "typemap.dat"
        types.write_text((share / "WS/WS-typemap.dat").read_text() + _ONVIF_TYPES)
        # XML content of any kind as a tree, and of the schemas only what the services use.
        run(
            *(self.folder / "usr/bin/wsdl2h", "-O4", "-P", "-d", "-t", types, "-o", "onvif.h"),
            *(wsdl / f"{name}.wsdl" for name in _SERVICES),
        )
        header = build / "onvif.h"
        header.write_text('#import "wsse.h"\n' + header.read_text())
        run(
            self.folder / "usr/bin/soapcpp2",
            *("-2", "-C", "-L", "-x", "-w", "-c++11"),
            f"-I{share / 'import'}:{share}",
            header,
        )
        include = self.folder / "usr/include"
        folders = (build, include, include / self.libraries.name, share / "import", share / "plugin", share / "custom")
        flags = ("-O0", "-w", "-std=c++11", "-DWITH_OPENSSL", "-DWITH_DOM", *(f"-I{one}" for one in folders))
        plugins = [share / "plugin" / f"{name}.c" for name in ("wsseapi", "smdevp", "mecevp", "threads", "wsaapi")]
        sources = [self._source, build / "soapC.cpp", build / "soapClient.cpp", *plugins]
        libraries = (f"-L{self.libraries}", "-lgsoapssl++", "-lssl", "-lcrypto", "-lpthread")
        sources.append(share / "custom/struct_timeval.c")
        run(compiler, *flags, "-o", self.program, "-x", "c++", *sources, "-x", "none", *libraries)
        shutil.rmtree(build)
