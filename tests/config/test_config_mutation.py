"""Valid files after an accident: whatever happens to them is answered at a place in the file, and shows no secret."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from container.config.load import Loaded, load_file
from container.config.problem import LINE_BREAK
from container.config.registry import Registry

Load = Callable[..., Loaded]
Mutation = Callable[[str, random.Random], str]

ROOT = Path(__file__).resolve().parents[2]
_MENDED = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted((ROOT / "docs" / "problems").glob("*.md"))
VALID = [
    (ROOT / "container.yaml").read_text(encoding="utf-8"),
    *(block for page in PAGES for block in _MENDED.findall(page.read_text(encoding="utf-8"))),
]
TOKEN = "Zq7LiteralTokenValue93"
ODD = ["\u202e", "\u00a0", "\u2028", "\ufeff", "\x00", "\x1b[31m", "\u0085", "é", "𝒳", "\u200b", "\t", "\r", "“", "’"]
NO_VALUES = ["", "null", "[]", "{}", "true", "1e999", "-0", '""', "[[[]]]", "{a: {b: {}}}", "&a *a", "|", ">-"]
KEY = re.compile(r"^( *(?:- )?)([A-Za-z_ ]+)(:)", re.MULTILINE)
REFERENCE = re.compile(r"\{\{.*?\}\}|\$\{.*?\}")


def bytes_flipped(text: str, chance: random.Random) -> str:
    content = bytearray(text.encode(errors="surrogateescape"))
    for _ in range(chance.randint(1, 4)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content.decode(errors="surrogateescape")


def lines_deleted(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return "".join(lines)


def lines_doubled(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return "".join([*lines[: at + 1], *lines[at:]])


def lines_moved(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
    return "".join(lines)


def lines_indented(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    lines[at] = chance.choice([" ", "  ", "    ", "\t"]) + lines[at]
    return "".join(lines)


def lines_outdented(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    lines[at] = lines[at][chance.randint(1, 3) :]
    return "".join(lines)


def keys_renamed(text: str, chance: random.Random) -> str:
    found = list(KEY.finditer(text))
    one, other = chance.choice(found), chance.choice(found)
    name = chance.choice([other[2], one[2].upper(), one[2][1:], one[2] + "s", "", "<<", "type"])
    return text[: one.start(2)] + name + text[one.end(2) :]


def values_swapped(text: str, chance: random.Random) -> str:
    words = list(re.finditer(r"[^\s{}\[\],:\"']+", text))
    one, other = sorted(chance.sample(words, 2), key=lambda found: found.start())
    between = text[one.end() : other.start()]
    return text[: one.start()] + other[0] + between + one[0] + text[other.end() :]


def values_replaced(text: str, chance: random.Random) -> str:
    words = list(re.finditer(r"(?<=: )[^\s{}\[\],]+", text))
    word = chance.choice(words)
    return text[: word.start()] + chance.choice(NO_VALUES) + text[word.end() :]


def references_mangled(text: str, chance: random.Random) -> str:
    found = list(REFERENCE.finditer(text))
    if not found:
        return text
    one = chance.choice(found)
    kept = list(one[0])
    for _ in range(chance.randint(1, 3)):
        kept[chance.randrange(len(kept))] = chance.choice(["", "{", "}", "$", ".", " ", ":", "|", '"', "\\"])
    return text[: one.start()] + "".join(kept) + text[one.end() :]


def nested_hugely(text: str, chance: random.Random) -> str:
    at, depth = chance.randrange(len(text)), chance.choice([5, 40, 500])
    opened, closed = chance.choice([("[", "]"), ("{a: ", "}"), ("- ", ""), ("{{", "}}"), ("? ", "")])
    return text[:at] + opened * depth + "x" + closed * depth + text[at:]


def odd_signs(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(ODD) + text[at:]


def cut_short(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def quotes_lost(text: str, chance: random.Random) -> str:
    found = [each.start() for each in re.finditer("[\"'{}\\[\\]]", text)]
    at = chance.choice(found)
    return text[:at] + text[at + 1 :]


MUTATIONS: Sequence[Mutation] = (
    bytes_flipped,
    lines_deleted,
    lines_doubled,
    lines_moved,
    lines_indented,
    lines_outdented,
    keys_renamed,
    values_swapped,
    values_replaced,
    references_mangled,
    nested_hugely,
    odd_signs,
    cut_short,
    quotes_lost,
)


def check(loaded: Loaded, text: str) -> None:
    """Read or refused, every problem at a place in the file, every report without what a terminal obeys."""
    lines = LINE_BREAK.split(text.removeprefix("\ufeff"))
    assert (loaded.model is None) == any(each.level == "error" for each in loaded.problems)
    for each in loaded.problems:
        assert 1 <= each.line <= len(lines), each
        assert 1 <= each.column <= len(lines[each.line - 1]) + 1, each
        assert each.length >= 1
        assert each.sentence
    for form in ("text", "json", "github"):
        report = loaded.report(form)
        report.encode()
        assert "Traceback" not in report
        assert "\x1b" not in report


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.sampled_from(VALID), st.integers(0, 2**32), st.booleans())
def test_a_valid_file_after_an_accident_is_read_or_refused(
    load_text: Load, mutation: Mutation, text: str, seed: int, strict: bool
) -> None:
    broken = mutation(text, random.Random(seed))
    check(load_text(broken, strict=strict), broken)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.sampled_from(VALID), st.lists(st.sampled_from(MUTATIONS), min_size=2, max_size=5), st.integers(0, 2**32))
def test_a_valid_file_after_several_accidents_is_read_or_refused(
    load_text: Load, text: str, mutations: Sequence[Mutation], seed: int
) -> None:
    chance = random.Random(seed)
    for mutation in mutations:
        text = mutation(text, chance) if len(text) > 100 else text
    check(load_text(text), text)


WITH_TOKEN = """version: 1
clients: {GA4: {type: ga4}}
triggers: {Pages: {events: page_view}}
tags:
  One: {type: tiktok_events_api, triggers: Pages, pixel_id: C1, access_token: %(token)s, browser: {pixel: true}}
  Two:
    type: tiktok_events_api
    triggers: [Pages]
    pixel_id: "C1"
    access_token: "%(token)s"
    browser: {pixel: true}
  Three:
    type: tiktok_events_api
    triggers: Pages
    access_token: >
      %(token)s
    pixel_id: C1
"""
ELSEWHERE = (bytes_flipped, values_replaced, references_mangled, odd_signs, quotes_lost, lines_indented, lines_doubled)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(st.sampled_from(ELSEWHERE), st.integers(0, 2**32))
@example(odd_signs, 2675)
@example(odd_signs, 88046)
@example(bytes_flipped, 363)
def test_no_report_shows_a_token_that_stands_in_the_file(load_text: Load, mutation: Mutation, seed: int) -> None:
    placeholder = "@TOKEN@"
    broken = mutation(WITH_TOKEN % {"token": placeholder}, random.Random(seed))
    if not all(f"access_token: {before}{placeholder}" in broken for before in ("", '"', ">\n      ")):
        return  # the accident hit the field itself, and nothing says any more that a secret stands there
    loaded = load_text(broken.replace(placeholder, TOKEN))
    for form in ("text", "json", "github"):
        assert TOKEN not in loaded.report(form)


@pytest.mark.parametrize(
    "line",
    [
        f"access_token: {TOKEN}",
        f"access_token: '{TOKEN}'",
        f'access_token: "{TOKEN}',
        f"access_token: *{TOKEN}",
        f"access_token: &{TOKEN} x",
        f"access_token: !{TOKEN} x",
        f"access_token: {{{{ A }}}} {TOKEN}",
        f"access_token: ${{X:-{TOKEN}}}",
        f"access_token: ${{secret:X:-{TOKEN}}}",
        f"access_token: [{TOKEN}]",
        f"access_token:\n      - {TOKEN}",
        f"access_token: |\n      {TOKEN}",
        f"access_token:\n      {TOKEN}",
        f"access_token: {TOKEN}: x",
        f"access_token: {TOKEN}, notes: [x",
        f"access_token: '{TOKEN}' x",
        f'access_token: "{TOKEN}\\d"',
        f'"access_token": "{TOKEN}", x',
        f"api_key: {TOKEN}",
        f"headers: {{Authorization: Bearer {TOKEN}}}",
        f"access_token: {{{{ A }}}} {'x' * 970} {TOKEN}",
    ],
)
@pytest.mark.parametrize("more", ["", "    paused: NO\n", "    x: [\n", "    y: @\n", "   z: 1\n"])
def test_however_a_token_is_written_it_is_not_shown(load_text: Load, line: str, more: str) -> None:
    head = "version: 1\nclients: {GA4: {type: ga4}}\ntriggers: {Pages: {}}\ntags:\n  Tag:\n    type: pixel_tag\n"
    loaded = load_text(f"{head}    triggers: Pages\n    {line}\n{more}")
    assert loaded.problems
    for form in ("text", "json", "github"):
        assert TOKEN not in loaded.report(form)


def test_a_token_in_a_file_that_is_not_utf_8_is_not_shown(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "container.yaml"
    path.write_bytes(f"access_token: {TOKEN} Größe".encode("latin-1"))
    loaded = load_file(path, registry=registry, environment={}, secrets=lambda _: None, strict_environment=False)
    assert loaded.problems
    assert TOKEN not in loaded.report()


def test_a_literal_that_a_secret_field_refers_to_is_not_shown(load_text: Load) -> None:
    loaded = load_text(
        f"clients: {{GA4: {{type: ga4}}}}\n"
        f"variables: {{Pass: {{type: lookup_table, input: x, table: {{a: {TOKEN}}}, tabel: 1}}}}\n"
        f"triggers: {{A: {{}}}}\n"
        f'tags: {{T: {{type: pixel_tag, triggers: A, api_key: "{{{{ Pass }}}}"}}}}\n'
        f"variabels: 1\n"
    )
    assert "unknown-key" in {each.code for each in loaded.problems}
    assert sum(TOKEN in loaded.report(form) for form in ("json", "github")) == 0


def calls(load_text: Load, text: str) -> int:
    """How many functions are called to read the file: a measure of work that no busy machine can disturb."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        load_text(text)
    finally:
        sys.setprofile(None)
    return count


HEAD = "version: 1\nclients: {GA4: {type: ga4}}\ntriggers: {Pages: {events: page_view}}\n"
TAG = "  T%d: {type: tiktok_events_api, triggers: Pages, pixel_id: C%d, access_token: '${secret:TOKEN}'%s}\n"


def many(line: str) -> Callable[[int], str]:
    return lambda size: HEAD + "tags:\n" + "".join(TAG % (n, n, line) for n in range(size))


def table(size: int) -> str:
    rows = "".join(f"      r{n}: {{m{n}: 1, p: 2}}\n" for n in range(size))
    text = " ".join(f"{{{{ Table.m{n} }}}} {{{{ Table.q{n} }}}}" for n in range(size))
    return (
        f"{HEAD}variables:\n  Table:\n    type: lookup_table\n    input: '{{{{ Page Path }}}}'\n    table:\n{rows}"
        f"  Text: {{type: template, text: '{text}'}}\n"
    )


def chain(size: int) -> str:
    lines = [f"  V{n}: {{type: first_of, values: ['{{{{ V{n + 1} }}}}', x]}}\n" for n in range(size) if n % 30]
    lines += [f"  V{n}: {{type: constant, value: {{a: 1}}}}\n" for n in range(size + 1) if not n % 30 or n == size]
    return HEAD + "variables:\n" + "".join(lines)


BIG: Sequence[tuple[str, Callable[[int], str]]] = (
    ("tags", many("")),
    ("unknown_keys", many(", pixl: 1")),
    ("wrong_types", many(", paused: yes, priority: x")),
    ("unknown_triggers", many(", exceptions: Nobody")),
    ("literals", many(", browser: {pixel: true}, test_event_code: 1, notes: 'token: abcdefgh'")),
    ("empty", many(", event_source: ")),
    ("references", many(", event: '{{ event.a }}{{ cookie.b }}${X:-y}'")),
    ("consent", many(", consent: [ad_storage]")),
    ("chain", chain),
)


@pytest.mark.parametrize(("name", "big"), BIG, ids=[name for name, _ in BIG])
def test_a_doubled_file_takes_about_double_the_work(load_text: Load, name: str, big: Callable[[int], str]) -> None:
    load_text(big(3))
    once, twice = calls(load_text, big(60)), calls(load_text, big(120))
    assert twice < 2.3 * once


@pytest.mark.parametrize(
    "text",
    [
        table(1_500),
        HEAD + "variables:\n" + "".join(f"  V{n}: {{type: template, text: '{{{{ V.{n} }}}}'}}\n" for n in range(2_000)),
        HEAD + 'a: "x\n' * 3_000,
        HEAD + "a: {b: \"\\d\", c: 'it's'}\n" * 3_000,
        HEAD + "token: abc\n" * 20_000,
        HEAD + "token: " + "x: " * 100_000,
        HEAD + "tags:\n" + "".join(f"  T{n}: {{triggers: [\n" for n in range(3_000)),
        HEAD + f"consent: {{default: {{{', '.join(f'ad_storag{n}: denied' for n in range(5_000))}}}}}\n",
    ],
    ids=["table", "members", "open_quotes", "bad_quotes", "tokens", "token_line", "braces", "consent"],
)
def test_a_big_broken_file_is_answered_in_time(load_text: Load, text: str) -> None:
    assert calls(load_text, text) < 40_000_000
