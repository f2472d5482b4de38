"""Whatever somebody does to a file: it is read or refused, always with a place, and never an exception."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container.config.load import Loaded

Load = Callable[..., Loaded]

BROKEN = sorted((Path(__file__).parent.parent / "broken").glob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in BROKEN]
SIGNS = st.text(alphabet="{}[]:,-?!&*%@`'\"|>#$ \n\\abN1<~.", max_size=6) | st.text(max_size=3)
SCRAPS = st.sampled_from(
    [
        "{{ ",
        " }}",
        "${",
        "}",
        "${secret:X}",
        "null",
        "[]",
        "{}",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "\t",
        "'",
        '"',
        "type: ",
        "1e9",
        "true",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.data())
def test_a_file_that_was_tampered_with_is_read_or_refused(load_text: Load, data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, max(0, len(lines) - 1)))
        lines = tampered(lines, at, data)
    check(load_text("".join(lines), strict=data.draw(st.booleans())))


def tampered(lines: list[str], at: int, data: st.DataObject) -> list[str]:
    line = lines[at] if lines else ""
    column = data.draw(st.integers(0, len(line)))
    addition = data.draw(SIGNS | SCRAPS)
    replacement = data.draw(
        st.sampled_from(
            [
                [],
                [line, line],
                [line[:column] + addition + line[column:]],
                [line[:column] + addition + line[column + len(addition) :]],
                [line[column:]],
                ["  " + line],
            ]
        )
    )
    return [*lines[:at], *replacement, *lines[at + 1 :]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(load_text: Load, text: str) -> None:
    check(load_text(text))


KEYS = st.sampled_from(
    [
        *(
            "type",
            "triggers",
            "exceptions",
            "consent",
            "priority",
            "when",
            "events",
            "variable",
            "value",
            "equals",
            "any",
            "not",
        ),
        *(
            "matches_regex",
            "default",
            "table",
            "rows",
            "pattern",
            "input",
            "format",
            "as",
            "ignore_case",
            "between",
            "browser",
        ),
        *(
            "access_token",
            "pixel_id",
            "event_map",
            "events_matching",
            "cookie",
            "headers",
            "json",
            "url",
            "api_secret",
            "paths",
        ),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | SIGNS
    | SCRAPS
    | st.sampled_from(["purchase", "{{ Event Name }}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(
    [
        "ga4",
        "partner",
        "event",
        "lookup_table",
        "regex_table",
        "first_of",
        "constant",
        "webhook",
        "pixel_tag",
        "tiktok_events_api",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["version", "container", "consent", "clients", "variables", "triggers", "tags"]),
        st.dictionaries(
            st.sampled_from(["A", "B", "default", "id"]), st.dictionaries(KEYS, VALUES, max_size=6) | VALUES, max_size=3
        ),
    ),
    TYPES,
)
def test_any_shape_is_read_or_refused(load_text: Load, content: dict[str, dict[str, object]], type: str) -> None:
    for section in content.values():
        for thing in section.values():
            if isinstance(thing, dict):
                thing["type"] = type
    check(load_text(as_flow(content)))


def as_flow(value: object) -> str:
    """The value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_flow(str(key))}: {as_flow(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_flow, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "null" if value is None else str(value).lower()


def check(loaded: Loaded) -> None:
    errors = [each for each in loaded.problems if each.level == "error"]
    assert (loaded.model is None) == bool(errors)
    assert all(each.line >= 1 and each.column >= 1 and each.length >= 1 and each.sentence for each in loaded.problems)
    for form in ("text", "json", "github"):
        loaded.report(form).encode()


def test_a_full_megabyte_is_read_in_seconds(load_text: Load) -> None:
    head = "version: 1\ntriggers: {A: {}}\nvariables:\n"
    variables = "".join(
        f"  V{n}: {{type: template, text: '{{{{ event.a }}}} {{{{ cookie.b }}}} ${{X:-y}}'}} # {'x' * 60}\n"
        for n in range(7_000)
    )
    begin = time.process_time()
    loaded = load_text(head + variables)
    assert time.process_time() - begin < 20
    assert loaded.model is not None


def test_many_references_in_one_text_are_read_in_seconds(load_text: Load) -> None:
    text = "variables:\n  A:\n    type: template\n    text: |\n" + "      {{ event.a }} ${X:-y} {{ Nobody }}\n" * 20_000
    begin = time.process_time()
    loaded = load_text(text)
    assert time.process_time() - begin < 20
    assert sum(each.code == "unknown-variable" for each in loaded.problems) == 20_000
