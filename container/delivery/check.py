"""Whether the file of deliveries is sound: a look at the start, and the rest of it beside the work."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from container.delivery.disk import MARK_FILE
from container.delivery.pages import LOG_HEADER_BYTES, read_log
from container.delivery.schema import FILE, open_reader
from container.delivery.tables import misshapen

CHECK_SECONDS = 2.0
"""A start does not wait for longer."""

NO_TEXT = "it holds text that is none"
"""SQLite says what it stumbled on, in bytes that nobody can read."""

_NICE = 10
_AGAIN_SECONDS = 0.05


def damage(folder: Path, *, within: float = CHECK_SECONDS) -> str | None:
    """What is wrong with the file, empty when nothing is; `None` when there was no time to tell. Raises `OSError`.

    To be asked before anybody writes: SQLite would throw away what it cannot read of the log.
    """
    path = folder / FILE
    log = path.with_name(f"{FILE}-wal")
    if marked := _marked(folder, there=path.exists() or log.exists()):
        return marked
    size = path.stat().st_size if path.exists() else 0
    if not size:
        lost = log.exists() and log.stat().st_size > LOG_HEADER_BYTES
        return "it is empty, and there is a log beside it" if lost else ""
    if read_log(log).damaged:
        return "its log is damaged"
    if not _is_ours(path):
        return "its header is damaged"
    try:
        with closing(open_reader(folder)) as connection:
            alarm = threading.Timer(within, connection.interrupt)
            alarm.start()
            try:
                found = _looked_through(connection)
            finally:
                alarm.cancel()
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        if problem.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        # What it says of a file that it opens, and does not understand.
        return str(problem)
    except sqlite3.DatabaseError as problem:
        return str(problem)
    except UnicodeDecodeError:
        return NO_TEXT
    return found


class Checking:
    """Looks the whole file through in a thread of its own, once. `found` is called there with what is wrong."""

    def __init__(self, folder: Path, found: Callable[[str], None]) -> None:
        self._found = found
        self._ended = False
        self._connection = open_reader(folder)
        self._thread = threading.Thread(target=self._run, name="deliveries-check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it, wherever it is."""
        self._ended = True
        while self._thread.is_alive():
            # It may be between two steps, where nothing can be interrupted.
            self._connection.interrupt()
            self._thread.join(_AGAIN_SECONDS)
        self._connection.close()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            found = "" if self._ended else _looked_through(self._connection)
        except sqlite3.OperationalError:
            return
        except sqlite3.DatabaseError as problem:
            found = str(problem)
        except UnicodeDecodeError:
            found = NO_TEXT
        if found:
            self._found(found)


def _marked(folder: Path, *, there: bool) -> str:
    """What a mark says of the file that is `there`. Without one it speaks of what was moved out of the way."""
    mark = folder / MARK_FILE
    if not there:
        mark.unlink(missing_ok=True)
    if not mark.exists():
        return ""
    return mark.read_text(encoding="utf-8", errors="replace").strip() or "it was found damaged"


def _is_ours(path: Path) -> bool:
    """Whether the header says what it does in every file of ours. With some of it SQLite would only read the file."""
    with path.open("rb") as file:
        header = file.read(100)
    versions, formats = header[18:20], (header[44:48], header[56:60])
    known = {bytes([0, 0, 0, number]) for number in range(5)}
    return (
        header.startswith(b"SQLite format 3\0")
        and set(versions) <= {1, 2}
        and header[20:24] == bytes((0, 64, 32, 32))
        and known.issuperset(formats)
    )


def _looked_through(connection: sqlite3.Connection) -> str:
    """The first thing that is wrong. It ends when the connection is interrupted, and by nothing else: the trees are
    looked through in one step, within which older versions of SQLite do not call back."""
    connection.text_factory = str
    connection.execute("select * from sqlite_schema").fetchall()
    wrong = misshapen(connection)
    if wrong:
        return wrong
    [first, *_] = connection.execute("pragma quick_check(1)").fetchone()
    return "" if first == "ok" else str(first)
