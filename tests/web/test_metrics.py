"""What is counted: by tag and status, and how lanes stand. Never more series than there may be."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import pytest
from prometheus_client import CollectorRegistry

from container.delivery.counters import MOST_LANES
from container.delivery.lane import Lane
from container.delivery.store import LaneReport, LaneState, StoreBusyError, StoreFullError, StoreUnavailableError
from container.effects import Reply
from container.engine.container import Container
from container.engine.outcome import Guard, Outcome, TagResult
from container.engine.run import run as run_hit
from container.event import Hit
from container.web.metrics import TagEvents, lane_metrics, unavailable
from tests.delivery.harness import dead_letters
from tests.engine.parts import a_container, a_hit, a_tag, an_event
from tests.web.parts import FILE, NOW, container, run, site

HIT = Hit(bytes(16), 0)
GuardKind = Literal["once_per", "duplicate"]


def counted(tags: TagEvents) -> dict[tuple[str, str, str], float]:
    """By tag, status and consent."""
    registry = CollectorRegistry()
    registry.register(tags)
    [family] = registry.collect()
    return {(s.labels["tag"], s.labels["status"], s.labels["consent"]): s.value for s in family.samples}


def count(compiled: Container, *outcomes: Outcome) -> dict[tuple[str, str, str], float]:
    tags = TagEvents()
    for outcome in outcomes:
        tags.add(compiled, outcome)
    return counted(tags)


def test_a_consent_that_was_denied_is_kept_apart_from_one_that_nobody_stated() -> None:
    compiled = a_container(a_tag("Tag", consent=("ad_storage",)), consent="denied")
    denied, unset = an_event(consent={"ad_storage": "denied"}), an_event()
    granted = an_event(consent={"ad_storage": "granted"})
    assert count(compiled, run_hit(compiled, a_hit(denied, unset, unset, granted))) == {
        ("Tag", "blocked_by_consent", "denied"): 1,
        ("Tag", "blocked_by_consent", "unset"): 2,
        ("Tag", "fired", ""): 1,
    }


def test_a_tag_that_does_not_hear_an_event_was_not_triggered_by_it() -> None:
    text = """
version: 1
container: {name: Test, id: T-1}
clients: {Test: {type: collect}}
triggers: {Every: {}, Purchase: {events: purchase}}
tags:
  All: {type: hook, triggers: [Every]}
  Sales: {type: hook, triggers: [Purchase]}
  Off: {type: hook, triggers: [Purchase], paused: true}
  Over: {type: hook, triggers: [Purchase], schedule: {until: "2000-01-01T00:00:00Z"}}
"""
    compiled = container(text)
    hit = Hit(bytes(16), int(NOW * 1000), path="/collect", query="name=page_view")
    assert count(compiled, run_hit(compiled, hit)) == {
        ("All", "fired", ""): 1,
        ("Sales", "not_triggered", ""): 1,
        ("Off", "paused", ""): 1,
        ("Over", "not_triggered", ""): 1,
    }
    heard = Hit(bytes(16), int(NOW * 1000), path="/collect", query="name=purchase")
    assert count(compiled, run_hit(compiled, heard)) == {
        ("All", "fired", ""): 1,
        ("Sales", "fired", ""): 1,
        ("Off", "paused", ""): 1,
        ("Over", "paused", ""): 1,
    }


def test_what_a_tag_did_not_hear_is_kept_when_another_container_comes_into_force() -> None:
    first, second = container(), container()
    tags = TagEvents()
    for compiled, name in ((first, "quiet"), (first, "purchase"), (second, "raise_in_tag")):
        hit = Hit(bytes(16), int(NOW * 1000), path="/collect", query=f"name={name}")
        tags.add(compiled, run_hit(compiled, hit))
    tags.add(container(FILE.replace("Every: {}", "Every: {events: other}")), Outcome(HIT, "Test", Reply(), events=3))
    assert counted(tags) == {
        ("Hook", "skipped", ""): 1,
        ("Hook", "fired", ""): 1,
        ("Hook", "failed", ""): 1,
        ("Hook", "not_triggered", ""): 3,
    }


@pytest.mark.parametrize(("kind", "status"), [("once_per", "blocked_by_once_per"), ("duplicate", "duplicate")])
def test_what_a_guard_kept_from_being_stored_did_not_fire(kind: GuardKind, status: str) -> None:
    guards = (Guard(b"a", kind, 1, ("1",)), Guard(b"b", kind, 1, ("1",)))
    hit = Outcome(HIT, "Test", Reply(), results=(TagResult("Hook", "fired", guards),), events=1)
    tags = TagEvents()
    tags.add(container(), hit, set(guards))
    tags.add(container(), hit, {Guard(b"c", kind, 1, ("2",))})
    assert counted(tags) == {("Hook", "fired", ""): 1, ("Hook", status, ""): 1}


@pytest.mark.parametrize(
    ("problem", "label"),
    [(StoreFullError(), "full"), (StoreBusyError(), "busy"), (StoreUnavailableError(), "unavailable")],
)
def test_why_a_hit_was_not_taken_is_a_word_of_ours(problem: Exception, label: str) -> None:
    assert unavailable(problem) == label  # type: ignore[arg-type]  # all of them are


def test_lanes_beyond_the_most_are_shown_together() -> None:
    lanes = [
        LaneReport(number, Lane("t", account=str(number)), LaneState(), False, 2, 0, 1, number, None)
        for number in range(MOST_LANES + 3)
    ]
    registry = lane_metrics(lanes, now=1.0)
    labels = {"number": "", "lane": "other"}
    assert registry.get_sample_value("tag_container_outbox_rows", {**labels, "state": "waiting"}) == 6
    assert registry.get_sample_value("tag_container_lane_mode", {**labels, "mode": "open"}) == 3
    assert registry.get_sample_value("tag_container_outbox_oldest_age_seconds", labels) == 1 - MOST_LANES / 1000
    [rows, *_] = registry.collect()
    assert len(rows.samples) == 3 * (MOST_LANES + 1)


def test_a_tag_that_raises_is_told_of_once_and_counted_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> tuple[float, int]:
        async with site(tmp_path) as here:
            for _ in range(3):
                await here.ask(target="/collect?name=raise_in_tag")
            return here.decided("Hook", "failed"), here.ingest.counters.dead["Hook", "hook", "tag_failed"]

    assert run(work()) == (3, 3)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith('tag.failed tag="Hook" hits=1 reason="the tag raised ValueError in ')


def test_a_request_that_cannot_be_sent_is_told_of_once_and_counted_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> tuple[int, int]:
        async with site(tmp_path) as here:
            for _ in range(2):
                await here.ask(target="/collect?name=unsendable")
            dead = await dead_letters(here.store)
            return len(dead), here.ingest.counters.dead["Hook", "hook A-1", "unsendable"]

    assert run(work()) == (2, 2)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [line.partition(" since=")[0] for line in told] == [
        (
            'delivery.buried tag="Hook" lane="hook A-1" rows=1 reason=unsendable '
            'note="the address is none of http or https, or has no host"'
        )
    ]
