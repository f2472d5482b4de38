"""What a hint leads to: the word that is meant, and never its opposite."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from container.config.addresses import for_address
from container.config.load import Loaded, load_file
from container.config.problem import did_you_mean
from container.config.registry import Registry
from container.config.words import KEYS, OPERATORS, TYPES, for_key, for_operator, for_type, means_otherwise
from tags.ga4.settings import Ga4Tag
from tags.meta_conversions_api.settings import MetaConversionsApi, User
from tags.tiktok_events_api.settings import TikTokEventsApi
from tags.tiktok_events_api.settings import User as TikTokUser

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


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("email", "write `em`"),
        ("postal_code", "write `zp`"),
        ("ip", "write `client_ip_address`"),
        ("fbc", "write it under `user`"),
    ],
)
def test_another_vendors_field_leads_to_metas(written: str, hint: str) -> None:
    known = [*MetaConversionsApi.model_fields] if "under" in hint else [*User.model_fields]
    assert for_key(written, known, ()) == hint


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("event_source", "write `action_source`"),
        ("limited_data_use", "write `data_processing_options: [LDU]`"),
        ("properties", "write `custom`"),
        ("custom_data", "write `custom`"),
        ("app_data", "write `app`"),
        ("user_data", "write `user`"),
        ("currency", "write it under `custom`"),
        ("content_name", "write it under `custom`"),
    ],
)
def test_what_is_called_otherwise_elsewhere_leads_to_metas_field(written: str, hint: str) -> None:
    assert for_key(written, [*MetaConversionsApi.model_fields], ()) == hint


@pytest.mark.parametrize(
    ("written", "of_the_tag", "of_its_user"),
    [
        ("em", "write `email` under `user`", "write `email`"),
        ("ph", "write `phone` under `user`", "write `phone`"),
        ("fn", "write `first_name` under `user`", "write `first_name`"),
        ("ln", "write `last_name` under `user`", "write `last_name`"),
        ("ct", "write `city` under `user`", "write `city`"),
        ("zp", "write `zip_code` under `user`", "write `zip_code`"),
        ("custom", "write `properties`", ""),
        ("action_source", "write `event_source`", ""),
        ("ttclid", "write it under `user`", ""),
    ],
)
def test_metas_names_lead_to_tiktoks(written: str, of_the_tag: str, of_its_user: str) -> None:
    common = ["consent", "exceptions"]
    assert for_key(written, [*TikTokEventsApi.model_fields, *common], ()) == of_the_tag
    known = [name for name in TikTokUser.model_fields if name != written]
    assert for_key(written, [*known, *common], ()) == of_its_user


@pytest.mark.parametrize("model", [MetaConversionsApi, User])
def test_the_click_of_another_vendor_is_not_taken_for_one_of_metas(model: type[MetaConversionsApi | User]) -> None:
    meant = "take it out: it is TikTok's, and Meta's own is `fbc` of `user`"
    assert for_key("ttclid", [*model.model_fields], ()) == meant


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("tracking_id", "write `measurement_id`"),
        ("exclude_parameters", "write `drop_parameters`"),
        ("anonymize_ip", "write `redact_ip`"),
        ("transport_url", "write `endpoint`"),
        ("context", "take it out: the tag finds page, visitor and device in the event by itself"),
    ],
)
def test_what_google_calls_otherwise_leads_to_the_field_of_ga4(written: str, hint: str) -> None:
    assert for_key(written, [*Ga4Tag.model_fields, "consent", "triggers"], ()) == hint


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("meta", "write `meta_conversions_api`"),
        ("facebook_capi", "write `meta_conversions_api`"),
        ("TikTok", "write `tiktok_events_api`"),
        ("google_analytics", "write `ga4`"),
        ("GA4", "write `ga4`"),
        ("newsletter", ""),
    ],
)
def test_a_type_under_another_name_leads_to_the_tag(registry: Registry, written: str, hint: str) -> None:
    assert for_type(written, registry.types("tag")) == hint
    assert for_type(written, ()) == ""


def test_every_type_that_is_meant_exists(registry: Registry) -> None:
    assert TYPES.keys() <= set(registry.types("tag"))


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


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("https://www.shop.example/", "write https://www.shop.example"),
        ("https://www.shop.example/cart?a=b", "write https://www.shop.example"),
        ("www.shop.example", "write https://www.shop.example"),
        ("//www.shop.example", "write https://www.shop.example"),
        ("localhost:3000", "write http://localhost:3000"),
        ("ftp://www.shop.example", "write https://www.shop.example"),
        ("https://WWW.Shop.example", "write https://www.shop.example"),
        ("https://möbel.example", "write https://xn--mbel-5qa.example"),
        ("https://you:secret@www.shop.example", "write https://www.shop.example"),
        ("https://www.shop.example:443", "write https://www.shop.example"),
        ("http://www.shop.example:80", "write http://www.shop.example"),
        ("https://www.shop.example.", "write https://www.shop.example"),
        ("https://www.shop.example:08443", "write https://www.shop.example:8443"),
        ("https://a.example https://b.example", "write a list: [https://a.example, https://b.example]"),
        ("https://a.example, http://[::1]:80", 'write a list: [https://a.example, "http://[::1]"]'),
        ("*", "name each origin, such as https://www.shop.example: there is no sign for several"),
        ("https://*.shop.example", "name each origin, such as https://www.shop.example: there is no sign for several"),
        ("null", "write it like https://www.shop.example"),
        ("https://www.shop.example:65536", "write it like https://www.shop.example"),
        ("https://...", "write it like https://www.shop.example"),
        ("https://xn--\u00fc.example", "write it like https://www.shop.example"),
        (" ", "write it like https://www.shop.example"),
        ("https://www.shop.example:8443", None),
        ("http://[2001:db8::1]", None),
    ],
)
def test_an_origin_is_told_in_its_own_letters(load_text: Load, written: str, hint: str | None) -> None:
    for shape in (f'"{written}"', f'["{written}"]'):
        found = hints(load_text(f"clients: {{GA4: {{type: ga4, allow_origins: {shape}}}}}\n"))
        assert [each for each in found if each[0] == "wrong-type"] == ([("wrong-type", hint)] if hint else [])


@pytest.mark.parametrize(
    ("cookie", "hint"),
    [
        ('domain: "https://shop.example/"', "write shop.example"),
        ('domain: "shop.example:443"', "write shop.example"),
        ('domain: "*.shop.example"', "write shop.example"),
        ("domain: möbel.example", "write xn--mbel-5qa.example"),
        ("domain: shop.example.", "write shop.example"),
        ("domain: a..b-.", "write one such as shop.example, or auto"),
        ('domain: "a b"', "write a domain such as shop.example, or auto"),
        ("domain: com", "write the domain of the shop, such as shop.example, or auto"),
        ('name: "my cookie"', "write my_cookie"),
        ('name: "FPID=1; path=/"', "write FPID"),
        ("name: ä", "write a name such as FPID"),
        ("domain: .Shop.example", None),
        ("domain: auto", None),
        ('domain: ""', None),
    ],
)
def test_the_cookie_of_a_client_is_told_in_its_own_letters(load_text: Load, cookie: str, hint: str | None) -> None:
    found = hints(load_text(f"clients: {{GA4: {{type: ga4, cookie: {{{cookie}}}}}}}\n"))
    assert [each for each in found if each[0] == "wrong-type"] == ([("wrong-type", hint)] if hint else [])


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ('"g-abc123xyz9"', "write G-ABC123XYZ9"),
        ('" G-ABC123XYZ9 "', "write G-ABC123XYZ9"),
        ("ABC123XYZ9", "write G-ABC123XYZ9"),
        ("G-", "write one like G-ABC123"),
        ("nothing", "write one like G-ABC123"),
        ('" "', "write one like G-ABC123"),
        ("UA-1234-1", "write one like G-ABC123"),
        ('["G-A, g-b"]', "write a list: [G-A, G-B]"),
        ('["G-A 1:42:ios:0a1b"]', "write a list: [G-A, 1:42:ios:0a1b]"),
        ('["G-A and others"]', "write a list of them"),
        ('"1:42:android:0a1b"', None),
        ("G-ABC123XYZ9", None),
        ("[G-1, G-2]", None),
    ],
)
def test_a_measurement_id_that_no_hit_has_is_told(load_text: Load, written: str, hint: str | None) -> None:
    found = hints(load_text(f"clients: {{GA4: {{type: ga4, measurement_ids: {written}}}}}\n"))
    assert [each for each in found if each[0] == "wrong-type"] == ([("wrong-type", hint)] if hint else [])


@pytest.mark.parametrize(
    ("pattern", "condition", "row", "event"),
    [
        (
            "a(?!b)",
            "write what must not be there under `does_not_match_regex`, in the same condition",
            "put a row above it that catches what must not be there",
            "write what must not be there under `when`, as a condition on {{ Event Name }}",
        ),
        (
            "(?<=a)b",
            "write what has to follow or precede as a second condition",
            "write what follows or precedes into the pattern itself, or put a row above it that catches the rest",
            "write what has to follow or precede under `when`, as a condition on {{ Event Name }}",
        ),
        (
            r"(?P<n>a)\k<n>",
            "write the repeated text itself, or take a second condition",
            *["write the repeated text itself"] * 2,
        ),
        ("*.shop", *[r"write '.*\.shop'"] * 3),
        ("*a|b", *["write .* for any text, or a backslash before a sign that is meant itself"] * 3),
        ("a++b", *['write "a+b"'] * 3),
        ("a{2}{3}", *["put ( ) around what is repeated twice"] * 3),
        ("(?>a)b", *['write "(?:a)b": there is no going back in these patterns'] * 3),
        ("a(?#note)", *['write "a", and the comment under `notes`'] * 3),
        (r"a\Z", *['write "a$"'] * 3),
        (r"a\hb", *[r"write 'a[ \t]b'"] * 3),
        (r"a\G", *[""] * 3),
        ("a{0,1500}", *[""] * 3),
    ],
)  # fmt: skip
def test_a_pattern_of_another_dialect_is_mended_where_it_stands(
    load_text: Load, pattern: str, condition: str, row: str, event: str
) -> None:
    rows = f"rows: [{{pattern: '{pattern}', value: a}}]"
    rows = f"variables: {{V: {{type: regex_table, input: '{{{{ Page Path }}}}', {rows}}}}}\n"
    for text, hint in (
        (TRIGGER.format(f"when: {{variable: Page Path, matches_regex: '{pattern}'}}"), condition),
        (rows + TRIGGER.format("when: {variable: V, equals: y}"), row),
        (TRIGGER.format(f"events_matching: '{pattern}'"), event),
    ):
        assert hints(load_text(text)) == [("bad-regex", hint)]


@pytest.mark.parametrize("pattern", ["(a{40}){40}", "a{0,1500}", "a{1001}", "a{0,801}"])
def test_numbers_in_braces_are_told_in_one_sentence(load_text: Load, pattern: str) -> None:
    [found] = load_text(TRIGGER.format(f"events_matching: '{pattern}'")).problems
    assert found.sentence.endswith("come to too many steps: take * or +, or smaller numbers")


def test_numbers_in_braces_have_an_order(load_text: Load) -> None:
    [found] = load_text(TRIGGER.format("events_matching: 'a{5,2}'")).problems
    assert found.sentence.endswith("the smaller number comes first in braces")


@pytest.mark.parametrize(
    ("pattern", "value", "hint"),
    [
        ("^(a)(?P<brand>b)", "$brand", "write $2"),
        (r"[(](?:a)\((?<brand>b)", "x-$brand", "write $1"),
        ("^(a)", "${1}", "write $1"),
        ("^(?P<brand>a)", "${brand}", "write $1"),
    ],
)
def test_a_group_is_asked_for_by_its_number(load_text: Load, pattern: str, value: str, hint: str) -> None:
    rows = f"rows: [{{pattern: '{pattern}', value: '{value}'}}]"
    rows = f"variables: {{V: {{type: regex_table, input: '{{{{ Page Path }}}}', {rows}}}}}\n"
    found = hints(load_text(rows + TRIGGER.format("when: {variable: V, equals: y}")))
    assert [each for each in found if each[0] == "wrong-type"] == [("wrong-type", hint)]


@pytest.mark.parametrize(
    ("pattern", "row", "event"),
    [
        ("/^shop$/i", 'write "(?i)^shop$"', 'write "(?i)^shop$"'),
        ("/^shop/", 'write "^shop"', 'write "^shop"'),
        ("/shop/", None, 'write "shop"'),
        ("/shop", None, None),
    ],
)
def test_slashes_around_a_pattern_are_told_in_rows_and_for_events(
    load_text: Load, pattern: str, row: str | None, event: str | None
) -> None:
    rows = f"rows: [{{pattern: '{pattern}', value: a}}]"
    rows = f"variables: {{V: {{type: regex_table, input: '{{{{ Page Path }}}}', {rows}}}}}\n"
    assert hints(load_text(rows + TRIGGER.format("when: {variable: V, equals: y}"))) == (
        [("wrong-type", row)] if row else []
    )
    assert hints(load_text(TRIGGER.format(f"events_matching: '{pattern}'"))) == (
        [("wrong-type", event)] if event else []
    )


BASIC = 'write user and password as `headers: {Authorization: "Basic ${secret:NAME}"}`'


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("hooks.shop.example/orders", "write https://hooks.shop.example/orders"),
        ("//hooks.shop.example/orders", "write https://hooks.shop.example/orders"),
        ("ftp://hooks.shop.example/orders?a=b", "write https://hooks.shop.example/orders?a=b"),
        ("http:/hooks.shop.example", "write http://hooks.shop.example"),
        ("https:hooks.shop.example", "write https://hooks.shop.example"),
        ("localhost:8080/orders", "write http://localhost:8080/orders"),
        ("https://hooks..shop.example/orders", "write https://hooks.shop.example/orders"),
        ("https://hooks.shop.example/a/../b/./c/%2e%2e", "write https://hooks.shop.example/b"),
        ("https://hooks.shop.example/../../a", "write https://hooks.shop.example/a"),
        ("https://hooks.shop.example/a#b", "write https://hooks.shop.example/a"),
        ("https://möbel.example/", "write https://xn--mbel-5qa.example/"),
        ("https://ada:lovelace@hooks.shop.example/", BASIC),
        ("https://hooks.shop.example:99999/", ""),
        ("orders", ""),
        ("https://", ""),
        ("7", ""),
    ],
)
def test_an_address_is_mended(load_text: Load, url: str, hint: str) -> None:
    tag = f"type: http_request, triggers: [A, C], consent: not_needed, url: {url!r}"
    assert hints(load_text(TAG.format(tag))) == [("wrong-type", hint)]


def test_an_address_in_which_something_is_not_set_is_not_mended() -> None:
    assert for_address("${HOST}/orders") == ""


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (
            "https://h.example/?a=b&key=${secret:TOKEN}",
            'use the field `query`, as in `query: {key: "${secret:TOKEN}"}`',
        ),
        ("https://h.example/?${secret:TOKEN}", "secrets may stand in secret fields"),
        ("https://h.example/?a=${secret:TOKEN}&b=c", 'use the field `query`, as in `query: {a: "${secret:TOKEN}"}`'),
        ("https://h.example/${secret:TOKEN}", "secrets may stand in secret fields"),
        ("https://ada:${secret:TOKEN}@h.example/", BASIC),
        ("${secret:TOKEN}", "secrets may stand in secret fields"),
    ],
)
def test_a_secret_in_an_address_leads_to_where_it_belongs(load_text: Load, url: str, hint: str) -> None:
    tag = f'type: http_request, triggers: [A, C], consent: not_needed, url: "{url}"'
    ((code, found),) = hints(load_text(TAG.format(tag)))
    assert code == "secret-leak"
    assert found.startswith(hint)
