"""The list of requests as server-sent events: what is kept, and then whatever is new or has got an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from container.preview.answers import stream_event
from container.preview.brief import brief
from container.preview.sessions import Session

Hide = Callable[[Mapping[str, Any], Session], dict[str, Any]]

MOST_STREAMS = 50
BEAT_SECONDS = 15.0


class Streams:
    """Of all pages that look on. `lives`: whether a session is not over. `close` ends them, and so the listener can."""

    def __init__(self, hide: Hide, lives: Callable[[Session], bool], *, beat: float = BEAT_SECONDS) -> None:
        self._hide, self._lives, self._beat = hide, lives, beat
        self._number, self._over, self._turn = 0, asyncio.Event(), asyncio.Lock()

    @property
    def full(self) -> bool:
        return self._number >= MOST_STREAMS

    def close(self) -> None:
        self._over.set()

    async def of(self, session: Session) -> AsyncIterator[bytes]:
        """Lines of a stream, until the session or everything is over."""
        self._number += 1
        ring, version, first = session.records, 0, 1
        try:
            while not self._over.is_set():
                if not self._lives(session):
                    yield stream_event("ended", {})
                    return
                yield stream_event("mode", {"mode": session.mode, "draft": session.draft is not None})
                known, version = version, ring.version
                if (oldest := ring.next_number - len(ring)) > first:
                    first = oldest
                    yield stream_event("first", {"number": first})
                async for record in ring.each(known):
                    if self._over.is_set():
                        return
                    yield await self._line(record, session)
                await self._news(session, version)
        finally:
            self._number -= 1

    async def _line(self, record: Mapping[str, Any], session: Session) -> bytes:
        # Masking takes its time. Of all pages that look on one has a record masked, and hits have their turn meanwhile.
        async with self._turn:
            return stream_event("record", await asyncio.to_thread(self._brief, record, session))

    def _brief(self, record: Mapping[str, Any], session: Session) -> dict[str, Any]:
        return brief(self._hide(record, session))

    async def _news(self, session: Session, version: int) -> None:
        """Returns when the ring is another one, after a while, or when all ends."""
        waiting = asyncio.ensure_future(session.records.wait(version))
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((waiting, over), timeout=self._beat, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            over.cancel()
