"""Sessions of preview that several processes share through a database.

`Sessions` is what a process knows, and everything reads that. Here it is brought together with what the others know:
once a second, and at once when somebody changes something here. Why: docs/decisions/preview-sessions.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from container.delivery.preview_table import PreviewTable, SeenSession, SharedSession
from container.delivery.remedies import advice
from container.delivery.store import StoreError, StoreUnavailableError
from container.delivery.told import quoted
from container.preview.drafts import Draft, Live
from container.preview.elsewhere import COMPILING, compiled, file_in_force, without_file
from container.preview.outbox import Outbox, Unshared
from container.preview.replica import Replica
from container.preview.sessions import (
    CODE_SECONDS,
    MOST_CODES,
    MOST_SESSIONS,
    TOO_MANY,
    NotSharedError,
    Session,
    Sessions,
    TooManyError,
    Unready,
)
from container.preview.stored import Stored, begun, read, stored

LOOK_SECONDS = 1.0
SURE_SECONDS = 2.0
"""After so long without a look a process no longer knows whether a mode still holds, and sends nothing."""

SEEN_MS = 60_000
"""So often it is written down, at most, that a session is in use."""

TRIES = 5
"""Two who change a session at once have to begin anew; more than this is no coincidence."""

CLOSING_SECONDS = 2.0

_OTHERS_GO_ON = (
    " The others go on for now, and those that cannot ask the database send nothing from two seconds on. "
    "They are told as soon as that is possible."
)

logger = logging.getLogger("container.preview")

Table = Callable[[], PreviewTable | None]


async def share(
    sessions: Sessions,
    table: Table,
    live: Callable[[], Live],
    *,
    clock: Callable[[], float],
    counted: Callable[[Unshared], None] = lambda _what: None,
    every: float = LOOK_SECONDS,
    sure: float = SURE_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> Shared:
    """From here on the sessions are those of all processes on the database. To be called before hits are taken.

    `table`: where they are, such as the store's `previews`; it raises `StoreError` while that cannot be told.
    `live`: the file in force, beside which drafts are compiled; it raises `RefusedError` where there is none.
    `clock`: Unix seconds by the database, the same that everybody asks the sessions with.
    """
    shared = Shared(sessions, table, live, clock, counted, every=every, sure=sure, monotonic=monotonic)
    await shared.begin()
    return shared


class Shared:
    """`Others` over a database. Made by `share`, in the loop that uses it, and closed before the store is."""

    def __init__(
        self,
        sessions: Sessions,
        table: Table,
        live: Callable[[], Live],
        clock: Callable[[], float],
        counted: Callable[[Unshared], None],
        *,
        every: float,
        sure: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._sessions, self._asked, self._live, self._clock, self._counted = sessions, table, live, clock, counted
        self._every, self._sure, self._monotonic = every, sure, monotonic
        self._replicas: dict[str, Replica] = {}
        self._unread: dict[str, int] = {}
        self._codes: frozenset[bytes] = frozenset()
        self._turn = asyncio.Lock()
        self._looked_at = monotonic()
        self._reason = ""
        self._outbox = Outbox(self._table, counted, pause=every)
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Looks once, and goes on to look."""
        self._sessions.others = self
        await self._try_to_look()
        self._start(self._keep_looking())
        self._start(self._outbox.run())

    async def close(self) -> None:
        """Writes down what waits, if that is quick. The sessions go on at the others."""
        with suppress(TimeoutError, StoreError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._outbox.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What the rest of preview asks.

    @property
    def unsure(self) -> str:
        if self._monotonic() - self._looked_at <= self._sure:
            return ""
        because = f": {self._reason}" if self._reason else ""
        return f"Nothing was sent, since this process cannot ask whether the mode is still the same{because}."

    async def started(self, session: Session) -> None:
        begins = stored(session)
        row = SharedSession(
            session.id, 0, _ms(session.started), _ms(session.seen), _ms(session.ends), 0, begins.written()
        )
        try:
            async with self._turn:
                has_room = await self._table().start(row, now=self._now(), most=MOST_SESSIONS)
                if has_room:
                    self._adopt(session, row, begins)
        except StoreError as problem:
            self._sessions.end(session)
            raise _not_told("No preview was started", problem) from None
        if not has_room:
            self._sessions.end(session)
            raise TooManyError(TOO_MANY)
        await self._until_known()

    async def told(self, session: Session) -> None:
        replica = self._replicas.get(session.id)
        if replica is None or not self._is_news(replica):
            return
        try:
            async with self._turn:
                if self._replicas.get(session.id) is replica:
                    await self._tell(replica)
        except StoreError as problem:
            raise _not_told("It is so at this process alone", problem, _OTHERS_GO_ON) from None
        # Who is told that a draft runs, or that nothing is sent any more, can rely on it.
        await self._until_known()

    async def offered(self, session: Session, code: bytes, now: float) -> None:
        until = _ms(now + CODE_SECONDS)
        try:
            # Behind the start of its session, if that is under way.
            async with self._turn:
                await self._table().offer(code, session.id, now=_ms(now), until=until, most=MOST_CODES)
        except StoreError as problem:
            raise _not_told("No link was made", problem) from None
        await self._until_known()

    async def used(self, code: bytes, now: float) -> bool:
        try:
            return await self._table().take(code, now=_ms(now))
        except StoreError as problem:
            raise _not_told("The link was not used", problem) from None

    async def read(self, session: Session) -> None:
        replica = self._replicas.get(session.id)
        if replica is not None:
            with suppress(StoreError):
                await replica.catch_up(self._table(), self._outbox.name)

    # What is done once a second.

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            await self._look()
        except StoreError as problem:
            self._not_shared(str(problem))
        except Exception as problem:  # noqa: BLE001  # there is a next look, and until it is well nothing is sent
            self._not_shared(f"a fault of ours, {type(problem).__name__}")

    def _not_shared(self, reason: str) -> None:
        if reason != self._reason:
            logger.warning("preview.not_shared reason=%s", quoted(f"{reason}.{advice(reason)}"))
        self._reason = reason

    async def _look(self) -> None:
        async with self._turn:
            begun_at, now = self._monotonic(), self._now()
            self._sessions.expire(self._clock())
            await self._write_seen()
            found = {each.id: each for each in await self._table().look(now=now)}
            over = [each.id for each in found.values() if each.ends <= now]
            if over:
                await self._table().end(over, over_at=now)
            living = {each.id: each for each in found.values() if each.id not in over}
            await self._read_news(living)
            for replica in [*self._replicas.values()]:
                await self._bring_together(replica, living.get(replica.session.id))
            self._take_codes(living.values())
            if self._reason:
                logger.warning("preview.shared_again")
            self._looked_at, self._reason = begun_at, ""
        for replica in [*self._replicas.values()]:
            # Only while a page is open somebody waits for records.
            if replica.session.records.watched:
                await replica.catch_up(self._table(), self._outbox.name)

    async def _write_seen(self) -> None:
        for replica in [*self._replicas.values()]:
            session = replica.session
            if self._sessions.has(session) and _ms(session.seen) - replica.seen >= SEEN_MS:
                replica.seen = _ms(session.seen)
                await self._table().touch(session.id, seen=replica.seen, ends=_ms(session.ends))

    async def _read_news(self, found: Mapping[str, SeenSession]) -> None:
        """Sessions that are new here, and what others have changed of those that are not."""
        self._unread = {key: version for key, version in self._unread.items() if key in found}
        wanted = [key for key, each in found.items() if self._version(key) != each.version]
        for row in await self._table().read(wanted):
            theirs = _readable(row)
            if theirs is None:
                if row.id not in self._unread:
                    self._counted("foreign")
                self._unread[row.id] = row.version
            elif row.id in self._replicas:
                self._hear(self._replicas[row.id], row, theirs)
            else:
                session = begun(row, theirs)
                self._sessions.adopt(session)
                self._hear(self._adopt(session, row, stored(session)), row, theirs)

    def _version(self, id: str) -> int | None:
        return self._replicas[id].version if id in self._replicas else self._unread.get(id)

    def _adopt(self, session: Session, row: SharedSession, base: Stored) -> Replica:
        found = Replica(session, row.version, base, base, row.seen, row.cleared, session.records.cleared)
        self._replicas[session.id] = found
        session.records.kept = partial(self._outbox.put, found)
        return found

    def _hear(self, replica: Replica, row: SharedSession, theirs: Stored) -> None:
        replica.version, replica.theirs = row.version, theirs
        if row.cleared != replica.cleared:
            self._outbox.forget(replica)
            replica.clear(row.cleared)
        self._take_over(replica)

    def _take_over(self, replica: Replica) -> None:
        share = replica.wanted.share
        if share != replica.session.share:
            self._sessions.adopt_share(replica.session, share)
        if (draft := replica.take_over()) is not None:
            self._start(self._compile(replica, draft))

    async def _compile(self, replica: Replica, draft: Unready) -> None:
        """Makes the draft the session's, unless it has another one by then; or has it say why it does not run."""
        session, live = replica.session, file_in_force(self._live)
        found = without_file(draft) if live is None else await compiled(draft, live)
        if session.unready is not draft:
            return
        replica.made_beside = live
        if isinstance(found, Draft):
            session.draft, session.unready = found, None
        else:
            session.unready = found

    async def _bring_together(self, replica: Replica, found: SeenSession | None) -> None:
        """`found`: as the others have it, `None` where it is over."""
        session = replica.session
        if found is None:
            self._let_go(replica)
            return
        if not self._sessions.has(session):
            await self._tell_end(replica)
            return
        replica.seen = max(replica.seen, found.seen)
        if found.seen / 1000 > session.seen:
            session.touch(found.seen / 1000)
        if session.unready is not None and self._may_run_by_now(replica, session.unready):
            session.unready = Unready(session.unready.text, session.unready.filename, COMPILING)
            self._start(self._compile(replica, session.unready))
        if replica.changed:
            await self._tell(replica)

    def _may_run_by_now(self, replica: Replica, draft: Unready) -> bool:
        """Whether another file is in force than the one beside which it could not be compiled."""
        return draft.why != COMPILING and file_in_force(self._live) is not replica.made_beside

    def _take_codes(self, found: Iterable[SeenSession]) -> None:
        codes = {
            code: (replica.session, until / 1000)
            for each in found
            if (replica := self._replicas.get(each.id)) is not None
            for code, until in each.codes.items()
        }
        for code in self._codes - codes.keys():
            self._sessions.drop_code(code)
        for code, (session, until) in codes.items():
            self._sessions.adopt_code(session, code, until)
        self._codes = frozenset(codes)

    # What was changed here.

    def _is_news(self, replica: Replica) -> bool:
        return not self._sessions.has(replica.session) or replica.changed

    async def _tell(self, replica: Replica) -> None:
        session = replica.session
        if not self._sessions.has(session):
            await self._tell_end(replica)
            return
        if (cleared := session.records.cleared) != replica.cleared_here:
            self._outbox.forget(replica)
            await self._table().clear(session.id)
            replica.cleared_here = cleared
            # This one is ours, and no reason to clear once more.
            replica.cleared += 1
        for _ in range(TRIES):
            wanted = replica.wanted
            if wanted == replica.theirs:
                return
            version = await self._table().change(session.id, replica.version, wanted.written())
            if version is not None:
                replica.version, replica.theirs = version, wanted
                self._take_over(replica)
                return
            row = next(iter(await self._table().read([session.id])), None)
            theirs = None if row is None else _readable(row)
            if row is None or theirs is None:
                self._let_go(replica)
                return
            self._hear(replica, row, theirs)
        raise StoreUnavailableError("others change the same preview all the time")

    async def _tell_end(self, replica: Replica) -> None:
        """It is over for all, if somebody ended it; if it only was not used here, others may have used it."""
        session, now = replica.session, self._now()
        await self._table().end([session.id], over_at=now if _ms(session.ends) <= now else None)
        self._let_go(replica)

    def _let_go(self, replica: Replica) -> None:
        self._replicas.pop(replica.session.id, None)
        self._outbox.forget(replica)
        self._sessions.end(replica.session)

    # Parts.

    def _table(self) -> PreviewTable:
        found = self._asked()
        if found is None:
            raise StoreUnavailableError("this store is of one process alone")
        return found

    def _now(self) -> int:
        return _ms(self._clock())

    async def _until_known(self) -> None:
        """Returns when every process that can ask the database has looked."""
        await asyncio.sleep(2 * self._every)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _readable(row: SharedSession) -> Stored | None:
    try:
        return None if row.body is None else read(row.body)
    except ValueError:
        return None


def _not_told(what: str, problem: StoreError, more: str = "") -> NotSharedError:
    reason = str(problem)
    return NotSharedError(f"{what}, since the other processes cannot be told: {reason}.{advice(reason)}{more}")
