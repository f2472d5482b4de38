"""Keys of tags and transformations that say when, how often, and what of an event."""

from __future__ import annotations

from typing import Any

import pytest

from container.config.model import Delivery, OncePer, Schedule
from container.template import Reference, Template
from tests.config.conftest import Load

TAG = """
version: 1
clients: {GA4: {type: ga4}}
triggers: {All: {}}
tags:
  Tag: {type: plain_tag, triggers: All, %s}
  Other: {type: webhook, triggers: All, consent: not_needed, url: "https://a.example/"}
%s
"""


def tag_of(load_text: Load, keys: str) -> Any:
    loaded = load_text(TAG % (keys, ""))
    assert loaded.model is not None, loaded.report()
    return loaded.model.tags["Tag"]


def found(load_text: Load, keys: str = "priority: 1", more: str = "") -> set[tuple[str, int]]:
    loaded = load_text(TAG % (keys, more))
    return {(each.code, each.line) for each in loaded.problems}


def test_once_per_takes_a_key_and_a_length_of_time(load_text: Load) -> None:
    tag = tag_of(load_text, 'once_per: {key: "{{ event.transaction_id }}", within: 24h}')
    assert tag.once_per == OncePer(Template((Reference("event.transaction_id"),)), 86_400_000)


@pytest.mark.parametrize(
    ("written", "milliseconds"), [("90s", 90_000), ("15m", 900_000), ("7d", 604_800_000), ("1500ms", 1500)]
)
def test_lengths_of_time(load_text: Load, written: str, milliseconds: int) -> None:
    assert tag_of(load_text, f"once_per: {{key: x, within: {written}}}").once_per.within == milliseconds


@pytest.mark.parametrize("written", ["24", "24 hours", "h", "-1h", "1.5h", "0s", "367d", "[1h]", "1e3s", "٣h"])
def test_what_is_no_length_of_time(load_text: Load, written: str) -> None:
    assert found(load_text, f"once_per: {{key: x, within: {written}}}") == {("wrong-type", 6)}


def test_a_schedule_is_two_moments_with_their_zones(load_text: Load) -> None:
    tag = tag_of(load_text, "schedule: {from: 2026-11-27T00:00:00+01:00, until: 2026-12-01T00:00Z}")
    assert tag.schedule == Schedule(1_795_734_000_000, 1_796_083_200_000)
    assert tag_of(load_text, "schedule: {until: 2026-12-01T00:00:00Z}").schedule == Schedule(until=1_796_083_200_000)


@pytest.mark.parametrize(
    "written",
    [
        "{from: 2026-11-27}",
        "{from: 2026-11-27T00:00:00}",
        "{from: 1795734000}",
        "{from: 2026-13-01T00:00:00Z}",
        "{until: tomorrow}",
        "{from: 2026-12-01T00:00:00Z, until: 2026-11-01T00:00:00Z}",
    ],
)
def test_what_is_no_schedule(load_text: Load, written: str) -> None:
    assert found(load_text, f"schedule: {written}") == {("wrong-type", 6)}


def test_what_a_tag_says_about_its_deliveries(load_text: Load) -> None:
    tag = tag_of(load_text, "delivery: {linger: 5s, give_up_after: 6h, batch: 1}")
    assert tag.delivery == Delivery(5000, 21_600_000, 1)
    assert tag_of(load_text, "priority: 1").delivery == Delivery()


@pytest.mark.parametrize(
    "written", ["linger: 61s", "give_up_after: 59s", "give_up_after: 29d", "batch: 0", "batch: 501"]
)
def test_deliveries_have_limits(load_text: Load, written: str) -> None:
    assert found(load_text, f"delivery: {{{written}}}") == {("wrong-type", 6)}


TRANSFORMATION = """
transformations:
  Changed: {type: exclude_parameters, parameters: [user_data], %s}
"""


@pytest.mark.parametrize(
    ("keys", "tags"),
    [
        ("priority: 2", ("Tag", "Other")),
        ("tags: Tag", ("Tag",)),
        ("tag_types: [webhook]", ("Other",)),
        ("tags: [Tag], tag_types: webhook", ("Tag", "Other")),
        ("except_tags: Tag", ("Other",)),
        ("tags: [Tag, Other], except_tags: [Other]", ("Tag",)),
    ],
)
def test_a_transformation_is_seen_by_the_tags_that_it_names(load_text: Load, keys: str, tags: tuple[str, ...]) -> None:
    loaded = load_text(TAG % ("priority: 1", TRANSFORMATION % keys))
    assert loaded.model is not None, loaded.report()
    assert loaded.model.transformations["Changed"].tags == tags


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("tags: [Tga]", ("unknown-tag", 10)),
        ("except_tags: Tga", ("unknown-tag", 10)),
        ("tag_types: webhok", ("unknown-type", 10)),
        ("when: {variable: Nobody, is_set: true}", ("unknown-variable", 10)),
        ("tag: Tag", ("unknown-key", 10)),
        ("tags: 1", ("wrong-type", 10)),
    ],
)
def test_what_a_transformation_says_wrongly(load_text: Load, keys: str, problem: tuple[str, int]) -> None:
    assert found(load_text, more=TRANSFORMATION % keys) == {problem}


def test_a_misspelt_tag_gets_the_right_one_as_a_hint(load_text: Load) -> None:
    loaded = load_text(TAG % ("priority: 1", TRANSFORMATION % "tags: [Othr]"))
    assert [each.hint for each in loaded.problems] == ['did you mean "Other" (line 7)?']


def test_of_a_type_that_does_not_exist_planned_keys_are_still_named(load_text: Load) -> None:
    loaded = load_text(TAG.replace("plain_tag", "plain_tga") % ("live_only: true", ""))
    assert {(each.code, each.hint[:7]) for each in loaded.problems} == {
        ("unknown-type", "did you"),
        ("unknown-key", "not yet"),
    }


def test_an_unknown_type_of_transformation_is_said(load_text: Load) -> None:
    assert found(load_text, more="transformations: {A: {type: exclude}}") == {("unknown-type", 8)}
