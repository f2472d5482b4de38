"""What tags hand back, folded into the outcome: requests, cookies, redirects, failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from container.api import (
    Batch,
    Claim,
    Event,
    Hit,
    Note,
    Redirect,
    Reply,
    Request,
    SetCookie,
    Settings,
    Skip,
    client,
    tag,
    variable,
)
from container.config.model import ClientModel, TagModel
from container.engine.outcome import Failure, Outcome
from container.engine.run import run
from container.engine.simulate import simulate
from tests.engine.parts import (
    RECEIVED,
    URL,
    a_client,
    a_container,
    a_hit,
    a_tag,
    a_trigger,
    a_variable,
    an_event,
    component,
    condition,
    hit_of,
    tags_of,
)

REQUEST = Request("GET", URL)


class Nothing(Settings):
    pass


def giving(returned: Any) -> Callable[[Nothing, Event], Any]:
    @tag("giving", consent=[], max_age_hours=24, format=3)
    def given(settings: Nothing, event: Event) -> Any:
        return returned

    return given


def broken(settings: Nothing, event: Event) -> None:
    raise KeyError("ada@example.com")


BROKEN = tag("broken", consent=[])(broken)


def outcome_of(*tags: TagModel, hit: Hit | None = None, client: ClientModel | None = None) -> Outcome:
    return run(a_container(client or a_client(), *tags), hit or a_hit())


def test_a_request_is_planned_with_everything_its_row_needs() -> None:
    hit = hit_of("purchase", event_id=" e-1 ", event_time=1_767_261_000)
    (planned,) = outcome_of(a_tag("Tag", giving(REQUEST)), hit=hit).planned
    assert (planned.tag, planned.type, planned.format, planned.max_age_hours) == ("Tag", "giving", 3, 24)
    assert (planned.event_name, planned.event_time, planned.sender_id) == ("purchase", 1_767_261_000_000, "e-1")
    assert planned.request is REQUEST


def test_without_the_senders_time_and_id_the_arrival_counts() -> None:
    (planned,) = outcome_of(a_tag("Tag", giving(REQUEST))).planned
    assert (planned.event_time, planned.sender_id) == (RECEIVED, "")


def test_requests_keep_their_ids_and_no_two_share_one() -> None:
    def ids(seed: int) -> list[str]:
        hit = a_hit(an_event(), an_event(), id=bytes([seed]) * 16)
        tags = [a_tag(name, giving([REQUEST, REQUEST])) for name in ("A", "B")]
        return [planned.id for planned in outcome_of(*tags, hit=hit).planned]

    assert ids(1) == ids(1)
    both = ids(1) + ids(2)
    assert len(set(both)) == len(both) == 16
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in both)


def test_a_note_or_a_cookie_before_a_request_does_not_change_its_id() -> None:
    plain, noted = (
        outcome_of(a_tag("Tag", giving(effects))).planned[0].id
        for effects in ([REQUEST], [Note("a"), SetCookie("c", "v"), REQUEST])
    )
    assert plain == noted


@pytest.mark.parametrize("returned", [None, [], (), [Note("value left out")], "no effect", [1], Skip("")])
def test_a_tag_without_anything_to_send_is_skipped(returned: Any) -> None:
    container = a_container(a_tag("Tag", giving(returned)))
    found = tags_of(container, a_hit())["Tag"]
    assert (found["status"], found["requests"]) == ("skipped", [])
    assert "nothing to send" in found["why"]
    assert run(container, a_hit()).fired == ()


def test_a_skip_gives_its_reason_and_sends_nothing_that_came_with_it() -> None:
    container = a_container(a_tag("Tag", giving([REQUEST, SetCookie("c", "v"), Skip("no pixel here")])))
    found = tags_of(container, a_hit())["Tag"]
    assert (found["status"], found["why"], found["requests"]) == ("skipped", "no pixel here", [])
    assert run(container, a_hit()).finished().cookies == ()
    assert run(container, a_hit()).planned == ()


def test_a_tag_that_misses_what_its_vendor_demands_is_incomplete_in_its_own_words() -> None:
    returned = [Note("currency left out"), Skip("a purchase needs a currency", incomplete=True)]
    container = a_container(a_tag("Tag", giving(returned)))
    found = tags_of(container, a_hit())["Tag"]
    assert (found["status"], found["requests"]) == ("incomplete", [])
    assert found["why"] == "a purchase needs a currency; currency left out"


@pytest.mark.parametrize("incomplete", [True, False])
def test_a_skip_without_a_reason_gets_one_and_keeps_its_status(incomplete: bool) -> None:
    container = a_container(a_tag("Tag", giving(Skip("", incomplete=incomplete))))
    found = tags_of(container, a_hit())["Tag"]
    assert found["status"] == ("incomplete" if incomplete else "skipped")
    assert "nothing to send" in found["why"]


def test_notes_of_a_tag_stand_in_why_once() -> None:
    container = a_container(a_tag("Tag", giving((Note("currency left out"), REQUEST, Note("currency left out")))))
    assert tags_of(container, a_hit())["Tag"]["why"].count("currency left out") == 1


def cookies_of(outcome: Outcome) -> list[tuple[str, str]]:
    return [(cookie.name, cookie.value) for cookie in outcome.finished().cookies]


def test_of_cookies_with_one_name_the_first_in_firing_order_wins() -> None:
    outcome = outcome_of(
        a_tag("Late", giving([SetCookie("id", "late"), SetCookie("late", "1")])),
        a_tag("Early", giving([SetCookie("id", "early")]), priority=1),
    )
    assert cookies_of(outcome) == [("id", "early"), ("late", "1")]
    assert outcome.fired == ("Early", "Late")


def test_a_cookie_of_the_client_wins_over_those_of_tags() -> None:
    own = a_client(reply=Reply(status=200, cookies=(SetCookie("id", "client"), SetCookie("own", "1"))))
    outcome = outcome_of(a_tag("Tag", giving([SetCookie("id", "tag"), SetCookie("new", "2")])), client=own)
    assert cookies_of(outcome) == [("id", "client"), ("own", "1"), ("new", "2")]
    assert outcome.finished().status == 200


def test_there_are_no_cookies_from_tags_that_did_not_fire() -> None:
    @tag("half_way", consent=[])
    def half_way(settings: Nothing, event: Event) -> Any:
        yield SetCookie("half", "1")
        raise ValueError

    @tag("listed", consent=[])
    def listed(settings: Nothing, event: Event) -> Any:
        return list(half_way(settings, event))

    cookie = giving([SetCookie("c", "v")])
    outcome = run(
        a_container(
            a_trigger("Never", condition("a", equals="b")),
            a_tag("Paused", cookie, paused=True),
            a_tag("Untriggered", cookie, triggers=("Never",)),
            a_tag("Excepted", cookie, exceptions=("All",)),
            a_tag("Without consent", cookie, consent=("ad_storage",)),
            a_tag("Failed", listed),
            consent="denied",
        ),
        a_hit(),
    )
    assert cookies_of(outcome) == []
    assert [failure.tag for failure in outcome.failures] == ["Failed"]


def test_a_redirect_of_the_first_tag_that_asks_for_one_becomes_the_reply() -> None:
    own = a_client(reply=Reply(200, (("x-own", "1"),), b"pixel"))
    outcome = outcome_of(
        a_tag("A", giving([Redirect("https://a.example/", 307), SetCookie("c", "v")])),
        a_tag("B", giving([Redirect("https://b.example/")])),
        client=own,
    )
    assert (outcome.finished().status, outcome.finished().body) == (307, b"")
    assert outcome.finished().headers == (("x-own", "1"), ("location", "https://a.example/"))
    assert cookies_of(outcome) == [("c", "v")]
    assert outcome.fired == ("A", "B")


def test_a_tag_that_raises_is_a_failure_and_the_others_go_on() -> None:
    outcome = outcome_of(
        a_tag("First", giving(REQUEST)),
        a_tag("Broken", BROKEN),
        a_tag("Last", giving(REQUEST)),
        hit=a_hit(an_event("a"), an_event("b")),
    )
    assert outcome.fired == ("First", "Last") * 2
    assert [(f.tag, f.type, f.event_index, f.event_name) for f in outcome.failures] == [
        ("Broken", "broken", 0, "a"),
        ("Broken", "broken", 1, "b"),
    ]


def test_a_failure_names_the_error_and_the_place_but_not_its_text() -> None:
    (failure,) = outcome_of(a_tag("Broken", BROKEN)).failures
    assert isinstance(failure, Failure)
    assert "KeyError" in failure.reason
    assert __name__ in failure.reason
    assert str(broken.__code__.co_firstlineno + 1) in failure.reason
    assert "ada@example.com" not in failure.reason
    found = tags_of(a_container(a_tag("Broken", BROKEN)), a_hit())["Broken"]
    assert (found["status"], found["why"], found["requests"]) == ("failed", failure.reason, [])


def test_a_variable_that_raises_fails_only_the_tags_that_ask_for_it() -> None:
    from_broken = a_variable("V", _raising_variable())
    asking = [a_tag(name, values={"json_body": "{{ V }}"}) for name in ("A", "C")]
    container = a_container(from_broken, *asking, a_tag("B"))
    outcome = run(container, a_hit())
    assert outcome.fired == ("B",)
    assert [failure.tag for failure in outcome.failures] == ["A", "C"]
    assert [each["status"] for each in tags_of(container, a_hit()).values()] == ["failed", "failed", "fired"]


def test_a_client_that_raises_is_not_hidden() -> None:
    @client("raising")
    def raising(settings: Nothing, hit: Hit) -> Claim:
        raise ValueError("its own fault")

    container = a_container(ClientModel("C", component(raising), None))
    with pytest.raises(ValueError, match="its own fault"):
        run(container, a_hit())


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", URL, json={"a": {1, 2}}),
        Request("POST", URL, json={"a": "\ud800"}),
        Request("POST", URL, json={"a": 2**70}),
        Request("POST", URL, json=[object()]),
        Request("POST", URL, item={"a": 1}, batch=Batch("data", 10)),
    ],
)
def test_a_request_that_json_cannot_say_is_shown_as_failed(request_: Request) -> None:
    found = tags_of(a_container(a_tag("Tag", giving(request_))), a_hit())["Tag"]
    assert (found["status"], found["requests"]) == ("failed", [])
    assert "cannot be sent" in found["why"]


def test_a_simulation_shows_the_reply_with_cookies() -> None:
    own = a_client(reply=Reply(204, (("x-a", "1"), ("x-a", "2"))))
    container = a_container(own, a_tag("Tag", giving([SetCookie("c", "v", max_age=60), SetCookie("d", "w")])))
    assert simulate(container, a_hit())["reply"] == {
        "status": 204,
        "headers": [["x-a", "1"], ["x-a", "2"]],
        "cookies": [{"name": "c", "value": "v", "max_age": 60}, {"name": "d", "value": "w", "max_age": None}],
    }


def test_only_a_visitors_answer_waits_for_cookies() -> None:
    sends = giving([Request("POST", URL, json={}, reply_cookies=1.0), Request("POST", URL, json={})])
    for to_server, awaited in ((False, [0]), (True, [])):
        client = a_client(reply=Reply(204, to_server=to_server))
        outcome = run(a_container(client, a_tag("Tag", sends)), a_hit())
        assert [outcome.planned.index(each) for each in outcome.awaited] == awaited


def _raising_variable() -> Callable[..., Any]:
    @variable("raising")
    def raising(settings: Nothing, event: Event) -> Any:
        raise RuntimeError

    return raising
