"""What plug-in authors rely on: cases are compared strictly, and a broken promise is named."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import Field

from container.api import (
    Claim,
    Dynamic,
    Event,
    Hit,
    Many,
    Note,
    Redirect,
    Request,
    SetCookie,
    Settings,
    Skip,
    client,
    from_event,
    operator,
    tag,
    trigger,
    variable,
)
from container.component import Component, component_of
from container.config.rewrite import SHARED
from container.engine.update import TOO_MUCH, Updated
from container.testing import Case, broken_promises, cases_in, load_case, run_case, update_case
from variables.cookie_value import cookie_value


class Row(Settings):
    word: Dynamic[str] = Field(default="", description="A word.")
    unnamed: str = ""


class Needy(Settings):
    word: Dynamic[str] = from_event("word", description="A word.")


class Letter(Settings):
    to: Dynamic[str] = from_event("user_data.email", description="Whom.")
    subject: Dynamic[str] | None = Field(default=None, description="About what.")
    rows: Many[Row] = Field(default=(), description="Lines.")


@tag("letter", consent=())
def letter(settings: Letter, event: Event) -> list[Request | SetCookie | Note] | Skip | None:
    """Send a letter."""
    if settings.subject == "nothing":
        return None
    if settings.subject == "spam":
        return Skip("spam is not sent")
    body = {"to": settings.to, "subject": settings.subject, "rows": [row.word for row in settings.rows]}
    return [Request("POST", "https://post.example/", json=body), SetCookie("sent", "1", max_age=60), Note("thin paper")]


@tag("postcard", consent=())
def postcard(settings: Letter, event: Event) -> Request:
    """Send a postcard."""
    return Request("POST", f"https://post.example/{settings.to}")


@variable("shout")
def shout(settings: Row, event: Event) -> str:
    """A word in capitals."""
    return settings.word.upper()


@trigger("long_word")
def long_word(settings: Row, event: Event) -> bool:
    """A word of more than three letters."""
    return len(settings.word) > 3


@client("path")
def path(settings: Settings, hit: Hit) -> Claim | None:
    """One event per hit, named by its path."""
    return Claim((Event(hit.path, {"raw": hit.query}, hit),)) if hit.path != "/" else None


@operator("divides")
def divides(actual: float, expected: Dynamic[float]) -> bool:
    """One number divides another."""
    return actual % expected == 0


def case(given: Mapping[str, Any], expect: Mapping[str, Any]) -> Case:
    return Case(Path("case.yaml"), "An example.", given, expect)


def differences(function: object, given: Mapping[str, Any], **expect: Any) -> list[str]:
    return run_case(component(function), case(given, {key.replace("_subset", "+"): v for key, v in expect.items()}))


def component(function: object) -> Component:
    found = component_of(function)
    assert found is not None
    return found


ADA = {"event": {"name": "hello", "data": {"user_data": {"email": "ada@example.com"}}}}
BODY: dict[str, Any] = {"to": "ada@example.com", "subject": None, "rows": []}
SENT = {"method": "POST", "url": "https://post.example/", "headers": {}, "json": BODY}


def test_a_tag_is_compared_request_by_request_with_its_cookies_and_the_number_of_its_notes() -> None:
    cookies = {"sent": {"value": "1", "max_age": 60}}
    assert not differences(letter, ADA, requests=[SENT], cookies=cookies, notes=1, skipped=None, lacking=[])
    assert len(differences(letter, ADA, requests=[], cookies={}, notes=0)) == 3


def test_a_difference_names_the_key_and_both_sides() -> None:
    assert differences(letter, ADA, notes=7) == ["notes: expected 7, found 1"]


def test_references_in_settings_use_the_short_forms_and_the_built_in_variables() -> None:
    rows = {"rows": [{"word": "{{ Event Name }}"}, {"word": "{{ event.user_data.email }}!"}, {"word": "plain"}]}
    body = {**BODY, "rows": ["hello", "ada@example.com!", "plain"]}
    assert not differences(letter, {**ADA, "settings": rows}, requests=[{**SENT, "json": body}])


def test_a_case_has_no_variables_of_its_own() -> None:
    with pytest.raises(ValueError, match="neither a short form nor built in"):
        differences(letter, {**ADA, "settings": {"subject": "{{ Order }}"}}, requests=[])


def test_a_tag_that_lacks_a_value_says_which() -> None:
    assert not differences(letter, {"event": {"name": "hello"}}, lacking=["to"], requests=[])


def test_a_skip_is_its_reason_and_nothing_at_all_is_no_request() -> None:
    assert not differences(letter, {**ADA, "settings": {"subject": "spam"}}, skipped="spam is not sent", requests=[])
    assert not differences(letter, {**ADA, "settings": {"subject": "nothing"}}, skipped=None, requests=[])


def test_a_function_may_give_a_single_effect() -> None:
    sent = {"method": "POST", "url": "https://post.example/ada@example.com", "headers": {}, "body": ""}
    assert not differences(postcard, ADA, requests=[sent])


def test_a_plus_compares_what_the_case_names_and_nothing_else() -> None:
    part = [{"json": {"to": "ada@example.com"}}]
    assert not differences(letter, ADA, requests_subset=part)
    assert differences(letter, ADA, requests=part)
    assert differences(letter, ADA, requests_subset=[{"json": {"to": "bob@example.com"}}])


@pytest.mark.parametrize(("found", "expected"), [(True, 1), (1, True), ("1", 1), ([1], [1, 2]), ({}, None), ([], {})])
def test_values_of_another_kind_differ(found: Any, expected: Any) -> None:
    @variable("fixed")
    def fixed(settings: Settings, event: Event) -> Any:
        """A fixed value."""
        return found

    assert differences(fixed, {}, value=expected)
    assert not differences(fixed, {}, value=found)


def test_numbers_are_equal_by_value() -> None:
    @variable("twenty")
    def twenty(settings: Settings, event: Event) -> float:
        """The number twenty."""
        return 20.0

    assert not differences(twenty, {}, value=20)


def test_variables_triggers_clients_and_operators_have_cases_too() -> None:
    assert not differences(shout, {"settings": {"word": "hey"}}, value="HEY")
    assert not differences(long_word, {"settings": {"word": "hey"}}, holds=False)
    assert not differences(divides, {"actual": 9, "expected": "3"}, holds=True)
    event = {"name": "/a", "data": {"raw": "x=1"}, "consent": {}}
    reply = {"status": 204, "headers": {}, "body": ""}
    assert not differences(path, {"hit": {"path": "/a", "query": "x=1"}}, claimed=True, events=[event], reply=reply)
    assert not differences(path, {}, claimed=False, events=[])


def test_settings_that_lack_a_value_give_none() -> None:
    @variable("needy")
    def needy(settings: Needy, event: Event) -> str:
        """A word."""
        return settings.word

    assert not differences(needy, {}, value=None)


def test_a_component_that_keeps_its_promises_breaks_none() -> None:
    given = {"settings": {"cookie": "_ttp"}, "hit": {"headers": {"cookie": "_ttp=abc"}}}
    assert not list(broken_promises(component(cookie_value), [case(given, {"value": "abc"})]))


def test_a_field_without_a_description_is_named_also_inside() -> None:
    assert 'its field "rows.unnamed" has a description' in list(broken_promises(component(letter), []))


def test_too_few_cases_are_named() -> None:
    assert "it has 3 cases or more, not 0" in list(broken_promises(component(letter), []))


def test_a_function_without_a_sentence_or_a_settings_model_is_named() -> None:
    @variable("bare")
    def bare(settings: Any, event: Event) -> None: ...

    broken = list(broken_promises(component(bare), []))
    assert "its function has a docstring sentence" in broken
    assert "its first parameter is annotated with a Settings model" in broken


def test_a_clock_in_the_module_is_named() -> None:
    assert time.time() > 0
    assert "it imports time: time, chance and identity come with the event" in list(
        broken_promises(component(letter), [])
    )


def test_a_component_that_remembers_is_named() -> None:
    calls: list[int] = []

    @variable("counter")
    def counter(settings: Settings, event: Event) -> int:
        """How often it was called."""
        calls.append(1)
        return len(calls)

    broken = list(broken_promises(component(counter), [case({}, {"value": 1})]))
    assert "the case case.yaml gives the same again, and changes nothing it was given" in broken


def test_a_component_that_changes_what_it_was_given_is_named() -> None:
    @variable("thief")
    def thief(settings: Settings, event: Event) -> bool:
        """Takes something away."""
        event.data.pop("gold", None)  # type: ignore[attr-defined]  # the point of this test
        return True

    given = {"event": {"name": "x", "data": {"gold": 1}}}
    broken = list(broken_promises(component(thief), [case(given, {"value": True})]))
    assert "the case case.yaml gives the same again, and changes nothing it was given" in broken


def test_a_tag_may_be_expected_in_the_words_of_a_containers_tests() -> None:
    body = {"to": "ada@example.com", "subject": None}
    assert not differences(letter, ADA, status="fired", url="https://post.example/", json=body, body=None)
    assert differences(letter, ADA, status="skipped", json={"to": "bob@example.com"}) == [
        'status: expected "skipped", found "fired"',
        'json.to: expected "bob@example.com", found "ada@example.com"',
    ]


def test_the_status_says_why_nothing_is_sent_and_null_expects_that_nothing_is() -> None:
    assert not differences(letter, {"event": {"name": "hello"}}, status="incomplete", json=None, url=None)
    for subject in ("spam", "nothing"):
        assert not differences(letter, {**ADA, "settings": {"subject": subject}}, status="skipped", json={"to": None})


def test_an_event_of_a_case_says_what_was_consented_to() -> None:
    given = {
        "event": {"name": "hello", "consent": {"ad_storage": "denied"}},
        "settings": {"word": "{{ consent.ad_storage }}"},
    }
    assert not differences(shout, given, value="DENIED")


def test_names_of_headers_have_no_case() -> None:
    @tag("sealed", consent=())
    def sealed(settings: Settings, event: Event) -> Request:
        """Send a sealed letter."""
        return Request("POST", "https://post.example/", headers={"X-Seal": "wax"}, body="x")

    sent = {"method": "POST", "url": "https://post.example/", "body": "x"}
    assert not differences(sealed, {}, headers={"x-seal": "wax"}, requests=[{**sent, "headers": {"X-SEAL": "wax"}}])
    assert differences(sealed, {}, headers={"x-seal": None}) == ['headers.x-seal: expected null, found "wax"']


LETTER_CASE = """\
about: A letter.  # kept
given: {event: {name: hello, data: {user_data: {email: ada@example.com}}}, settings: {subject: 'a {{{{ b'}}
expect:
  # What goes out.
  status: skipped
  json: {to: 'bob', gone: 1}   # a part
  requests+: [{method: GET, gone: 2}]
  requests:
    - method: POST  # always
      url: https://post.example/
      headers: {X-Gone: a}
      json:
        to: "bob"
        subject: none
        rows: [1]
  cookies: {sent: {value: "1", max_age: 60}, other: {value: "2"}}
  notes: 7
"""


LETTER_CHANGES = [
    ("skipped", "fired"),
    ("'bob', gone: 1", "'ada@example.com', gone: null"),
    ("GET, gone: 2", "POST, gone: null"),
    ("{X-Gone: a}", "{}"),
    ('"bob"', '"ada@example.com"'),
    ("subject: none", 'subject: "a {{ b"'),
    ("rows: [1]", "rows: []"),
    (', other: {value: "2"}', ""),
    ("7", "1"),
]


def test_a_case_is_rewritten_to_what_is_found_and_nothing_else_changes(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(LETTER_CASE)
    assert update_case(component(letter), file) == Updated(file.read_text())
    expected = LETTER_CASE
    for old, new in LETTER_CHANGES:
        assert old in expected
        expected = expected.replace(old, new)
    assert file.read_text() == expected
    assert not run_case(component(letter), load_case(file))
    changed = file.stat().st_mtime_ns
    update_case(component(letter), file)
    assert file.stat().st_mtime_ns == changed


def test_a_mapping_that_a_key_comes_into_is_written_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    text = "about: x\ngiven: {hit: {path: /a, query: q}}\nexpect:\n  events:\n    - data: {raw: p}  # no name\n"
    file.write_text(text)
    update_case(component(path), file)
    written = "{name: /a, data: {raw: q}, consent: {}}"
    assert file.read_text() == text.replace("data: {raw: p}", written)


def test_what_cannot_be_rewritten_in_a_case_is_told(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    text = "about: x\ngiven: &word {settings: {word: hey}}\nexpect: {value: &old hey}\n"
    file.write_text(text)
    assert update_case(component(shout), file) == Updated(text, {("expect", "value"): SHARED})


def test_a_case_that_would_become_none_stays_as_it_is(tmp_path: Path) -> None:
    @variable("deep")
    def deep(settings: Settings, event: Event) -> Any:
        """Something deep."""
        return orjson.loads("[" * 40 + "]" * 40)

    file = tmp_path / "case.yaml"
    text = "about: x\ngiven: {}\nexpect: {value: 1}\n"
    file.write_text(text)
    assert update_case(component(deep), file) == Updated(text, {("expect", "value"): TOO_MUCH})


def test_a_file_that_is_no_case_is_not_rewritten(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text("about: x\n")
    with pytest.raises(ValueError, match="is no case"):
        update_case(component(shout), file)


@pytest.mark.parametrize("text", ["about: x", "- a list", "about: [", "about: a\ngiven: {}\nexpect: {}\nabout: twice"])
def test_a_file_that_is_no_case_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match="is no case"):
        load_case(file)


def test_cases_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(f"about: {name}\ngiven: {{list: [1, x]}}\nexpect: {{}}\n")
    assert [(each.about, each.given) for each in cases_in(tmp_path)] == [
        ("a", {"list": [1, "x"]}),
        ("b", {"list": [1, "x"]}),
    ]


def test_a_redirect_is_no_request() -> None:
    @tag("away", consent=())
    def away(settings: Settings, event: Event) -> Redirect:
        """Send the visitor away."""
        return Redirect("https://elsewhere.example/")

    assert not differences(away, {}, requests=[], cookies={})
