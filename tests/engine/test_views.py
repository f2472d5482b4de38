"""Transformations: what a tag sees of the event, while triggers, consent and `once_per` read the original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from container.api import Dynamic, Event, Hit, Many, Request, Settings, tag, transformation
from container.engine.run import run
from tests.engine.parts import (
    URL,
    a_container,
    a_hit,
    a_tag,
    a_transformation,
    a_trigger,
    an_event,
    condition,
    echo,
    hit_of,
    said,
    tags_of,
)
from tests.engine.test_guards import once_per, statuses


class Keys(Settings):
    keys: Many[str] = ()


class Values(Settings):
    values: Dynamic[dict[str, Any]]


def _with(event: Event, data: Mapping[str, Any]) -> Event:
    return Event(event.name, data, event.hit, event.consent, event.client, event.index)


@transformation("allow_parameters")
def allow(settings: Keys, event: Event) -> Event:
    return _with(event, {key: value for key, value in event.data.items() if key in settings.keys})


@transformation("exclude_parameters")
def exclude(settings: Keys, event: Event) -> Event:
    return _with(event, {key: value for key, value in event.data.items() if key not in settings.keys})


@transformation("augment_event")
def augment(settings: Values, event: Event) -> Event:
    return _with(event, {**event.data, **settings.values})


@transformation("own_kind")
def own_kind(settings: Keys, event: Event) -> Event:
    return _with(event, {**event.data, "seen": sorted(event.data)})


@transformation("breaks")
def breaks(settings: Keys, event: Event) -> Event:
    raise KeyError("ada@example.com")


class Needy(Settings):
    amount: Dynamic[int]


@transformation("needy")
def needy(settings: Needy, event: Event) -> Event:
    return _with(event, {**event.data, "amount": settings.amount})


class Loose(Settings):
    amount: Dynamic[int] | None = None


@transformation("loose")
def loose(settings: Loose, event: Event) -> Event:
    return event


ALL = {"json_body": {"a": "{{ event.a }}", "b": "{{ event.b }}", "more": "{{ event.more }}"}}


def echoing(name: str = "Tag", **details: Any) -> Any:
    return a_tag(name, echo, ALL, **details)


def test_a_tag_sees_the_changed_event_and_another_the_original() -> None:
    container = a_container(
        echoing(), echoing("Other"), a_transformation("No a", exclude, {"keys": ["a"]}, "Tag"), consent="granted"
    )
    assert said(container, hit_of(a=1, b=2)) == {"b": 2}
    assert said(container, hit_of(a=1, b=2), "Other") == {"a": 1, "b": 2}


def test_triggers_exceptions_and_once_per_read_the_original() -> None:
    container = a_container(
        a_trigger("With a", condition("{{ event.a }}", equals=1)),
        echoing(triggers=("With a",), once_per=once_per("{{ event.a }}")),
        a_transformation("No a", exclude, {"keys": ["a"]}),
    )
    assert statuses(container, hit_of(a=1), hit_of(a=1, b=3), hit_of(a=2)) == [
        "fired",
        "blocked_by_once_per",
        "not_triggered",
    ]


def test_when_and_added_values_read_the_original() -> None:
    container = a_container(
        echoing(),
        a_transformation("No a", exclude, {"keys": ["a"]}, priority=1),
        a_transformation(
            "More", augment, {"values": {"more": "{{ event.a }}"}}, when=(condition("{{ event.a }}", is_set=True),)
        ),
    )
    assert said(container, hit_of(a=1)) == {"more": 1}
    assert said(container, hit_of(b=1)) == {"b": 1}


def test_allow_comes_before_augment_and_that_before_exclude_and_others_last() -> None:
    container = a_container(
        a_tag("Tag", echo, {"json_body": {"seen": "{{ event.seen }}"}}),
        a_transformation("1", own_kind, {}),
        a_transformation("2", exclude, {"keys": ["more"]}),
        a_transformation("3", augment, {"values": {"more": 1, "b": 2}}),
        a_transformation("4", allow, {"keys": ["a"]}),
    )
    assert said(container, hit_of(a=1, c=3)) == {"seen": ["a", "b"]}


def test_a_higher_priority_comes_first() -> None:
    container = a_container(
        echoing(),
        a_transformation("Last", allow, {"keys": ["a"]}),
        a_transformation("First", augment, {"values": {"more": 1}}, priority=5),
    )
    assert said(container, hit_of(a=1)) == {"a": 1}


def test_tags_with_the_same_transformations_share_the_view() -> None:
    tags = [echoing(name) for name in ("Tag", "Same", "Other")]
    transformations = [
        a_transformation("No a", exclude, {"keys": ["a"]}, "Tag", "Same"),
        a_transformation("No b", exclude, {"keys": ["b"]}, "Other"),
    ]
    container = a_container(*tags, *transformations)
    views = {each.name: each.view for each in container.tags}
    assert views["Tag"] is views["Same"] is not views["Other"]
    assert [said(container, hit_of(a=1, b=2), name) for name in ("Tag", "Same", "Other")] == [
        {"b": 2},
        {"b": 2},
        {"a": 1},
    ]


def test_a_value_of_the_wrong_kind_leaves_its_note_with_every_tag_that_shares_the_view() -> None:
    container = a_container(
        echoing(), echoing("Same"), a_transformation("L", loose, {"amount": "{{ event.a }}"}, "Tag", "Same")
    )
    for name in ("Tag", "Same"):
        assert '"amount" of transformation "L" is left out' in tags_of(container, hit_of(a="x"))[name]["why"]


def test_a_transformation_without_what_it_needs_changes_nothing() -> None:
    container = a_container(echoing(), a_transformation("N", needy, {"amount": "{{ event.none }}"}))
    assert said(container, hit_of(a=1)) == {"a": 1}
    why = tags_of(container, hit_of(a=1))["Tag"]["why"]
    assert 'transformation "N" changes nothing: no value for "amount"' in why


def test_a_transformation_that_raises_fails_its_tags_alone() -> None:
    container = a_container(echoing(), echoing("Other"), a_transformation("B", breaks, {}))
    found = tags_of(container, hit_of(a=1))
    assert (found["Tag"]["status"], found["Other"]["status"]) == ("failed", "fired")
    assert "ada@example.com" not in found["Tag"]["why"]
    assert [failure.tag for failure in run(container, hit_of(a=1)).failures] == ["Tag"]


class Nothing(Settings):
    pass


@tag("visitor", consent=[])
def visitor(settings: Nothing, event: Event) -> Request:
    headers = event.hit.headers
    return Request(
        "POST", URL, json={"ip": event.hit.ip, "agent": headers.get("user-agent"), "page": headers.get("referer")}
    )


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ([], {"ip": "192.0.2.1", "agent": "Firefox", "page": "https://shop.example/"}),
        (["ip_override"], {"ip": None, "agent": "Firefox", "page": "https://shop.example/"}),
        (["user_agent"], {"ip": "192.0.2.1", "agent": None, "page": "https://shop.example/"}),
        (["page_location"], {"ip": "192.0.2.1", "agent": "Firefox", "page": None}),
        (["page_referrer"], {"ip": "192.0.2.1", "agent": "Firefox", "page": None}),
        (["user_agent", "page_location"], {"ip": "192.0.2.1", "agent": None, "page": None}),
    ],
)
def test_what_was_taken_away_the_hit_does_not_give_back(keys: list[str], sent: dict[str, Any]) -> None:
    data = {
        "ip_override": "192.0.2.1",
        "user_agent": "Firefox",
        "page_location": "https://shop.example/order?email=ada",
        "page_referrer": "https://shop.example/",
    }
    headers = {"user-agent": "Firefox", "host": "shop.example", "referer": "https://shop.example/"}
    hit: Hit = a_hit(an_event("purchase", data), ip="192.0.2.1", headers=headers)
    container = a_container(a_tag("Tag", visitor), a_transformation("No", exclude, {"keys": keys}))
    assert tags_of(container, hit)["Tag"]["requests"][0]["json"] == sent


def test_a_planned_row_keeps_the_senders_id_of_the_original() -> None:
    container = a_container(a_tag("Tag", visitor), a_transformation("No", exclude, {"keys": ["event_id"]}))
    (planned,) = run(container, hit_of(event_id="e-1")).planned
    assert planned.sender_id == "e-1"
