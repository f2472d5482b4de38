"""`once_per` and the duplicate window: what a first event takes keeps later ones from being delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from container.api import Batch, Event, Redirect, Request, SecretText, SetCookie, Settings, Skip, tag
from container.config.model import OncePer, TagModel
from container.engine.container import Container
from container.engine.explain import length_of_time
from container.engine.guards import DUPLICATE_WINDOW_MS, Memory
from container.engine.run import run
from container.engine.simulate import simulate
from container.event import Hit
from container.secret import Secret
from container.template import Template, parse
from tests.engine.parts import RECEIVED, URL, a_container, a_hit, a_tag, an_event, echo

HOUR = 3_600_000


class Nothing(Settings):
    pass


def giving(make: Callable[[Event], Any]) -> Callable[[Nothing, Event], Any]:
    @tag("giving", consent=[], time_fields=("time",))
    def given(settings: Nothing, event: Event) -> Any:
        return make(event)

    return given


def once_per(key: str, within: int = HOUR) -> OncePer:
    parsed = parse(key)
    assert isinstance(parsed, (str, Template))
    return OncePer(parsed, within)


def sale(at: int = 0, *, name: str = "purchase", number: int = 1, **data: Any) -> Hit:
    """A hit so many milliseconds after the first."""
    return a_hit(an_event(name, data), id=number.to_bytes(16), received=RECEIVED + at)


def statuses(container: Container, *hits: Hit) -> list[str]:
    """What becomes of the tag "Tag", hit after hit, event after event."""
    guards = Memory()
    outcomes = [simulate(container, hit, guards) for hit in hits]
    events = [event for outcome in outcomes for event in outcome["events"]]
    return [each["status"] for event in events for each in event["tags"] if each["tag"] == "Tag"]


def limited(make: Callable[[Event], Any] = lambda event: Request("GET", URL), **rest: Any) -> Container:
    return a_container(a_tag("Tag", giving(make), once_per=once_per("{{ event.order }}", **rest)))


def test_a_key_fires_the_tag_once_until_its_time_is_over() -> None:
    hits = [sale(order="A"), sale(HOUR - 1, order="A"), sale(HOUR, order="A"), sale(HOUR + 1, order="B")]
    assert statuses(limited(), *hits) == ["fired", "blocked_by_once_per", "fired", "fired"]


def test_time_counts_from_the_first_event_and_not_from_those_that_were_held_back() -> None:
    hits = [sale(order="A"), sale(HOUR // 2, order="A"), sale(HOUR, order="A")]
    assert statuses(limited(), *hits) == ["fired", "blocked_by_once_per", "fired"]


@pytest.mark.parametrize("key", ["", "  ", None, []])
def test_an_empty_key_never_limits_and_leaves_a_note(key: Any) -> None:
    container = limited()
    assert statuses(container, sale(order=key), sale(order=key)) == ["fired", "fired"]
    shown = simulate(container, sale(order=key))["events"][0]["tags"][0]["why"]
    assert "its key is empty" in shown


def test_keys_are_compared_in_their_text_form() -> None:
    assert statuses(limited(), sale(order=20.0), sale(order="20")) == ["fired", "blocked_by_once_per"]


def test_each_tag_counts_for_itself() -> None:
    tags = [a_tag(name, giving(lambda event: Request("GET", URL)), once_per=once_per("x")) for name in ("Tag", "Other")]
    assert run(a_container(*tags), sale()).finished().status == 202
    found = run(a_container(*tags), sale())
    assert Memory().take(found.guards, now=RECEIVED) == frozenset()


def test_two_events_of_one_hit_count_in_their_order() -> None:
    hit = a_hit(an_event("purchase", {"order": "A"}), an_event("purchase", {"order": "A"}))
    assert statuses(limited(), hit) == ["fired", "blocked_by_once_per"]


def test_a_tag_that_does_not_fire_takes_no_key() -> None:
    container = limited(lambda event: Skip("no") if event.data.get("skip") else Request("GET", URL))
    assert statuses(container, sale(order="A", skip=True), sale(order="A")) == ["skipped", "fired"]
    assert run(container, sale(order="A", skip=True)).guards == ()


def test_a_tag_that_does_not_fire_is_not_told_about_its_empty_key() -> None:
    container = limited(lambda event: Skip("no"))
    (found,) = simulate(container, sale(order=""))["events"][0]["tags"]
    assert (found["status"], found["why"]) == ("skipped", "no")


def test_why_names_the_key_and_the_time() -> None:
    guards, container = Memory(), limited(within=90_000)
    simulate(container, sale(order="T-1"), guards)
    assert guards.held == 1
    found = simulate(container, sale(1, order="T-1"), guards)["events"][0]["tags"][0]
    assert (found["status"], found["requests"]) == ("blocked_by_once_per", [])
    assert found["why"] == 'an earlier event within 90s had the same key, "T-1"'


@pytest.mark.parametrize(
    ("within", "words"),
    [(7 * 86_400_000, "7d"), (86_400_000, "24h"), (172_800_000, "48h"), (60_000, "1m"), (1500, "1500ms")],
)
def test_a_length_of_time_is_said_in_its_largest_unit(within: int, words: str) -> None:
    assert length_of_time(within) == words


def test_what_a_blocked_tag_would_add_to_the_reply_is_left_out() -> None:
    def make(event: Event) -> list[Any]:
        return [Request("GET", URL), SetCookie("seen", "1"), Redirect("https://shop.example/")]

    container = limited(make)
    first, again = run(container, sale(order="A")), run(container, sale(1, order="A"))
    guards = Memory()
    assert guards.take(first.guards, now=RECEIVED) == frozenset()
    taken = guards.take(again.guards, now=RECEIVED + 1)
    assert ([cookie.name for cookie in first.finished().cookies], first.finished().status) == (["seen"], 302)
    assert (again.finished(taken).cookies, again.finished(taken).status) == ((), 202)
    assert [result.settled(taken) for result in again.results] == ["blocked_by_once_per"]


def test_a_tag_that_only_sets_a_cookie_is_limited_too() -> None:
    container = limited(lambda event: SetCookie("seen", "1"))
    assert statuses(container, sale(order="A"), sale(1, order="A")) == ["fired", "blocked_by_once_per"]


def echoing(make: Callable[[Event], Any]) -> Container:
    return a_container(a_tag("Tag", giving(make)))


def of_event(event: Event) -> Request:
    return Request("POST", URL, json={"time": event.time, **event.data})


def test_a_copy_with_the_same_payload_is_a_duplicate_whenever_it_comes() -> None:
    hits = [sale(event_id="e", value=1), sale(5000, event_id="e", value=1)]
    assert statuses(echoing(of_event), *hits) == ["fired", "duplicate"]
    late = [sale(event_id="e"), sale(DUPLICATE_WINDOW_MS - 1, event_id="e"), sale(DUPLICATE_WINDOW_MS, event_id="e")]
    assert statuses(echoing(of_event), *late) == ["fired", "duplicate", "fired"]


def test_why_names_the_event_id_of_a_duplicate() -> None:
    guards, container = Memory(), echoing(of_event)
    simulate(container, sale(event_id="e-7"), guards)
    found = simulate(container, sale(1, event_id="e-7"), guards)["events"][0]["tags"][0]
    assert found["why"] == 'a copy of an event that was seen within 48h, with the event ID "e-7"'
    assert found["requests"] == []


@pytest.mark.parametrize(
    "second",
    [
        sale(1, event_id="e", value=2),
        sale(1, event_id="e", value=1, more="x"),
        sale(1, event_id="e"),
        sale(1, event_id="other", value=1),
        sale(1, event_id="e", value=1, name="refund"),
    ],
)
def test_what_adds_or_changes_anything_is_sent(second: Hit) -> None:
    assert statuses(echoing(of_event), sale(event_id="e", value=1), second) == ["fired", "fired"]


def test_without_a_senders_id_nothing_is_a_duplicate() -> None:
    assert statuses(echoing(of_event), sale(value=1), sale(1, value=1)) == ["fired", "fired"]


REQUESTS: Mapping[str, Request] = {
    "method": Request("PUT", URL, json={}),
    "address": Request("POST", URL + "/2", json={}),
    "account": Request("POST", URL, json={}, account="2"),
    "test code": Request("POST", URL, json={}, test_code="T"),
    "header": Request("POST", URL, json={}, headers={"x": "1"}),
    "secret": Request("POST", URL, json={}, headers={"x": SecretText(("Bearer ", Secret("EU")))}),
    "other secret": Request("POST", URL, json={}, headers={"x": SecretText(("Bearer ", Secret("US")))}),
    "text": Request("POST", URL, body="a"),
    "bytes": Request("POST", URL, body=b"\xff"),
    "secret text": Request("POST", URL, body=SecretText(("a", Secret("EU")))),
    "item": Request("POST", URL, json={"pixel": 1}, item={}, batch=Batch("data", 5)),
    "envelope": Request("POST", URL, json={"pixel": 2}, item={}, batch=Batch("data", 5)),
    "list": Request("POST", URL, json=[1]),
    "secret in the body": Request("POST", URL, json={"token": Secret("EU")}),
    "read-only mapping": Request("POST", URL, json={"a": MappingProxyType({"b": 1})}),
}


def test_all_of_a_request_counts() -> None:
    container = echoing(lambda event: REQUESTS[event.data["kind"]])
    hits = [sale(event_id="e", kind=kind) for kind in REQUESTS]
    assert statuses(container, *hits, *hits) == ["fired"] * len(REQUESTS) + ["duplicate"] * len(REQUESTS)


def test_the_time_in_an_item_does_not_count() -> None:
    def make(event: Event) -> Request:
        return Request("POST", URL, json={}, item={"time": event.time, "id": 1}, batch=Batch("data", 5))

    assert statuses(echoing(make), sale(event_id="e"), sale(9000, event_id="e")) == ["fired", "duplicate"]


def test_a_payload_that_json_cannot_say_has_no_guard() -> None:
    def make(event: Event) -> Request:
        return Request("POST", URL, json={"far": 2**70})

    assert run(echoing(make), sale(event_id="e")).guards == ()


def test_requests_of_one_tag_are_duplicates_together() -> None:
    def make(event: Event) -> list[Request]:
        return [Request("POST", URL, json={}), Request("POST", URL, json={"n": event.data["n"]})]

    assert statuses(echoing(make), *[sale(event_id="e", n=n) for n in (1, 2, 1)]) == ["fired", "fired", "duplicate"]


def test_a_duplicate_takes_no_key_of_once_per() -> None:
    def tag_of(within: int) -> TagModel:
        return a_tag("Tag", echo, {"json_body": {"n": "{{ event.n }}"}}, once_per=once_per("{{ event.order }}", within))

    container = a_container(tag_of(1000))
    hits = [sale(order="A", event_id="e"), sale(1500, order="A", event_id="e"), sale(1600, order="A", event_id="f")]
    assert statuses(container, *hits) == ["fired", "duplicate", "fired"]


def test_guards_are_the_same_again_for_the_same_hit() -> None:
    container = a_container(a_tag("Tag", giving(of_event), once_per=once_per("{{ event.order }}")))
    first, second = (run(container, sale(order="A", event_id="e")).guards for _ in range(2))
    assert first == second
    assert [guard.kind for guard in first] == ["once_per", "duplicate"]
    assert [guard.until - RECEIVED for guard in first] == [HOUR, DUPLICATE_WINDOW_MS]


def test_a_caller_that_is_a_server_gets_no_cookies_of_visitors() -> None:
    container = limited(lambda event: [Request("GET", URL), SetCookie("seen", "1")])
    outcome = run(container, sale(order="A"))
    assert [cookie.name for cookie in outcome.finished().cookies] == ["seen"]
    to_server = outcome._replace(reply=replace(outcome.reply, to_server=True))
    assert to_server.finished().cookies == ()
