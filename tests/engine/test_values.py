"""Built-in variables, short forms, members, and Format Value."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Hit
from container.config.model import Format
from container.engine.compile import compile_container
from container.engine.format_value import format_value
from container.engine.run import run
from container.secret import Secret, SecretText
from tests.engine.parts import (
    a_container,
    a_hit,
    a_model,
    a_tag,
    a_variable,
    an_event,
    hit_of,
    said,
    value_of,
)
from variables.constant import constant
from variables.event_data import event_data
from variables.first_of import first_of
from variables.regex_table import regex_table
from variables.template import template

PAGE = "https://www.shop.example:8443/Checkout/Thanks.html?ttclid=T%201&q=a+b#top"
EVENT = an_event(
    "purchase",
    {
        "page_location": PAGE,
        "page_referrer": "https://search.example/",
        "event_id": " e1 ",
        "event_location": {"country": "DE", "region": "BE"},
        "user_data": {"address": [{"city": "Berlin"}]},
        "dotted.key": "whole",
    },
    {"ad_storage": "granted"},
)
HIT = a_hit(
    EVENT,
    method="POST",
    path="/mounted/json",
    query="v=2&tid=G-1&empty=",
    headers={"cookie": "_ttp=abc; b=2", "user-agent": "Browser/1", "referer": "https://r.example/"},
    ip="203.0.113.9",
)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Client Name", "Json"),
        ("Container ID", "SHOP-1"),
        ("Container Version", "v-abc"),
        ("Debug Mode", False),
        ("Event Name", "purchase"),
        ("Page Hostname", "www.shop.example"),
        ("Page Path", "/Checkout/Thanks.html"),
        ("Page URL", PAGE),
        ("Query String", "v=2&tid=G-1&empty="),
        ("Request Method", "POST"),
        ("Request Path", "/mounted/json"),
        ("Visitor Region", "DE-BE"),
        ("Event ID", "e1"),
        ("IP Address", "203.0.113.9"),
        ("User Agent", "Browser/1"),
        ("Referrer", "https://search.example/"),
        ("event.event_id", " e1 "),
        ("event.user_data.address.0.city", "Berlin"),
        ("event.dotted.key", "whole"),
        ("event.event_name", "purchase"),
        ("cookie._ttp", "abc"),
        ("header.Referer", "https://r.example/"),
        ("request_query.tid", "G-1"),
        ("page_query.ttclid", "T 1"),
        ("page_query.q", "a b"),
        ("consent.ad_storage", "granted"),
    ],
)
def test_a_built_in_name_has_its_value(reference: str, expected: Any) -> None:
    found = value_of("{{ " + reference + " }}", HIT)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "reference",
    [
        "Page Hostname",
        "Page Path",
        "Page URL",
        "Query String",
        "Visitor Region",
        "Event ID",
        "IP Address",
        "User Agent",
        "Referrer",
        "event.nothing",
        "event.nothing.deeper",
        "cookie.nothing",
        "header.nothing",
        "request_query.nothing",
        "page_query.nothing",
    ],
)
def test_a_built_in_name_without_a_value_is_missing(reference: str) -> None:
    assert value_of("{{ " + reference + " }}", a_hit()) is None


def test_the_events_own_address_and_browser_go_before_the_hits() -> None:
    hit = a_hit(
        an_event(data={"ip_override": "198.51.100.1", "user_agent": "App/2"}), headers={"user-agent": "S"}, ip="::1"
    )
    assert value_of("{{ IP Address }}", hit) == "198.51.100.1"
    assert value_of("{{ User Agent }}", hit) == "App/2"


@pytest.mark.parametrize(
    ("location", "expected"), [({"country": "NL"}, "NL"), ({"region": "ZH"}, "ZH"), ({}, None), ("nowhere", None)]
)
def test_a_visitors_region_is_what_is_known_of_it(location: Any, expected: str | None) -> None:
    assert value_of("{{ Visitor Region }}", hit_of(event_location=location)) == expected


def test_debug_mode_is_true_in_a_preview() -> None:
    assert value_of("{{ Debug Mode }}", a_hit(), debug=True) is True


def test_a_random_number_differs_by_hit_and_event_and_is_the_same_when_run_again() -> None:
    container = a_container(a_tag("Tag", values={"json_body": "{{ Random Number }}"}))

    def drawn(seed: int) -> list[int]:
        hit = a_hit(an_event(), an_event(), id=bytes([seed]) * 16)
        return [planned.request.json["said"] for planned in run(container, hit).planned]

    numbers = [number for seed in range(20) for number in drawn(seed)]
    assert len(set(numbers)) == 40
    assert all(0 <= number < 2**31 for number in numbers)
    assert drawn(3) == numbers[6:8]


def test_a_declared_variable_goes_before_a_short_form_and_a_built_in_name() -> None:
    own = [a_variable(name, constant, value="own") for name in ("event.value", "Referrer")]
    assert value_of("{{ event.value }}", hit_of(value="event's"), *own) == "own"
    assert value_of("{{ Referrer }}", HIT, *own) == "own"


def test_a_short_form_goes_before_a_member_of_a_variable() -> None:
    own = a_variable("event", constant, value={"value": "member"})
    assert value_of("{{ event.value }}", hit_of(value="event's"), own) == "event's"


def test_members_of_a_variable_are_read_along_their_path() -> None:
    market = a_variable("Market", constant, value={"eu": {"pixels": ["P1", "P2"]}})
    assert value_of("{{ Market.eu.pixels.1 }}", a_hit(), market) == "P2"
    assert value_of("{{ Market.us.pixels }}", a_hit(), market) is None


def test_a_name_that_nobody_declared_is_an_error_of_the_caller() -> None:
    for name in ("Nobody", "Nobody.member", "unknown.", ".x"):
        with pytest.raises(LookupError, match="not checked"):
            compile_container(a_model(a_tag("Tag", values={"json_body": "{{ " + name + " }}"})))


def test_variables_build_on_each_other() -> None:
    parts = (
        a_variable("Order", template, text="{{ Prefix }}-{{ event.id }}"),
        a_variable("Prefix", first_of, values=["{{ event.no }}", "{{ Group }}", "never"]),
        a_variable("Group", regex_table, input="{{ Page Path }}", rows=_rows()),
    )
    hit = hit_of(id=7, page_location="https://a.example/c/shoes")
    assert value_of("{{ Order }}", hit, *parts) == "category shoes-7"


def test_a_variables_format_is_applied_to_its_value() -> None:
    price = a_variable("Price", event_data, Format(as_type="number", undefined_to="0"), key="price")
    container = a_container(price, a_tag("Tag", values={"json_body": ["{{ Price }}"]}))
    assert said(container, hit_of(price="12.5")) == [12.5]
    assert said(container, a_hit()) == [0]


@pytest.mark.parametrize(
    ("value", "format", "expected"),
    [
        ("Ab", Format(), "Ab"),
        ("Ab", Format(case="lower"), "ab"),
        ("Ab", Format(case="upper"), "AB"),
        (" Ab ", Format(trim=True), "Ab"),
        (" Ab ", Format(trim=True, case="lower"), "ab"),
        (5, Format(trim=True, case="lower"), 5),
        (None, Format(null_to="n"), "n"),
        (None, Format(undefined_to="u"), "u"),
        (None, Format(null_to="n", undefined_to="u"), "u"),
        (None, Format(as_type="text"), None),
        (True, Format(true_to="Yes", case="lower"), "yes"),
        (False, Format(false_to=0), 0),
        (False, Format(true_to="yes"), False),
        (True, Format(false_to="no"), True),
        (1, Format(true_to="yes"), 1),
        (0, Format(false_to="no"), 0),
        (20.0, Format(as_type="text"), "20"),
        ("12.50", Format(as_type="number"), 12.5),
        ("abc", Format(as_type="number"), None),
        ("12.0", Format(as_type="integer"), 12),
        ("12.5", Format(as_type="integer"), None),
        ("x", Format(as_type="integer"), None),
        (" TRUE ", Format(as_type="boolean"), True),
        (1, Format(as_type="boolean"), True),
        ("0", Format(as_type="boolean"), False),
        ("maybe", Format(as_type="boolean"), None),
        ("true", Format(as_type="boolean", true_to="yes"), "yes"),
        (False, Format(as_type="boolean", false_to="no"), "no"),
        ("7.5", Format(as_type="integer", undefined_to=0), 0),
        ("7", Format(as_type="integer", undefined_to=0), 7),
        (None, Format(as_type="integer", undefined_to="none"), "none"),
        (True, Format(as_type="text", true_to="yes"), "yes"),
    ],
)
def test_format_value_does_what_gtm_does_and_types(value: Any, format: Format, expected: Any) -> None:
    found = format_value(value, format)
    assert found == expected
    assert type(found) is type(expected)


def test_a_secret_is_not_formatted() -> None:
    formats = (Format(as_type="text"), Format(as_type="integer"), Format(case="upper", trim=True))
    for secret in (Secret("TOKEN"), SecretText(("Bearer ", Secret("TOKEN")))):
        assert [format_value(secret, each) for each in formats] == [secret] * 3


def test_a_hit_without_a_page_is_no_page() -> None:
    hit: Hit = hit_of(page_location="")
    assert value_of("{{ Page Path }}", hit) is None


def _rows() -> Any:
    return ({"pattern": "^/c/([^/]+)", "value": "category $1"},)
