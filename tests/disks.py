"""Disks that are small, full, or may only be read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

DISK_BYTES = 8 << 20


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of 8 MB, in memory."""
    place.mkdir()
    if sys.platform != "linux":
        pytest.skip("only Linux mounts disks in memory like this")
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tag-container-test", str(place)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a disk in memory cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def occupied(disk: Path) -> Path:
    """Somebody else takes all that is left."""
    path = disk / "of-somebody-else"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    return path


def remounted(disk: Path, how: str) -> None:
    """`how`: `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
