"""A session of this process, and what is known of it as the others have it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from container.delivery.preview_table import PreviewTable
from container.preview.drafts import Live
from container.preview.elsewhere import COMPILING
from container.preview.sessions import Session, Unready
from container.preview.stored import Stored, merged, opened, put, stored

AT_ONCE = 50
"""Records that are read together."""

SPARE_NUMBERS = 1000


@dataclass(eq=False)
class Replica:
    """`version`: of what they have, which is `theirs`. `base`: what both had when they last were the same.

    `seen`: when the session was used, as it is written down, in milliseconds. `cleared`: how often they have cleared
    it, and `cleared_here` how often it was here, both as far as it is known there. `written`: by its number here, the
    number of each record of ours there. `made_beside`: the file beside which its draft could not be compiled.
    """

    session: Session
    version: int
    theirs: Stored
    base: Stored
    seen: int
    cleared: int
    cleared_here: int = 0
    made_beside: Live | None = None
    written: dict[int, int] = field(default_factory=dict)
    _read_up_to: int = 0
    _numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def changed(self) -> bool:
        """Whether something was changed here that they do not know."""
        return self.session.records.cleared != self.cleared_here or stored(self.session) != self.base

    @property
    def wanted(self) -> Stored:
        """What they have, and on top of it what was changed here."""
        return merged(self.base, stored(self.session), self.theirs)

    def take_over(self) -> Unready | None:
        """The session becomes what they have made of it. The draft, where it is to be compiled first."""
        session, wanted = self.session, self.wanted
        other = wanted.draft != stored(session).draft
        put(session, wanted)
        self.base = self.theirs
        if not other:
            return None
        session.draft = None
        session.unready = None if wanted.draft is None else Unready(*wanted.draft, COMPILING)
        return session.unready

    def clear(self, cleared: int) -> None:
        """They have cleared the records."""
        self.cleared = cleared
        self.session.records.clear()
        self.cleared_here = self.session.records.cleared
        self._numbers.clear()

    def wrote(self, numbers: Mapping[int, int]) -> None:
        """Records of ours have these numbers there."""
        first = self.session.records.first_number
        if len(self.written) > len(self.session.records) + SPARE_NUMBERS:
            self.written = {here: there for here, there in self.written.items() if here >= first}
        self.written.update(numbers)

    async def catch_up(self, table: PreviewTable, own: str) -> None:
        """Takes over what others have recorded. `own`: what our own records say. Raises `StoreError`."""
        async with self._reading:
            while True:
                rows = await table.news(self.session.id, self._read_up_to, most=AT_ONCE)
                for row in rows:
                    self._read_up_to = row.version
                    self._keep(row.body, own)
                if len(rows) < AT_ONCE:
                    return
                # Hits have their turn in between.
                await asyncio.sleep(0)

    def _keep(self, body: bytes | None, own: str) -> None:
        found = None if body is None else opened(body)
        if found is None or found[0] == own:
            return
        by, number, record = found
        ring = self.session.records
        here = self._numbers.get((by, number))
        if here is not None:
            ring.adopt_again(here, record)
            return
        if len(self._numbers) > len(ring) + SPARE_NUMBERS:
            first = ring.first_number
            self._numbers = {key: each for key, each in self._numbers.items() if each >= first}
        self._numbers[by, number] = ring.adopt(record)
