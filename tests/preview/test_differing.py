"""Two files differ by named things, and no two files take long to compare."""

from __future__ import annotations

import time

import pytest

from container.config.problem import LINE_BREAK
from container.config.source import LARGEST_FILE
from container.preview.differing import LONGEST_LINE, MOST_CHANGES, MOST_SHOWN, Change, difference
from tests.config.test_config_bombs import BOMBS
from tests.preview.lives import TEXT


def names(before: str, after: str) -> list[tuple[str, str, str]]:
    return [(each.kind, each.name, each.what) for each in difference(before, after)]


def one(before: str, after: str) -> Change:
    (found,) = difference(before, after)
    return found


def test_a_file_does_not_differ_from_itself() -> None:
    assert difference(TEXT, TEXT) == ()


def test_what_is_added_removed_and_changed_is_named() -> None:
    after = (
        TEXT.replace("  Token: {", "  Tocken: {")
        .replace("pixel: true", "pixel: false")
        .replace("id: L-1", "id: L-2")
        .replace("clients: {GA4: {type: ga4}}", "clients: {GA4: {type: ga4, priority: 1}, Other: {type: ga4}}")
    )
    assert names(TEXT, after) == [
        ("setting", "container", "changed"),
        ("client", "GA4", "changed"),
        ("client", "Other", "added"),
        ("variable", "Tocken", "added"),
        ("tag", "TikTok", "changed"),
        ("variable", "Token", "removed"),
    ]


def test_a_change_shows_its_lines_with_what_is_around_them() -> None:
    assert one(TEXT, TEXT.replace("https://collector.example/in", "https://collector.example/out")).as_json() == {
        "kind": "tag",
        "name": "Collector",
        "what": "changed",
        "lines": [
            "@@ -2,5 +2,5 @@",
            "     type: http_request",
            "     triggers: [Purchase]",
            "     consent: not_needed",
            "-    url: https://collector.example/in",
            "+    url: https://collector.example/out",
            '     headers: {X-Token: "{{ Token }}"}',
        ],
    }


def test_two_changes_of_one_thing_are_two_stretches() -> None:
    field = "".join(f"    f{n}: {n}\n" for n in range(30))
    before = f"tags:\n  A:\n{field}"
    found = one(before, before.replace("f3: 3", "f3: x").replace("f25: 25", "f25: x")).lines
    assert [each for each in found if each[0] in "@+-"] == [
        *("@@ -2,7 +2,7 @@", "-    f3: 3", "+    f3: x"),
        *("@@ -24,7 +24,7 @@", "-    f25: 25", "+    f25: x"),
    ]


def test_all_of_what_is_new_or_gone_is_shown() -> None:
    added = one(TEXT, TEXT + "  New:\n    type: x\n")
    assert (added.what, added.lines) == ("added", ["@@ -0,0 +1,2 @@", "+  New:", "+    type: x"])
    removed = one(TEXT + "  New:\n    type: x\n", TEXT)
    assert (removed.what, removed.lines) == ("removed", ["@@ -1,2 +0,0 @@", "-  New:", "-    type: x"])


def test_comments_around_a_thing_are_none_of_its_lines() -> None:
    after = TEXT.replace("  # The one that counts.\n", "\n  # It counts.\n\n")
    found = one(TEXT, after)
    assert (found.kind, found.name, found.what) == ("file", "", "changed")
    assert found.lines[0] == " Only comments, blank lines, empty sections or the order of sections differ."
    assert {"-  # The one that counts.", "+  # It counts."} <= set(found.lines)
    assert names(TEXT, after.replace("id: L-1", "id: L-2")) == [("setting", "container", "changed")]


def test_a_comment_within_a_thing_is_a_change_of_it() -> None:
    assert names(TEXT, TEXT.replace("    browser:", "    # Both.\n    browser:")) == [("tag", "TikTok", "changed")]


def test_things_that_only_moved_are_a_change_of_their_section() -> None:
    before = "clients:\n  A: {type: a}\n  B: {type: b}\n  C: {type: c}\n"
    found = one(before, "clients:\n  B: {type: b}\n  A: {type: a}\n  C: {type: c}\n")
    assert (found.kind, found.name, found.what) == ("setting", "clients", "changed")
    assert found.lines[0].startswith(" The order of these has changed")
    assert [each for each in found.lines if each[0] in "+-"] == ["+B", "-B"]


def test_what_is_new_or_gone_moves_nothing_else() -> None:
    before = "tags:\n  A: {type: a}\n  B: {type: b}\n"
    after = "tags:\n  C: {type: c}\n  A: {type: a}\n"
    assert names(before, after) == [("tag", "C", "added"), ("tag", "B", "removed")]


def test_other_ends_of_lines_are_no_change() -> None:
    assert names(TEXT, TEXT.replace("\n", "\r\n")) == []


def test_what_comes_from_an_anchor_is_a_change_of_who_uses_it() -> None:
    before = "x: &x {a: 1}\ntags:\n  A: *x\n  B:\n    <<: *x\n"
    assert names(before, before.replace("a: 1", "a: 2")) == [
        ("setting", "x", "changed"),
        ("tag", "A", "changed"),
        ("tag", "B", "changed"),
    ]
    changes = difference(before, before.replace("a: 1", "a: 2"))
    assert changes[1].lines == ["@@ -1,3 +1,3 @@", " {", '-  "a": 1', '+  "a": 2', " }"]


@pytest.mark.parametrize("section", ["tags: 1", "tags: [a]", "tags:", "tags: {}"])
def test_a_section_that_names_nothing_is_a_setting_or_only_words(section: str) -> None:
    assert all(each.kind in ("setting", "file") for each in difference("version: 1\n", f"version: 1\n{section}\n"))


def test_a_file_that_cannot_be_read_differs_as_a_whole() -> None:
    found = one(TEXT, TEXT + "x: [\n")
    assert (found.kind, found.name, found.what) == ("file", "", "changed")
    assert "+x: [" in found.lines
    assert (
        found.lines[0]
        == " The things in these files are not told apart: one of them cannot be read, or not soon enough."
    )


def test_a_large_file_that_reads_slowly_differs_as_a_whole() -> None:
    # LibYAML reads a tab otherwise than PyYAML, which takes a second and more for so much.
    large = 'x: "\t"\n' + "".join(f"k{n}: {{a: b}}\n" for n in range(10_000))
    started = time.process_time()
    found = one(large, large.replace("k7:", "K7:"))
    assert (found.kind, found.lines[0]) == ("file", one(TEXT, "- a\n").lines[0])
    assert {"-k7: {a: b}", "+K7: {a: b}"} <= set(found.lines)
    assert time.process_time() - started < 5
    small = 'x: "\t"\nk: 1\n'
    assert names(small, small.replace("1", "2")) == [("setting", "k", "changed")]


def test_a_list_instead_of_a_file_differs_as_a_whole() -> None:
    assert one(TEXT, "- a\n").kind == "file"


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    found = one("a: 1\n", 'a: 1\ntags: {"\\e[2J": "\u202e"}\n')
    assert found.name.isprintable()
    assert all(line.isprintable() for line in found.lines)


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_bomb_takes_long_or_shows_much(bomb: str) -> None:
    started = time.process_time()
    for before, after in ((TEXT, BOMBS[bomb]), (BOMBS[bomb], TEXT)):
        shown = [line for each in difference(before, after) for line in each.lines]
        assert len(shown) <= 10 * MOST_SHOWN + MOST_CHANGES
        assert max(map(len, shown)) <= LONGEST_LINE + 2
    assert time.process_time() - started < 30


HUGE = {
    "one line, often": ("    x\n" * 90_000, "    x\n" * 80_000),
    "two lines in turn": ("    x\n    y\n" * 45_000, "    y\n    x\n" * 45_000 + "    z\n"),
    "each line another": (
        "".join(f"    a{n}\n" for n in range(40_000)),
        "".join(f"    a{n}\n" for n in reversed(range(40_000))),
    ),
}


@pytest.mark.parametrize("huge", HUGE)
def test_huge_texts_are_compared_soon(huge: str) -> None:
    started = time.process_time()
    before, after = ("tags:\n  A: |\n" + each for each in HUGE[huge])
    assert 0 < len(one(before, after).lines) <= MOST_SHOWN + 1
    assert time.process_time() - started < 20


def test_many_small_things_that_all_changed_are_compared_soon() -> None:
    lines = [f"    k{n % 7}{n}: {{a: b}}\n" for n in range(150)]
    things = "".join(f"  T{n}:\n{''.join(lines)}" for n in range(60))
    started = time.process_time()
    changes = difference("tags:\n" + things, "tags:\n" + things.replace("a: b", "a: c"))
    assert len(changes) == 60
    assert time.process_time() - started < 30


def test_so_many_changes_are_shown_and_no_more() -> None:
    text = "variables:\n" + "".join(f"  V{n}: {{}}\n" for n in range(MOST_CHANGES + 10))
    *shown, last = difference("variables: {}\n", text)
    assert len(shown) == MOST_CHANGES
    assert (last.kind, last.lines) == ("file", [" More than 2,000 things differ. The others are not shown."])
    exactly = "variables:\n" + "".join(f"  V{n}: {{}}\n" for n in range(MOST_CHANGES))
    assert {each.kind for each in difference("variables: {}\n", exactly)} == {"variable"}


def test_what_is_not_shown_of_a_change_is_said() -> None:
    found = one("tags: {}\n", "tags:\n  A: |\n" + "    x\n" * (MOST_SHOWN + 10))
    assert len(found.lines) == MOST_SHOWN + 1
    assert found.lines[-1] == " The rest is not shown."


def test_a_text_that_is_no_container_file_for_its_size_differs_as_a_whole() -> None:
    assert one(TEXT, TEXT + "#" * LARGEST_FILE).kind == "file"


def test_a_line_without_an_end_is_cut() -> None:
    found = one("tags:\n  A: a\n", "tags:\n  A: " + "b" * 10_000 + "\n")
    assert max(map(len, found.lines)) == LONGEST_LINE + 2
    assert found.lines[-1].endswith("…")


def test_lines_end_as_yaml_says() -> None:
    assert len(LINE_BREAK.split("a\u2028b")) == 2
    assert names("tags:\r\n  A: {a: 1}\r\n", "tags:\n  A: {a: 1}\n") == []
