"""The settings of a tag as preview shows them: what was written, what it follows from, and what it came to."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from container.api import Confidential, Dynamic, Event, Pattern, Request, Settings, Url, from_event, tag
from container.config.model import TagModel
from container.secret import Secret
from tests.engine.parts import URL, a_container, a_tag, a_variable, component, hit_of
from tests.engine.test_settings_of_tags import everything
from tests.engine.test_trace import raising, told_of


def settings_of(values: Any, *parts: Any, function: Any = everything, **data: Any) -> dict[str, dict[str, Any]]:
    container = a_container(*parts, a_tag("Tag", function, values), debug=True)
    return {row.pop("field"): row for row in told_of(container, hit_of(**data))["tags"][0]["settings"]}


def test_a_field_shows_what_was_written_and_the_value_as_the_tag_gets_it() -> None:
    found = settings_of(
        {"account_id": "{{ event.account }}", "quantity": "{{ event.x }}", "mode": "b"}, account=7, x="3"
    )
    assert found["account_id"] == {
        "written": "{{ event.account }}",
        "from": "{{ event.account }}",
        "value": "7",
        "notes": [],
    }
    assert (found["quantity"]["written"], found["quantity"]["value"]) == ("{{ event.x }}", 3)
    assert (found["mode"]["written"], found["mode"]["from"], found["mode"]["value"]) == ("b", "", "b")


def test_a_field_that_nobody_wrote_says_where_it_was_found_and_is_left_out_without_a_value() -> None:
    found = settings_of({"account_id": "A"}, price=5)
    assert found["value"] == {
        "written": None,
        "from": "{{ event.value }} or {{ event.price }}",
        "value": 5,
        "notes": [],
    }
    assert "email" not in found
    assert (found["consented"]["written"], found["consented"]["value"]) == (None, False)


def test_settings_in_settings_are_told_field_by_field() -> None:
    found = settings_of({"account_id": "A", "address": {"country": "{{ event.c }}"}}, city="Bern", c="CH")
    assert (found["address.city"]["from"], found["address.city"]["value"]) == (
        "{{ event.user_data.address.city }} or {{ event.city }}",
        "Bern",
    )
    assert (found["address.country"]["written"], found["address.country"]["value"]) == ("{{ event.c }}", "CH")


def test_lists_and_mappings_are_shown_as_they_were_written_and_as_they_came_out() -> None:
    rows = [{"name": "{{ event.n }}", "amount": 2}]
    found = settings_of({"account_id": "A", "rows": rows, "extra": {"a": ["{{ event.n }}", 1]}}, n="x")
    assert (found["rows"]["written"], found["rows"]["value"]) == (rows, [{"name": "x", "amount": 2}])
    assert (found["extra"]["written"], found["extra"]["value"]) == ({"a": ["{{ event.n }}", 1]}, {"a": ["x", 1]})


def test_a_value_of_the_wrong_kind_is_noted_at_its_field() -> None:
    found = settings_of({"account_id": "A", "quantity": "{{ event.x }}"}, x="many")
    assert found["quantity"]["value"] == 1
    assert found["quantity"]["notes"] == ['"quantity" is left out: its value is of the wrong kind']
    assert found["account_id"]["notes"] == []


def test_of_settings_that_could_not_be_made_the_field_that_lacks_says_so() -> None:
    found = settings_of({"account_id": "{{ event.account }}", "extra": "{{ event.x }}"}, x=[1])
    assert (found["account_id"]["value"], found["account_id"]["notes"]) == (
        None,
        ['no value for "account", which the tag needs: {{ event.account }} is not set'],
    )
    assert found["extra"]["value"] == [1]


def test_a_variable_that_raises_is_noted_at_the_field_that_asks_for_it() -> None:
    broken = a_variable("Broken", raising)
    found = settings_of({"account_id": "A", "extra": ["{{ Broken }}"]}, broken)
    assert any(note.startswith("raised KeyError in ") for note in found["extra"]["notes"])
    assert "ada@" not in str(found)


class Sending(Settings):
    url: Url
    key: Confidential = None
    match: Pattern = Field(default=Pattern("^a"))
    place: Dynamic[str] | None = from_event("place")


@tag("sign", consent=[])
def sign(settings: Settings, event: Event) -> Request:
    """Gives a sign of life."""
    return Request("POST", URL, json={})


@tag("sending", consent=[])
def sending(settings: Sending, event: Event) -> Request:
    """Sends to an address of the analyst's own."""
    return Request("POST", settings.url.url)


def test_an_address_is_shown_whole() -> None:
    written = f"{URL}/{{{{ event.order }}}}?b={{{{ event.b }}}}"
    found = settings_of({"url": written}, function=sending, order="A 1", b="c")
    assert (found["url"]["written"], found["url"]["value"]) == (written, f"{URL}/A%201?b=c")
    fixed = settings_of({"url": URL}, function=sending)
    assert (fixed["url"]["written"], fixed["url"]["value"]) == (URL, URL)


def test_an_address_with_a_gap_is_shown_as_written_and_says_what_lacks() -> None:
    written = f"{URL}/{{{{ event.order }}}}"
    found = settings_of({"url": written}, function=sending)
    assert found["url"]["value"] == written
    assert found["url"]["notes"] == ['no value for "url", which the tag needs: {{ event.order }} is not set']


def test_secrets_and_patterns_are_shown_by_name_and_source() -> None:
    found = settings_of({"url": URL, "key": Secret("KEY", b"digest")}, function=sending)
    assert (found["key"]["written"], found["key"]["value"]) == ("${secret:KEY}", "${secret:KEY}")
    assert found["match"]["value"] == "^a"


def test_the_settings_of_a_tag_that_did_not_fire_are_told_too() -> None:
    container = a_container(a_tag("Tag", everything, {"account_id": "{{ event.account }}"}, paused=True), debug=True)
    (found,) = told_of(container, hit_of(account="A"))["tags"]
    assert found["status"] == "paused"
    assert found["settings"][0]["value"] == "A"


def test_a_tag_without_settings_has_none_to_tell() -> None:
    container = a_container(TagModel("Tag", component(sign), None, ("All",)), debug=True)
    (found,) = told_of(container, hit_of())["tags"]
    assert (found["status"], found["settings"]) == ("fired", [])
