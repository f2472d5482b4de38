"""How the settings of a tag are made for an event: usual places, references, wrong kinds, secrets."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field, model_validator

from container.api import (
    Confidential,
    Dynamic,
    Endpoint,
    Event,
    Hit,
    Many,
    Request,
    Settings,
    Url,
    from_event,
    tag,
    variable,
)
from container.config.model import TagModel
from container.engine.run import run
from tests.engine.parts import URL, a_container, a_hit, a_tag, a_variable, an_event, hit_of, said, tags_of
from variables.url import url


class Address(Settings):
    city: Dynamic[str] | None = from_event("user_data.address.city", "city")
    country: Dynamic[str] = Field(default="DE")


class Row(Settings):
    name: Dynamic[str]
    amount: Dynamic[int] = 1


class Everything(Settings):
    account: Dynamic[str] = Field(validation_alias="account_id")
    order: Dynamic[str] | None = from_event("transaction_id")
    value: Dynamic[float] | None = from_event("value", "price")
    email: Dynamic[str] | None = from_event("user_data.email_address", "user_data.email")
    quantity: Dynamic[int] = 1
    consented: Dynamic[bool] = False
    mode: Literal["a", "b"] = "a"
    names: Many[Dynamic[str]] = ()
    address: Address = Field(default_factory=Address)
    rows: Many[Row] = ()
    extra: Confidential = None


@tag("everything", consent=[])
def everything(settings: Everything, event: Event) -> Request:
    return Request("POST", URL, json=settings.model_dump())


class Needy(Settings):
    email: Dynamic[str] = from_event("user_data.email", "email")
    inner: Address = Field(default_factory=Address)


class NeedyInside(Settings):
    inner: Needy = Field(default_factory=Needy)
    other: Dynamic[float]


@tag("needy", consent=[])
def needy(settings: NeedyInside, event: Event) -> Request:
    return Request("POST", URL, json=settings.model_dump())


def sent(values: dict[str, Any], hit: Hit | None = None, *parts: Any) -> dict[str, Any]:
    """The settings that the tag got."""
    container = a_container(*parts, a_tag("Tag", everything, {"account_id": "1", **values}))
    found = tags_of(container, hit or a_hit())["Tag"]
    assert found["status"] == "fired", found
    body: dict[str, Any] = found["requests"][0]["json"]
    return body


def why(values: dict[str, Any], hit: Hit, *parts: Any) -> str:
    container = a_container(*parts, a_tag("Tag", everything, {"account_id": "1", **values}))
    return str(tags_of(container, hit)["Tag"]["why"])


def test_a_field_takes_its_usual_place_in_the_event() -> None:
    body = sent({}, hit_of(transaction_id="T1", value=9.5, user_data={"email_address": "a@b.example"}))
    assert (body["order"], body["value"], body["email"]) == ("T1", 9.5, "a@b.example")


def test_the_first_usual_place_with_a_value_counts() -> None:
    assert sent({}, hit_of(value="", price=3))["value"] == 3
    assert sent({}, hit_of(user_data={"email": "second@b.example"}))["email"] == "second@b.example"


def test_a_field_without_a_value_anywhere_is_none() -> None:
    body = sent({})
    assert (body["order"], body["value"], body["email"]) == (None, None, None)


def test_a_stated_reference_goes_before_the_usual_place() -> None:
    body = sent({"order": "{{ event.own }}"}, hit_of(own="O1", transaction_id="T1"))
    assert body["order"] == "O1"


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_a_stated_reference_without_a_value_falls_back_to_the_usual_place(empty: Any) -> None:
    assert sent({"order": "{{ event.own }}"}, hit_of(own=empty, transaction_id="T1"))["order"] == "T1"


def test_a_fixed_value_is_not_replaced_by_the_event() -> None:
    body = sent({"order": "fixed", "value": 0}, hit_of(transaction_id="T1", value=3))
    assert (body["order"], body["value"]) == ("fixed", 0)


def test_zero_and_false_are_values() -> None:
    body = sent({"quantity": "{{ event.q }}", "consented": "{{ event.c }}"}, hit_of(q=0, c=False, value=0))
    assert (body["quantity"], body["consented"], body["value"]) == (0, False, 0)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("order", 20.0, "20"),
        ("order", True, "true"),
        ("value", "12.50", 12.5),
        ("quantity", "3", 3),
        ("quantity", 3.0, 3),
        ("consented", "true", True),
    ],
)
def test_a_value_takes_the_kind_of_its_field(field: str, value: Any, expected: Any) -> None:
    found = sent({field: "{{ event.v }}"}, hit_of(v=value))[field]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("field", "value", "default"),
    [
        ("value", "a lot", None),
        ("order", {"a": 1}, None),
        ("quantity", 1.5, 1),
        ("quantity", [], 1),
        ("consented", 7, False),
    ],
)
def test_a_value_of_the_wrong_kind_gives_way_to_the_default(field: str, value: Any, default: Any) -> None:
    hit = hit_of(v=value)
    assert sent({field: "{{ event.v }}"}, hit)[field] == default
    assert (f'"{field}" is left out' in why({field: "{{ event.v }}"}, hit)) is (value != [])


def test_a_wrong_value_does_not_take_the_others_with_it() -> None:
    hit = hit_of(value="x", transaction_id="T1", user_data={"email": "a@b.example", "address": {"city": ["x"]}})
    body = sent({"quantity": "{{ event.value }}"}, hit)
    assert body["order"] == "T1"
    assert body["email"] == "a@b.example"
    assert body["address"] == {"city": None, "country": "DE"}
    sentence = why({"quantity": "{{ event.value }}"}, hit)
    for name in ("value", "quantity", "address.city"):
        assert sentence.count(f'"{name}" is left out') == 1


def test_nested_settings_have_references_and_usual_places_too() -> None:
    body = sent({"address": {"country": "{{ event.land }}"}}, hit_of(land="NL", city="Delft"))
    assert body["address"] == {"city": "Delft", "country": "NL"}


def test_a_field_is_known_by_its_name_whatever_it_is_called_in_the_file() -> None:
    assert sent({"account_id": "{{ event.v }}"}, hit_of(v="A1"))["account"] == "A1"


def test_a_required_value_that_is_missing_holds_the_tag_back() -> None:
    container = a_container(a_tag("Tag", everything, {"account_id": "{{ event.no }}"}), a_tag("Other"))
    found = tags_of(container, a_hit())["Tag"]
    assert (found["status"], found["requests"]) == ("incomplete", [])
    assert '"account"' in found["why"]
    assert run(container, a_hit()).fired == ("Other",)


def test_a_required_value_of_the_wrong_kind_holds_the_tag_back() -> None:
    container = a_container(a_tag("Tag", everything, {"account_id": "{{ event.v }}"}))
    found = tags_of(container, hit_of(v={"a": 1}))["Tag"]
    assert found["status"] == "incomplete"
    assert '"account" is {"a":1}' in found["why"]


def test_everything_that_is_missing_is_named_with_its_path() -> None:
    container = a_container(a_tag("Tag", needy, {"other": "{{ event.other }}"}))
    found = tags_of(container, a_hit())["Tag"]
    assert found["status"] == "incomplete"
    assert 'no value for "inner.email"' in found["why"]
    assert 'no value for "other", which the tag needs: {{ event.other }} is not set' in found["why"]
    wrong = tags_of(container, hit_of(email=["a"], other="x"))["Tag"]
    assert wrong["status"] == "incomplete"
    assert '"inner.email" is ["a"]' in wrong["why"]
    assert '"other" is "x"' in wrong["why"]
    assert tags_of(container, hit_of(email="a@b.example", other=1))["Tag"]["status"] == "fired"


def test_a_list_of_settings_is_filled_row_by_row() -> None:
    rows = [{"name": "{{ event.a }}", "amount": "{{ event.n }}"}, {"name": "fixed"}]
    assert sent({"rows": rows}, hit_of(a="A", n="2"))["rows"] == [
        {"name": "A", "amount": 2},
        {"name": "fixed", "amount": 1},
    ]
    assert sent({"rows": rows}, hit_of(a="A"))["rows"][0] == {"name": "A", "amount": 1}


def test_a_list_with_a_row_that_lacks_a_value_is_left_out_as_a_whole() -> None:
    rows = [{"name": "{{ event.a }}"}, {"name": "fixed"}]
    assert sent({"rows": rows})["rows"] == []
    assert '"rows" is left out' in why({"rows": rows}, a_hit())


class Agreeing(Settings):
    low: Dynamic[int]
    high: Dynamic[int] = 9
    text: Dynamic[str] | None = None

    @model_validator(mode="after")
    def in_order(self) -> Agreeing:
        if isinstance(self.low, int) and isinstance(self.high, int) and self.low > self.high:
            raise ValueError("low is above high")
        return self


@tag("agreeing", consent=[])
def agreeing(settings: Agreeing, event: Event) -> Request:
    return Request("POST", URL, json=settings.model_dump())


def agreeing_tag(**values: Any) -> TagModel:
    return a_tag("Tag", agreeing, {"low": "{{ event.low }}", **values})


def test_settings_that_contradict_each_other_hold_the_tag_back() -> None:
    found = tags_of(a_container(agreeing_tag()), hit_of(low=10))["Tag"]
    assert found["status"] == "incomplete"
    assert tags_of(a_container(agreeing_tag()), hit_of(low=9))["Tag"]["status"] == "fired"


def test_settings_that_contradict_each_other_without_the_wrong_value_hold_the_tag_back_too() -> None:
    container = a_container(agreeing_tag(text="{{ event.text }}"))
    found = tags_of(container, hit_of(low=10, text={"wrong": "kind"}))["Tag"]
    assert found["status"] == "incomplete"
    assert "low is above high" in found["why"]


def test_references_inside_text_take_their_text_form() -> None:
    template = "{{ event.id }}/{{ event.price }}/{{ event.ok }}/{{ event.no }}/{{ event.list }}"
    container = a_container(a_tag("Tag", values={"json_body": template}))
    assert said(container, hit_of(id="x", price=20.0, ok=True, list=[1, {"a": 2}])) == 'x/20/true//[1,{"a":2}]'


def test_a_whole_reference_keeps_the_type_of_its_value() -> None:
    container = a_container(a_tag("Tag", values={"json_body": "{{ event.v }}"}))
    for value in ([1, 2], {"a": 1}, 1.5, False, "text"):
        assert said(container, hit_of(v=value)) == value


def test_members_without_a_value_are_left_out_of_mappings_and_lists() -> None:
    body = {"fixed": None, "none": "{{ event.no }}", "empty": "{{ event.e }}", "some": "{{ event.v }}"}
    container = a_container(
        a_tag(
            "Tag",
            values={
                "json_body": {**body, "list": ["{{ event.no }}", None, "{{ event.v }}"], "all": ["{{ event.no }}"]}
            },
        )
    )
    assert said(container, hit_of(e="", v=0)) == {"fixed": None, "empty": "", "some": 0, "list": [None, 0]}


def test_text_with_a_missing_reference_is_still_text() -> None:
    container = a_container(a_tag("Tag", values={"json_body": {"a": "Order {{ event.no }}"}}))
    assert said(container, a_hit()) == {"a": "Order "}


def test_nothing_that_came_with_a_hit_is_read_for_references() -> None:
    container = a_container(a_tag("Tag", values={"json_body": ["{{ event.v }}", "x {{ event.v }}"]}))
    nasty = "{{ Container ID }} ${secret:TOKEN} ${HOME}"
    assert said(container, hit_of(v=nasty)) == [nasty, f"x {nasty}"]


def test_fixed_settings_are_made_once_and_shared() -> None:
    seen: list[Settings] = []

    model = a_tag("Tag", _seeing(seen), {"json_body": [1], "note": "fixed"})
    run(a_container(model), a_hit(an_event(), an_event()))
    assert seen[0] is seen[1]


def test_a_variables_wrong_value_is_noted_with_its_name() -> None:
    host = a_variable("Host", url, source="{{ event.v }}", component="hostname")
    container = a_container(host, a_tag("Tag", values={"json_body": {"host": "{{ Host }}"}}))
    found = tags_of(container, hit_of(v={"no": "url"}))["Tag"]
    assert found["requests"][0]["json"]["said"] is None
    assert '"source" of variable "Host" is left out' in found["why"]


class Strict(Settings):
    wanted: Dynamic[str]


@variable("strict")
def strict(settings: Strict, event: Event) -> str:
    return settings.wanted


def test_a_variable_that_lacks_a_required_value_has_none() -> None:
    container = a_container(
        a_variable("V", strict, wanted="{{ event.v }}"), a_tag("Tag", values={"json_body": {"v": "{{ V }}"}})
    )
    assert said(container, a_hit()) is None
    assert said(container, hit_of(v="x")) == {"v": "x"}


def test_a_tag_without_settings_works() -> None:
    @tag("plain", consent=[])
    def plain(settings: Settings, event: Event) -> Request:
        return Request("GET", URL)

    model = TagModel("Tag", plain.__dict__["__component__"], None, ("All",))
    assert run(a_container(model), a_hit()).fired == ("Tag",)


def _seeing(seen: list[Settings]) -> Any:
    @tag("seeing", consent=[])
    def seeing(settings: SeenSettings, event: Event) -> None:
        seen.append(settings)

    return seeing


class SeenSettings(Settings):
    json_body: Confidential = None
    note: Dynamic[str] | None = None


def test_a_tag_that_is_held_back_still_says_what_was_left_out() -> None:
    container = a_container(a_tag("Tag", everything, {"account_id": "{{ event.v }}"}))
    sentence = tags_of(container, hit_of(v={"a": 1}, value="a lot"))["Tag"]["why"]
    assert '"account"' in sentence
    assert '"value" is left out' in sentence


def test_what_one_tag_left_out_is_not_said_of_the_next() -> None:
    container = a_container(a_tag("First", everything, {"account_id": "1"}), a_tag("Second"))
    found = tags_of(container, hit_of(value="a lot"))
    assert '"value" is left out' in found["First"]["why"]
    assert "left out" not in found["Second"]["why"]


def test_a_list_with_two_wrong_members_is_noted_once() -> None:
    sentence = why({"names": ["{{ event.v }}", "{{ event.v }}"]}, hit_of(v={"a": 1}))
    assert sentence.count('"names" is left out') == 1


def test_an_optional_field_with_a_wrong_value_is_left_out_under_any_name_in_the_file() -> None:
    container = a_container(a_tag("Tag", renamed, {"other_name": "{{ event.v }}"}))
    assert tags_of(container, hit_of(v="5"))["Tag"]["requests"][0]["json"] == {"number": 5}
    found = tags_of(container, hit_of(v="five"))["Tag"]
    assert found["requests"][0]["json"] == {"number": None}
    assert '"number" is left out' in found["why"]


class Renamed(Settings):
    number: Dynamic[int] | None = Field(default=None, validation_alias="other_name")


@tag("renamed", consent=[])
def renamed(settings: Renamed, event: Event) -> Request:
    return Request("POST", URL, json={"number": settings.number})


class Sends(Settings):
    endpoint: Endpoint = "https://vendor.example/events"


class Calls(Settings):
    url: Url


@tag("sends", consent=())
def sends(settings: Sends, event: Event) -> None:
    """Send nothing."""


@tag("calls", consent=())
def calls(settings: Calls, event: Event) -> None:
    """Send nothing."""


def test_where_a_tag_sends_is_what_its_settings_say() -> None:
    assert a_tag("Tag", sends).address == "https://vendor.example/events"
    assert a_tag("Tag", sends, {"endpoint": "https://other.example"}).address == "https://other.example"
    assert a_tag("Tag", calls, {"url": "https://hook.example/a"}).address == "https://hook.example/a"
    assert a_tag("Tag").address == ""


class Relays(Settings):
    relay: bool = False


@tag("relays", consent=())
def relays(settings: Relays, event: Event) -> None:
    """Send nothing."""


def test_whether_a_tag_relays_is_what_its_settings_say() -> None:
    assert a_tag("Tag", relays, {"relay": True}).relays
    assert not a_tag("Tag", relays, {"relay": True}, paused=True).relays
    assert not a_tag("Tag", relays).relays
    assert not a_tag("Tag", sends).relays
