"""The operators as conditions use them: by their annotations, with their negations and without regard to case."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from container.config.model import Check
from container.config.registry import discover
from container.engine.built_in import BUILT_IN, short_form
from container.engine.match import check_test
from container.engine.scope import ConsentDefaults, Getter, Scope
from container.event import Event, Hit
from container.shape import missing, number, text
from container.template import Reference, parse

REGISTRY = discover()
ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)

NEGATIONS = {
    "equals": "does_not_equal",
    "contains": "does_not_contain",
    "starts_with": "does_not_start_with",
    "ends_with": "does_not_end_with",
    "matches_regex": "does_not_match_regex",
    "is_one_of": "is_not_one_of",
    "is_in_network": "is_not_in_network",
}
ALONE = ("greater_than", "greater_or_equal", "less_than", "less_or_equal", "between", "is_set", "is_empty")


def lookup(reference: Reference) -> Getter:
    getter = BUILT_IN.get(reference.name) or short_form(reference.name)
    assert getter is not None
    return getter


def loaded(expected: object) -> object:
    """What a file's value is before it is validated."""
    if isinstance(expected, list):
        return [loaded(member) for member in expected]
    return parse(expected) if isinstance(expected, str) and "{{" in expected else expected


def check(name: str, expected: object, *, ignore_case: bool = False) -> Check:
    found = REGISTRY.operator(name)
    assert found is not None, name
    component, negated = found
    annotation = get_type_hints(component.function, include_extras=True)["expected"]
    value = TypeAdapter(annotation).validate_python(loaded(expected), strict=True)
    return Check(name, component, value, negated=negated, ignore_case=ignore_case)


def holds(actual: Any, name: str, expected: object, *, ignore_case: bool = False, **data: Any) -> bool:
    """Whether `{value: "{{ event.actual }}", <name>: <expected>}` holds for an event with this actual value."""
    test, _ = check_test(check(name, expected, ignore_case=ignore_case), lookup(Reference("event.actual")), lookup)
    event = Event("purchase", {"actual": actual, **data}, Hit(b"0" * 16, 0))
    return test(Scope(event, 0, ConsentDefaults({}, lambda _scope: "denied")))


def test_every_operator_of_the_language_is_there() -> None:
    assert set(REGISTRY.operators) >= {*NEGATIONS, *NEGATIONS.values(), *ALONE}


TEXTS: list[tuple[object, str, object, bool]] = [
    ("purchase", "equals", "purchase", True),
    ("purchase", "equals", "Purchase", False),
    ("purchase ", "equals", "purchase", False),
    ("", "equals", "", True),
    (None, "equals", "", True),
    (None, "equals", "null", False),
    (20, "equals", "20", True),
    (20.0, "equals", 20, True),
    ("20", "equals", 20.0, True),
    ("20.0", "equals", 20.0, False),
    (-0.0, "equals", 0, True),
    (1e15, "equals", 10**15, True),
    (1e21, "equals", 1e21, True),
    (0.1, "equals", "0.1", True),
    (True, "equals", True, True),
    (True, "equals", "true", True),
    (True, "equals", 1, False),
    (False, "equals", "", False),
    ([1, "a"], "equals", '[1,"a"]', True),
    ({"a": None}, "equals", '{"a":null}', True),
    ("é", "equals", "e\u0301", False),
    ("\ud800", "equals", "\ud800", True),
    ("/checkout/thanks", "contains", "out/th", True),
    ("/checkout/thanks", "contains", "OUT", False),
    ("anything", "contains", "", True),
    (None, "contains", "a", False),
    (12345, "contains", 234, True),
    (["red", "blue"], "contains", '"red"', True),
    ("/checkout/thanks", "starts_with", "/checkout", True),
    ("/checkout", "starts_with", "/checkout/", False),
    ("a/checkout", "starts_with", "/checkout", False),
    (2025.0, "starts_with", 20, True),
    (None, "starts_with", "", True),
    ("/terms.pdf", "ends_with", ".pdf", True),
    ("/terms.pdf/", "ends_with", ".pdf", False),
    (19.95, "ends_with", ".95", True),
    (None, "ends_with", "x", False),
    ("TEST-1", "matches_regex", "^TEST-", True),
    ("a TEST-1", "matches_regex", "^TEST-", False),
    ("a TEST-1", "matches_regex", "TEST-[0-9]", True),
    ("test-1", "matches_regex", "TEST", False),
    (None, "matches_regex", "^$", True),
    (20.0, "matches_regex", r"^\d+$", True),
    ({"a": 1}, "matches_regex", '"a":1', True),
    ("\ud800", "matches_regex", "^.$", True),
    ("purchase", "is_one_of", ["refund", "purchase"], True),
    ("purchase", "is_one_of", "purchase", True),
    ("purchase", "is_one_of", [], False),
    ("Purchase", "is_one_of", ["purchase"], False),
    ("chase", "is_one_of", ["purchase"], False),
    (20.0, "is_one_of", ["a", 20], True),
    (True, "is_one_of", [True], True),
    (None, "is_one_of", ["a"], False),
    (None, "is_one_of", [""], True),
    ([1], "is_one_of", ["[1]"], True),
]

NETWORKS: list[tuple[object, str, object, bool]] = [
    ("203.0.113.77", "is_in_network", "203.0.113.0/24", True),
    ("203.0.114.1", "is_in_network", "203.0.113.0/24", False),
    (" 203.0.113.77\n", "is_in_network", "203.0.113.0/24", True),
    ("203.0.113.77", "is_in_network", "203.0.113.77", True),
    ("203.0.113.78", "is_in_network", "203.0.113.77", False),
    ("10.1.2.3", "is_in_network", ["203.0.113.0/24", "10.0.0.0/8"], True),
    ("10.1.2.3", "is_in_network", [], False),
    ("::ffff:203.0.113.77", "is_in_network", "203.0.113.0/24", True),
    ("::FFFF:CB00:714D", "is_in_network", "203.0.113.0/24", True),
    ("::ffff:203.0.113.77", "is_in_network", "::ffff:0:0/96", True),
    ("203.0.113.77", "is_in_network", "::ffff:0:0/96", False),
    ("2001:db8::1", "is_in_network", "2001:db8::/32", True),
    ("2001:DB8:0:0::1", "is_in_network", "2001:db8::/32", True),
    ("2001:db9::1", "is_in_network", "2001:db8::/32", False),
    ("2001:db8::1", "is_in_network", "0.0.0.0/0", False),
    ("203.0.113.77", "is_in_network", "::/0", False),
    ("fe80::1%eth0", "is_in_network", "fe80::/10", True),
    ("203.0.113.77:443", "is_in_network", "203.0.113.0/24", False),
    ("[2001:db8::1]", "is_in_network", "2001:db8::/32", False),
    ("203.0.113.077", "is_in_network", "203.0.113.0/24", False),
    (3405803853, "is_in_network", "203.0.113.0/24", False),
    ("3405803853", "is_in_network", "203.0.113.0/24", False),
    ("203.0.113.77, 10.0.0.1", "is_in_network", "0.0.0.0/0", False),
    ("", "is_in_network", "0.0.0.0/0", False),
    (None, "is_in_network", "0.0.0.0/0", False),
    (["203.0.113.77"], "is_in_network", "0.0.0.0/0", False),
    ("\ud800", "is_in_network", "0.0.0.0/0", False),
]


@pytest.mark.parametrize(("actual", "name", "expected", "result"), TEXTS + NETWORKS)
def test_an_operator_compares_text_forms_and_its_negation_is_exactly_the_opposite(
    actual: object, name: str, expected: object, result: bool
) -> None:
    assert holds(actual, name, expected) is result
    assert holds(actual, NEGATIONS[name], expected) is not result


CASELESS: list[tuple[object, str, object, bool]] = [
    ("Purchase", "equals", "pURCHASE", True),
    ("STRASSE", "equals", "straße", True),
    ("ÉCOLE", "equals", "école", True),
    ("purchase", "equals", "refund", False),
    (True, "equals", "TRUE", True),
    ("/Checkout/Thanks", "contains", "OUT/th", True),
    ("/Checkout", "starts_with", "/CHECK", True),
    ("/Terms.PDF", "ends_with", ".pdf", True),
    ("test-1", "matches_regex", "^TEST-", True),
    ("Straße", "matches_regex", "^STRAß", True),
    ("toast-1", "matches_regex", "^TEST-", False),
    ("PURCHASE", "is_one_of", ["refund", "Purchase"], True),
    ("PURCHASE", "is_one_of", "Purchase", True),
    (None, "is_one_of", ["Purchase"], False),
]


@pytest.mark.parametrize(("actual", "name", "expected", "result"), CASELESS)
def test_case_can_be_ignored(actual: object, name: str, expected: object, result: bool) -> None:
    assert holds(actual, name, expected, ignore_case=True) is result
    assert holds(actual, NEGATIONS[name], expected, ignore_case=True) is not result


@pytest.mark.parametrize(
    ("actual", "expected", "greater", "equal"),
    [
        (20, 10, True, False),
        (10, 10, False, True),
        (5, 10, False, False),
        ("20", 10, True, False),
        (" 20.5 ", "20", True, False),
        ("9", "10", False, False),
        (-1, 0, False, False),
        (-0.0, 0, False, True),
        ("1e3", 999.5, True, False),
        (2**63, 0, True, False),
    ],
)
def test_numbers_are_compared_as_numbers_also_where_they_are_text(
    actual: object, expected: object, greater: bool, equal: bool
) -> None:
    assert holds(actual, "greater_than", expected) is greater
    assert holds(actual, "greater_or_equal", expected) is (greater or equal)
    assert holds(actual, "less_than", expected) is (not greater and not equal)
    assert holds(actual, "less_or_equal", expected) is (not greater)


NO_NUMBERS = [None, "", "abc", "NaN", "Infinity", "1_000", "1,5", "0x10", "007", True, False, [5], {"a": 5}, "€ 20"]


@pytest.mark.parametrize("name", ["greater_than", "greater_or_equal", "less_than", "less_or_equal"])
@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_a_comparison_is_false_unless_both_sides_are_numbers(name: str, odd: object) -> None:
    assert holds(odd, name, 0) is False
    assert holds(0, name, "{{ event.right }}", right=odd) is False


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_what_is_no_number_lies_between_no_numbers(odd: object) -> None:
    assert holds(odd, "between", [-1000, 1000]) is False


@pytest.mark.parametrize(
    ("actual", "expected", "result"),
    [
        (15, [10, 20], True),
        (10, [10, 20], True),
        ("20.0", [10, 20], True),
        (20.01, [10, 20], False),
        (9, [10, 20], False),
        (0, [0, 0], True),
        (-5, [-10, -1], True),
    ],
)
def test_between_includes_both_ends(actual: object, expected: object, result: bool) -> None:
    assert holds(actual, "between", expected) is result


@pytest.mark.parametrize(
    ("actual", "set_", "empty"),
    [
        (None, False, True),
        ("", True, True),
        ([], True, True),
        ({}, True, True),
        (0, True, False),
        (False, True, False),
        (" ", True, False),
        ("a", True, False),
        ([None], True, False),
    ],
)
def test_a_value_can_be_set_and_empty(actual: object, set_: bool, empty: bool) -> None:
    assert holds(actual, "is_set", True) is set_
    assert holds(actual, "is_set", False) is not set_
    assert holds(actual, "is_empty", True) is empty
    assert holds(actual, "is_empty", False) is not empty


@pytest.mark.parametrize(
    ("name", "right", "result"),
    [
        ("equals", "a", True),
        ("equals", None, False),
        ("contains", None, True),
        ("starts_with", "", True),
        ("ends_with", "b", False),
        ("is_one_of", "a", True),
        ("is_one_of", ["b", "a"], True),
        ("is_one_of", ["b"], False),
        ("is_one_of", None, False),
    ],
)
def test_the_right_side_may_be_a_value_of_the_event(name: str, right: object, result: bool) -> None:
    assert holds("a", name, "{{ event.right }}", right=right) is result
    assert holds("a", NEGATIONS[name], "{{ event.right }}", right=right) is not result


def test_the_right_side_may_be_text_with_values_of_the_event() -> None:
    assert holds("T-20-EUR", "equals", "T-{{ event.value }}-{{ event.currency }}", value=20.0, currency="EUR")


def test_a_member_of_a_list_may_be_a_value_of_the_event() -> None:
    assert holds("a", "is_one_of", ["b", "{{ event.right }}"], right="a")
    assert not holds("a", "is_one_of", ["b", "{{ event.right }}"], right=None)


def test_signs_that_come_with_a_hit_are_only_text() -> None:
    assert not holds("{{ Event Name }}", "equals", "purchase")
    assert holds("{{ Event Name }}", "equals", "{{ event.right }}", right="{{ Event Name }}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("matches_regex", "("),
        ("matches_regex", "{{ event.right }}"),
        ("matches_regex", 5),
        ("between", "{{ event.right }}"),
        ("between", [20, 10]),
        ("between", [1]),
        ("is_in_network", "shop.example"),
        ("is_in_network", "{{ event.right }}"),
        ("is_set", "yes"),
        ("is_set", "{{ event.right }}"),
        ("is_empty", 1),
        ("greater_than", "ten"),
        ("greater_than", [1]),
        ("equals", ["a"]),
        ("equals", None),
    ],
)
def test_a_right_side_that_can_never_fit_is_refused_while_loading(name: str, expected: object) -> None:
    with pytest.raises(ValidationError):
        check(name, expected)


@given(JSON, ANY_TEXT)
def test_any_value_can_stand_on_either_side_and_negation_is_always_the_opposite(actual: object, right: str) -> None:
    for name, negation in NEGATIONS.items():
        fixed = {"matches_regex": "^a|b$", "is_in_network": ["203.0.113.0/24", "2001:db8::/32"]}
        expected = fixed.get(name, "{{ event.right }}")
        for ignore_case in (False, True):
            found = holds(actual, name, expected, ignore_case=ignore_case, right=right)
            assert holds(actual, negation, expected, ignore_case=ignore_case, right=right) is not found


@given(JSON, JSON)
def test_two_values_are_equal_exactly_when_their_text_is(actual: object, right: object) -> None:
    assert holds(actual, "equals", "{{ event.right }}", right=right) is (text(actual) == text(right))


@given(JSON, JSON)
def test_of_two_numbers_one_is_greater_or_they_are_the_same(actual: object, right: object) -> None:
    names = ("greater_than", "less_than", "greater_or_equal", "less_or_equal")
    found = [holds(actual, name, "{{ event.right }}", right=right) for name in names]
    both = number(actual) is not None and number(right) is not None
    assert found[0] + found[1] + (number(actual) == number(right) if both else 0) == both
    assert found[2] + found[3] == (both + (number(actual) == number(right)) if both else 0)


@given(JSON)
def test_empty_is_what_is_missing(actual: object) -> None:
    assert holds(actual, "is_empty", True) is missing(actual)
