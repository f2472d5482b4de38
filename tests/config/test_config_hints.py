"""What a hint leads to: the word that is meant, and never its opposite."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from container.config.load import Loaded, load_file
from container.config.problem import did_you_mean
from container.config.registry import Registry
from container.config.words import KEYS, OPERATORS, for_key, for_operator, means_otherwise

Load = Callable[..., Loaded]

TRIGGER = "clients: {{GA4: {{type: ga4}}}}\ntriggers: {{A: {{{0}}}}}\ntags: {{B: {{type: plain_tag, triggers: A}}}}\n"
TAG = "clients: {{GA4: {{type: ga4}}}}\ntriggers: {{A: {{}}, C: {{events: x}}}}\ntags: {{B: {{{0}}}}}\n"


def hints(loaded: Loaded) -> list[tuple[str, str]]:
    return [(each.code, each.hint) for each in loaded.problems if not each.code.startswith("unused")]


@pytest.mark.parametrize(
    ("written", "value", "hint"),
    [
        ("not_equals", "a", "write `does_not_equal`"),
        ("does_not_equals", "a", "write `does_not_equal`"),
        ("notContains", "a", "write `does_not_contain`"),
        ("not_matches_regex", "a", "write `does_not_match_regex`"),
        ("Does not match RegEx", "a", "write `does_not_match_regex`"),
        ("not starts with", "a", "write `does_not_start_with`"),
        ("doesn't end with", "a", "write `does_not_end_with`"),
        ("not_begins_with", "a", "write `does_not_start_with`"),
        ("is_not_set", True, "write `is_set: false`"),
        ("is_not_set", False, "write `is_set: true`"),
        ("not_exists", True, "write `is_set: false`"),
        ("is_not_empty", True, "write `is_empty: false`"),
        ("not_blank", True, "write `is_empty: false`"),
        ("is_not", "a", "write `does_not_equal`, or `is_not_one_of` for several values"),
        ("is_not", ["a"], "write `is_not_one_of`"),
        ("not_in", ["a"], "write `is_not_one_of`"),
        ("not_in_network", "a", "write `is_not_in_network`"),
        ("!=", "a", "write `does_not_equal`"),
        ("gt", 1, "write `greater_than`"),
        (">=", 1, "write `greater_or_equal`"),
        ("less than or equal", 1, "write `less_or_equal`"),
        ("in", ["a"], "write `is_one_of`"),
        ("not_matches_regex_ignore_case", "a", "write `does_not_match_regex`, and `ignore_case: true` beside it"),
        ("rhymes_case_insensitive", "a", "write `rhymes`, and `ignore_case: true` beside it"),
        ("not_greater_than", 1, ""),
        ("not_rhymes", "a", ""),
        ("does_not", "a", "write `does_not_equal`"),
        ("rhymes", "a", ""),
    ],
)
def test_an_operator_of_elsewhere_leads_to_the_one_that_means_it(
    registry: Registry, written: str, value: object, hint: str
) -> None:
    assert for_operator(written, value, registry.operators) == hint


def test_every_operator_that_is_meant_exists(registry: Registry) -> None:
    assert {meant.partition(":")[0] for meant in OPERATORS.values()} <= registry.operators.keys()


def test_an_operator_that_is_not_there_is_not_meant() -> None:
    assert for_operator("gt", 1, ["equals"]) == ""


def test_no_operator_is_taken_for_its_opposite(registry: Registry) -> None:
    for name, other in product(registry.operators, repeat=2):
        if ("not" in name.split("_")) != ("not" in other.split("_")):
            assert means_otherwise(name, other)


@pytest.mark.parametrize("written", ["blocking_triggers", "exclude_triggers", "excluded-triggers", "not_triggers"])
def test_exceptions_are_never_taken_for_triggers(written: str) -> None:
    assert did_you_mean(written, ["triggers"]) == ""


@pytest.mark.parametrize("written", ["!Staff", "Not Staff", "No Staff"])
def test_a_trigger_is_not_taken_for_what_it_excludes(written: str) -> None:
    assert did_you_mean(written, {"Staff": 3}) == ""
    assert did_you_mean("Staf", {"Not Staff": 1, "Staff": 3}) == 'did you mean "Staff" (line 3)?'


@pytest.mark.parametrize("word", [word for word, meant in KEYS.items() if meant[0][0] == "exceptions"])
def test_words_for_exceptions_lead_there(word: str) -> None:
    assert for_key(word, ["triggers", "exceptions"], ()) == "write `exceptions`"


def test_a_token_leads_to_the_field_that_takes_it(registry: Registry) -> None:
    assert for_key("token", ["pixel_id", "access_token"], registry.secret_fields()) == "write `access_token`"
    assert for_key("token", ["pixel_id"], registry.secret_fields()) == ""


def test_a_key_leads_nowhere_that_does_not_exist() -> None:
    assert for_key("blocking", ["triggers"], ()) == ""


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("{none: [{variable: Page Path, equals: a}]}", "write `not: {any: […]}`"),
        ("{or: [{variable: Page Path, equals: a}]}", "write `any`"),
        (
            "{variable: Page Path, matches_regex: '(a)\\1'}",
            "write the repeated text itself, or take a second condition",
        ),
        ("{variable: Page Path, matches_regex: '(?=a)'}", "write what has to follow or precede as a second condition"),
        ("{variable: Page Path, matches_regex: '(a'}", ""),
        ("{value: '{{ event.a }}', between: [1, 2, 3]}", "write two of them, such as [10, 20]"),
    ],
)
def test_conditions_are_mended(load_text: Load, condition: str, hint: str) -> None:
    ((_, found),) = hints(load_text(TRIGGER.format(f"when: {condition}")))
    assert found == hint


def test_an_address_that_begins_with_a_reference_is_one_problem(load_text: Load) -> None:
    tag = "type: http_request, triggers: [A, C], consent: not_needed, url: {{ Base }}/orders"
    ((code, hint),) = hints(load_text(TAG.format(tag)))
    assert code == "not-dynamic"
    assert hint.startswith("write the beginning itself")


def test_a_condition_that_only_asks_whether_a_member_is_there_warns_of_no_row(load_text: Load) -> None:
    rows = "variables: {V: {type: lookup_table, input: '{{ Page Path }}', table: {/a: x, /b: {m: y}}}}\n"
    asked, compared = (
        TRIGGER.format(f"when: {{variable: V.m, {operator}}}") for operator in ("is_set: true", "equals: y")
    )
    assert hints(load_text(rows + asked)) == []
    assert [code for code, _ in hints(load_text(rows + compared))] == ["missing-field"]


def test_a_trigger_of_another_type_is_not_said_to_cover_anything(load_text: Load) -> None:
    text = TRIGGER.format("events: x").replace("}}\ntags", "}, S: {type: sometimes, chance: 1}}\ntags", 1)
    assert hints(load_text(text.replace("triggers: A}", "triggers: A, exceptions: S}"))) == []


def test_a_row_without_a_value_asks_for_no_group(load_text: Load) -> None:
    rows = "rows: [{pattern: a}, {pattern: b, value: [x]}]"
    rows = f"variables: {{V: {{type: regex_table, input: '{{{{ Page Path }}}}', {rows}}}}}\n"
    assert hints(load_text(rows + TRIGGER.format("when: {variable: V, equals: y}"))) == []


def test_an_address_in_place_of_a_hit_leads_to_the_hit(tmp_path: Path, registry: Registry) -> None:
    text = (
        TRIGGER.format("") + "tests: {T: {hit: 'https://m.shop.example/g/collect?v=2', expect: {B: {status: fired}}}}\n"
    )
    file = tmp_path / "container.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load_file(file, registry=registry, environment={}, secrets=lambda name: None, strict_environment=False)
    assert hints(loaded) == [("wrong-type", "write the hit itself: {path: /g/collect, query: …}")]
