"""A file written anew as a whole: who reads it, and who starts after a crash, sees the old text or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from tempfile import mkstemp


def rewrite_file(path: Path, content: bytes) -> None:
    """Puts the content in place of that of a file, which keeps its mode and, where possible, its owner.

    A link stays one. Raises `OSError`, and then nothing has changed.
    """
    target = path.resolve()
    # A file that may not be written is not to be replaced either, though its folder would allow it.
    with target.open("r+b") as before:
        known = os.fstat(before.fileno())
    descriptor, name = mkstemp(dir=target.parent, prefix=".tag-container-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with suppress(PermissionError):
                os.fchown(descriptor, known.st_uid, known.st_gid)
            os.fchmod(descriptor, S_IMODE(known.st_mode))
            os.fsync(descriptor)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    _settle(target.parent)


def _settle(folder: Path) -> None:
    """Makes the new name last. Where a folder cannot be asked for that, the file is whole all the same."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
