"""A disk with no space left."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import subprocess

FILLER = "everything"


@contextmanager
def full_disk(folder: Path) -> Iterator[Path]:
    """Give a new folder on a full disk; there is space when the file FILLER in it is removed."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], check=True)
    try:
        (folder / FILLER).write_bytes(bytes(16384))
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
