"""Whatever a hit holds: nothing raises, nothing is changed, and the same hit leads to the same again."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from container.api import Claim, Event, Hit, Many, Pattern, Settings, client
from container.config.model import ClientModel, Format
from container.engine.container import Container
from container.engine.run import run
from container.engine.simulate import simulate
from tests.engine.parts import (
    RECEIVED,
    a_container,
    a_hit,
    a_tag,
    a_trigger,
    a_variable,
    all_of,
    an_event,
    any_of,
    component,
    condition,
    none_of,
)
from tests.engine.test_settings_of_tags import everything
from variables.cookie_value import cookie_value
from variables.event_data import event_data
from variables.lookup_table import lookup_table
from variables.regex_table import regex_table
from variables.url import url

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, -(2**63) - 1, 10**400])
    | st.floats()
    | st.text()
    | st.text(st.characters(), max_size=5)
)
KEYS = st.text(max_size=4) | st.sampled_from(
    ["page_location", "client_id", "event_id", "user_data", "x", "event_location"]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
FIELDS = (
    "x",
    "value",
    "page_location",
    "client_id",
    "event_id",
    "event_time",
    "user_data",
    "event_location",
    "ip_override",
)
DATA = st.dictionaries(st.sampled_from(FIELDS) | KEYS, JSON, max_size=6)
TEXT = st.text(st.characters(), max_size=20)
HEADERS = st.dictionaries(st.sampled_from(["cookie", "referer", "user-agent", "x-a"]), TEXT)


class Raw(Settings):
    paths: Many[str] = ()


@client("raw")
def raw(settings: Raw, hit: Hit) -> Claim:
    """Hands on whatever JSON the body holds, as the standard library reads it."""
    stated = json.loads(hit.body)
    return Claim([Event(each["name"], each["data"], hit) for each in stated])


def demanding(*, debug: bool = False) -> Container:
    """Reads the event in every way there is."""
    x = "{{ event.x }}"
    return a_container(
        ClientModel("Raw", component(raw), Raw()),
        a_variable("Host", url, component="hostname"),
        a_variable("Part", url, source=x, component="query", parameter="a"),
        a_variable("Cookie", cookie_value, cookie="_ttp", decode=True),
        a_variable("Number", event_data, Format(as_type="integer", trim=True), key="x"),
        a_variable("Table", lookup_table, input=x, table={"a": {"b": x}}, default=[x]),
        a_variable("Rows", regex_table, input=x, rows=({"pattern": "(a)(b)?", "value": ["$1", x]},), ignore_case=True),
        a_trigger("Text", condition(x, does_not_equal="{{ event.value }}"), condition(x, contains="{{ event.value }}")),
        a_trigger("Folded", condition(x, ignore_case=True, equals="{{ event.value }}", does_not_contain="{{ Host }}")),
        a_trigger(
            "Numbers", condition(x, greater_than="{{ event.value }}", less_or_equal=5), events_matching=(Pattern("a"),)
        ),
        a_trigger("Lists", condition(x, is_not_one_of=["{{ event.value }}", "b"])),
        a_trigger("Patterns", condition(x + "{{ Host }}", matches_regex="a|^$"), sample_percent=50.0),
        a_trigger(
            "Other",
            none_of(
                any_of(condition(x, is_set=True), all_of(condition("IP Address", variable=True, is_in_network="::/0")))
            ),
        ),
        a_tag(
            "Everything",
            everything,
            {"account_id": x, "quantity": x, "consented": x, "rows": [{"name": x}], "extra": [x, {"a": x}, x + x]},
        ),
        a_tag("Variables", values={"json_body": {name: "{{ " + name + " }}" for name in NAMES}}),
        *(a_tag(f"On {name}", triggers=(name,), consent=("own",)) for name in TRIGGERS),
        a_tag("Excepted", exceptions=TRIGGERS, priority=1),
        consent={"own": "granted", "ad_storage": "granted"},
        debug=debug,
    )


TRIGGERS = ("Text", "Folded", "Numbers", "Lists", "Patterns", "Other")
NAMES = (
    *(
        "Host",
        "Part",
        "Cookie",
        "Number",
        "Table",
        "Rows",
        "Table.a.b",
        "Event ID",
        "IP Address",
        "User Agent",
        "Referrer",
    ),
    *("Page Path", "Page URL", "Page Hostname", "Visitor Region", "Random Number", "Query String", "Event Name"),
    *("cookie.a", "header.x-a", "request_query.a", "page_query.a", "consent.own", "event.user_data.0.x"),
)
CONTAINER = demanding()


@st.composite
def hits(draw: st.DrawFn) -> Hit:
    events = draw(
        st.lists(st.fixed_dictionaries({"name": JSON | st.sampled_from(["a", "purchase"]), "data": DATA}), max_size=3)
    )
    return Hit(
        id=draw(st.binary(min_size=16, max_size=16)),
        received=RECEIVED,
        query=draw(TEXT),
        headers=draw(HEADERS),
        body=json.dumps(events).encode(),
        ip=draw(st.none() | TEXT),
    )


@settings(max_examples=150, deadline=None)
@given(hit=hits())
def test_nothing_in_a_hit_makes_the_engine_raise_or_a_tag_fail(hit: Hit) -> None:
    outcome = run(CONTAINER, hit)
    assert outcome.failures == ()
    shown = simulate(CONTAINER, hit)
    assert orjson.loads(orjson.dumps(shown)) == shown


@settings(deadline=None)
@given(hit=hits())
def test_the_same_hit_leads_to_the_same_again(hit: Hit) -> None:
    before = copy.deepcopy(hit)
    first, second = run(CONTAINER, hit), run(demanding(), hit)
    assert repr(first) == repr(second)
    assert repr(simulate(CONTAINER, hit)) == repr(simulate(CONTAINER, hit))
    assert hit == before


@settings(deadline=None)
@given(data=DATA)
def test_event_data_is_never_changed(data: dict[str, Any]) -> None:
    @client("holding")
    def holding(settings: Raw, hit: Hit) -> Claim:
        return Claim([Event("purchase", data, hit)] * 2)

    parts = [
        a_tag(name, everything, {"account_id": "{{ event.x }}", "extra": ["{{ event.x }}"]}) for name in ("A", "B")
    ]
    container = a_container(ClientModel("Holding", component(holding), Raw()), *parts)
    before = repr(data)
    run(container, a_hit())
    simulate(container, a_hit())
    assert repr(data) == before


def test_what_a_name_is_not_becomes_text() -> None:
    names: list[Any] = [[1], None, {}, 5]
    hit = Hit(bytes(16), RECEIVED, body=json.dumps([{"name": name, "data": {}} for name in names]).encode())
    assert [event["name"] for event in simulate(CONTAINER, hit)["events"]] == ["[1]", "", "{}", "5"]


def test_deep_nesting_is_survived() -> None:
    deep = json.loads("[" * 900 + "]" * 900)
    container = a_container(
        a_trigger(
            "T", condition("{{ event.x }}", does_not_equal="y", ignore_case=True, is_not_one_of=["{{ event.x }}", "z"])
        ),
        a_tag("Shows", values={"json_body": "shown: {{ event.x }}"}, triggers=("T",)),
        a_tag("Sends", values={"json_body": "{{ event.x }}"}),
    )
    hit = a_hit(an_event(data={"x": "marker"}))
    hit = Hit(hit.id, hit.received, path="/json", body=hit.body.replace(b'"marker"', json.dumps(deep).encode()))
    assert run(container, hit).fired == ("Sends",)
    shown = simulate(container, hit)
    assert [each["status"] for each in shown["events"][0]["tags"]] == ["not_triggered", "failed"]
    assert orjson.dumps(shown)
