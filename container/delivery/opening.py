"""How a data folder is opened: on a disk that SQLite can trust, with room kept, and with a file that is sound."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from container.delivery.check import Checking, damage
from container.delivery.disk import Disk, is_damage, mark_damaged
from container.delivery.reserve import Reserve
from container.delivery.salvage import Salvaged, kept_aside, put_in_place, salvage
from container.delivery.schema import FILE, is_full, open_writer
from container.delivery.store import StoreRefusedError
from container.delivery.told import quoted

MOUNTS = Path("/proc/self/mounts")
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs"})
"""File systems of other machines: SQLite's log needs memory that is shared, and locks that hold."""

log = logging.getLogger("container.delivery")


@dataclass(slots=True)
class Opened:
    """A data folder that is open: the connection that writes, and what is known of the disk and the file.

    `checking`: looks the rest of the file through, `None` when it was looked through. `found`: what that found.
    """

    folder: Path
    connection: sqlite3.Connection
    disk: Disk
    salvaged: Salvaged | None = None
    checking: Checking | None = None
    found: str = ""

    @property
    def notices(self) -> Sequence[str]:
        """What somebody should look after, as sentences."""
        kept = [_kept(name, self.salvaged) for name in kept_aside(self.folder)]
        if not self.found:
            return kept
        advice = "Restart: the damaged file is moved aside, and what can be read of it goes on."
        return [f"The file of deliveries is damaged ({self.found}). {advice}", *kept]

    def check(self) -> None:
        """Begins to look the whole file through, beside the work."""
        self.checking = Checking(self.folder, self._damaged)

    def stop_checking(self) -> None:
        """Ends that."""
        if self.checking is not None:
            self.checking.stop()

    def abandon(self) -> None:
        """Nobody wants it: closes what is open."""
        self.stop_checking()
        self.connection.close()

    def could_not_read(self, problem: sqlite3.Error) -> None:
        """Somebody who only wanted to look stumbled."""
        if is_damage(problem):
            self._damaged(str(problem))

    def _damaged(self, reason: str) -> None:
        if self.found:
            return
        mark_damaged(self.folder, reason)
        log.error("store.damaged file=%s reason=%s", quoted(FILE), quoted(reason))
        self.found = reason


def open_folder(folder: Path, *, now: int) -> Opened:
    """Opens the file, or makes it, once nobody else has the folder. A damaged one is salvaged first.

    On a full disk the reserve is given up for it. Raises `StoreRefusedError`, `OSError`, `sqlite3.Error`.
    """
    refuse_network(folder)
    reserve = Reserve(folder)
    try:
        return _opened(folder, reserve, now=now)
    except (OSError, sqlite3.Error) as problem:
        if not is_full(folder, problem) or not reserve.release():
            raise
    # Outside of the handler, so that what is said next is not said to come of this.
    log.warning('store.reserve_used bytes=%d "Deliveries go on with it."', reserve.size)
    return _opened(folder, reserve, now=now)


def refuse_network(folder: Path) -> None:
    """Raises `StoreRefusedError` when the folder is another machine's."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system(folder.resolve(), mounts)
    if kind in NETWORK:
        raise StoreRefusedError(
            f'the data folder "{folder}" is on a network file system ({kind}), on which deliveries are not safe. '
            "Choose a folder on a disk of this machine with --data."
        )


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that a folder is on, by a table of mounts as Linux writes it; empty for none."""
    found, longest = "", -1
    for line in mounts.splitlines():
        _, place, kind, *_ = [*line.split(" "), "", "", ""]
        point = Path(_unescaped(place))
        if (folder == point or point in folder.parents) and len(point.parts) >= longest:
            found, longest = kind, len(point.parts)
    return found


def _opened(folder: Path, reserve: Reserve, *, now: int) -> Opened:
    put_in_place(folder)
    wrong = damage(folder)
    salvaged = salvage(folder, wrong, now=now) if wrong else None
    connection = open_writer(folder)
    try:
        disk = Disk(folder, reserve)
        # To begin with something is always written.
        if not reserve.make() or disk.refuses(connection, 0) is not None:
            disk.full(connection)
        opened = Opened(folder, connection, disk, salvaged)
        if wrong is None:
            opened.check()
    except BaseException:
        connection.close()
        raise
    return opened


def _kept(name: str, salvaged: Salvaged | None) -> str:
    advice = "Keep a copy elsewhere, then take it and the files beside it out of the data folder."
    if salvaged is None or salvaged.aside != name:
        return f'A damaged file of deliveries is kept as "{name}". {advice}'
    read = f"{salvaged.waiting} waiting and {salvaged.dead} dead letters were salvaged"
    lost = f"{salvaged.damaged} became dead letters, {salvaged.unreadable} and {salvaged.pages} pages were unreadable"
    return f'A damaged file of deliveries is kept as "{name}": {read}, {lost}. {advice}'


def _unescaped(place: str) -> str:
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        place = place.replace(code, sign)
    return place
