"""How a process stands, as `/metrics` says it; and that it never says more than a monitoring takes."""

from __future__ import annotations

import itertools
import sqlite3
import typing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from container.case import Status
from container.delivery.counters import (
    BOUNDS,
    MOST_LANES,
    MOST_TYPES,
    Counted,
    Counters,
    Operation,
    StoreCounters,
    StoreFigures,
)
from container.delivery.histogram import Histogram
from container.delivery.lane import Lane
from container.delivery.row import Reason
from container.delivery.store import LaneReport, LaneState, Mode, StoreError
from container.delivery.worker import MOST_LANES_IN_FLIGHT
from container.effects import Reply
from container.engine.outcome import Outcome, TagResult
from container.event import Hit
from container.web.admin import Admin, admin_app
from container.web.gauges import Standing, own_version, stand
from container.web.metrics import MOST_TAG_EVENTS, TagEvents, lane_metrics, mode_of
from tests.web.parts import NOW, Site, container, run, site
from tests.web.test_metrics import counted

LANE = "hook https://hook.example"
LANES, TAGS, TYPES = 200, 200, 20
MOST_SERIES = 2000
RESERVED_FOR_OTHERS = 40
"""Figures that may still come, so that this does not fail with the first one."""


def standing(here: Site) -> Standing:
    return Standing(here.store.figures, lambda: {(1, "hook"): 2}, lambda: {"public": 3})


async def scraped(here: Site) -> dict[tuple[str, ...], float]:
    """Every series of the admin listener, by name and the values of its labels in their order."""
    ingest = here.ingest
    page = admin_app(
        Admin(ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, "", clock=lambda: NOW)
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://a") as caller:
        text = (await caller.get("/metrics")).text
    return {
        (
            sample.name.removeprefix("tag_container_"),
            *(value for _, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_process_says_what_it_is_and_how_it_stands(tmp_path: Path) -> None:
    async def work() -> dict[tuple[str, ...], float]:
        async with site(tmp_path) as here:
            stand(here.ingest.metrics.registry, standing(here))
            await here.ask()
            return await scraped(here)

    found = run(work())
    assert found["ready",] == 1
    assert found["in_flight", "hook", "1"] == 2
    assert found["open_connections", "public"] == 3
    assert 0 < found["outbox_capacity_ratio",] < 0.001
    assert found["commit_seconds_count",] == found["commit_batch_size_count",] >= 1
    assert found["commit_batch_size_bucket", "1.0"] >= 1
    assert found["commit_queue_items",] == found["commit_queue_bytes",] == 0
    assert found["wal_bytes",] > 0
    assert found["store_file_bytes",] > 0
    assert [found["store_errors_total", each] for each in typing.get_args(Operation)] == [0, 0, 0]
    assert [found["crash_recovered_total", each] for each in ("waiting", "dead")] == [0, 0]
    assert found["process_resident_memory_bytes",] > 1 << 20
    assert found["evaluation_seconds_count",] == found["reply_seconds_count",] == 1
    [info] = [labels for name, *labels in found if name == "build_info"]
    assert own_version() in info
    assert f"SQLite {sqlite3.sqlite_version}" in info


def test_the_bytes_of_a_lane_are_those_of_its_rows(tmp_path: Path) -> None:
    async def work() -> tuple[float, float]:
        async with site(tmp_path) as here:
            await here.ask()
            before = (await scraped(here))["outbox_bytes", LANE, "1"]
            await here.ask()
            return before, (await scraped(here))["outbox_bytes", LANE, "1"]

    one, two = run(work())
    assert 0 < one < two


def test_a_process_that_stops_is_not_ready(tmp_path: Path) -> None:
    async def work() -> float:
        async with site(tmp_path) as here:
            stand(here.ingest.metrics.registry, standing(here))
            here.ingest.health.draining = True
            return (await scraped(here))["ready",]

    assert run(work()) == 0


def test_what_the_store_cannot_do_is_counted_by_what_was_asked(tmp_path: Path) -> None:
    async def work() -> StoreCounters:
        async with site(tmp_path) as here:

            def fail(connection: sqlite3.Connection) -> None:
                raise sqlite3.OperationalError

            with pytest.raises(StoreError):
                await here.store._writer.run(fail)
            with pytest.raises(StoreError):
                await here.store._reading.run(fail)
            await here.store._writer.run(lambda connection: connection.execute("drop table delivery"))
            await here.ask()
            return here.store.figures().counters

    assert run(work()).errors == {"write": 1, "read": 1, "accept": 1}


def test_a_spread_counts_what_stays_at_or_under_each_bound() -> None:
    spread = Histogram((1, 10))
    for figure in (0, 1, 1.5, 10, 11):
        spread.observe(figure)
    assert spread.buckets == [("1.0", 2), ("10.0", 4), ("+Inf", 5)]
    assert (spread.number, spread.total) == (5, 23.5)


def test_what_a_delivery_took_is_spread_by_type_and_a_clock_that_was_set_back_takes_no_time() -> None:
    counters = Counters()
    counters.answered("hook", rows=7, seconds=0.2)
    counters.answered("hook", rows=7, seconds=-3600.0)
    counters.arrived("hook", [1000, 5000], now=3000)
    found = {name: (spread.number, spread.total) for (name, _), spread in counters.spreads.items()}
    assert found == {"batch_size": (2, 14), "vendor_seconds": (2, 0.2), "lag_seconds": (2, 2.0)}


@pytest.mark.parametrize("mode", [*typing.get_args(Mode), "paused"])
def test_a_lane_shows_the_one_mode_in_which_it_is(mode: str) -> None:
    paused = mode == "paused"
    state = LaneState(typing.cast(Mode, "credential" if paused else mode))
    report = LaneReport(1, Lane("hook"), state, paused, 1, 0, 0, 0, None)
    [found] = [each for each in lane_metrics([report], now=1).collect() if each.name == "tag_container_lane_mode"]
    assert [(sample.labels["mode"], sample.value) for sample in found.samples] == [(mode, 1)]


@pytest.mark.parametrize(
    ("failures", "paused", "shown"), [(3, False, "failing"), (3, True, "paused"), (0, False, "open")]
)
def test_a_lane_that_is_tried_again_by_itself_is_failing(failures: int, paused: bool, shown: str) -> None:
    report = LaneReport(1, Lane("hook"), LaneState("open", 9, failures), paused, 1, 0, 0, 0, None)
    assert mode_of(report) == shown


def test_the_trouble_of_the_store_shows_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    trouble = [""]

    async def work() -> list[float]:
        async with site(tmp_path) as here:
            stand(here.ingest.metrics.registry, replace(standing(here), trouble=lambda: trouble[0]))
            found = []
            for said in ("", "no space is left", "no space is left", ""):
                trouble[0] = said
                found.append((await scraped(here))["store_trouble",])
            return found

    assert run(work()) == [0, 1, 1, 0]


def test_how_the_process_before_ended_shows(tmp_path: Path) -> None:
    async def work() -> dict[tuple[str, ...], float]:
        async with site(tmp_path) as here:
            stand(here.ingest.metrics.registry, replace(standing(here), previous_end="killed"))
            return await scraped(here)

    assert {labels: value for labels, value in run(work()).items() if labels[0] == "previous_end"} == {
        ("previous_end", "killed"): 1
    }


def test_a_process_never_shows_more_series_than_a_monitoring_takes(tmp_path: Path) -> None:
    """200 lanes in all modes, 200 tags with every status, 20 types, every verdict and reason, all requests used."""
    modes, statuses = typing.get_args(Mode), typing.get_args(Status)
    verdicts, reasons = ("delivered", "retry", "refused", "bisected", *modes), typing.get_args(Reason)
    figures = StoreFigures("SQLite", StoreCounters(), 0.5, 1, 1, 1, 1, 1, 1)
    flights = {(number, f"lane {number}"): 1 for number in range(MOST_LANES_IN_FLIGHT)}
    lanes = [
        LaneReport(
            number,
            Lane("t", account=str(number)),
            LaneState(modes[number % len(modes)]),
            number % 9 == 0,
            1,
            1,
            1,
            1,
            None,
        )
        for number in range(LANES)
    ]

    async def work() -> dict[tuple[str, ...], float]:
        async with site(tmp_path) as here:
            metrics, counters = here.ingest.metrics, here.ingest.counters
            listeners = {"public": 1, "admin": 1}
            stand(metrics.registry, Standing(lambda: figures, lambda: flights, lambda: listeners))
            metrics.reloaded("abc")
            compiled = container()
            for number, status in itertools.product(range(TAGS), statuses):
                result = TagResult(f"Tag {number}", status)
                metrics.tags.add(compiled, Outcome(Hit(bytes(16), 0), "Test", Reply(), results=(result,), events=1))
            for number in range(TYPES):
                kind = f"type {number}"
                counters.answered(kind, rows=1, seconds=1)
                counters.arrived(kind, [0], now=1)
                for name, detail in itertools.product(typing.get_args(Counted), [""]):
                    counters.add(name, kind, detail)
                for detail in verdicts:
                    counters.add("requests", kind, detail)
                for detail in reasons:
                    counters.add("buried", kind, detail)
            for number, verdict in itertools.product(range(LANES), verdicts):
                counters.judged(f"lane {number}", {f"Tag {number}": 1}, verdict)
            for number, reason in itertools.product(range(LANES), reasons):
                counters.buried(f"lane {number}", {f"Tag {number}": 1}, reason)
            here.store.lanes = lambda: _of(lanes)  # type: ignore[method-assign]  # as if it held so many
            return await scraped(here)

    found = run(work())
    assert len(found) <= MOST_SERIES - RESERVED_FOR_OTHERS, len(found)
    assert _sum(found, "deliveries_total") == LANES * len(verdicts)
    assert _sum(found, "dead_letters_total") == LANES * len(reasons)
    assert _sum(found, "outbox_rows") == 3 * LANES
    assert _sum(found, "lane_mode") == LANES
    assert _sum(found, "in_flight") == MOST_LANES_IN_FLIGHT
    assert _sum(found, "tag_events_total") >= TAGS * len(statuses)
    assert _sum(found, "vendor_seconds_count") == TYPES
    assert len({labels[0] for name, *labels in found if name == "vendor_seconds_count"}) == MOST_TYPES + 1
    assert len({labels[0] for name, *labels in found if name == "outbox_bytes"}) == MOST_LANES + 1
    assert len(BOUNDS) == 3


def test_a_series_that_was_shown_stays_and_never_counts_down() -> None:
    compiled, tags = container(), TagEvents()
    before: dict[tuple[str, str, str], float] = {}
    for number in range(MOST_TAG_EVENTS + 50):
        result = TagResult(f"Tag {number}", "fired")
        outcome = Outcome(Hit(bytes(16), 0), "Test", Reply(), results=(result,), events=1)
        tags.add(compiled, outcome)
        found = counted(tags)
        assert all(found[labels] >= value for labels, value in before.items())
        before = found
    assert before["other", "fired", ""] > 0


async def _of(lanes: list[LaneReport]) -> list[LaneReport]:
    return lanes


def _sum(found: dict[tuple[str, ...], float], name: str) -> float:
    return sum(value for (each, *_), value in found.items() if each == name)
