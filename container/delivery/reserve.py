"""Room that is kept: a file of real bytes in the data folder, given up when the disk is full.

On a full disk SQLite cannot delete, either, so that nobody could write down what was delivered.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

RESERVE_FILE = "reserve"
MOST_BYTES, LEAST_BYTES = 64 << 20, 256 << 10
SHARE = 16
"""Of a small disk at most this part of what is free."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_CANNOT_ALLOCATE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_BLOCK_BYTES = 1 << 20


class Reserve:
    """The reserve of a data folder, which has to be there. `size`: how large it is to be."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESERVE_FILE
        held = _allocated(self._path)
        self.size = max(min(MOST_BYTES, (free_bytes(folder) + held) // SHARE), held, LEAST_BYTES)
        self.held = held > 0

    def make(self) -> bool:
        """Takes up the room. Whether there was enough; what cannot be kept is given back."""
        if _allocated(self._path) >= self.size:
            self.held = True
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
                _take_up(descriptor, self.size)
            finally:
                os.close(descriptor)
        except OSError:
            self.release()
            return False
        self.held = True
        return True

    def release(self) -> bool:
        """Gives the room back. Whether there was any."""
        had, self.held = self.held, False
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return had


def free_bytes(folder: Path) -> int:
    """What a process without privileges may still write. Raises `OSError`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def refused_by(folder: Path) -> OSError | None:
    """Writes a little, and takes it away again: what the disk says, `None` when it takes it."""
    path = folder / f"{RESERVE_FILE}.try"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(64 << 10))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            path.unlink()
    except OSError as problem:
        return problem
    return None


def _allocated(path: Path) -> int:
    """The bytes that a file takes up: a copy may be nothing but a hole."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return min(found.st_size, found.st_blocks * 512)


def _take_up(descriptor: int, size: int) -> None:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as problem:
        if problem.errno not in _CANNOT_ALLOCATE:
            raise
        # Bytes of which nothing can be spared: a disk that compresses would keep no room for zeros.
        os.lseek(descriptor, 0, os.SEEK_SET)
        left = size
        while left > 0:
            left -= os.write(descriptor, secrets.token_bytes(min(_BLOCK_BYTES, left)))
    os.fsync(descriptor)
