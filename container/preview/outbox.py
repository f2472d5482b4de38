"""Records on their way to the other processes: off the reply's path, and no more of them than are soon written."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Literal

from container.delivery.preview_table import PreviewTable
from container.delivery.store import StoreError
from container.preview.replica import Replica
from container.preview.stored import envelope

MOST_WAITING = 100
MOST_BYTES = 8 * 1024 * 1024
"""Of records that wait to be written. One that got its answer meanwhile takes no second place."""

Unshared = Literal["dropped", "foreign"]
"""What does not come together: records that came while too many waited to be written, so that the others never see
them; and sessions that were left alone, because their key is not here or a later release has written them."""

_Key = tuple[str, int]


class Outbox:
    """`name`: this process, as its records say. `pause`: seconds, after the database could not be asked."""

    def __init__(self, table: Callable[[], PreviewTable], counted: Callable[[Unshared], None], *, pause: float) -> None:
        self.name = secrets.token_hex(8)
        self._table, self._counted, self._pause = table, counted, pause
        self._waiting: dict[_Key, tuple[Replica, bytes]] = {}
        self._bytes = 0
        self._filled = asyncio.Event()
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, replica: Replica, number: int, record: bytes) -> None:
        """A record was added, or has another content. `number`: its own here."""
        key = (replica.session.id, number)
        if key not in self._waiting and (len(self._waiting) >= MOST_WAITING or self._bytes + len(record) > MOST_BYTES):
            self._counted("dropped")
            return
        self._take(key)
        self._waiting[key] = replica, record
        self._bytes += len(record)
        self._filled.set()

    def forget(self, replica: Replica) -> None:
        """Nothing of this session is to be written any more."""
        for key in [key for key in self._waiting if key[0] == replica.session.id]:
            self._take(key)
        replica.written.clear()

    async def run(self) -> None:
        """Writes what comes, until it is cancelled."""
        while True:
            await self._filled.wait()
            try:
                await self.flush()
            except StoreError:
                await asyncio.sleep(self._pause)

    async def flush(self) -> None:
        """Writes all that waits. Raises `StoreError`, and then the rest still waits."""
        async with self._turn:
            while self._waiting:
                await self._write_some()
            self._filled.clear()

    async def _write_some(self) -> None:
        """What waits of one session."""
        replica, _ = next(iter(self._waiting.values()))
        session, written = replica.session.id, replica.written
        some = {key[1]: record for key, (_, record) in self._waiting.items() if key[0] == session}
        new = [number for number in some if number not in written]
        bodies = {number: envelope(self.name, number, record) for number, record in some.items()}
        changed = {written[number]: body for number, body in bodies.items() if number in written}
        cleared = replica.cleared
        numbers = await self._table().write(session, [bodies[number] for number in new], changed, cleared=cleared)
        if numbers is None:
            # Who had them deleted, such as `forget`, gets none of them back. If that was this process, it knows.
            if replica.cleared == cleared:
                self.forget(replica)
            return
        replica.wrote(dict(zip(new, numbers, strict=True)))
        for number, record in some.items():
            waits = self._waiting.get((session, number))
            # One that got its answer meanwhile is written once more.
            if waits is not None and waits[1] is record:
                self._take((session, number))

    def _take(self, key: _Key) -> None:
        found = self._waiting.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1])
