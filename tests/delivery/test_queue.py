"""What people do with rows: every store shows them, sends letters again, drops, exports and imports them alike."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from container.delivery.exporting import checksum
from container.delivery.row import GIVE_UP_MS, Reason
from container.delivery.selection import Pair, Selection
from container.delivery.sqlite import open_store
from container.delivery.store import Answer, Limits, Part, Store
from container.engine.outcome import Guard
from tests import canaries
from tests.delivery.engines import Engine, EngineName
from tests.delivery.harness import (
    LATER,
    NOW,
    Scenario,
    accepted,
    claim_first,
    ids,
    item_request,
    must_claim,
    planned,
    run,
    single_request,
)

WAITING, DEAD = Selection("waiting"), Selection("dead")


async def buried(store: Store, *numbers: int, reason: Reason = "refused") -> None:
    """Letters of these numbers, all of one lane."""
    await store.accept(accepted(*(planned(number) for number in numbers)))
    claimed = await must_claim(store)
    tried = Answer(NOW, 400, "refused", "no such pixel")
    assert await store.bury(claimed, claimed.rows, reason, note="no such pixel", now=NOW, tried=tried)


def test_rows_are_listed_the_latest_first_and_page_by_page(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(*(planned(number) for number in range(1, 6))))
        first = await store.rows(WAITING, most=2)
        assert [int(row.id, 16) for row in first] == [5, 4]
        then = await store.rows(WAITING, most=9, before=first[-1].number)
        assert [int(row.id, 16) for row in then] == [3, 2, 1]
        assert {(row.tag, row.event_name, row.lane, row.due) for row in then} == {
            ("TikTok - events", "purchase", 1, NOW)
        }

    play(scenario)


def test_a_lane_and_a_reason_narrow_what_is_listed(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await buried(store, 1)
        await buried(store, 2, reason="gave_up")
        other = planned(3, item_request(3, account="C2"))
        await store.accept(accepted(other, planned(4)))
        assert [int(row.id, 16) for row in await store.rows(Selection("dead", reason="gave_up"), most=9)] == [2]
        assert [int(row.id, 16) for row in await store.rows(Selection("waiting", lane=2), most=9)] == [3]
        assert await store.rows(Selection("waiting", reason="refused"), most=9) == []
        lanes = [Selection("dead", lane=1), Selection("dead", lane=2)]
        assert [await store.count(each) for each in (DEAD, WAITING, *lanes)] == [2, 2, 2, 0]
        assert await store.count(Selection("dead", reason="refused")) == 1

    play(scenario)


def test_what_is_being_sent_is_listed_as_well(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        await must_claim(store)
        [row] = await store.rows(Selection("waiting", lane=1), most=9)
        assert row.claimed
        assert await store.count(WAITING) == 1

    play(scenario)


def test_a_row_shows_its_request_in_its_envelope_with_the_names_of_secrets(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        [row] = await store.rows(WAITING, most=1)
        found = await store.row("waiting", row.number, whole=True)
        assert found is not None
        assert (found.method, found.url) == ("POST", "https://vendor.example/v1/events")
        assert ("Access-Token", "${secret:TIKTOK_TOKEN}") in found.headers
        assert found.body.startswith('{"source":"C1","data":[{"event":"Purchase"')
        assert canaries.EMAIL in found.body
        assert found.give_up == NOW + GIVE_UP_MS
        assert await store.row("waiting", row.number + 1) is None
        assert await store.row("dead", row.number) is None

    play(scenario)


def test_values_are_masked_unless_the_whole_is_asked_for(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        [row] = await store.rows(WAITING, most=1)
        found = await store.row("waiting", row.number)
        assert found is not None
        assert not canaries.EVERYTHING.within(repr(found))
        assert '"event":"Purchase"' in found.body
        assert f'"email":"W…e/{len(canaries.EMAIL)}"' in found.body
        assert ("Access-Token", "${secret:TIKTOK_TOKEN}") in found.headers

    play(scenario)


def test_a_row_tells_what_was_tried_with_it(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await buried(store, 1)
        [row] = await store.rows(DEAD, most=1)
        found = await store.row("dead", row.number)
        assert found is not None
        assert [(tried.at, tried.status, tried.verdict, tried.excerpt) for tried in found.history] == [
            (NOW, 400, "refused", "no such pixel")
        ]
        assert (row.reason, row.note, row.died, row.attempts) == ("refused", "no such pixel", NOW, 1)

    play(scenario)


def test_a_letter_that_is_replayed_waits_as_it_was_and_is_due_at_once(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        before = accepted(planned(1))
        await store.accept(before)
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "gave_up", note="", now=NOW)
        heard: list[dict[str, int]] = []
        store.listen(lambda lanes: heard.append(dict(lanes)))
        assert await store.replay(DEAD, now=LATER) == 1
        assert await store.replay(DEAD, now=LATER) == 0
        assert heard == [{before.rows[0].lane.key: LATER}]
        again = await must_claim(store, LATER)
        [row] = again.rows
        assert (row.id, row.frame, row.item, row.first) == (
            before.rows[0].id,
            before.rows[0].frame,
            before.rows[0].item,
            NOW,
        )
        assert (row.attempts, row.crashes, row.faults, row.give_up) == (1, 0, 0, LATER + GIVE_UP_MS)
        [lane] = await store.lanes()
        assert (lane.waiting + lane.claimed, lane.dead) == (1, 0)

    play(scenario)


def test_a_letter_that_is_replayed_goes_with_others_again(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await buried(store, 1, 2)
        await store.accept(accepted(planned(3), now=LATER))
        await store.replay(DEAD, now=LATER)
        assert sorted(ids(await claim_first(store, LATER))) == [1, 2, 3]

    play(scenario)


def test_a_letter_that_its_vendor_would_call_too_old_stays_dead(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1, max_age_hours=1), planned(2)))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "gave_up", note="", now=NOW)
        assert await store.replay(DEAD, now=NOW + 2 * 3_600_000) == 1
        [left] = await store.standing(DEAD, after=0)
        assert (int(left.id, 16), left.expire) == (1, NOW + 3_600_000)

    play(scenario)


def test_a_letter_whose_expiry_has_not_come_keeps_it(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1, max_age_hours=1)))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "gave_up", note="", now=NOW)
        assert await store.replay(DEAD, now=LATER) == 1
        [row] = await store.rows(WAITING, most=1)
        found = await store.row("waiting", row.number)
        assert found is not None
        assert found.expire == NOW + 3_600_000

    play(scenario)


def test_only_what_is_selected_is_replayed_or_dropped(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await buried(store, 1, 2, 3, 4)
        numbers = [row.number for row in reversed(await store.rows(DEAD, most=9))]
        assert (await store.drop(Selection("dead", numbers=(numbers[0],)))).rows == 1
        assert await store.replay(Selection("dead", up_to=numbers[1]), now=NOW) == 1
        assert [int(row.id, 16) for row in await store.rows(DEAD, most=9)] == [4, 3]
        assert [int(row.id, 16) for row in await store.rows(WAITING, most=9)] == [2]

    play(scenario)


def test_no_number_comes_again(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        [seen] = await store.rows(WAITING, most=1)
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows)
        await store.accept(accepted(planned(2)))
        [now] = await store.rows(WAITING, most=1)
        assert now.number == seen.number + 1
        assert (await store.drop(Selection("waiting", numbers=(seen.number,)))).rows == 0
        assert (await store.drop(Selection("waiting", numbers=(now.number,), ids=(seen.id,)))).rows == 0
        assert await store.count(WAITING) == 1
        await buried(store, 3)
        [first] = await store.rows(DEAD, most=1)
        await store.drop(DEAD)
        await buried(store, 4)
        [second] = await store.rows(DEAD, most=1)
        assert second.number == first.number + 1

    play(scenario)


def test_slices_take_so_many_at_once(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await buried(store, 1, 2, 3, 4, 5)
        assert [await store.replay(DEAD, now=NOW, most=2) for _ in range(4)] == [2, 2, 1, 0]
        assert [(await store.drop(WAITING, most=3)).rows for _ in range(3)] == [3, 2, 0]

    play(scenario)


def test_what_is_dropped_while_it_is_sent_comes_back_to_nobody(play: Scenario) -> None:
    async def scenario(store: Store) -> None:
        await store.accept(accepted(planned(1)))
        claimed = await must_claim(store)
        assert (await store.drop(WAITING)).rows == 1
        assert await store.settle(claimed, claimed.rows) == 0
        [lane] = await store.lanes()
        assert (lane.waiting, lane.claimed) == (0, 0)

    play(scenario)


def test_what_is_being_sent_is_touched_by_nothing_but_who_deletes_it(engine: Engine) -> None:
    standing = (
        "select number, id, lane, part, due, attempts, crashes, first, give_up, history from delivery "
        "where claim is not null order by number"
    )

    async def scenario(store: Store) -> None:
        await store.accept(accepted(*map(planned, range(1, 7))))
        claimed = await must_claim(store, most_items=4)
        numbers = tuple(row.number for row in claimed.rows)
        sent = engine.find(standing)
        due = sent[0][4]
        await store.hasten(claimed.lane, now=NOW - 1)
        assert await store.regroup([Part(numbers[:2], NOW), Part(numbers[2:], NOW)], held=due) == 0
        assert await store.replay(Selection("dead", numbers=numbers), now=NOW) == 0
        await store.drop(Selection("dead", numbers=numbers))
        await store.drop(Selection("waiting", numbers=numbers, reason="refused"))
        await store.erase("dead", [Pair(row.number, row.id) for row in claimed.rows])
        await store.erase("waiting", [Pair(row.number, "another row") for row in claimed.rows])
        await store.pause(claimed.lane, paused=True)
        await store.tend(now=NOW - 10**12, begun=True)
        assert ids(await store.claim(claimed.lane, now=NOW, most_items=10, ahead=0)) == [5, 6]
        assert engine.find(standing)[:4] == sent
        # Deleting is meant for what is being sent as well: nobody may find a person in it who is to be forgotten.
        assert (await store.drop(Selection("waiting", numbers=numbers[:1]))).rows == 1
        assert await store.erase("waiting", [Pair(claimed.rows[1].number, claimed.rows[1].id)]) == 1
        assert await store.settle(claimed, claimed.rows) == 2

    engine.play(scenario)


def test_a_lane_that_is_full_takes_no_letters_back(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open(limits=Limits(most_rows=4))
        await store.accept(accepted(*(planned(number) for number in range(1, 5))))
        assert await store.count(Selection("dead", reason="lane_full")) == 2
        assert await store.replay(DEAD, now=NOW) == 0
        claimed = await must_claim(store)
        await store.settle(claimed, claimed.rows)
        assert await store.replay(DEAD, now=NOW) == 2
        assert store.fill == 0.5
        await store.close()

    run(scenario())


def test_rows_go_to_another_folder_and_are_the_same(engine: Engine) -> None:
    async def scenario() -> None:
        here, there = await engine.open("a"), await engine.open("b")
        await buried(here, 1)
        await here.accept(accepted(planned(2, max_age_hours=5), planned(3, single_request(3))))
        lines = await exported(here)
        assert sum(line["place"] == "dead" for line in lines) == 1
        taken = await there.import_rows(lines, now=LATER)
        assert (taken.taken, taken.known, taken.damaged, taken.full) == (3, 0, 0, 0)
        again = await there.import_rows(lines, now=LATER)
        assert (again.taken, again.known) == (0, 3)
        assert [{**line, "lane": ""} for line in await exported(there)] == [{**line, "lane": ""} for line in lines]
        assert await there.replay(DEAD, now=LATER) == 1
        assert set(ids(await must_claim(there, LATER))) <= {1, 2, 3}
        assert sum(lane.waiting + lane.claimed for lane in await there.lanes()) == 3
        await here.close()
        await there.close()

    run(scenario())


async def exported(store: Store) -> list[dict[str, object]]:
    return [dict(each.line) for place in (WAITING, DEAD) for each in await store.export(place, after=0)]


@pytest.mark.parametrize(
    "change",
    [
        {"checksum": "0" * 64},
        {"body": "AAAA"},
        {"version": 2},
        {"place": "elsewhere"},
        {"row": {}},
        {"row": {"id": "x"}},
        {"lane": "[]"},
        {"lane": 5},
    ],
)
def test_a_line_that_was_changed_is_not_taken(engine: Engine, change: dict[str, object]) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        [line] = await exported(store)
        await store.drop(WAITING)
        imported = await store.import_rows([{**line, **change}], now=NOW)
        assert (imported.taken, imported.damaged) == (0, 1)
        await store.close()

    run(scenario())


def test_the_same_line_twice_in_one_slice_is_taken_once(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1)))
        [line] = await exported(store)
        await store.drop(WAITING)
        imported = await store.import_rows([line, line], now=NOW)
        assert (imported.taken, imported.known) == (1, 1)
        await store.close()

    run(scenario())


def test_what_does_not_fit_is_told_and_can_be_imported_later(engine: Engine) -> None:
    async def scenario() -> None:
        here = await engine.open("a")
        there = await engine.open("b", limits=Limits(most_rows=4))
        await here.accept(accepted(*(planned(number) for number in range(1, 4))))
        lines = await exported(here)
        first = await there.import_rows(lines, now=NOW)
        assert (first.taken, first.full) == (2, 1)
        claimed = await must_claim(there)
        await there.settle(claimed, claimed.rows)
        assert (await there.import_rows(lines[2:], now=NOW)).taken == 1
        await here.close()
        await there.close()

    run(scenario())


def test_a_damaged_row_is_shown_as_one_and_not_exported(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await store.accept(accepted(planned(1), planned(2)))
        await engine.alter(store, "update delivery set crc=crc+1 where number=1")
        [_, row] = await store.rows(WAITING, most=2)
        assert row.tag == ""
        found = await store.row("waiting", row.number, whole=True)
        assert found is not None
        assert found.unreadable == "It cannot be read: it is damaged."
        assert [bool(each.line) for each in await store.export(WAITING, after=0)] == [False, True]
        await store.close()

    run(scenario())


def test_a_letter_of_an_older_version_is_replayed_from_its_body(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await buried(store, 1, 2)
        await engine.alter(store, "update dead set origin=''")
        assert await store.replay(DEAD, now=LATER) == 2
        claimed = await must_claim(store, LATER)
        assert ids(claimed) == [1, 2]
        assert await store.settle(claimed, claimed.rows) == 2
        await store.close()

    run(scenario())


def test_a_full_lane_and_a_small_one_list_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(*(planned(number) for number in range(1, 6))))
        await store.accept(accepted(planned(6, item_request(6, account="C2"))))
        await store.claim(1, now=NOW, most_items=2, ahead=0)
        lane = Selection("waiting", lane=1)
        small = await store.rows(lane, most=9), await store.count(Selection("waiting", lane=1, up_to=3))
        monkeypatch.setattr("container.delivery.queue.FEW_IN_LANE", 0)
        assert (await store.rows(lane, most=9), await store.count(Selection("waiting", lane=1, up_to=3))) == small
        assert [int(row.id, 16) for row in small[0]] == [5, 4, 3, 2, 1]
        await store.close()

    run(scenario())


def test_guards_of_rows_and_keys_are_given_back(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        guards = [Guard(name.encode(), "once_per", LATER, (f"{number:032x}",)) for number, name in ((1, "a"), (2, "b"))]
        await store.accept(accepted(planned(1), planned(2), guards=guards))
        assert await store.forget_guards([b"none"], {"0" * 32}) == 0
        assert await store.forget_guards([b"b"], {f"{1:032x}"}, dry_run=True) == 2
        assert await store.forget_guards([b"b"], {f"{1:032x}"}) == 2
        assert await store.forget_guards([b"b"], {f"{1:032x}"}) == 0
        await store.close()

    run(scenario())


def test_what_was_erased_is_nowhere_in_the_folder(tmp_path: Path) -> None:
    marked = b"a-mark-that-is-nowhere-else-4711"

    def left() -> bool:
        return any(marked in path.read_bytes() for path in tmp_path.iterdir())

    async def scenario() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(*(planned(number) for number in range(1, 30))))
        # Bodies rest encrypted; a column that does not shows whether pages are written over.
        await store._writer.run(
            lambda connection: connection.execute("update delivery set history=?", (marked.decode() * 2000,))
        )
        rows = [Pair(row.number, row.id) for row in await store.rows(WAITING, most=99)]
        assert await store.erase("waiting", rows) == 29
        assert left()
        assert await store.tidy() == "nothing"
        assert not left()
        await store.close()

    run(scenario())


@pytest.mark.parametrize(("first", "second"), [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_rows_go_to_another_engine_and_come_back_the_same(
    tmp_path: Path, first: EngineName, second: EngineName
) -> None:
    async def scenario() -> None:
        here, there = await Engine(first, tmp_path).open(), await Engine(second, tmp_path).open()
        await buried(here, 1, 2)
        await here.accept(accepted(planned(3, max_age_hours=5), planned(4, single_request(4))))
        lines = await exported(here)
        assert (await there.import_rows(lines, now=NOW)).taken == 4
        there_too = await exported(there)
        assert there_too == lines
        for place in (WAITING, DEAD):
            await here.drop(place)
        assert (await here.import_rows(there_too, now=NOW)).taken == 4
        assert await exported(here) == lines
        assert await there.replay(DEAD, now=LATER) == 2
        assert {int(row.id, 16) for row in await there.rows(WAITING, most=9)} == {1, 2, 3, 4}
        await here.close()
        await there.close()

    run(scenario())


def test_a_line_holds_what_no_text_of_the_other_engine_may(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await buried(store, 1)
        [line] = await exported(store)
        await store.drop(DEAD)
        row = {**cast("dict[str, object]", line["row"]), "note": "a\0b", "history": f"{NOW}\t400\trefused\ta\0b"}
        changed = {**line, "row": row, "checksum": checksum("dead", str(line["lane"]), row, str(line["body"]))}
        assert (await store.import_rows([changed], now=NOW)).taken == 1
        [letter] = await store.rows(DEAD, most=9)
        assert letter.note in ("a\0b", "a\ufffdb")
        await store.close()

    run(scenario())


def test_a_number_that_no_column_holds_is_damage(engine: Engine) -> None:
    async def scenario() -> None:
        store = await engine.open()
        await buried(store, 1)
        [line] = await exported(store)
        row = {**cast("dict[str, object]", line["row"]), "id": "f" * 32, "first": 2**63}
        changed = {**line, "row": row, "checksum": checksum("dead", str(line["lane"]), row, str(line["body"]))}
        assert (await store.import_rows([changed], now=NOW)).damaged == 1
        await store.close()

    run(scenario())
