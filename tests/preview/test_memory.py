"""However many hits a session gets, what it keeps has an end."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest

from container.preview.prepared import REMEMBERED
from container.preview.ring import Ring
from tests.preview.parts import Stage, a_hit, stage

ROOM = 256 * 1024
FIRST, ALL = 1_000, 4_000
MOST_GROWN = 256 * 1024
"""Bytes; 3,000 hits would be more than ten million if they stayed."""


async def taken(here: Stage, mark: str, numbers: range) -> int:
    """Bytes in use after these hits, each of them another event, without the guards that they hold."""
    for number in numbers:
        query = f"name=purchase&event_id=E-{number}&text={'x' * 1000}"
        await here.recorder.marked(a_hit(query, number=number, headers={"x-gtm-server-preview": mark}))
        here.vendor.got.clear()
    await here.recorder.settled()
    # Guards have an end of their own.
    here.recorder._prepared.clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.long
def test_thousands_of_hits_take_no_more_room_than_the_first_thousand() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session = here.session()
            session.records = Ring(ROOM)
            tracemalloc.start()
            try:
                before = await taken(here, session.mark, range(1, FIRST))
                after = await taken(here, session.mark, range(FIRST, ALL))
            finally:
                tracemalloc.stop()
            assert session.records.dropped > FIRST
            assert session.records.bytes <= ROOM
            assert after - before < MOST_GROWN

    asyncio.run(scenario())


def test_the_guards_of_a_session_have_an_end() -> None:
    async def scenario() -> None:
        async with stage() as here:
            session, most = here.session(), 0
            for number in range(1, REMEMBERED // 2 + 1000):
                hit = a_hit(f"name=purchase&event_id=E-{number}", number=number)
                await here.recorder.take(session, hit, "marked")
                most = max(most, here.recorder._prepared[session.id].marked.held)
            assert REMEMBERED <= most < REMEMBERED + 100
            assert here.recorder._prepared[session.id].marked.held < REMEMBERED

    asyncio.run(scenario())
