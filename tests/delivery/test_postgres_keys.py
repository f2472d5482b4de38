"""Keys of a database: one that is missing, and several processes while it is changed."""

from __future__ import annotations

import base64
import secrets

import psycopg
import pytest

from container.delivery import postgres_keys, rerun
from container.delivery.postgres import PostgresStore, open_postgres
from container.delivery.postgres_keys import FORGOTTEN_MS, LATELY_MS
from container.delivery.progress import Progress
from container.delivery.seal import shared_keyring
from container.delivery.selection import Selection
from container.delivery.store import StoreRefusedError
from tests.delivery.harness import NOW, accepted, claim_first, dead_letters, must_claim, planned, run
from tests.delivery.postgres import execute


def made() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def kid(stated: str) -> str:
    return shared_keyring(stated).kid


OLD, NEW = made(), made()
BOTH, TURNED = f"{OLD},{NEW}", f"{NEW},{OLD}"


def recorded(url: str) -> set[str]:
    return {name for (name,) in execute(url, "select substr(name, 5) from meta where name like 'key %'")}


def aged(url: str, *, by: int = FORGOTTEN_MS) -> None:
    """As if no process had named its key for so long."""
    execute(url, f"update meta set value=(value::bigint-{by + 1000})::text where name like 'key %'")  # noqa: S608 - ours


def stopped(url: str) -> None:
    """As if all processes had ended a while ago."""
    aged(url, by=LATELY_MS)


async def closed(url: str, key: str, *numbers: int, dies: bool = False) -> None:
    """A process that takes these, has them die if so, and ends."""
    store = await open_postgres(url, key=key)
    if numbers:
        await store.accept(accepted(*map(planned, numbers)))
    if dies:
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="no", now=NOW)
    await store.close()


def missing(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [line.getMessage().split(' "They')[0] for line in caplog.records if "key_missing" in line.getMessage()]
    caplog.clear()
    return found


def test_a_start_without_a_key_that_waiting_rows_need_is_refused(url: str) -> None:
    run(closed(url, OLD, 1))
    for key in (NEW, made()):
        with pytest.raises(StoreRefusedError, match=f'sealed with the key "{kid(OLD)}", which is not here'):
            run(closed(url, key))
    assert recorded(url) == {kid(OLD)}
    run(closed(url, TURNED))
    assert recorded(url) == {kid(OLD), kid(NEW)}


def test_whichever_process_started_last_the_record_names_every_key_in_use(url: str) -> None:
    async def changing() -> None:
        first = await open_postgres(url, key=BOTH)
        second = await open_postgres(url, key=TURNED)
        await first.accept(accepted(planned(1)))
        await second.accept(accepted(planned(2)))
        again = await open_postgres(url, key=BOTH)
        await again.accept(accepted(planned(3)))
        for store in (first, second, again):
            assert recorded(url) == {kid(OLD), kid(NEW)}
            claimed = await store.claim(1, now=NOW, most_items=1, ahead=0)
            assert claimed is not None
            assert (len(claimed.rows), dict(claimed.buried)) == (1, {})
            await store.give_back(claimed)
        for store in (first, second, again):
            await store.close()

    run(changing())
    for alone in (OLD, NEW):
        with pytest.raises(StoreRefusedError, match="which is not here"):
            run(closed(url, alone))


def test_the_old_key_can_go_as_soon_as_nothing_waits_that_it_sealed(url: str) -> None:
    async def last_of_the_old() -> None:
        store = await open_postgres(url, key=BOTH)
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows)
        await store.close()

    run(last_of_the_old())
    run(closed(url, TURNED, 2))
    run(closed(url, NEW))
    with pytest.raises(StoreRefusedError, match=kid(NEW)):
        run(closed(url, OLD))


def test_a_key_that_dead_letters_need_is_told_of_at_each_start_until_it_is_back_or_they_are_gone(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def started(key: str) -> list[str]:
        caplog.clear()
        run(closed(url, key))
        return missing(caplog)

    run(closed(url, OLD, 1, 2, dies=True))
    told = [f'store.key_missing key="{kid(OLD)}" letters=2']
    assert started(OLD) == []
    stopped(url)
    assert started(NEW) == started(NEW) == told
    aged(url)
    assert started(NEW) == told
    assert started(TURNED) == []
    execute(url, "delete from dead")
    aged(url)
    assert started(NEW) == []
    assert recorded(url) == {kid(NEW)}


def test_a_key_that_a_running_process_seals_with_is_not_forgotten(url: str) -> None:
    async def scenario() -> None:
        running = await open_postgres(url, key=OLD)
        await closed(url, TURNED)
        await closed(url, NEW)
        assert recorded(url) == {kid(OLD), kid(NEW)}
        aged(url)
        # As it does by itself all the time.
        await postgres_keys.note(running.database, running._keys)
        await closed(url, TURNED)
        await closed(url, NEW)
        assert recorded(url) == {kid(OLD), kid(NEW)}
        assert "keys" in running._keeping._duties
        await running.close()

    run(scenario())


def test_a_start_is_refused_where_it_cannot_be_told_whether_a_key_is_needed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(closed(url, OLD, 1, dies=True))
    stopped(url)
    monkeypatch.setattr(postgres_keys, "PATIENCE_SECONDS", 0.1)
    with psycopg.connect(url) as somebody:
        somebody.execute("lock table delivery in access exclusive mode")
        with pytest.raises(StoreRefusedError, match=f'the key "{kid(OLD)}" sealed deliveries .* takes too long'):
            run(closed(url, NEW))
    with psycopg.connect(url) as somebody:
        somebody.execute("lock table dead in access exclusive mode")
        run(closed(url, NEW))
    assert recorded(url) == {kid(OLD), kid(NEW)}


def test_a_start_with_none_of_the_keys_of_those_that_run_is_refused_though_nothing_waits(url: str) -> None:
    async def stray() -> None:
        running = await open_postgres(url, key=OLD)
        with pytest.raises(
            StoreRefusedError, match=f"not the key of this database's servers.*{kid(OLD)}.*a minute after"
        ):
            await closed(url, NEW)
        assert recorded(url) == {kid(OLD)}
        await closed(url, TURNED)
        await running.close()

    run(stray())
    assert recorded(url) == {kid(OLD), kid(NEW)}


def test_a_new_key_is_taken_once_all_that_had_the_old_one_are_gone(url: str) -> None:
    run(closed(url, OLD))
    with pytest.raises(StoreRefusedError, match="a minute after"):
        run(closed(url, NEW))
    stopped(url)
    run(closed(url, NEW))
    assert recorded(url) == {kid(OLD), kid(NEW)}


def test_a_process_that_runs_names_its_key_far_more_often_than_it_has_to() -> None:
    assert postgres_keys.NOTED_SECONDS * 1000 <= LATELY_MS / 3


def test_what_a_stray_process_sealed_keeps_no_command_out_and_is_told_of(url: str) -> None:
    async def look(key: str) -> tuple[list[str], list[str]]:
        store = await open_postgres(url, key=key, recover=False)
        rows = await store.rows(Selection("waiting"), most=10)
        notices = [*store.notices]
        await store.close()
        return notices, [row.tag for row in rows]

    run(closed(url, OLD, 1))
    stopped(url)
    execute(url, "update delivery set kid='stray'")
    execute(url, "insert into meta select 'key stray', value from meta where name like 'key %'")
    [notice], tags = run(look(OLD))
    assert 'sealed with the key "stray", which is not here' in notice
    assert tags == [""]
    with pytest.raises(StoreRefusedError, match=r'the key "stray".*Put it back'):
        run(closed(url, OLD))
    execute(url, "delete from delivery")
    assert run(look(OLD)) == ([], [])


def test_a_replay_warns_of_letters_whose_key_no_running_process_has(url: str) -> None:
    async def replayed(key: str) -> tuple[dict[str, int], dict[str, int]]:
        command = await open_postgres(url, key=key, recover=False)
        progress = Progress()
        await rerun.replay(command, Selection("dead"), progress, container=None, clock=lambda: NOW)
        await command.close()
        return progress.changed, progress.warned

    async def scenario() -> None:
        await closed(url, OLD, 1, dies=True)
        stopped(url)
        server = await open_postgres(url, key=NEW)
        warned = {rerun.KEY_UNSHARED.format(kid(OLD)): 1}
        assert await replayed(TURNED) == ({rerun.WAITING_AGAIN: 1}, warned)
        claimed = await claim_first(server)
        assert claimed is not None
        assert dict(claimed.buried) == {"unknown_key": 1}
        await server.close()
        # One that only opens with it has it as well.
        both = await open_postgres(url, key=TURNED)
        assert await replayed(TURNED) == ({rerun.WAITING_AGAIN: 1}, {})
        claimed = await must_claim(both)
        await both.bury(claimed, claimed.rows, "refused", note="no", now=NOW)
        await both.close()
        # Where none runs nobody knows.
        execute(url, "delete from meta where name like 'key %' or name like 'opens %'")
        assert await replayed(TURNED) == ({rerun.WAITING_AGAIN: 1}, {})

    run(scenario())


def test_a_command_needs_a_key_of_the_servers_and_leaves_the_record_alone(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def look(key: str) -> int:
        store = await open_postgres(url, key=key, recover=False)
        found = await store.count(Selection("dead"))
        await store.close()
        return found

    assert run(look(made())) == 0
    run(closed(url, OLD, 1, dies=True))
    before = execute(url, "select * from meta order by name")
    with pytest.raises(StoreRefusedError, match=f'seal with the key "{kid(OLD)}"'):
        run(look(NEW))
    caplog.clear()
    assert run(look(TURNED)) == 1
    assert (execute(url, "select * from meta order by name"), missing(caplog)) == (before, [])


def test_a_command_that_seals_rows_says_with_which_key(url: str) -> None:
    async def bring() -> None:
        old = await open_postgres(url, key=OLD)
        await old.accept(accepted(planned(1)))
        [line] = [each.line for each in await old.export(Selection("waiting"), after=0)]
        await old.drop(Selection("waiting"))
        command = await open_postgres(url, key=TURNED, recover=False)
        assert recorded(url) == {kid(OLD)}
        assert (await command.import_rows([line], now=NOW)).taken == 1
        assert recorded(url) == {kid(OLD), kid(NEW)}
        await command.close()
        await old.close()

    run(bring())
    with pytest.raises(StoreRefusedError, match=kid(NEW)):
        run(closed(url, OLD))


def test_a_process_without_a_key_buries_what_it_sealed_and_the_key_brings_it_back(url: str) -> None:
    """What nothing can prevent: two processes that run already, with keys that have nothing in common."""

    async def scenario() -> None:
        other: PostgresStore = await open_postgres(url, key=NEW)
        # It stands still, and so says nothing of its key.
        await other._keeping.close()
        stopped(url)
        first = await open_postgres(url, key=OLD)
        await first.accept(accepted(planned(1)))
        claimed = await claim_first(other)
        assert claimed is not None
        assert dict(claimed.buried) == {"unknown_key": 1}
        assert [letter.reason for letter in await dead_letters(first)] == ["unknown_key"]
        assert await first.replay(Selection("dead"), now=NOW) == 1
        assert len((await must_claim(first)).rows) == 1
        await other.close()
        await first.close()

    run(scenario())
