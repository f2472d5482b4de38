"""Listens to the whole suite: a test that lets a canary into a log, the metrics, or a file at rest has failed.

What is listened to is what the code hands over at DEBUG, whatever a test or the process lets through, and without the
filter of the log that would mask a secret in the last moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import prometheus_client

from container.cli.logs import OURS, LineFormatter
from container.delivery.opening import Opened
from container.delivery.reserve import RESERVE_FILE
from container.delivery.schema import FILE
from container.delivery.seal import KEY_FILE
from container.delivery.sqlite import SqliteStore
from container.web import admin
from tests.canaries import EVERYTHING

_LOUDEST = logging.WARNING
"""From here on the log shows what libraries say; of ours it shows everything."""


class Listener:
    """Finds canaries between `begin` and `end`. `taken` hands out what was found, and forgets it."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._undo: list[Callable[[], None]] = []
        self._formatter = LineFormatter()
        self._folders: WeakKeyDictionary[SqliteStore, Path] = WeakKeyDictionary()

    def begin(self) -> None:
        enabled, handle = logging.Logger.isEnabledFor, logging.Logger.handle
        opened, closed, metrics = SqliteStore.__init__, SqliteStore.close, prometheus_client.generate_latest

        def is_enabled(logger: logging.Logger, level: int) -> bool:
            return _is_ours(logger.name) or enabled(logger, level)

        def handled(logger: logging.Logger, record: logging.LogRecord) -> None:
            self.hear(record)
            if enabled(logger, record.levelno):
                handle(logger, record)

        def open_(store: SqliteStore, folder: Opened, *given: Any, **more: Any) -> None:
            opened(store, folder, *given, **more)
            self._folders[store] = folder.folder

        async def close(store: SqliteStore) -> None:
            # Before it closes, since the log beside the database goes with it.
            self.look_at(self._folders[store])
            await closed(store)

        def latest(*given: Any, **more: Any) -> bytes:
            shown = metrics(*given, **more)
            self.read("the metrics", shown)
            return shown

        for place, name, changed in (
            (logging.Logger, "isEnabledFor", is_enabled),
            (logging.Logger, "handle", handled),
            (SqliteStore, "__init__", open_),
            (SqliteStore, "close", close),
            (admin, "generate_latest", latest),
        ):
            self._change(place, name, changed)

    def end(self) -> None:
        while self._undo:
            self._undo.pop()()

    def hear(self, record: logging.LogRecord) -> None:
        """What a line of the log would show; of ours also what it was made from."""
        if not _is_ours(record.name) and record.levelno < _LOUDEST:
            return
        said = self._formatter.format(record)
        if _is_ours(record.name):
            said += f" {record.msg} {record.args}"
        self.read(f"the log ({record.name})", said)

    def look_at(self, folder: Path) -> None:
        """The files of a data folder as they lie on the disk, its key and the room that it keeps aside."""
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_file() and path.name not in (KEY_FILE, RESERVE_FILE):
                self.read(f"the file {path.name}", path.read_bytes())

    def look_below(self, folder: Path) -> None:
        """All data folders below this one, such as those of processes that have ended."""
        for path in folder.rglob(FILE):
            self.look_at(path.parent)

    def read(self, place: str, text: str | bytes) -> None:
        shown = "" if isinstance(text, bytes) else f": {text}"
        self._found += (f"{place} shows {value!r}{shown}" for value in EVERYTHING.within(text))

    def taken(self) -> list[str]:
        found, self._found = self._found, []
        return found

    def _change(self, place: Any, name: str, changed: Any) -> None:
        before = getattr(place, name)
        setattr(place, name, changed)
        self._undo.append(lambda: setattr(place, name, before))


def _is_ours(logger: str) -> bool:
    return logger.partition(".")[0] in OURS


LISTENER = Listener()
