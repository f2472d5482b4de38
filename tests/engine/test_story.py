"""A container's own tests: what is run, what counts as a difference, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from container.api import Event, Request, SetCookie, Settings, Skip, tag
from container.config.load import load
from container.config.model import ContainerModel
from container.config.registry import Registry, discover
from container.engine.agree import dotted
from container.engine.story import Told, tell
from container.fields import Dynamic

URL = "https://vendor.example/"


class Sender(Settings):
    label: Dynamic[str] = "none"


@tag("sender", consent=["ad_storage"])
def sender(settings: Sender, event: Event) -> list[Request | SetCookie] | Skip:
    """Send an event."""
    if event.name == "nothing":
        return Skip("there is nothing to send")
    body = {"event": event.name, "label": settings.label, "value": event.data.get("value"), "items": [1, 2]}
    count = 2 if event.name == "twice" else 1
    return [Request("POST", URL, headers={"X-A": "a"}, json=body) for _ in range(count)] + [SetCookie("c", "v")]


@tag("text_sender", consent=())
def text_sender(settings: Settings, event: Event) -> Request:
    """Send text."""
    return Request("PUT", URL + "text", body="a text")


REGISTRY = Registry.of([*(each.function for each in discover().components.values()), sender, text_sender])
CONTAINER = """
consent: {default: granted}
clients: {GA4: {type: ga4}}
triggers: {All: {}, Orders: {events: purchase}}
tags:
  Sender: {type: sender, triggers: All, label: "{{ Container Version }}"}
  Text: {type: text_sender, triggers: Orders}
  Once: {type: text_sender, triggers: All, once_per: {key: "{{ event.transaction_id }}", within: 1h}}
tests:
"""


def model(tests: str) -> ContainerModel:
    loaded = load(
        CONTAINER + tests,
        filename="container.yaml",
        registry=REGISTRY,
        environment={},
        secrets=lambda _name: None,
        strict_environment=False,
    )
    assert loaded.model is not None, loaded.report()
    return loaded.model


def told(test: str) -> Told:
    [only] = tell(model("  A test:\n" + test))
    return only


def paths(found: Told) -> Sequence[str]:
    return [dotted(each.path) for each in found.differences]


def hit(name: str, **parameters: Any) -> str:
    more = "".join(f"&{key}={value}" for key, value in parameters.items())
    return f'{{path: /g/collect, query: "v=2&tid=G-1&cid=1.2&en={name}{more}"}}'


def expect(name: str, expected: str, *, tag: str = "Sender") -> Told:
    return told(f"    event: {{name: {name}, data: {{value: 20}}}}\n    expect: {{{tag}: {expected}}}\n")


def test_what_is_expected_of_a_request_is_a_part_of_it() -> None:
    part = "{status: fired, method: POST, headers: {X-A: a}, json: {event: purchase, value: 20.0, none: null}}"
    assert expect("purchase", part).passed
    assert expect("purchase", f"{{status: fired, url: '{URL}text', body: a text, json: null}}", tag="Text").passed


def test_differences_are_told_path_by_path_with_what_the_tag_says() -> None:
    found = expect(
        "purchase", "{status: fired, url: x, json: {event: buy, items: [1], value: '20'}, headers: {X-B: b}}"
    )
    assert sorted(paths(found)) == [
        "expect.Sender.0.headers.X-B",
        "expect.Sender.0.json.event",
        "expect.Sender.0.json.items",
        "expect.Sender.0.json.value",
        "expect.Sender.0.url",
    ]
    lines = list(found.lines())
    assert lines[0] == 'tag "Sender", event "purchase"'
    assert '    json.event: expected "buy", found "purchase"' in lines
    assert "    json.items: expected [1], found [1,2]" in lines
    assert '    json.value: expected "20", found 20' in lines
    assert '    headers.X-B: expected "b", found nothing' in lines
    assert lines[-1].startswith('    why: fired, trigger "All" holds')


def test_of_a_status_that_is_not_expected_only_the_status_is_told() -> None:
    found = expect("nothing", "{status: fired, json: {event: nothing}}")
    assert paths(found) == ["expect.Sender.0.json", "expect.Sender.0.status"]
    assert list(found.lines()) == [
        'tag "Sender", event "nothing"',
        '    status: expected "fired", found "skipped"',
        "    why: skipped, there is nothing to send",
    ]


def test_several_requests_are_expected_as_a_list() -> None:
    assert expect(
        "twice", "{status: fired, requests: [{json: {event: twice}}, {url: 'https://vendor.example/'}]}"
    ).passed
    assert expect("purchase", "{status: fired, requests: {json: {event: purchase}}}").passed
    assert paths(expect("twice", "{status: fired, requests: [{}]}")) == ["expect.Sender.0.requests"]
    found = expect("twice", "{status: fired, json: {event: twice}}")
    assert list(found.lines())[-1] == "    the tag sent 2 requests: expect them as a list under `requests`"


def test_a_tag_that_does_not_fire_has_no_requests() -> None:
    assert expect("page_view", "{status: not_triggered, requests: [], json: null}", tag="Text").passed


def test_consent_of_an_event_is_what_the_test_says_and_else_the_default() -> None:
    denied = "    event: {name: a, consent: {ad_storage: denied}}\n    expect: {Sender: {status: blocked_by_consent}}\n"
    assert told(denied).passed
    assert told(denied.replace("denied}}", "granted}}").replace("blocked_by_consent", "fired")).passed


def test_each_event_of_a_hit_and_each_hit_has_its_own_expectation() -> None:
    both = f"    hit: [{hit('purchase')}, {hit('page_view')}]\n    expect: {{Text: %s}}\n"
    assert told(both % "[{status: fired}, {status: not_triggered}]").passed
    found = told(both % "[{status: fired}, {status: fired}]")
    assert paths(found) == ["expect.Text.1.status"]
    assert next(iter(found.lines())) == 'tag "Text", event 2 "page_view"'


def test_a_wrong_number_of_events_is_told_with_all_of_them() -> None:
    found = told(f"    hit: [{hit('purchase')}, {hit('page_view')}]\n    expect: {{Text: {{status: fired}}}}\n")
    assert paths(found) == ["expect.Text"]
    lines = list(found.lines())
    assert lines[0] == 'tag "Text": expected 1 event, found 2 events'
    assert [line.partition(",")[0].strip() for line in lines[1:]] == [
        'event "purchase": fired',
        'event "page_view": not_triggered',
    ]


def test_a_hit_that_no_client_takes_has_no_events() -> None:
    found = told("    hit: {path: /elsewhere}\n    expect: {Text: {status: fired}}\n    reply: {status: 404}\n")
    count, why = found.lines()
    assert count == 'tag "Text": expected 1 event, found 0 events'
    assert why.startswith('why: no client took the hit: client "')
    assert 'not on "/elsewhere"' in why
    assert told("    hit: {path: /elsewhere}\n    expect: {Text: []}\n    reply: {status: 404}\n").passed


def test_once_per_holds_from_hit_to_hit_and_is_fresh_in_each_test() -> None:
    again = f"""
    hit: [{hit("purchase", **{"ep.transaction_id": "T1"})}, {hit("refund", **{"ep.transaction_id": "T1"})}]
    expect: {{Once: [{{status: fired}}, {{status: blocked_by_once_per}}]}}
"""
    assert [each.passed for each in tell(model(f"  One:{again}  Two:{again}"))] == [True, True]


@pytest.mark.parametrize("allowed", range(5))
def test_whoever_runs_them_may_stop_before_each_hit_and_gets_the_tests_that_were_whole(allowed: int) -> None:
    asked: list[bool] = []

    def goes_on() -> bool:
        asked.append(len(asked) < allowed)
        return asked[-1]

    hits = f"hit: [{hit('a')}, {hit('b')}], expect: {{Text: [{{status: not_triggered}}, {{status: not_triggered}}]}}"
    event = "event: {name: purchase}, expect: {Text: {status: fired}}"
    tests = f"  One: {{{hits}}}\n  Two: {{{event}}}\n  Three: {{{event}}}\n"
    found = [each.story.name for each in tell(model(tests), goes_on=goes_on)]
    assert found == [[], [], ["One"], ["One", "Two"], ["One", "Two", "Three"]][allowed]
    assert len(asked) == min(allowed + 1, 4)


def test_a_copy_is_a_duplicate() -> None:
    copies = ", ".join([hit("purchase", **{"ep.event_id": "E1"})] * 2)
    assert told(f"    hit: [{copies}]\n    expect: {{Sender: [{{status: fired}}, {{status: duplicate}}]}}\n").passed


REPLIES: Mapping[str, Sequence[str]] = {
    "{status: 204, cookies: {c: {value: v, max_age: null}, d: null}}": [],
    "{status: 200}": ["reply, status: expected 200, found 204"],
    "{cookies: {c: null}}": ['reply, cookies.c: expected null, found {"value":"v","max_age":null}'],
    "{cookies: {d: {value: x}}}": ['reply, cookies.d: expected {"value":"x"}, found nothing'],
    "[{status: 204}, {status: 204}]": ["expected 2 replies, found 1 reply"],
}


@pytest.mark.parametrize("expected", REPLIES)
def test_the_reply_has_a_status_and_cookies(expected: str) -> None:
    assert list(told(f"    hit: {hit('page_view')}\n    reply: {expected}\n").lines()) == REPLIES[expected]


def test_replies_of_several_hits_are_numbered() -> None:
    found = told(f"    hit: [{hit('a')}, {{path: /x}}]\n    reply: [{{status: 204}}, {{status: 204}}]\n")
    difference, why = found.lines()
    assert difference == "reply 2, status: expected 204, found 404"
    assert why.startswith("why: hit 2: no client took the hit: ")


def test_an_event_may_set_cookies_too() -> None:
    assert told("    event: {name: a}\n    reply: {cookies: {c: {value: v}}}\n").passed


def test_the_version_is_the_same_whatever_else_is_in_the_file() -> None:
    assert expect("a", "{status: fired, json: {label: test}}").passed


@pytest.mark.parametrize("name", ["X-A", "x-a", "x-A"])
def test_names_of_headers_have_no_case(name: str) -> None:
    assert expect("a", f"{{status: fired, headers: {{{name}: a}}, requests: [{{headers: {{{name}: a}}}}]}}").passed
    found = expect("a", f"{{status: fired, headers: {{{name}: b}}, requests: [{{headers: {{{name}: null}}}}]}}")
    assert paths(found) == [f"expect.Sender.0.headers.{name}", f"expect.Sender.0.requests.0.headers.{name}"]


def test_keys_of_a_body_named_headers_keep_their_case() -> None:
    event = "{name: a, data: {value: {headers: {X: 1}}}}"
    body = "{value: {headers: {x: 1}}}"
    found = told(f"    event: {event}\n    expect: {{Sender: {{status: fired, json: {body}}}}}\n")
    assert paths(found) == ["expect.Sender.0.json.value.headers.x"]
