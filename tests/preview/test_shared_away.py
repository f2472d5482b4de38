"""Sessions that several processes share, when the database is away, or somebody else has changed what is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from container.delivery import postgres_connecting
from container.delivery.late import open_late
from container.delivery.postgres import open_postgres
from container.delivery.postgres_previews import PostgresPreviews
from container.delivery.served import ServedStore
from container.delivery.spool import open_spool
from container.delivery.sqlite import open_store
from container.delivery.store import Limits, StoreAwayError, StoreUnavailableError
from container.preview import shared
from container.preview.sessions import (
    IDLE_SECONDS,
    NotSharedError,
)
from tests.delivery.engines import emptied
from tests.delivery.postgres import KEY, migrate_now, running
from tests.preview.parts import a_hit
from tests.preview.sharing import Process, Time, left, play, process, until
from tests.web.parts import NOW

OTHER_KEY = "b3RoZXIga2V5IG9mIDMyIGJ5dGVzLCBmb3IgdGVzdHM="


@pytest.fixture
def url() -> str:
    """The address of a database that is as good as new."""
    return emptied()


def test_one_that_was_only_not_used_here_comes_back(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        one.away = "it is away"
        one.time.now += IDLE_SECONDS - 60
        other.sessions.marked(session.mark, one.time.now)
        await other.shared._look()
        one.time.now += 61
        assert not one.knows(session)
        one.away = ""
        await until(lambda: one.knows(session))
        assert other.knows(session)

    play(url, scenario)


def test_who_cannot_ask_goes_on_and_sends_nothing_until_it_can(url: str) -> None:
    ticks = [0.0]

    async def whole() -> None:
        now = Time()
        async with process(url, time=now) as one, process(url, time=now, sure=2.0, monotonic=lambda: ticks[0]) as other:
            session = await one.start()
            session.mode = "send"
            await one.shared.told(session)
            await until(lambda: other.find(session).mode == "send")
            other.away = "the database does not answer"
            found = other.find(session)
            await asyncio.sleep(0.1)
            ticks[0] += 2.5
            reply = await other.recorder.marked(a_hit(headers={"x-gtm-server-preview": session.mark}))
            assert reply is not None
            await other.recorder.settled()
            [(_, record)] = found.records.since(0)
            assert (record["mode"], other.vendor.got) == ("dry", [])
            assert record["console"][0].startswith("Nothing was sent, since this process cannot ask")
            with pytest.raises(NotSharedError, match="No preview was started"):
                await other.start()
            assert len(other.sessions.all(NOW)) == 1
            found.mode = "dry"
            with pytest.raises(NotSharedError, match="alone"):
                await other.shared.told(found)
            with pytest.raises(NotSharedError, match="No link was made"):
                await other.sessions.link(found, NOW)
            await other.shared.read(found)
            other.away = ""
            await until(lambda: session.mode == "dry" and not other.shared.unsure)
            await until(lambda: left(url)[2] == 1)

    asyncio.run(whole())


def test_a_link_cannot_be_used_while_nobody_knows_whether_it_was(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        code = await one.sessions.link(session, NOW)
        one.away = "it is away"
        assert await one.sessions.redeemed(code, NOW) is None
        assert one.sessions.wrong.refused == 1
        one.away = ""
        await one.shared._look()
        assert await one.sessions.redeemed(code, NOW) is session

    play(url, scenario)


def test_what_a_later_release_has_written_is_left_alone(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        replica = one.shared._replicas[session.id]
        async with one.shared._turn:
            version = await one.table.change(session.id, replica.version, b'{"later": 1}')
            assert version is not None
            session.mode = "test"
            await one.shared._tell(replica)
        assert not one.knows(session)
        await until(lambda: one.counted == other.counted == {"foreign": 1})
        await other.table.write(session.id, [b"no envelope"], {}, cleared=0)
        await other.shared.read(other.find(session))
        assert len(other.find(session).records) == 0

    play(url, scenario)


def test_who_is_overtaken_again_and_again_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "TRIES", 0)

    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        session.mode = "test"
        with pytest.raises(NotSharedError, match="all the time"):
            await one.shared.told(session)

    play(url, scenario)


def test_what_is_over_by_its_turn_is_not_told(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        async with one.shared._turn:
            session.mode = "test"
            telling = asyncio.create_task(one.shared.told(session))
            await asyncio.sleep(0)
            one.sessions.end(session)
            await one.shared._tell(one.shared._replicas[session.id])
        await telling
        assert left(url) == [0, 0, 0]

    play(url, scenario)


def test_a_session_with_another_key_is_left_alone_and_counted(url: str) -> None:
    async def whole() -> None:
        now = Time()
        async with process(url, time=now) as one, process(url, time=now, key=OTHER_KEY) as other:
            session = await one.start()
            await until(lambda: other.counted["foreign"] == 1)
            session.mode = "test"
            await one.shared.told(session)
            await other.shared._look()
            assert (other.counted["foreign"], other.sessions.open, one.knows(session)) == (1, False, True)
            row = (await other.table.news(session.id, 0, most=1)) or None
            assert row is None
            await one.recorder.take(session, a_hit(), "marked")
            await one.shared._outbox.flush()
            [record] = await other.table.news(session.id, 0, most=1)
            assert record.body is None

    asyncio.run(whole())


def test_a_change_of_what_somebody_ended_meanwhile_is_one_of_nothing(url: str) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        found = other.find(session)
        async with other.shared._turn:
            await one.table.end([session.id])
            found.mode = "send"
            await other.shared._tell(other.shared._replicas[session.id])
        assert not other.sessions.open

    play(url, scenario)


def test_tables_of_the_version_before_share_nothing_and_say_what_to_run(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        async with process(running().database(2)) as one:
            with pytest.raises(NotSharedError, match="tag-container migrate"):
                await one.start()
            assert not one.sessions.open

    asyncio.run(whole())
    lines = [each.getMessage() for each in caplog.records if "preview.not_shared" in each.getMessage()]
    assert len(lines) == 1
    assert "tag-container migrate --store URL" in lines[0]


def test_tables_that_are_migrated_meanwhile_are_shared_without_a_restart(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connecting, "VERSION_SECONDS", 0.1)
    caplog.set_level("INFO")

    async def whole() -> None:
        url = running().database(2)
        async with process(url) as one, process(url) as other:
            with pytest.raises(NotSharedError, match="tag-container migrate"):
                await one.start()
            await asyncio.to_thread(migrate_now, url)
            await until(lambda: caplog.text.count("preview.shared_again") == 2)
            session = await one.start()
            await until(lambda: other.knows(session))

    asyncio.run(whole())
    assert caplog.text.count("preview.not_shared") == 2


def test_the_version_of_the_tables_is_read_every_few_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    async def whole() -> None:
        url = running().database(2)
        async with process(url) as one:
            await until(lambda: one.database._version_read_at > 0)
            before = one.database._version_read_at
            with pytest.raises(StoreUnavailableError, match="previews need 3"):
                await one.table.look(now=1)
            assert one.database._version_read_at == before

    monkeypatch.setattr(postgres_connecting, "VERSION_SECONDS", 600.0)
    asyncio.run(whole())


def test_who_is_told_nothing_of_a_change_is_told_what_the_others_do(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        session = await one.start()
        one.away = "the database does not answer"
        session.mode = "send"
        with pytest.raises(NotSharedError, match=r"The others go on for now, .* from two seconds on"):
            await one.shared.told(session)
        one.away = ""

    play(url, scenario)


def test_a_database_that_comes_back_is_looked_at_again(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: Process, other: Process) -> None:
        session = await one.start()
        other.away = "the database refuses it"
        await asyncio.sleep(0.1)
        session.mode = "test"
        await one.shared.told(session)
        other.away = ""
        await until(lambda: other.find(session).mode == "test")

    play(url, scenario)
    assert caplog.text.count("preview.not_shared") == 1
    assert caplog.text.count("preview.shared_again") == 1


def test_a_fault_of_ours_does_not_end_the_looks(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: Process, other: Process) -> None:
        there: Any = other.table
        other.table = "no table"  # type: ignore[assignment]  # so that something unforeseen is raised
        await until(lambda: "a fault of ours, AttributeError" in caplog.text)
        other.table = there
        session = await one.start()
        await until(lambda: other.knows(session))

    play(url, scenario)


def test_a_store_of_one_process_shares_nothing(url: str) -> None:
    async def scenario(one: Process, _other: Process) -> None:
        one.shared._asked = lambda: None
        with pytest.raises(NotSharedError, match="one process alone"):
            await one.start()

    play(url, scenario)


def test_a_store_behind_a_spool_gives_what_is_shared_once_it_is_there(url: str, tmp_path: Path) -> None:
    async def whole() -> None:
        reasons = ["it is away"]

        async def opening() -> ServedStore:
            if reasons:
                raise StoreAwayError(reasons.pop())
            return await open_postgres(url, key=KEY)

        spool = await open_spool(await open_late(opening), tmp_path / "spool", now=int(NOW * 1000), limits=Limits())
        try:
            with pytest.raises(StoreUnavailableError, match="it is away"):
                spool.previews()
            await until(lambda: not reasons and is_there(spool))
            assert isinstance(spool.previews(), PostgresPreviews)
            assert await spool.forget_previews() == 0
        finally:
            await spool.close()

    asyncio.run(whole())


def is_there(store: ServedStore) -> bool:
    try:
        return store.previews() is not None
    except StoreUnavailableError:
        return False


def test_a_store_of_one_process_has_nothing_to_share(tmp_path: Path) -> None:
    async def whole() -> None:
        store = open_store(tmp_path, now=int(NOW * 1000))
        here: ServedStore = store
        assert here.previews() is None
        assert await here.forget_previews() == 0
        await store.close()

    asyncio.run(whole())
