"""Somebody is forgotten: rows that wait or are sent, letters, hits and guards; nobody else is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery.disk import PATIENCE_MS
from container.delivery.forget import ASIDE, SEEN, UNREAD, forget
from container.delivery.person import Person, person
from container.delivery.progress import Progress
from container.delivery.row import acceptance
from container.delivery.schema import FILE, open_reader
from container.delivery.selection import Selection
from container.delivery.sqlite import open_store
from container.delivery.store import Store
from container.engine.guards import once_per_guard
from container.engine.outcome import Failure, Guard, Planned
from tests import canaries
from tests.delivery.engines import Engine
from tests.delivery.harness import LATER, NOW, accepted, item_request, must_claim, outcome, planned, run

OTHER = {"email": hashlib.sha256(b"somebody@else.example").hexdigest()}
ADA = person(email=canaries.EMAIL)
KEY = "{{ event.user_id }}"


def of_another(number: int) -> Planned:
    return planned(number, item_request(number, user=OTHER))


async def forgotten(
    store: Store, who: Person, *, tags: Mapping[str, str] = {}, dry_run: bool = False, folder: Path | None = None
) -> Mapping[str, int]:
    progress = Progress()
    await forget(store, who, progress, tags=tags, folder=folder, dry_run=dry_run)
    assert progress.done == progress.total
    return {**progress.changed, **progress.kept}


def test_rows_letters_and_guards_of_a_person_are_gone_and_counted_and_a_second_time_there_are_none(
    engine: Engine,
) -> None:
    async def scenario() -> None:
        store = await engine.open()
        guards = [Guard(bytes([number]), "duplicate", LATER, (f"{number:032x}",)) for number in (1, 5)]
        await store.accept(accepted(planned(1), planned(2), planned(3), guards=guards[:1]))
        await store.accept(accepted(of_another(4), of_another(5), guards=guards[1:]))
        claimed = await must_claim(store, most_items=2)
        await store.bury(claimed, claimed.rows[:1], "refused", note="", now=NOW)
        failed = Failure("Hook", "hook", 0, "purchase", "the tag raised")
        await store.accept(acceptance(outcome(failures=[failed]), now=NOW))
        found = {"waiting": 2, "dead": 2, "guards": 1}
        assert await forgotten(store, ADA, dry_run=True) == found
        assert await forgotten(store, ADA) == found
        assert await forgotten(store, ADA) == {"waiting": 0, "dead": 0, "guards": 0}
        assert [int(row.id, 16) for row in await store.rows(Selection("waiting"), most=9)] == [5, 4]
        assert await store.forget_guards([bytes([5])], (), dry_run=True) == 1
        # What was being sent is nobody's any more.
        assert await store.settle(claimed, claimed.rows) == 0
        assert store.fill > 0
        await store.close()

    run(scenario())


def test_a_hit_is_searched_in_its_headers_cookies_query_body_and_address(engine: Engine) -> None:
    async def scenario() -> None:
        failed = Failure("Hook", "hook", 0, "purchase", "the tag raised")
        for who in (
            ADA,
            person(phone=canaries.PHONE),
            person(user_id=canaries.USER_ID),
            person(client_id=canaries.CLIENT_ID),
            person(user_id=canaries.COOKIE),
        ):
            store = await engine.open()
            await store.accept(acceptance(outcome(failures=[failed]), now=NOW))
            assert (await forgotten(store, who))["dead"] == 1, who
            await store.close()

    run(scenario())


def test_keys_of_once_per_that_a_person_used_are_free_again(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        used = [once_per_guard("Welcome", key, until=LATER, planned=(key,)) for key in ("U-4711", "U-9")]
        await store.accept(accepted(guards=used))
        who = person(user_id="U-4711")
        assert (await forgotten(store, who, tags={"Other": KEY}))["guards"] == 0
        assert (await forgotten(store, who, tags={"Other": KEY, "Welcome": KEY}))["guards"] == 1
        assert await store.forget_guards([used[1].key], (), dry_run=True) == 1
        await store.close()

    run(scenario())


def test_a_number_frees_the_keys_of_tags_that_count_by_persons_only(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        used = [once_per_guard(tag, "104233", until=LATER, planned=(tag,)) for tag in ("Bought", "Welcome")]
        await store.accept(accepted(guards=used))
        tags = {"Bought": "{{ event.transaction_id }}", "Welcome": KEY}
        assert (await forgotten(store, person(user_id="104233"), tags=tags))["guards"] == 1
        assert await store.forget_guards([used[0].key], (), dry_run=True) == 1
        await store.close()

    run(scenario())


def test_what_cannot_be_read_is_told(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        await engine.alter(store, "update delivery set crc=crc+1")
        assert (await forgotten(store, ADA))[UNREAD] == 1
        await store.close()

    run(scenario())


def test_many_rows_are_looked_through_in_slices_with_rests(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        for start in range(0, 1200, 100):
            await store.accept(accepted(*(of_another(number) for number in range(start, start + 100))))
        await store.accept(accepted(planned(5000)))
        rests: list[float] = []

        async def sleep(seconds: float) -> None:
            rests.append(seconds)

        progress = Progress()
        await forget(store, ADA, progress, tags={}, sleep=sleep)
        # Each is looked at twice, but for the one that is gone.
        assert (progress.done, progress.changed["waiting"], len(rests)) == (2401, 1, 6)
        await store.close()

    run(scenario())


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_guard_goes_with_whichever_of_its_deliveries_held_the_person(engine: Engine, position: int) -> None:
    async def scenario() -> None:
        store = await engine.open()
        rows = [planned(number) if number == position + 1 else of_another(number) for number in (1, 2, 3)]
        shared = Guard(b"shared", "duplicate", LATER, tuple(row.id for row in rows))
        other = Guard(b"other", "duplicate", LATER, tuple(f"{number:032x}" for number in (8, 9)))
        await store.accept(accepted(*rows, guards=[shared, other]))
        assert await forgotten(store, ADA) == {"waiting": 1, "dead": 0, "guards": 1}
        assert await store.forget_guards([b"shared", b"other"], (), dry_run=True) == 1
        await store.close()

    run(scenario())


def test_a_letter_that_is_sent_again_meanwhile_is_found_where_it_waits_then(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        guard = Guard(b"hers", "duplicate", LATER, (f"{1:032x}",))
        await store.accept(accepted(planned(1), guards=[guard]))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)
        await store.accept(accepted(of_another(2)))

        async def sleep(_: float) -> None:
            await store.replay(Selection("dead"), now=NOW)

        progress = Progress()
        await forget(store, ADA, progress, tags={}, sleep=sleep)
        assert progress.changed == {"waiting": 1, "dead": 0, "guards": 1}
        assert [int(row.id, 16) for row in await store.rows(Selection("waiting"), most=9)] == [2]
        assert progress.done == progress.total
        await store.close()

    run(scenario())


def test_a_letter_that_is_sent_again_and_dies_again_meanwhile_is_found_where_it_is_then(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(1), of_another(2)))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="", now=NOW)
        await store.accept(accepted(of_another(3), now=LATER))
        [_, hers] = await store.rows(Selection("dead"), most=9)
        slices = 0

        async def sleep(_: float) -> None:
            nonlocal slices
            slices += 1
            if slices == 1:
                assert await store.replay(Selection("dead", numbers=(hers.number,)), now=NOW) == 1
            elif slices == 2:
                again = await must_claim(store)
                assert await store.bury(again, again.rows, "refused", note="", now=NOW) == 1

        progress = Progress()
        await forget(store, ADA, progress, tags={}, sleep=sleep)
        assert progress.changed == {"waiting": 0, "dead": 1, "guards": 0}
        assert [int(row.id, 16) for row in await store.rows(Selection("dead"), most=9)] == [2]
        assert progress.done == progress.total
        await store.close()

    run(scenario())


def test_damaged_files_that_were_moved_aside_are_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        names = [f"deliveries.db.corrupt-20270115T080000Z{end}" for end in ("", "-shm", "-wal")]
        for name in names:
            (tmp_path / name).write_bytes(b"")
        for dry_run in (True, False):
            found = await forgotten(store, ADA, folder=tmp_path, dry_run=dry_run)
            assert found[f"{ASIDE} ({', '.join(names)})"] == 3
        for name in names:
            (tmp_path / name).unlink()
        assert await forgotten(store, ADA, folder=tmp_path) == {"waiting": 0, "dead": 0, "guards": 0}
        await store.close()

    run(scenario())


def test_a_log_that_somebody_reads_is_said_not_to_be_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("container.delivery.sqlite_queue.EMPTYING_TRIES", 1)

    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(1)))
        with closing(open_reader(tmp_path)) as reader:
            reader.execute("begin")
            [(body,)] = reader.execute("select body from delivery").fetchall()
            progress = Progress()
            await forget(store, person(email=canaries.EMAIL), progress, tags={})
            assert (progress.changed["waiting"], progress.kept, progress.left) == (1, {}, SEEN)
            reader.execute("commit")
            assert body in (tmp_path / f"{FILE}-wal").read_bytes()
        again = Progress()
        await forget(store, person(email=canaries.EMAIL), again, tags={})
        assert (again.kept, again.left) == ({}, "")
        assert all(body not in (tmp_path / name).read_bytes() for name in (FILE, f"{FILE}-wal"))
        query = "pragma busy_timeout"
        assert await store._writer.run(lambda connection: connection.execute(query).fetchone()) == (PATIENCE_MS,)
        await store.close()

    run(scenario())
