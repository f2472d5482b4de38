"""When a tag may fire, and what it says about its deliveries."""

from __future__ import annotations

import pytest

from container.api import Batch, Event, Request, Settings, tag
from container.config.model import Delivery, Schedule
from container.engine.run import run
from tests.engine.parts import RECEIVED, URL, a_container, a_hit, a_tag, tags_of

SOON, BEFORE = RECEIVED + 1, RECEIVED - 1


class Nothing(Settings):
    pass


@tag("batching", consent=[])
def batching(settings: Nothing, event: Event) -> Request:
    return Request("POST", URL, json={}, item={}, batch=Batch("data", 100))


@tag("single", consent=[])
def single(settings: Nothing, event: Event) -> Request:
    return Request("POST", URL, json={})


@pytest.mark.parametrize(
    ("schedule", "status"),
    [
        (Schedule(), "fired"),
        (Schedule(since=RECEIVED), "fired"),
        (Schedule(since=SOON), "paused"),
        (Schedule(until=SOON), "fired"),
        (Schedule(until=RECEIVED), "paused"),
        (Schedule(BEFORE, SOON), "fired"),
        (Schedule(BEFORE, RECEIVED), "paused"),
    ],
)
def test_outside_its_schedule_a_tag_is_paused(schedule: Schedule, status: str) -> None:
    container = a_container(a_tag("Tag", single, schedule=schedule))
    assert tags_of(container, a_hit())["Tag"]["status"] == status


def test_why_names_both_moments() -> None:
    early = a_container(a_tag("Tag", single, schedule=Schedule(since=RECEIVED + 3_600_000)))
    assert tags_of(early, a_hit())["Tag"]["why"] == (
        "outside its schedule: it starts at 2026-01-01 11:00:00 UTC, and the hit came at 2026-01-01 10:00:00 UTC"
    )
    late = a_container(a_tag("Tag", single, schedule=Schedule(until=RECEIVED)))
    assert tags_of(late, a_hit())["Tag"]["why"].startswith("outside its schedule: it ended at 2026-01-01 10:00:00 UTC")


def test_a_tag_that_is_paused_says_just_that_whatever_its_schedule() -> None:
    container = a_container(a_tag("Tag", single, paused=True, schedule=Schedule(since=SOON)))
    assert tags_of(container, a_hit())["Tag"]["why"] == "the tag is paused"


def test_what_a_tag_says_about_its_deliveries_is_planned_with_them() -> None:
    container = a_container(a_tag("Tag", batching, delivery=Delivery(linger=5000, give_up_after=60_000, batch=7)))
    (planned,) = run(container, a_hit()).planned
    assert (planned.linger, planned.give_up_after) == (5000, 60_000)
    assert planned.request.batch == Batch("data", 7)


def test_no_more_go_together_than_the_vendor_takes() -> None:
    container = a_container(a_tag("Tag", batching, delivery=Delivery(batch=400)))
    (planned,) = run(container, a_hit()).planned
    assert planned.request.batch == Batch("data", 100)


def test_a_request_that_is_not_batched_stays_so() -> None:
    (planned,) = run(a_container(a_tag("Tag", single, delivery=Delivery(batch=4))), a_hit()).planned
    assert planned.request.batch is None
