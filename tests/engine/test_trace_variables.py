"""Variables as preview shows them: those that were computed, with value, kind, and where the value came from."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Confidential, Dynamic, Event, Settings, variable
from container.config.model import Format
from container.config.references import BUILT_IN
from container.config.registry import discover
from container.engine.traced_values import in_words, kind_of
from container.engine.traced_variables import LONGEST_SOURCE
from container.fields import FromEvent, Pattern
from container.secret import Secret, SecretText
from tests.engine.parts import a_container, a_hit, a_tag, a_variable, an_event
from tests.engine.test_trace import raising, told_of
from variables.constant import constant
from variables.cookie_value import cookie_value
from variables.event_data import event_data
from variables.first_of import first_of
from variables.lookup_table import lookup_table
from variables.query_parameter import query_parameter
from variables.random_number import random_number
from variables.regex_table import regex_table
from variables.request_header import request_header
from variables.template import template
from variables.url import url


class Years(Settings):
    since: Dynamic[Any] = 1
    names: Confidential = None
    other: str | None = None


@variable("years")
def years(settings: Years, event: Event) -> int:
    """Says nothing about where its value comes from."""
    return 3


class Strict(Settings):
    amount: Dynamic[int]


@variable("strict", source=lambda settings, written: f"the amount {written.amount}")
def strict(settings: Strict, event: Event) -> int:
    """Needs a number."""
    return settings.amount


@variable("secretive", source=lambda settings, written: str(1 // 0))
def secretive(settings: Settings, event: Event) -> int:
    """Cannot say where its value comes from."""
    return 1


def rows(reference: str, *variables: Any, **details: Any) -> dict[str, dict[str, Any]]:
    """The variables that were computed for a tag that asks for one, by name."""
    container = a_container(*variables, a_tag("Tag", values={"json_body": {"x": reference}}), debug=True)
    data = details.pop("data", {})
    return {row["name"]: row for row in told_of(container, a_hit(an_event(data=data), **details))["variables"]}


PAGE = {"page_location": "https://a.example/c/tea?ttclid=t"}
ROWS = ({"pattern": "^/c/", "value": "category"}, {"pattern": "x", "value": "x"})


@pytest.mark.parametrize(
    ("made", "source"),
    [
        (a_variable("V", constant, value="EUR"), "written in the container"),
        (a_variable("V", cookie_value, cookie="_ttp"), 'cookie "_ttp"'),
        (a_variable("V", cookie_value, cookie="_ttp", decode=True), 'cookie "_ttp", percent-decoded'),
        (a_variable("V", event_data, key="value"), 'event data "value"'),
        (a_variable("V", event_data, key="value", default=0), 'event data "value", else 0'),
        (a_variable("V", query_parameter, parameter="tid"), 'parameter "tid" in the query of the hit'),
        (a_variable("V", request_header, header="X-A"), 'header "X-A" of the hit'),
        (a_variable("V", random_number, maximum=9), "drawn for this event, from 0 to 9"),
        (a_variable("V", template, text="a {{ Page Path }}"), 'the text "a {{ Page Path }}"'),
        (
            a_variable("V", first_of, values=["{{ cookie.a }}", "b"]),
            "the first that is not empty of {{ cookie.a }}, b",
        ),
        (
            a_variable("V", lookup_table, input="{{ Page Path }}", table={"/c/tea": 1}),
            'the row "/c/tea" of a table for {{ Page Path }}',
        ),
        (
            a_variable("V", lookup_table, input="{{ Page Path }}", table={"/": 1}),
            'the default, since there is no row "/c/tea", of a table for {{ Page Path }}',
        ),
        (
            a_variable("V", regex_table, input="{{ Page Path }}", rows=ROWS),
            "the row /^/c// of a table for {{ Page Path }}",
        ),
        (
            a_variable("V", regex_table, input="{{ Event Name }}", rows=ROWS),
            "the default, since no row matches, of a table for {{ Event Name }}",
        ),
        (a_variable("V", url), "the address of the page"),
        (a_variable("V", url, component="path"), "path of the address of the page"),
        (
            a_variable("V", url, source="{{ Referrer }}", component="query", parameter="a"),
            'parameter "a" of {{ Referrer }}',
        ),
        (a_variable("V", years), 'a variable of type "years"'),
        (
            a_variable("V", years, since="{{ Event Name }}", names=["{{ cookie.a }}", 1]),
            'a variable of type "years" with names ["{{ cookie.a }}",1], since {{ Event Name }}',
        ),
        (a_variable("V", strict, amount="{{ event.amount }}"), "the amount {{ event.amount }}"),
    ],
)
def test_every_type_of_variable_says_where_its_value_came_from(made: Any, source: str) -> None:
    found = rows("{{ V }}", made, data=PAGE)["V"]
    assert found["from"] == source
    assert found["type"] == made.component.type


def test_all_our_types_say_it_themselves() -> None:
    ours = [each for each in discover().of_kind("variable") if each.function.__module__.startswith("variables.")]
    assert ours
    assert [each.type for each in ours if each.source is None] == []


@pytest.mark.parametrize(
    ("format", "words"),
    [
        (Format(), ""),
        (Format(as_type="integer"), ", as integer"),
        (Format(case="lower", trim=True), ", in lower case and trimmed"),
        (Format(null_to="none"), ", with replacements"),
    ],
)
def test_a_format_is_part_of_where_a_value_came_from(format: Format, words: str) -> None:
    assert rows("{{ V }}", a_variable("V", event_data, format, key="x"))["V"]["from"] == f'event data "x"{words}'
    assert rows("{{ V }}", a_variable("V", years, format))["V"]["from"] == f'a variable of type "years"{words}'


@pytest.mark.parametrize(
    ("reference", "type", "source"),
    [
        ("event.value", "event", 'event data "value"'),
        ("event.items.0.id", "event", 'event data "items.0.id"'),
        ("cookie._ttp", "cookie", 'cookie "_ttp"'),
        ("header.referer", "header", 'header "referer" of the hit'),
        ("request_query.a", "request_query", 'parameter "a" in the query of the hit'),
        ("page_query.ttclid", "page_query", 'parameter "ttclid" in the address of the page'),
        ("consent.ad_storage", "consent", 'consent to "ad_storage" (default)'),
    ],
)
def test_a_short_form_says_where_it_looked(reference: str, type: str, source: str) -> None:
    found = rows("{{ " + reference + " }}")[reference]
    assert (found["type"], found["from"]) == (type, source)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_variable_says_where_its_value_came_from(name: str) -> None:
    found = rows("{{ " + name + " }}", data=PAGE)[name]
    assert found["type"] == "built_in"
    assert found["from"]


@pytest.mark.parametrize(
    ("name", "data", "source"),
    [
        ("IP Address", {}, "the address that the hit came from"),
        ("IP Address", {"ip_override": "192.0.2.1"}, 'event data "ip_override"'),
        ("User Agent", {}, 'header "user-agent" of the hit'),
        ("User Agent", {"user_agent": "X"}, 'event data "user_agent"'),
        ("Visitor Region", {}, 'event data "event_location"'),
        (
            "Visitor Region",
            {"event_location": {"country": "DE", "region": "BE"}},
            'event data "event_location.country" and "event_location.region"',
        ),
    ],
)
def test_a_built_in_variable_with_several_places_names_the_one_that_had_it(name: str, data: Any, source: str) -> None:
    assert rows("{{ " + name + " }}", data=data)[name]["from"] == source


def test_only_what_was_computed_is_told_in_the_order_of_asking() -> None:
    unused = a_variable("Unused", constant, value=1)
    outer = a_variable("Outer", template, text="{{ Inner }}")
    inner = a_variable("Inner", event_data, key="a")
    assert [*rows("{{ Outer }}", unused, outer, inner)] == ["Inner", "Outer"]


def test_a_variable_that_no_tag_came_to_ask_for_is_not_told() -> None:
    container = a_container(a_tag("Tag", values={"json_body": "{{ event.a }}"}, paused=True), debug=True)
    assert told_of(container, a_hit())["variables"] == []


def test_a_note_about_a_value_stands_beside_it() -> None:
    found = rows("{{ V }}", a_variable("V", event_data, Format(as_type="number"), key="x"), data={"x": "much"})["V"]
    assert (found["value"], found["kind"]) == (None, "not set")
    assert found["notes"] == ['variable "V" is not set: "much" is no number']


def test_a_source_that_raises_is_told_as_that() -> None:
    found = rows("{{ V }}", a_variable("V", secretive))["V"]
    assert found["value"] == 1
    assert found["from"].startswith("raised ZeroDivisionError in ")


def test_a_variable_that_raises_was_not_computed() -> None:
    assert [*rows("{{ Event Name }}{{ V }}", a_variable("V", raising))] == ["Event Name"]


def test_long_words_about_a_source_are_cut() -> None:
    found = rows("{{ V }}", a_variable("V", lookup_table, input="{{ event.x }}", table={}), data={"x": "y" * 999})["V"]
    assert len(found["from"]) == LONGEST_SOURCE + 1


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "not set"),
        (True, "boolean"),
        (1, "number"),
        (1.5, "number"),
        ("", "text"),
        ([1], "list"),
        ((), "list"),
        ({}, "mapping"),
        (Secret("A"), "secret"),
        (SecretText(("a", Secret("A"))), "secret"),
        (b"", "bytes"),
    ],
)
def test_a_value_has_a_kind(value: Any, kind: str) -> None:
    assert kind_of(value) == kind


def test_what_is_no_json_is_said_in_words() -> None:
    assert in_words([Pattern("^a"), FromEvent(("a",)), b"x", {"a": (1, None)}]) == [
        "^a",
        None,
        "b'x'",
        {"a": [1, None]},
    ]


def test_words_end_at_a_depth() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    assert in_words(deep)
