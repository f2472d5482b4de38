"""The list of requests as it is streamed: with a thousand records, hits and other pages have their turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from container.preview.brief import brief, summary
from container.preview.sessions import Session, Sessions
from container.preview.stream import FULL, FULL_OF_GUESTS, KEPT_BACK, MOST_GUESTS, MOST_STREAMS, Streams
from tests.web.parts import NOW

MANY = 1000


def many() -> Session:
    session = Sessions().start(NOW)
    for number in range(MANY):
        session.records.add({"hit": {"path": f"/{number}"}, "told": {"events": []}})
    return session


class Turns:
    """How often another task has had its turn, and how often between two records that were masked."""

    def __init__(self) -> None:
        self.all = self.masked = 0
        self.between: list[int] = []

    def hide(self, record: Mapping[str, Any], _session: Session) -> dict[str, Any]:
        self.between.append(self.all)
        self.masked += 1
        return dict(record)

    async def others(self) -> None:
        while True:
            self.all += 1
            await asyncio.sleep(0)


async def read(streams: Streams, session: Session, records: int) -> list[bytes]:
    """Lines of the stream, until so many records were among them."""
    lines: list[bytes] = []
    stream = streams.of(session)
    async for line in stream:
        lines.append(line)
        records -= line.startswith(b"event: record")
        if not records:
            break
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    return lines


def test_others_have_their_turn_between_two_records() -> None:
    async def scenario() -> None:
        turns, session = Turns(), many()
        others = asyncio.create_task(turns.others())
        lines = await read(Streams(turns.hide, lambda _: True), session, MANY)
        others.cancel()
        assert turns.masked == MANY == len(lines) - 1
        assert all(later > earlier for earlier, later in zip(turns.between, turns.between[1:], strict=False))

    asyncio.run(scenario())


def test_with_several_pages_one_record_is_masked_in_a_turn() -> None:
    async def scenario() -> None:
        turns, session = Turns(), many()
        streams = Streams(turns.hide, lambda _: True)
        others = asyncio.create_task(turns.others())
        await asyncio.gather(*(read(streams, session, 100) for _ in range(5)))
        others.cancel()
        assert turns.masked >= 500
        assert len(set(turns.between)) == len(turns.between)

    asyncio.run(scenario())


def test_a_summary_of_many_lets_others_have_their_turn() -> None:
    async def scenario() -> None:
        turns, session = Turns(), many()
        others = asyncio.create_task(turns.others())
        assert (await summary(session.records.each()))["hits"] == MANY
        others.cancel()
        assert turns.all >= MANY

    asyncio.run(scenario())


def test_a_record_that_goes_while_others_are_streamed_is_left_out() -> None:
    async def scenario() -> None:
        session = many()

        def hide(record: Mapping[str, Any], _session: Session) -> dict[str, Any]:
            if record["number"] == 10:
                session.records.clear()
                session.records.add({"hit": {"path": "/new"}})
            return dict(record)

        lines = await read(Streams(hide, lambda _: True), session, 11)
        assert b'"number":1001' in lines[-1]
        assert b'event: first\ndata: {"number":1001}' in lines[-2]

    asyncio.run(scenario())


def test_a_stream_ends_in_the_middle_when_all_ends() -> None:
    async def scenario() -> None:
        session, seen = many(), 0

        def hide(record: Mapping[str, Any], _session: Session) -> dict[str, Any]:
            nonlocal seen
            seen += 1
            if seen == 10:
                streams.close()
            return dict(record)

        streams = Streams(hide, lambda _: True)
        assert len([line async for line in streams.of(session)]) == 11

    asyncio.run(scenario())


def test_guests_take_five_places_of_a_session_and_leave_ten_of_all_to_who_has_the_token() -> None:
    streams, sessions = Streams(lambda record, _session: dict(record), lambda _: True), Sessions()
    opened = [sessions.start(NOW) for _ in range(10)]
    with ExitStack() as seats:

        def sit(session: Session, *, guest: bool) -> str:
            why = streams.why_not(session, guest=guest)
            if not why:
                seats.enter_context(streams.seat(session, guest=guest))
            return why

        found = [sit(session, guest=True) for session in opened for _ in range(MOST_GUESTS + 1)]
        assert [found.count(why) for why in ("", FULL_OF_GUESTS, FULL)] == [MOST_STREAMS - KEPT_BACK, 8, 12]
        assert [sit(opened[0], guest=False) for _ in range(KEPT_BACK + 1)] == [""] * KEPT_BACK + [FULL]
        assert sit(opened[0], guest=True) == FULL_OF_GUESTS
    assert streams.why_not(opened[0], guest=True) == ""
    assert (streams._number, streams._guests.total()) == (0, 0)
    assert FULL_OF_GUESTS.startswith("5 pages look on")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (
            {"transaction_id": "T-4", "value": 59.8, "currency": "EUR"},
            {"order": "T-4", "value": 59.8, "currency": "EUR"},
        ),
        ({"transaction_id": 1004, "value": "59.80"}, {"order": 1004, "value": 59.8}),
        ({"transaction_id": "T…1/6", "value": "5…/4", "currency": "EUR"}, {}),
        ({"transaction_id": "x" * 41, "value": True, "currency": "EUR"}, {}),
        ({"transaction_id": ["T-4"], "currency": ["EUR"]}, {}),
        ({"value": 0, "currency": "€…"}, {"value": 0}),
        (None, {}),
    ],
)
def test_a_line_of_the_list_says_order_and_value_as_far_as_they_are_shown(
    data: object, shown: dict[str, object]
) -> None:
    record = {"number": 8, "told": {"events": [{"name": "purchase", "data": data, "tags": [{"status": "fired"}]}]}}
    assert brief(record)["events"] == [{"name": "purchase", "fired": 1, **shown}]
