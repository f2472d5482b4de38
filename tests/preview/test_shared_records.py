"""Records of sessions that several processes share: written by one, and shown by another."""

from __future__ import annotations

import asyncio

import pytest

from container.delivery.forget import DEAD, GUARDS, PREVIEWS, WAITING, forget
from container.delivery.person import person
from container.delivery.postgres import open_postgres
from container.delivery.postgres_previews import OVERHEAD
from container.delivery.progress import Progress
from container.preview import outbox, replica
from container.preview.outbox import MOST_WAITING
from tests.delivery.engines import emptied
from tests.delivery.postgres import KEY, execute
from tests.preview.parts import a_hit
from tests.preview.sharing import Process, left, play, until
from tests.web.parts import NOW


@pytest.fixture
def url() -> str:
    """The address of a database that is as good as new."""
    return emptied()


def test_what_is_recorded_there_is_seen_here_with_its_answer(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.mode = "send"
        await one.shared.told(session)
        await until(lambda: other.find(session).mode == "send")
        await other.recorder.take(other.find(session), a_hit(), "marked")
        await other.recorder.settled()
        await one.recorder.take(session, a_hit(number=2), "marked")
        await one.recorder.settled()
        watching = asyncio.create_task(watch(one, session.id))
        await until(lambda: answered(one, session.id) == 2)
        await until(lambda: len(other.shared._outbox) == 0)
        watching.cancel()
        by_both = {record["hit"]["id"]: record for _, record in session.records.since(0)}
        assert {record["number"] for record in by_both.values()} == {1, 2}
        [there] = [record for _, record in other.find(session).records.since(0)]
        here = by_both[there["hit"]["id"]]
        assert here | {"number": 1} == there
        assert [each["answer"]["status"] for each in here["outgoing"]] == [200, 200]
        assert len(other.vendor.got) == len(one.vendor.got) == 2

    play(url, scenario)


def answered(one: Process, session: str) -> int:
    found = one.sessions.of(session, one.time.now)
    assert found is not None
    return sum(1 for _, record in found.records.since(0) if all(each["answer"] for each in record["outgoing"]))


async def watch(one: Process, session: str) -> None:
    """As a page does that is open."""
    found = one.sessions.of(session, one.time.now)
    assert found is not None
    version = 0
    while True:
        version = await found.records.wait(version)


def test_a_page_that_is_loaded_shows_what_others_recorded_and_nothing_is_read_before(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        await other.recorder.take(other.find(session), a_hit(), "marked")
        await other.shared._outbox.flush()
        await one.shared._look()
        assert len(session.records) == 0
        await one.shared.read(session)
        await one.shared.read(session)
        assert [record["source"] for _, record in session.records.since(0)] == ["marked"]

    play(url, scenario)


def test_clearing_clears_everywhere_and_what_comes_later_is_kept(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        await other.recorder.take(found, a_hit(), "marked")
        await other.shared._outbox.flush()
        await one.shared.read(session)
        session.records.clear()
        await one.shared.told(session)
        await until(lambda: len(found.records) == 0)
        await other.recorder.take(found, a_hit(number=2), "marked")
        await other.shared._outbox.flush()
        await one.shared.read(session)
        assert [record["hit"]["id"] for _, record in session.records.since(0)] == [a_hit(number=2).id.hex()]
        assert execute(url, "select count(*) from preview_record") == [(1,)]

    play(url, scenario)


def test_what_waited_to_be_written_when_others_cleared_does_not_come_back(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        # Nobody looks from here on.
        async with one.shared._turn, other.shared._turn:
            found.records.add({"text": "of somebody"})
            await one.table.clear(session.id)
            await other.shared._outbox.flush()
            assert left(url) == [1, 0, 0]
            assert len(other.shared._outbox) == 0
        await until(lambda: len(found.records) == 0)
        found.records.add({"text": "later"})
        await other.shared._outbox.flush()
        assert left(url) == [1, 0, 1]

    play(url, scenario)


def test_numbers_of_what_is_gone_are_forgotten(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "SPARE_NUMBERS", 2)

    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        for number in range(6):
            found.records.add({"number": number})
            await other.shared._outbox.flush()
            await one.shared.read(session)
            for ring in (session.records, found.records):
                ring._most_bytes = 2 * ring.bytes // len(ring)
                ring._drop()
        here, there = one.shared._replicas[session.id], other.shared._replicas[session.id]
        assert len(session.records) == 2
        assert (len(here._numbers), len(there.written)) == (3, 2)

    play(url, scenario)


def test_more_records_than_are_read_together_are_all_read(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        for number in range(replica.AT_ONCE + 3):
            other.find(session).records.add({"text": f"{number}" + "x" * 2000})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        kept = [record["text"].rstrip("x") for _, record in session.records.since(0)]
        assert kept == [str(number) for number in range(replica.AT_ONCE + 3)]

    play(url, scenario)


def test_an_answer_that_comes_while_its_record_is_written_is_written_too(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        session.records.add({"text": "asked"})
        await asyncio.sleep(0)
        writing = asyncio.create_task(one.shared._outbox.flush())
        await asyncio.sleep(0)
        session.records.replace(1, {"text": "answered"})
        await writing
        await one.shared._outbox.flush()
        await other.shared.read(other.find(session))
        assert [record["text"] for _, record in other.find(session).records.since(0)] == ["answered"]

    play(url, scenario)


def test_an_answer_takes_the_place_of_its_record(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        for text in ("first", "second"):
            found.records.add({"text": text})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        found.records.replace(1, {"text": "answered"})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        assert [record["text"] for _, record in session.records.since(0)] == ["answered", "second"]

    play(url, scenario)


def test_nothing_of_a_session_rests_in_clear(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        await one.recorder.take(session, a_hit("name=purchase&who=ada"), "marked")
        await one.shared._outbox.flush()
        rests = repr(execute(url, "select * from preview_session")) + repr(execute(url, "select * from preview_record"))
        rests += repr(execute(url, "select * from preview_code"))
        for secret in (session.mark, session.share, code, "ada"):
            assert secret not in rests

    play(url, scenario)


def test_the_oldest_records_go_when_all_take_too_much(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        for number in range(60):
            session.records.add({"number": number, "text": "x" * 1000})
            if number % 20 == 19:
                await one.shared._outbox.flush()
        [(kept, size)] = execute(url, "select count(*), sum(length(body)) from preview_record")
        assert size + kept * OVERHEAD <= 20_000
        assert kept >= 12
        await other.shared.read(other.find(session))
        last = [record for _, record in other.find(session).records.since(0)]
        assert [record["number"] for record in last] == [*range(1, kept + 1)]

    play(url, scenario, most_bytes=20_000)


def test_a_hundred_records_wait_and_the_rest_is_dropped_and_counted(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        one.away = "it is away"
        for number in range(MOST_WAITING + 5):
            session.records.add({"text": str(number)})
        # An answer takes no second place, and one that was dropped is not counted twice.
        session.records.replace(1, {"text": "answered"})
        assert (len(one.shared._outbox), one.counted["dropped"]) == (MOST_WAITING, 5)
        one.away = ""
        await until(lambda: left(url)[2] == MOST_WAITING)

    play(url, scenario)


def test_records_that_wait_have_a_cap_in_bytes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_BYTES", 1000)

    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        one.away = "it is away"
        for _ in range(5):
            session.records.add({"text": "x" * 400})
        assert (len(one.shared._outbox), one.counted["dropped"]) == (2, 3)

    play(url, scenario)


def test_what_an_ended_session_recorded_is_let_go(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        await other.table.end([session.id])
        found.records.add({"text": "late"})
        await other.shared._outbox.flush()
        assert left(url) == [0, 0, 0]
        await until(lambda: not one.sessions.open and not other.sessions.open)
        found.mode = "send"
        await other.shared.told(found)
        await other.shared.read(found)

    play(url, scenario)


def test_what_was_forgotten_is_gone_from_all_processes(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        found.records.add({"text": "of somebody"})
        await other.shared._outbox.flush()
        await one.shared.read(session)
        store = await open_postgres(url, key=KEY, recover=False)
        counted, done = Progress(), Progress()
        await forget(store, person(email="ada@shop.example"), counted, tags={}, dry_run=True)
        await forget(store, person(email="ada@shop.example"), done, tags={})
        assert counted.changed == done.changed == {WAITING: 0, DEAD: 0, GUARDS: 0, PREVIEWS: 1}
        await store.close()
        await until(lambda: len(session.records) == len(found.records) == 0)
        assert left(url) == [1, 0, 0]

    play(url, scenario)
