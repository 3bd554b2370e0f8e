"""What a bench compiles and fetches, kept in .tools/bench from one run to the next."""

from collections.abc import Callable, Iterable
import hashlib
from pathlib import Path
import shutil
import subprocess
import tempfile

from ..figure import Unmeasured

REPOSITORY = Path(__file__).parents[3]
CACHE = REPOSITORY / ".tools" / "bench"


def cached(name: str, ingredients: Iterable[bytes], fill: Callable[[Path], None]) -> Path:
    """Return a folder that `fill` has filled, in this run or in a former one with the same ingredients.

    Raises:
        Unmeasured: `fill` raised it.
    """
    key = hashlib.sha256(b"\0".join(ingredients)).hexdigest()[:16]
    folder = CACHE / f"{name}-{key}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{name}-") as work:
            fill(Path(work))
            for former in CACHE.glob(f"{name}-{'?' * len(key)}"):
                shutil.rmtree(former)
            Path(work).rename(folder)
    return folder


def run(purpose: str, *command: str | Path, cwd: Path | None = None) -> None:
    """Run a program to its end; raises Unmeasured with what it said last."""
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
        raise Unmeasured(f"{purpose}: {command[0]} ended with {done.returncode} and said: {last}")
