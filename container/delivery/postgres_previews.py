"""The sessions of preview in PostgreSQL: `PreviewTable` over the connections of a store.

Bodies rest sealed with the shared key, bound to where they are. A session's row is locked while its records are
numbered, so that nobody reads a later one before an earlier one. Why it is so: docs/decisions/preview-sessions.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from container.delivery.postgres_connecting import Database, array, changed, fetch
from container.delivery.postgres_tables import Connection
from container.delivery.preview_table import SeenSession, SharedRecord, SharedSession
from container.delivery.seal import Keyring, KeyringError
from container.delivery.store import StoreUnavailableError

FIRST_VERSION = 3
"""Of the tables that have a place for sessions."""

MOST_BYTES = 8 * 1024 * 1024
OVERHEAD = 256
"""Of all records of a session, and of each besides its body: of more, the oldest go."""

FEW_BYTES = 64 * 1024
"""So much is opened and sealed at once; more is taken off the loop."""

_LOCK = 0x7461675F70726576
"""The advisory lock of whoever starts a session: so ten are ten."""

_LOOK = """
select id, version, seen, ends,
  array(select code from preview_code where session=id and until>%(now)s order by code),
  array(select until from preview_code where session=id and until>%(now)s order by code)
from preview_session
"""
_READ = "select id, version, started, seen, ends, cleared, kid, body from preview_session where id=any(%s)"
_COUNT = "select count(*) from preview_session where ends>%s"
_START = "insert into preview_session(id, started, seen, ends, kid, body) values(%s, %s, %s, %s, %s, %s)"
_CHANGE = "update preview_session set version=version+1, kid=%s, body=%s where id=%s and version=%s returning version"
_TOUCH = "update preview_session set seen=greatest(seen, %s), ends=greatest(ends, %s) where id=%s"
_END = (
    "delete from preview_session where id=any(%(ids)s) and (%(over)s::bigint is null or ends<=%(over)s::bigint) "
    "returning id"
)
_END_CODES = "delete from preview_code where session=any(%s)"
_END_RECORDS = "delete from preview_record where session=any(%s)"
_OFFER = "insert into preview_code select %s, id, %s from preview_session where id=%s"
_TOO_MANY_CODES = (
    "delete from preview_code where until<=%(now)s or code=any(array("
    "select code from preview_code where session=%(id)s order by until desc offset %(most)s))"
)
_TAKE = "delete from preview_code where code=%s returning until"
_NUMBER = "update preview_session set numbered=numbered+%s where id=%s and cleared=%s returning numbered"
_ADD = (
    "insert into preview_record(session, number, version, kid, body) "
    "select %s, number, number, %s, body from unnest(%s::bigint[], %s::bytea[]) as new(number, body)"
)
_REPLACE = (
    "update preview_record r set version=new.version, kid=%s, body=new.body "
    "from unnest(%s::bigint[], %s::bigint[], %s::bytea[]) as new(number, version, body) "
    "where r.session=%s and r.number=new.number"
)
_TRIM = (
    "delete from preview_record r using (select number, sum(length(body)+%s) over (order by number desc) as upto "
    "from preview_record where session=%s) as sized where r.session=%s and r.number=sized.number and sized.upto>%s"
)
_NEWS = (
    "select number, version, kid, body from preview_record where session=%s and version>%s order by version limit %s"
)
_CLEAR = "update preview_session set version=version+1, cleared=cleared+1"
_HELD = "select count(*) from preview_record"
_FORGET = "delete from preview_record"


class PostgresPreviews:
    """`most_bytes`: of the records of one session."""

    def __init__(self, database: Database, keys: Keyring, *, most_bytes: int = MOST_BYTES) -> None:
        self._database, self._keys, self._most_bytes = database, keys, most_bytes

    async def look(self, *, now: int) -> Sequence[SeenSession]:
        if self._database.version < FIRST_VERSION:
            await self._database.read_version()
        self._check()
        found = await self._database.ask(_LOOK, {"now": now}, asked=None)
        return [
            SeenSession(key, version, seen, ends, dict(zip(codes, untils, strict=True)))
            for key, version, seen, ends, codes, untils in found
        ]

    async def read(self, ids: Collection[str]) -> Sequence[SharedSession]:
        found = await self._database.ask(_READ, ([*ids],), asked="read") if ids else []
        return [
            SharedSession(key, version, started, seen, ends, cleared, self._opened(kid, key, body))
            for key, version, started, seen, ends, cleared, kid, body in found
        ]

    async def start(self, session: SharedSession, *, now: int, most: int) -> bool:
        self._check()
        body = self._keys.seal(_of_session(session.id), session.body or b"")

        async def work(connection: Connection) -> bool:
            await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            [(there,)] = await fetch(connection, _COUNT, (now,))
            if there >= most:
                return False
            times = (session.started, session.seen, session.ends)
            await connection.execute(_START, (session.id, *times, self._keys.kid, body))
            return True

        return await self._database.run(work)

    async def change(self, id: str, version: int, body: bytes) -> int | None:
        sealed = self._keys.seal(_of_session(id), body)
        found = await self._database.ask(_CHANGE, (self._keys.kid, sealed, id, version))
        return int(found[0][0]) if found else None

    async def touch(self, id: str, *, seen: int, ends: int) -> None:
        await self._database.ask(_TOUCH, (seen, ends, id))

    async def end(self, ids: Collection[str], *, over_at: int | None = None) -> None:
        async def work(connection: Connection) -> None:
            gone = [row[0] for row in await fetch(connection, _END, {"ids": [*ids], "over": over_at})]
            # Behind the lock of the session's row, so that no record comes in any more.
            await connection.execute(_END_CODES, (gone,))
            await connection.execute(_END_RECORDS, (gone,))

        await self._database.run(work)

    async def offer(self, code: bytes, session: str, *, now: int, until: int, most: int) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(_OFFER, (code, until, session))
            await connection.execute(_TOO_MANY_CODES, {"now": now, "id": session, "most": most})

        await self._database.run(work)

    async def take(self, code: bytes, *, now: int) -> bool:
        found = await self._database.ask(_TAKE, (code,))
        return bool(found) and bool(found[0][0] > now)

    async def write(
        self, id: str, new: Sequence[bytes], changed: Mapping[int, bytes], *, cleared: int
    ) -> Sequence[int] | None:
        async def work(connection: Connection) -> Sequence[int] | None:
            found = await fetch(connection, _NUMBER, (len(new) + len(changed), id, cleared))
            if not found:
                return None
            first = found[0][0] - len(new) - len(changed) + 1
            numbers = range(first, first + len(new))
            versions = range(first + len(new), first + len(new) + len(changed))
            sealed = await self._sealed(id, [*zip(numbers, new, strict=True), *changed.items()])
            kid = self._keys.kid
            if new:
                await connection.execute(_ADD, (id, kid, array(numbers), sealed[: len(new)]))
            if changed:
                replaced = (kid, array([*changed]), array(versions), sealed[len(new) :], id)
                await connection.execute(_REPLACE, replaced)
            await connection.execute(_TRIM, (OVERHEAD, id, id, self._most_bytes))
            return numbers

        return await self._database.run(work)

    async def news(self, id: str, version: int, *, most: int) -> Sequence[SharedRecord]:
        found = await self._database.ask(_NEWS, (id, version, most), asked="read")

        def opened() -> list[SharedRecord]:
            return [
                SharedRecord(number, version, self._opened(kid, id, body, number))
                for number, version, kid, body in found
            ]

        large = sum(len(row[3]) for row in found) > FEW_BYTES
        return await asyncio.to_thread(opened) if large else opened()

    async def clear(self, id: str) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(f"{_CLEAR} where id=%s", (id,))
            await connection.execute(f"{_FORGET} where session=%s", (id,))

        await self._database.run(work)

    def _check(self) -> None:
        version = self._database.version
        if version < FIRST_VERSION:
            raise StoreUnavailableError(
                f"the database has version {version} of the tables, and previews need {FIRST_VERSION}"
            )

    async def _sealed(self, id: str, bodies: Sequence[tuple[int, bytes]]) -> list[bytes]:
        def sealed() -> list[bytes]:
            return [self._keys.seal(_of_record(id, number), body) for number, body in bodies]

        large = sum(len(body) for _, body in bodies) > FEW_BYTES
        return await asyncio.to_thread(sealed) if large else sealed()

    def _opened(self, kid: str, id: str, body: bytes, number: int | None = None) -> bytes | None:
        """What was sealed there, `None` when it cannot be opened here, or was put there by somebody else."""
        try:
            return self._keys.open(kid, _of_session(id) if number is None else _of_record(id, number), body)
        except (KeyringError, ValueError):
            return None


async def forget_records(connection: Connection) -> int:
    """All records of all sessions are gone; how many there were."""
    await connection.execute(_CLEAR)
    return await changed(connection, _FORGET)


async def held_records(connection: Connection) -> int:
    """How many records there are of all sessions."""
    return int((await fetch(connection, _HELD))[0][0])


def _of_session(id: str) -> str:
    return f"preview {id}"


def _of_record(id: str, number: int) -> str:
    return f"preview {id} {number}"
