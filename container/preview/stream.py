"""The list of requests as server-sent events: what is kept, and then whatever is new or has got an answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from container.preview.answers import stream_event
from container.preview.brief import brief
from container.preview.sessions import Session
from container.web.access import GUARDED

Hide = Callable[[Mapping[str, Any], Session], dict[str, Any]]

MOST_STREAMS, KEPT_BACK = 50, 10
"""Pages that are open, of which so many are not for whoever has only a link to look on with."""

MOST_GUESTS = 5
"""Of those so many look on at one session."""

BEAT_SECONDS = 15.0

FULL = "Too many pages of preview are open. Close one of them, and load this one anew."
FULL_OF_GUESTS = (
    f"{MOST_GUESTS} pages look on at this preview by its link already, and no more may. "
    "Close one of them, and load this one anew."
)


def mode_told(session: Session) -> dict[str, Any]:
    """What of a session is always visible."""
    return {"mode": session.mode, "draft": session.draft is not None}


class Streams:
    """Of all pages that look on. `lives`: whether a session is not over. `mode`: what of it is always shown.

    `close` ends them, and so the listener can.
    """

    def __init__(
        self,
        hide: Hide,
        lives: Callable[[Session], bool],
        *,
        mode: Callable[[Session], Mapping[str, Any]] = mode_told,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self._hide, self._lives, self._mode, self._beat = hide, lives, mode, beat
        self._over, self._turn = asyncio.Event(), asyncio.Lock()
        self._number, self._guests = 0, Counter[str]()

    def why_not(self, session: Session, *, guest: bool) -> str:
        """Why no page more may look on, empty where it may. `guest`: with a link to look on with, and no token."""
        if guest and self._guests[session.id] >= MOST_GUESTS:
            return FULL_OF_GUESTS
        most = MOST_STREAMS - KEPT_BACK if guest else MOST_STREAMS
        return FULL if self._number >= most else ""

    @contextmanager
    def seat(self, session: Session, *, guest: bool) -> Iterator[None]:
        """The place of a page, for as long as it is open."""
        self._number += 1
        self._guests[session.id] += guest
        try:
            yield
        finally:
            self._number -= 1
            self._guests[session.id] -= guest
            self._guests = +self._guests

    def close(self) -> None:
        self._over.set()

    async def of(self, session: Session) -> AsyncIterator[bytes]:
        """Lines of a stream, until the session or everything is over."""
        ring, version, first = session.records, 0, 1
        while not self._over.is_set():
            if not self._lives(session):
                yield stream_event("ended", {})
                return
            yield stream_event("mode", self._mode(session))
            known, version = version, ring.version
            if (oldest := ring.next_number - len(ring)) > first:
                first = oldest
                yield stream_event("first", {"number": first})
            async for record in ring.each(known):
                if self._over.is_set():
                    return
                yield await self._line(record, session)
            await self._news(session, version)

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


class Stream(StreamingResponse):
    """The stream of one page, which has its place from the first moment on: many may ask at once."""

    def __init__(self, streams: Streams, session: Session, *, guest: bool) -> None:
        headers = {**GUARDED, "x-accel-buffering": "no"}
        super().__init__(streams.of(session), media_type="text/event-stream", headers=headers)
        self._seat = streams.seat(session, guest=guest)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seat:
            await super().__call__(scope, receive, send)
