"""How the process before this one ended on the same data folder, which also one that did nothing has to say.

It is in a small file of the folder, whatever the store is: written over at the start, and at an end that is in order.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FILE = "last-run"

End = Literal["none", "stopped", "failed", "killed", "machine"]
"""There was none; it was told to stop; it ended by a fault or a disk of ours; it was ended without a word of its own;
the machine was restarted with it, or the folder was moved to another one."""

ENDS_BADLY: frozenset[End] = frozenset({"failed", "killed", "machine"})

_MODE = 0o600
_LONGEST, _MOST_DIGITS = 200, 14


@dataclass(frozen=True, slots=True)
class Before:
    """The process before. `began`: when, Unix milliseconds, 0 when that is not known."""

    end: End = "none"
    began: int = 0


@dataclass(slots=True)
class LastRun:
    """This process, for the next one. `end`: how it ends unless it is killed; a fault does not get to change it."""

    path: Path
    began: int
    before: Before = Before()
    end: End = "failed"

    def over(self) -> None:
        """Writes down how it ended. To be called while the folder is still ours."""
        _write(self.path, self.end, self.began)


def begin(folder: Path, *, now: int, left_claims: bool) -> LastRun:
    """Notes that a process runs on the folder, which it has to itself. `left_claims`: the one before had, in the store.

    A file that cannot be written keeps nobody from starting: then the next start knows less.
    """
    path = folder / FILE
    before = _read(path)
    if before.end == "none" and left_claims:
        # A version before this one did not write the file.
        before = Before("killed")
    _write(path, "running", now)
    return LastRun(path, now, before)


def _read(path: Path) -> Before:
    try:
        with path.open("rb") as file:
            words = file.read(_LONGEST).decode(errors="replace").split()
    except OSError:
        return Before()
    end, began, boot = (*words, "", "", "")[:3]
    since = int(began) if began.isascii() and began.isdigit() and len(began) <= _MOST_DIGITS else 0
    match end:
        case "stopped" | "failed":
            return Before("stopped" if end == "stopped" else "failed", since)
        case _:
            # What it was about to write is what cannot be read.
            return Before("machine" if boot and _boot() and boot != _boot() else "killed", since)


def _write(path: Path, end: str, began: int) -> None:
    # Over what is there: that takes no room on a full disk.
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        try:
            line = f"{end} {began} {_boot()}\n".encode()
            os.pwrite(descriptor, line, 0)
            os.ftruncate(descriptor, len(line))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _boot() -> str:
    """Which start of the machine this is, empty where nobody says."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
