"""The worker over a real store and a vendor that answers as told: what becomes of each row."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest

from container.component import tag
from container.delivery.judging import judges_of
from container.delivery.store import Claimed, ClaimedRow, StoreUnavailableError
from container.effects import Request, Response, Verdict, by_status
from container.event import Event
from container.fields import Settings
from container.secret import SecretText
from tests.delivery.engines import Engine
from tests.delivery.harness import (
    HOURS,
    NOW,
    SECRETS,
    TOKEN,
    accepted,
    answers,
    bench,
    bench_over,
    dead_letters,
    item_request,
    items,
    only_lane,
    planned,
    run,
    single_request,
)


def test_a_batch_is_sent_as_one_request_with_its_secret_filled_in(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        await found.turn()
        [request] = found.vendor.requests
        assert orjson.loads(request.content)["source"] == "C1"
        assert items(request) == [1, 2, 3]
        assert request.headers["access-token"] == SECRETS["TIKTOK_TOKEN"]
        assert request.headers["content-type"] == "application/json"
        lane = await only_lane(found)
        assert (lane.waiting, lane.claimed, lane.dead) == (0, 0, 0)
        assert found.worker.counters.value("delivered", "tiktok_events_api") == 3

    run(scenario())


def test_each_attempt_carries_the_same_bytes(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(500, 503, 408))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 4
        assert len({(str(request.url), request.content) for request in found.vendor.requests}) == 1

    run(scenario())


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
def test_a_row_on_which_the_vendor_stumbles_each_time_is_given_up(headers: Mapping[str, str], engine: Engine) -> None:
    async def scenario() -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(503, headers=headers) if request.url.path == "/orders/1" else httpx.Response(200)

        found = bench_over(await engine.open(), reply)
        await found.store.accept(accepted(planned(1, single_request(1))))
        number = 2
        while not await dead_letters(found.store):
            await found.store.accept(accepted(planned(number, single_request(number)), now=found.clock.now))
            found.clock.now += HOURS
            await found.turn()
            await found.turn()
            number += 1
            assert number < 200
        [letter] = await dead_letters(found.store)
        assert (letter.reason, int(letter.id, 16)) == ("gave_up", 1)
        assert letter.died is not None
        assert letter.died > NOW + 48 * HOURS

    run(scenario())


def test_a_named_offender_is_buried_and_the_others_go_again(engine: Engine) -> None:
    async def scenario() -> None:
        def judge(response: Response) -> Verdict:
            return by_status(response) if response.status == 200 else Verdict("refused", "bad currency", index=1)

        found = bench_over(
            await engine.open(), lambda request: httpx.Response(400 if 2 in items(request) else 200), judge=judge
        )
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        await found.until_idle()
        assert [items(request) for request in found.vendor.requests] == [[1, 2, 3], [1, 3]]
        [letter] = await dead_letters(found.store)
        assert (int(letter.id, 16), letter.reason, letter.note) == (2, "refused", "bad currency")

    run(scenario())


def test_unnamed_offenders_are_found_by_halves(engine: Engine) -> None:
    async def scenario() -> None:
        bad = {3, 77, 78}
        found = bench_over(await engine.open(), lambda request: httpx.Response(413 if bad & {*items(request)} else 200))
        await found.store.accept(accepted(*map(planned, range(1, 101))))
        await found.until_idle()
        delivered = [number for request in found.vendor.requests for number in items(request) if not bad & {number}]
        good = [items(request) for request in found.vendor.requests if not bad & {*items(request)}]
        assert sorted(number for batch in good for number in batch) == sorted({*range(1, 101)} - bad)
        assert set(delivered) == {*range(1, 101)} - bad
        assert {int(letter.id, 16) for letter in await dead_letters(found.store)} == bad
        assert len(found.vendor.requests) <= 40

    run(scenario())


def test_a_judge_that_raises_three_times_loses_nothing_silently(engine: Engine) -> None:
    async def scenario() -> None:
        def judge(response: Response) -> Verdict:
            raise KeyError("data")

        found = bench_over(await engine.open(), judge=judge)
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        assert len(found.vendor.requests) == 3
        assert [letter.reason for letter in await dead_letters(found.store)] == ["judge_failed"]
        assert found.worker.counters.value("judge_faults", "tiktok_events_api") == 3

    run(scenario())


def test_what_is_too_old_is_not_sent(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(planned(1, event_time=NOW - 3 * HOURS, max_age_hours=2)))
        await found.until_idle()
        assert found.vendor.requests == []
        assert found.worker.counters.value("buried", "tiktok_events_api", "too_old") == 1

    run(scenario())


def test_a_row_from_a_crash_goes_alone(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open())
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        [lane] = await found.store.waiting()
        await found.store.claim(lane.number, now=NOW, most_items=2, ahead=0)
        await found.close()  # as a crash would leave it, claims and all
        await engine.lapse()
        after = bench_over(await engine.open())
        assert engine.find("select count(*) from delivery where crashes=1") == [(2,)]
        await after.until_idle()
        assert sorted(items(request) for request in after.vendor.requests) == [[1], [2], [3]]

    run(scenario())


def test_nothing_personal_and_no_secret_is_shown_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = SECRETS["TIKTOK_TOKEN"]
    said = f'{{"message": "ada@example.com and {token} from 203.0.113.7\\nare bad", "phone": "+31 20 123 4567"}}'

    async def scenario() -> str:
        def judge(response: Response) -> Verdict:
            return Verdict("refused", response.body.decode())

        found = bench(tmp_path, lambda request: httpx.Response(400, content=said.encode()), judge=judge)
        request = replace(item_request(), url=SecretText(("https://vendor.example/v1?token=", TOKEN)))
        await found.store.accept(accepted(planned(1, request)))
        await found.until_idle()
        assert token in str(found.vendor.requests[0].url)
        lane = await only_lane(found)
        [letter] = await dead_letters(found.store)
        return f"{lane}{letter}"

    shown = run(scenario()) + caplog.text
    assert "delivery.buried" in shown
    assert "message" in shown
    for private in ("ada@example.com", token, "203.0.113.7", "123 4567"):
        assert private not in shown


class Nothing(Settings):
    pass


def test_judges_are_found_by_type_and_never_older_than_the_row() -> None:
    def own(response: Response) -> Verdict:
        return Verdict("delivered")

    @tag("with_judge", judge=own, consent=(), format=2)
    def with_judge(settings: Nothing, event: Event) -> Request | None:
        return None

    @tag("without_judge", consent=())
    def without_judge(settings: Nothing, event: Event) -> Request | None:
        return None

    marks = [function.__dict__["__component__"] for function in (with_judge, without_judge)]
    judge = judges_of(marks)
    assert judge("with_judge", 1) is own
    assert judge("with_judge", 3) is None
    assert judge("without_judge", 1) is by_status
    assert judge("other", 1) is None


def test_counters_tell_what_happened_by_type_and_detail(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(503, 400))
        await found.store.accept(accepted(planned(1)))
        await found.until_idle()
        told = {(sample.name, sample.detail): sample.value for sample in found.worker.counters.samples()}
        assert told == {
            ("buried", "refused"): 1,
            ("lost_claims", ""): 0,
            ("postponed", ""): 1,
            ("requests", "refused"): 1,
            ("requests", "retry"): 1,
        }

    run(scenario())


def test_what_was_tried_is_written_with_the_rows_that_are_not_delivered(engine: Engine) -> None:
    async def scenario() -> list[str]:
        def reply(request: httpx.Request) -> httpx.Response:
            if len(found.vendor.requests) == 1:
                return httpx.Response(503, json={"message": "ask ada@example.com"})
            return httpx.Response(400 if 2 in items(request) else 200, json={"message": "no"})

        found = bench_over(await engine.open(), reply)
        await found.store.accept(accepted(*map(planned, range(1, 4))))
        await found.until_idle()
        await found.close()
        [(history,)] = engine.find("select history from dead")
        return str(history).splitlines()

    tried = [line.split("\t") for line in run(scenario())]
    assert [(int(at), status, verdict) for at, status, verdict, _ in tried] == [
        (NOW, "503", "retry"),
        (NOW + 5000, "400", "refused"),
        (NOW + 5000, "400", "refused"),
        (NOW + 5000, "400", "refused"),
    ]
    assert all(len(excerpt) <= 200 and "ada@" not in excerpt for *_, excerpt in tried)


def test_what_the_store_takes_at_the_second_try_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        def judge(_: Response) -> Verdict:
            return Verdict("delivered", refused=(0,))

        found = bench(tmp_path, judge=judge)
        await found.store.accept(accepted(planned(1), planned(2)))
        settle, tried = found.store.settle, []

        async def fails_twice(claimed: Claimed, rows: Sequence[ClaimedRow]) -> int:
            tried.append(len(rows))
            if len(tried) < 3:
                raise StoreUnavailableError("the disk")
            return await settle(claimed, rows)

        monkeypatch.setattr(found.store, "settle", fails_twice)
        await found.turn()
        counters = found.worker.counters
        assert tried == [1, 1, 1]
        assert counters.value("buried", "tiktok_events_api", "refused") == 1
        assert counters.value("delivered", "tiktok_events_api") == 1
        assert counters.value("lost_claims", "tiktok_events_api") == 0
        assert [*counters.dead.values()] == [1]
        assert sorted(counters.verdicts.values()) == [1, 1]

    run(scenario())
    assert caplog.text.count("delivery.buried") == 1


def test_rows_that_are_no_longer_ours_to_bury_are_not_counted_as_dead(engine: Engine) -> None:
    async def scenario() -> None:
        found = bench_over(await engine.open(), answers(400))
        await found.store.accept(accepted(planned(1)))

        def judge(response: Response) -> Verdict:
            engine.spoil("update delivery set claim=null")
            return by_status(response)

        object.__setattr__(found.worker._handling, "judges", lambda *_: judge)
        await found.turn()
        counters = found.worker.counters
        assert counters.value("lost_claims", "tiktok_events_api") == 1
        assert sum(counters.dead.values()) == 0
        assert sum(counters.verdicts.values()) == 0

    run(scenario())


def test_whether_an_answer_is_told_of_is_decided_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = bench(tmp_path, lambda _: httpx.Response(200, text="accepted"))
        await found.store.accept(accepted(planned(1)))
        await found.turn()
        shown = found.transport.shown

        def at_the_second(text: str, sent: Iterable[str] = ()) -> str:
            found.clock.now = NOW + 1000
            return shown(text, sent)

        found.clock.now = NOW + 999
        found.transport.shown = at_the_second  # type: ignore[method-assign]  # the moment cannot be met otherwise
        await found.store.accept(accepted(planned(2)))
        await found.turn()
        answer = (await only_lane(found)).answer
        assert answer is not None
        assert answer.excerpt == "accepted"

    run(scenario())
