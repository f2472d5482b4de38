"""Fields of settings: what a file may say, what becomes of an event's values, and what editors are told."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from container.fields import (
    LONGEST_SUBJECT,
    Confidential,
    Dynamic,
    Endpoint,
    FromEvent,
    Many,
    Network,
    Pattern,
    Range,
    SecretField,
    Settings,
    fill_groups,
    from_event,
)
from container.secret import Secret, SecretText
from container.template import Reference, Template

Choice = Dynamic[Literal["a", "b"]]
Anything = Dynamic[Any]
ANY_TEXT = st.text(st.characters(exclude_categories=()))
NAME = Template((Reference("Name"),))
GREETING = Template(("Dear ", Reference("Name")))
TOKEN = Secret("TOKEN")


def accepted(annotation: Any, value: object) -> Any:
    return TypeAdapter(annotation).validate_python(value, strict=True)


def complaint(annotation: Any, value: object) -> str:
    """The type of the first error."""
    with pytest.raises(ValidationError) as caught:
        accepted(annotation, value)
    return caught.value.errors()[0]["type"]


class Shop(Settings):
    shop: str = Field(description="Which shop.")
    visits: int = 0


def test_settings_take_no_other_fields() -> None:
    with pytest.raises(ValidationError):
        Shop.model_validate({"shop": "Delft", "city": "Delft"})


@pytest.mark.parametrize(
    "given", [{"shop": 5}, {"shop": "Delft", "visits": "3"}, {"shop": "Delft", "visits": True}, {}]
)
def test_fixed_settings_take_exactly_their_types(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Shop.model_validate(given)


def test_settings_cannot_be_changed() -> None:
    shop = Shop(shop="Delft")
    with pytest.raises(ValidationError):
        shop.shop = "Utrecht"  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize(
    ("pattern", "subject", "groups"),
    [
        ("b", "abc", ("b",)),
        ("^b", "abc", None),
        ("(a)|(b)", "b", ("b", "", "b")),
        ("(a)(x)?", "a", ("a", "a", "")),
        ("", "", ("",)),
        ("ß", "straße", ("ß",)),
        (r"\d+", "a12b", ("12",)),
        ("A", "a", None),
        ("(?i)A", "a", ("a",)),
        (r"^.$", "\ud800", ("?",)),
        ("\0", "a\0b", ("\0",)),
    ],
)
def test_a_pattern_finds_its_first_match_and_groups(pattern: str, subject: str, groups: tuple[str, ...] | None) -> None:
    assert Pattern(pattern).search(subject) == groups


@pytest.mark.parametrize(("subject", "groups"), [("ab", ("ab", "b")), ("abc", None), ("xab", None), ("", None)])
def test_a_full_match_is_of_the_whole_text(subject: str, groups: tuple[str, ...] | None) -> None:
    assert Pattern("a(b)").fullmatch(subject) == groups


def test_a_pattern_can_ignore_case() -> None:
    pattern = Pattern("É(n)")
    assert pattern.search("éN") is None
    assert pattern.ignoring_case.search("éN") == ("éN", "N")
    assert pattern.ignoring_case is pattern.ignoring_case


def test_a_pattern_shows_its_source() -> None:
    assert repr(Pattern("^/c/")) == "Pattern('^/c/')"
    assert repr(Pattern("a")) != repr(Pattern("b"))


def test_a_pattern_looks_at_the_beginning_of_a_long_text() -> None:
    text = "a" * LONGEST_SUBJECT + "b"
    assert Pattern("b").search(text) is None
    assert Pattern("a*").fullmatch(text) == ("a" * LONGEST_SUBJECT,)


@given(ANY_TEXT)
def test_a_pattern_looks_at_any_text(subject: str) -> None:
    for pattern in (Pattern("(a|b)*c?"), Pattern(r"\w+").ignoring_case):
        for found in (pattern.search(subject), pattern.fullmatch(subject)):
            assert found is None or all(isinstance(group, str) for group in found)


@given(ANY_TEXT)
def test_any_text_is_a_pattern_or_a_complaint(source: str) -> None:
    try:
        found = accepted(Pattern, source)
    except ValidationError as refused:
        found = refused
    kinds = [error["type"] for error in found.errors()] if isinstance(found, ValidationError) else []
    assert kinds == ["bad_regex"] if kinds else found.source == source


@pytest.mark.parametrize("source", ["(", "a{2,1}", r"(?=a)", r"(a)\1", "[z-a]", "*", "a{1001}", "\ud800"])
def test_what_is_no_linear_pattern_is_refused_with_a_reason(source: str) -> None:
    with pytest.raises(ValidationError) as caught:
        accepted(Pattern, source)
    assert caught.value.errors()[0]["type"] == "bad_regex"
    assert len(caught.value.errors()[0]["msg"]) > 5


@pytest.mark.parametrize("value", [5, None, ["a"], NAME])
def test_a_pattern_is_text(value: object) -> None:
    assert complaint(Pattern, value) == "pattern_type"


def test_a_pattern_that_is_one_already_stays() -> None:
    pattern = Pattern("a")
    assert accepted(Pattern, pattern) is pattern


GROUPS = ("whole", "one", "$2 off $0", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("no sign", "no sign"),
        ("$1", "one"),
        ("category $1, $0", "category one, whole"),
        ("$1$1", "oneone"),
        ("$3", ""),
        ("$4 and $9 stay", "$4 and $9 stay"),
        ("$10", "one0"),
        ("$", "$"),
        ("$$1", "$one"),
        ("$a $٣", "$a $٣"),
        ("$2", "$2 off $0"),
        (["$1", {"a": "$1", "$1": 5}, ("$0", None)], ["one", {"a": "one", "$1": 5}, ["whole", None]]),
        (20, 20),
        (None, None),
        (TOKEN, TOKEN),
        (SecretText(("$1:", TOKEN, "$0")), SecretText(("one:", TOKEN, "whole"))),
        ({"key": SecretText((TOKEN, " $2"))}, {"key": SecretText((TOKEN, " $2 off $0"))}),
    ],
)
def test_what_a_pattern_captured_is_put_into_a_value_once(value: object, expected: object) -> None:
    assert fill_groups(value, GROUPS) == expected


@given(ANY_TEXT, st.lists(ANY_TEXT, min_size=1, max_size=12))
def test_what_was_captured_is_never_filled_again(captured: str, others: list[str]) -> None:
    assert fill_groups("<$0>", [captured, *others]) == f"<{captured}>"


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Dynamic[str], "text", "text"),
        (Dynamic[str], 20.0, "20"),
        (Dynamic[str], 5, "5"),
        (Dynamic[str], True, "true"),
        (Dynamic[str], "", ""),
        (Dynamic[float], "19.99", 19.99),
        (Dynamic[float], 5, 5),
        (Dynamic[float], 5.0, 5),
        (Dynamic[float], "5.0", 5),
        (Anything, 5.0, 5),
        (Dynamic[int], "5", 5),
        (Dynamic[int], 5.0, 5),
        (Dynamic[int], "5.0", 5),
        (Dynamic[int], "1e3", 1000),
        (Dynamic[int], 2**63 - 1, 2**63 - 1),
        (Dynamic[bool], "true", True),
        (Dynamic[bool], "false", False),
        (Dynamic[bool], True, True),
        (Anything, {"a": [1]}, {"a": [1]}),
        (Choice, "a", "a"),
        (Dynamic[str] | None, None, None),
        (Dynamic[str], NAME, NAME),
        (Dynamic[int], GREETING, GREETING),
        (Choice, NAME, NAME),
    ],
)
def test_a_dynamic_field_takes_references_and_turns_values_into_its_kind(
    annotation: Any, value: object, expected: object
) -> None:
    found = accepted(annotation, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        *((Dynamic[str], value) for value in (None, [], ["a"], {"a": 1})),
        *((Dynamic[float], value) for value in ("", "abc", "NaN", "1_000", True, [5], None)),
        *((Dynamic[int], value) for value in ("5.5", 5.5, "abc", "", False, None)),
        *((Dynamic[bool], value) for value in ("yes", "True", "1", 1, 0, "", None)),
        (Choice, "c"),
    ],
)
def test_a_value_of_another_kind_is_refused_not_bent(annotation: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        accepted(annotation, value)


@pytest.mark.parametrize("value", [TOKEN, SecretText(("Bearer ", TOKEN))])
def test_a_secret_does_not_get_into_a_dynamic_field(value: object) -> None:
    assert complaint(Dynamic[str], value) == "secret_leak"
    assert complaint(Anything, value) == "secret_leak"


@pytest.mark.parametrize("value", [TOKEN, SecretText(("Bearer ", TOKEN)), {"a": [TOKEN, NAME]}, "text", 5, None])
def test_a_confidential_value_may_hold_secrets_anywhere(value: object) -> None:
    assert accepted(Confidential, value) == value


@pytest.mark.parametrize("value", [TOKEN, NAME])
def test_a_secret_field_takes_one_reference(value: object) -> None:
    assert accepted(SecretField, value) is value


@pytest.mark.parametrize("value", ["hunter2", "", None, 5, GREETING, SecretText(("Bearer ", TOKEN))])
def test_a_secret_field_takes_nothing_that_is_written_out(value: object) -> None:
    assert complaint(SecretField, value) == "literal_secret"


@pytest.mark.parametrize(
    ("value", "network"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.77/24", "203.0.113.0/24"),
        ("203.0.113.77", "203.0.113.77/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        (ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    ],
)
def test_a_network_is_written_in_cidr_form_or_as_an_address(value: object, network: str) -> None:
    assert accepted(Network, value) == ip_network(network)


@pytest.mark.parametrize(
    "value", ["", "shop.example", "203.0.113.0/33", "203.0.113", "1", 1, None, NAME, "::1%\ud800/x"]
)
def test_what_is_no_network_is_refused(value: object) -> None:
    assert complaint(Network, value) == "network"


@pytest.mark.parametrize(
    "address",
    [
        "https://vendor.example/v1/events",
        "http://127.0.0.1:8082/track/",
        "HTTPS://[2001:db8::1]:65535",
        "https://bücher.example?a=%2F",
        "${ENDPOINT}",
        "https://${HOST}/events",
    ],
)
def test_an_endpoint_is_an_address_with_a_host(address: str) -> None:
    assert accepted(Endpoint, address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vendor.example/events",
        "ftp://vendor.example/",
        "https:///events",
        "https://a b/",
        "https://vendor.example/a b",
        "https://vendor.example/\x00",
        "https://vendor.example:65536/",
        "https://vendor.example:port/",
        "https://ada:secret@vendor.example/",
        "https://vendor.example/#here",
        "https://[1.2]/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
    ],
)
def test_an_endpoint_that_could_never_be_sent_to_is_refused(address: str) -> None:
    assert complaint(Endpoint, address) == "endpoint"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        (("a", "b"), ("a", "b")),
        ([], ()),
        (NAME, (NAME,)),
        (["a", NAME, 5], ("a", NAME, "5")),
    ],
)
def test_where_many_are_taken_one_is_a_list_of_one(value: object, expected: tuple[object, ...]) -> None:
    assert accepted(Many[Dynamic[str]], value) == expected


@pytest.mark.parametrize("value", [None, {"a": 1}, [None], [["a"]]])
def test_nothing_and_lists_of_lists_are_not_many(value: object) -> None:
    with pytest.raises(ValidationError):
        accepted(Many[Dynamic[str]], value)


@pytest.mark.parametrize(("value", "expected"), [([10, 20], (10, 20)), ((1.5, 1.5), (1.5, 1.5)), ([-1, 0], (-1, 0))])
def test_a_range_is_two_numbers_the_smaller_first(value: object, expected: tuple[float, float]) -> None:
    assert accepted(Range, value) == expected


@pytest.mark.parametrize("value", [[20, 10], [10], [10, 20, 30], 10, "10", ["10", "20"], [10, None], None, NAME])
def test_what_can_never_hold_is_no_range(value: object) -> None:
    with pytest.raises(ValidationError):
        accepted(Range, value)


class Order(Settings):
    email: Dynamic[str] = from_event("user_data.email_address", "user_data.email", description="Whose it is.")
    note: Dynamic[str] | None = from_event("note", examples=["Gift"])


def test_a_field_from_the_event_has_its_places_as_default() -> None:
    email: Any = Order().email
    assert email == FromEvent(("user_data.email_address", "user_data.email"))
    assert Order.model_fields["email"].description == "Whose it is."
    assert Order.model_fields["note"].examples == ["Gift"]


def test_what_is_written_for_a_field_from_the_event_replaces_its_places() -> None:
    assert Order(email="ada@example.com").email == "ada@example.com"
    note: Any = Order.model_validate({"note": NAME}).note
    assert note == NAME


REFERENCE = {"type": "string", "pattern": r"\{\{.+\}\}"}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Dynamic[str], {"type": "string"}),
        (Anything, {}),
        (Dynamic[int], {"anyOf": [{"type": "integer"}, REFERENCE]}),
        (Dynamic[bool], {"anyOf": [{"type": "boolean"}, REFERENCE]}),
        (Choice, {"anyOf": [{"enum": ["a", "b"], "type": "string"}, REFERENCE]}),
        (Pattern, {"type": "string", "format": "regex"}),
        (Confidential, {}),
        (SecretField, {"type": "string", "pattern": r"^(\$\{.+\}|\{\{.+\}\})$"}),
        (Network, {"type": "string", "examples": ["203.0.113.0/24"]}),
        (Many[str], {"type": "array", "items": {"type": "string"}}),
    ],
)
def test_editors_are_told_what_a_field_takes(annotation: Any, schema: dict[str, Any]) -> None:
    assert TypeAdapter(annotation).json_schema() == schema
