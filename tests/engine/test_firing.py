"""Which tags fire on an event, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container.api import Pattern
from container.config.model import TagModel, TriggerModel
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.run import run
from container.engine.simulate import simulate
from tests.engine.parts import a_container, a_hit, a_model, a_tag, a_trigger, an_event, condition, hit_of, tags_of


def fires(trigger: TriggerModel, name: str, **data: Any) -> bool:
    return bool(run(a_container(trigger, a_tag("Tag", triggers=(trigger.name,))), hit_of(name, **data)).fired)


def test_a_trigger_without_events_hears_every_event() -> None:
    assert fires(a_trigger("T"), "anything")


def test_a_trigger_with_events_hears_those_exactly() -> None:
    trigger = a_trigger("T", events=("purchase", "refund"))
    assert [fires(trigger, name) for name in ("purchase", "refund", "Purchase", "purchases", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_trigger_with_patterns_hears_what_they_match_besides_its_events() -> None:
    trigger = a_trigger("T", events=("purchase",), events_matching=(Pattern("^video_"),))
    assert [fires(trigger, name) for name in ("purchase", "video_start", "a_video_start")] == [True, True, False]


def test_triggers_of_a_tag_are_alternatives() -> None:
    container = a_container(
        a_trigger("A", events=("a",)), a_trigger("B", events=("b",)), a_tag("Tag", triggers=("A", "B"))
    )
    assert [run(container, hit_of(name)).fired for name in "abc"] == [("Tag",), ("Tag",), ()]


def test_an_exception_wins_over_all_triggers() -> None:
    container = a_container(
        a_trigger("Staff", condition("{{ event.staff }}", equals="true")),
        a_trigger("A", events=("purchase",)),
        a_tag("Tag", triggers=("A", "All"), exceptions=("Staff",)),
    )
    assert run(container, hit_of(staff=True)).fired == ()
    assert tags_of(container, hit_of(staff=True))["Tag"]["status"] == "blocked_by_exception"
    assert run(container, hit_of(staff=False)).fired == ("Tag",)


def test_an_exception_blocks_only_events_that_it_hears() -> None:
    container = a_container(a_trigger("No", events=("refund",)), a_tag("Tag", exceptions=("No",)))
    assert run(container, hit_of("purchase")).fired == ("Tag",)
    assert run(container, hit_of("refund")).fired == ()


def test_an_exception_of_a_tag_that_did_not_trigger_is_not_what_held_it_back() -> None:
    container = a_container(a_trigger("A", events=("other",)), a_tag("Tag", triggers=("A",), exceptions=("All",)))
    assert tags_of(container, a_hit())["Tag"]["status"] == "not_triggered"


def test_a_paused_tag_does_not_fire() -> None:
    container = a_container(a_tag("Tag", paused=True))
    assert run(container, a_hit()).fired == ()
    assert tags_of(container, a_hit())["Tag"]["status"] == "paused"


def test_tags_fire_by_priority_and_then_in_file_order_while_a_simulation_lists_them_in_file_order() -> None:
    container = a_container(
        a_tag("C"), a_tag("High", priority=5), a_tag("A"), a_tag("Low", priority=-1), a_tag("B", priority=5)
    )
    assert run(container, a_hit()).fired == ("High", "B", "C", "A", "Low")
    assert list(tags_of(container, a_hit())) == ["C", "High", "A", "Low", "B"]


def test_each_event_of_a_hit_is_decided_by_itself() -> None:
    container = a_container(a_trigger("A", events=("a",)), a_tag("Tag", triggers=("A",)))
    outcome = run(container, a_hit(an_event("a"), an_event("b"), an_event("a")))
    assert [planned.event_name for planned in outcome.planned] == ["a", "a"]


VISITORS = [f"{number}.{number * 7}" for number in range(400)]


def sampled(percent: float, name: str = "Some") -> set[str]:
    container = a_container(a_trigger(name, sample_percent=percent), a_tag("Tag", triggers=(name,)))
    return {visitor for visitor in VISITORS if run(container, hit_of(client_id=visitor)).fired}


def test_sampling_takes_about_the_share_that_it_says() -> None:
    assert sampled(0) == set()
    assert sampled(100) == set(VISITORS)
    assert 70 < len(sampled(25)) < 130


def test_sampling_keeps_a_visitor_whatever_the_hit() -> None:
    container = a_container(a_trigger("Half", sample_percent=50), a_tag("Tag", triggers=("Half",)))
    for visitor in VISITORS[:20]:
        hits = [a_hit(an_event(name, {"client_id": visitor}), id=bytes([n]) * 16) for n, name in enumerate("abcdef")]
        assert len({run(container, hit).fired for hit in hits}) == 1


def test_a_larger_sample_contains_the_smaller_one() -> None:
    assert sampled(10) < sampled(40) < sampled(90)


def test_two_triggers_do_not_sample_the_same_visitors() -> None:
    assert sampled(30) != sampled(30, name="Others")


def test_without_a_client_id_hits_are_sampled() -> None:
    container = a_container(a_trigger("Half", sample_percent=50), a_tag("Tag", triggers=("Half",)))
    hits = [a_hit(id=bytes([number]) * 16) for number in range(200)]
    fired = [bool(run(container, hit).fired) for hit in hits]
    assert 60 < sum(fired) < 140
    assert fired == [bool(run(container, hit).fired) for hit in hits]


NAMES = ["a", "b", "ab", "video_a", ""]
LINES = st.sampled_from([(), (condition("{{ event.x }}", equals="1"),), (condition("{{ event.x }}", less_than=1),)])


@st.composite
def containers(draw: st.DrawFn) -> Container:
    triggers = [
        a_trigger(
            f"T{number}",
            *draw(LINES),
            events=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=2))),
            events_matching=tuple(map(Pattern, draw(st.lists(st.sampled_from(["^a", "video", "$"]), max_size=1)))),
            sample_percent=draw(st.none() | st.sampled_from([0.0, 50.0, 100.0])),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    names = st.lists(st.sampled_from([trigger.name for trigger in triggers]), unique=True)
    tags: list[TagModel] = [
        a_tag(
            f"Tag {number}",
            triggers=tuple(draw(names)),
            exceptions=tuple(draw(names)),
            priority=draw(st.integers(-1, 1)),
            paused=draw(st.booleans()),
            consent=draw(st.sampled_from([(), ("ad_storage",)])),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    return compile_container(a_model(*triggers, *tags, consent=draw(st.sampled_from(["granted", "denied"]))))


EVENTS = st.builds(
    an_event,
    st.sampled_from([*NAMES, "other"]),
    st.fixed_dictionaries({"x": st.integers(0, 2), "client_id": st.text("12")}),
)


@settings(deadline=None)
@given(container=containers(), events=st.lists(EVENTS, min_size=1, max_size=3))
def test_the_tags_that_are_looked_up_by_event_name_are_all_that_fire(container: Container, events: list[Any]) -> None:
    hit = a_hit(*events)
    shown = [
        [each["tag"] for each in event["tags"] if each["status"] == "fired"]
        for event in simulate(container, hit)["events"]
    ]
    outcome = run(container, hit)
    order = [tag.name for tag in container.tags]
    assert outcome.fired == tuple(tag for fired in shown for tag in sorted(fired, key=order.index))


@pytest.mark.parametrize("name", NAMES)
def test_a_tag_is_a_candidate_once_however_many_of_its_triggers_hear_the_event(name: str) -> None:
    triggers = [a_trigger(f"T{number}", events=tuple(NAMES)) for number in range(3)]
    container = a_container(*triggers, a_tag("Tag", triggers=("T0", "All", "T1", "T2")))
    assert run(container, hit_of(name)).fired == ("Tag",)
