"""Letters that hold a hit: its tag runs once more, in the container in force, and nothing else is sent again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from container.api import Event, Request, tag
from container.config.registry import Registry
from container.delivery import rerun
from container.delivery.progress import Progress
from container.delivery.row import GIVE_UP_MS, acceptance
from container.delivery.selection import Gone, Selection
from container.delivery.sqlite import open_store
from container.delivery.store import Store
from container.engine.container import Container
from container.engine.run import run as run_hit
from container.event import Hit
from tests.containers_of import container_of
from tests.delivery.engines import Engine
from tests.delivery.harness import LATER, NOW, accepted, must_claim, planned, run
from tests.web.parts import FILE, HOOK, Hook, collect, container
from triggers.event import event as event_trigger

DEAD, WAITING = Selection("dead"), Selection("waiting")
BROKEN, UNSENDABLE = "name=raise_in_tag", "name=unsendable"
TWO = FILE.replace("tags: {Hook:", "tags: {Other: {type: hook, triggers: [Every]}, Hook:")


def hit(query: str) -> Hit:
    return Hit(bytes(16), NOW, path="/collect", query=query)


async def letters(store: Store, query: str, found: Container | None = None) -> None:
    await store.accept(acceptance(run_hit(found or container(), hit(query)), now=NOW))


@tag("hook", consent=())
def mended_hook(settings: Hook, event: Event) -> Request:
    """The tag without its mistakes."""
    return Request("POST", HOOK, json={"name": event.name})


def mended(text: str = FILE) -> Container:
    """The same file with a tag that works."""
    return container_of(text, Registry.of([collect, mended_hook, event_trigger]))


async def replayed(store: Store, found: Container | None, *, now: int = LATER) -> Progress:
    progress = Progress()
    await rerun.replay(store, DEAD, progress, container=found, clock=lambda: now)
    assert progress.done == progress.total
    return progress


def test_a_tag_that_works_now_sends_what_it_would_have_sent(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await letters(store, BROKEN, container(TWO))
        assert await store.count(DEAD) == 2
        progress = await replayed(store, mended())
        assert progress.changed == {rerun.WAITING_AGAIN: 1}
        assert progress.kept == {rerun.GONE_TAG: 1}
        claimed = await must_claim(store, LATER)
        wanted = acceptance(run_hit(mended(), hit(BROKEN)), now=NOW).rows[0]
        [row] = claimed.rows
        assert (row.id, row.item, row.first) == (wanted.id, wanted.item, NOW)
        assert row.give_up == LATER + GIVE_UP_MS
        assert await store.count(DEAD) == 1
        assert (await replayed(store, mended())).changed == {}
        await store.close()

    run(scenario())


@pytest.mark.parametrize(
    ("query", "text", "why"),
    [
        (BROKEN, FILE, rerun.FAILED_AGAIN),
        (UNSENDABLE, FILE, rerun.UNSENDABLE),
        (BROKEN, FILE.replace("Hook:", "Renamed:"), rerun.GONE_TAG),
        (BROKEN, FILE.replace("type: collect", "type: collect, paths: [/other]"), rerun.GONE_EVENT),
        (
            BROKEN,
            FILE.replace("type: hook,", "type: hook, paused: true,"),
            "the tag does not send it any more (paused)",
        ),
    ],
)
def test_a_letter_stays_and_says_why(engine: Engine, query: str, text: str, why: str) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await letters(store, query)
        progress = await replayed(store, container(text))
        assert (progress.changed, progress.kept) == ({}, {why: 1})
        assert (await store.count(DEAD), await store.count(WAITING)) == (1, 0)
        await store.close()

    run(scenario())


def test_without_a_container_letters_of_hits_stay(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await letters(store, BROKEN)
        progress = await replayed(store, None)
        assert progress.kept == {rerun.NO_CONTAINER: 1}
        await store.close()

    run(scenario())


def test_letters_whose_key_is_not_here_stay_as_they_are_and_name_it(tmp_path: Path) -> None:
    async def work() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(planned(1), planned(2)))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "gave_up", note="", now=NOW)
        await letters(store, BROKEN)
        await store.close()
        (tmp_path / "key").unlink()
        store = open_store(tmp_path, now=NOW)
        found = await replayed(store, mended())
        [(why, rows)] = found.kept.items()
        assert (found.changed, rows) == ({}, 3)
        assert re.fullmatch(r'the key "[0-9a-f]{8}" is not here', why)
        assert sorted(row.reason or "" for row in await store.rows(DEAD, most=9)) == [
            "gave_up",
            "gave_up",
            "tag_failed",
        ]
        assert (await store.lanes())[0].waiting == 0
        await store.close()

    run(work())


def test_requests_and_hits_are_replayed_together_and_the_rest_is_counted_by_reason(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1), planned(2, max_age_hours=1), planned(3)))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows[:2], "gave_up", note="", now=NOW)
        await store.bury(claimed, claimed.rows[2:], "damaged", note="", now=NOW)
        await letters(store, BROKEN)
        progress = await replayed(store, container(), now=NOW + 2 * 3_600_000)
        assert progress.changed == {rerun.WAITING_AGAIN: 1}
        assert progress.kept == {rerun.TOO_OLD: 1, rerun.DAMAGED: 1, rerun.FAILED_AGAIN: 1}
        await store.close()

    run(scenario())


def test_a_letter_is_taken_once_however_often_it_is_replayed(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await letters(store, BROKEN)
        [letter] = await store.standing(DEAD, after=0)
        held = await store.hit_of(letter)
        assert held is not None
        made = rerun.rerun(held, letter, mended(), now=LATER)
        assert not isinstance(made, str)
        assert [await store.replay_hit(letter, made) for _ in range(2)] == [True, False]
        assert await store.count(WAITING) == 1
        assert await store.hit_of(letter) is None
        await store.close()

    run(scenario())


def test_a_letter_that_could_not_be_sent_brings_back_that_request_alone(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await letters(store, UNSENDABLE)
        [letter] = await store.standing(DEAD, after=0)
        assert (await replayed(store, mended())).changed == {rerun.WAITING_AGAIN: 1}
        assert [row.id for row in await store.rows(WAITING, most=9)] == [letter.id]
        await store.close()

    run(scenario())


def test_what_the_tag_sent_meanwhile_is_not_sent_again(engine: Engine) -> None:
    once = FILE.replace("type: hook,", 'type: hook, once_per: {key: "{{ event.name }}", within: 7d},')

    async def scenario() -> None:
        store = await engine.open()
        await letters(store, BROKEN, container(once))
        other = Hit(bytes([1] * 16), NOW, path="/collect", query=BROKEN)
        await store.accept(acceptance(run_hit(mended(once), other), now=NOW))
        assert (await replayed(store, mended(once))).kept == {rerun.HELD_BACK: 1}
        assert (await store.count(DEAD), await store.count(WAITING)) == (1, 1)
        await store.close()

    run(scenario())


def test_dropping_goes_on_until_nothing_selected_is_left(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(*(planned(number) for number in range(1, 8))))
        progress = Progress()
        await rerun.drop(store, WAITING, progress)
        assert (progress.total, progress.done, progress.changed) == (7, 7, {rerun.DROPPED: 7})
        await store.close()

    run(scenario())


class Busy:
    """A store into which a hit comes after each slice that is dropped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._came = 100

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def drop(self, selection: Selection, *, after: int, most: int) -> Gone:
        gone = await self._store.drop(selection, after=after, most=most)
        self._came += 1
        await self._store.accept(accepted(planned(self._came)))
        return gone


@pytest.mark.parametrize("up_to", [None, 3])
def test_what_comes_after_the_command_is_not_dropped(engine: Engine, up_to: int | None) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(*(planned(number) for number in range(1, 4))))
        progress = Progress()
        await rerun.drop(cast("Store", Busy(store)), Selection("waiting", up_to=up_to), progress)
        assert progress.changed == {rerun.DROPPED: 3}
        assert [int(row.id, 16) for row in await store.rows(WAITING, most=9)] == [102, 101]
        await store.close()

    run(scenario())
