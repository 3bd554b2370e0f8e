"""Files that are either the old one or the new one, whole, and nobody else's to read."""

import contextlib
import os
from pathlib import Path
import tempfile


def write_private(path: Path, text: str) -> None:
    """Replace a file, readable by its owner only; its folder is made when it is not there.

    Raises:
        OSError: It could not be written; what was there before still is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    # Without this a power failure could bring the old name back.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
