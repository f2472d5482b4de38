"""YAML as the language reads it: types, places, limits, missing quotes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.config.fill import environment_places
from container.config.problem import Place
from container.config.source import LARGEST_FILE, Listing, Node, Scalar, Source, Table, read, typed


def value(text: str) -> object:
    return simple(read(text).root)


def simple(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.value
        case Listing():
            return [simple(item) for item in node.items]
        case Table():
            return {key: simple(entry.value) for key, entry in node.entries.items()}
    return None


def node_at(text: str, key: str) -> Node:
    root = read(text).root
    assert isinstance(root, Table)
    return root.entries[key].value


def codes(source: Source) -> list[str]:
    return [each.code for each in source.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("1.50", 1.5),
        ("1.5e3", 1500.0),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", "18446744073709551616"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1.0e999", "1.0e999"),
        *((text, text) for text in ("NO", "on", "True", "Null", "0123", "1e3", "1_000", "12:30", "2027-01-01")),
        *((text, text) for text in ("0x1F", "+1", ".5", "1.", ".inf", "٣", "1.٣")),
    ],
)
def test_plain_values_are_typed_as_the_language_says(text: str, expected: object) -> None:
    assert typed(text) == expected
    assert type(typed(text)) is type(expected)


def test_quoted_values_are_text() -> None:
    assert value("a: \"1\"\nb: 'true'\nc: |\n  null\n") == {"a": "1", "b": "true", "c": "null\n"}


def test_keys_are_text_as_written() -> None:
    assert value("1: a\ntrue: b\n~: c\n") == {"1": "a", "true": "b", "~": "c"}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert value("") == {}
    assert value("# nothing\n") == {}


def test_every_node_knows_its_place() -> None:
    text = "name: Shop\nlist: [a, 'b c']\ninner:\n  key: {x: 1}\n"
    assert node_at(text, "name").place == Place(1, 7, 4)
    listing = node_at(text, "list")
    assert isinstance(listing, Listing)
    assert [item.place for item in listing.items] == [Place(2, 8, 1), Place(2, 11, 5)]
    assert node_at(text, "inner").place == Place(4, 3, 11)


def test_a_byte_order_mark_moves_nothing() -> None:
    assert read("\ufeffa: 1").root == read("a: 1").root


def test_a_merge_adds_what_is_not_there() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}], x: 5}\n"
    assert value(text) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 5, "y": 2, "z": 4}}


def test_only_mappings_are_merged() -> None:
    assert codes(read("a: {<<: 1}")) == ["yaml-syntax"]


def test_fifty_aliases_are_allowed_and_no_more() -> None:
    fifty = "a: &a 1\nb: [" + "*a, " * 50 + "]\n"
    assert codes(read(fifty)) == []
    assert codes(read(fifty.replace("]", "*a]"))) == ["yaml-syntax"]


def test_an_anchor_may_not_contain_itself() -> None:
    assert codes(read("a: &a [*a]")) == ["yaml-syntax"]


def test_depth_thirty_two_is_allowed_and_no_more() -> None:
    assert codes(read("[" * 32 + "]" * 32)) == []
    assert codes(read("[" * 33 + "]" * 33)) == ["yaml-syntax"]


def test_fifty_thousand_values_are_allowed_and_no_more() -> None:
    assert codes(read("[" + "x, " * 49_999 + "]")) == []
    assert codes(read("[" + "x, " * 50_000 + "]")) == ["yaml-syntax"]


def test_a_megabyte_is_allowed_and_no_more() -> None:
    text = "# " + "ä" * (LARGEST_FILE // 2 - 1)
    assert codes(read(text)) == []
    assert codes(read(text + "x")) == ["yaml-syntax"]
    assert codes(read("x" * (LARGEST_FILE + 1))) == ["yaml-syntax"]


def test_escaped_surrogate_pairs_are_joined_and_halves_refused() -> None:
    assert value('a: "\\ud83d\\ude00"') == {"a": "😀"}
    assert codes(read('a: "\\ud83d"')) == ["yaml-syntax"]


@pytest.mark.parametrize(
    "text",
    [
        'a: "\\UFFFFFFFF"',
        "%YAML 1." + "9" * 5000 + "\n---\na: 1",
        "a: [1",
        "? [a]\n: b",
        "{{ A }: 1}",
        "a: {{ A }: 1}",
    ],
)
def test_what_no_yaml_reader_takes_is_a_problem(text: str) -> None:
    source = read(text)
    assert source.root is None
    assert codes(source) == ["yaml-syntax"]


def test_a_reader_refusal_names_the_sign_and_its_place() -> None:
    (found,) = read("a: 1\nb: x\x00y").problems
    assert (found.line, found.column) == (2, 5)
    assert "U+0000" in found.sentence


def test_a_whole_reference_needs_no_quotes() -> None:
    assert value("a: {{ Page URL }}\nb: [{{ Market.pixel }}, {{ A: b }}]\nc: {d: {{ E }}}") == {
        "a": "{{ Page URL }}",
        "b": ["{{ Market.pixel }}", "{{ A: b }}"],
        "c": {"d": "{{ E }}"},
    }


@pytest.mark.parametrize(
    ("line", "code", "column", "meant"),
    [
        ("a: {{ A }} text", "unquoted-reference", 4, "{{ A }} text"),
        ("a: {{ A }}/{{ B }}", "unquoted-reference", 4, "{{ A }}/{{ B }}"),
        ("a: {b: text {{ A }} more, c: d}", "unquoted-reference", 8, "text {{ A }} more"),
        ("a: {{ A #1 }}", "unquoted-reference", 4, "{{ A #1 }}"),
        ("- {{ A }} b", "unquoted-reference", 3, "{{ A }} b"),
        ("a: {{ A }} text # why", "unquoted-reference", 4, "{{ A }} text"),
        ("a: [x, ${X}]", "unquoted-environment", 8, "${X}"),
        ("a: {b: ${X:-1}, c: d}", "unquoted-environment", 8, "${X:-1}"),
        ("a: ${X:-b: c}", "unquoted-environment", 4, "${X:-b: c}"),
        ("pattern: [a-z]+", "unquoted-pattern", 10, "[a-z]+"),
        ("pattern: *x", "unquoted-pattern", 10, "*x"),
        ("pattern: %2F", "unquoted-pattern", 10, "%2F"),
        ("pattern: {2}$", "unquoted-pattern", 10, "{2}$"),
        ("pattern: ^a: b", "unquoted-pattern", 10, "^a: b"),
        ("a: {pattern: ^\\d{2,3}$, value: x}", "unquoted-pattern", 14, "^\\d{2,3}$"),
        ("a: {matches_regex: ^/c/([^/]+)}", "unquoted-pattern", 20, "^/c/([^/]+)"),
    ],
)
def test_missing_quotes_are_found(line: str, code: str, column: int, meant: str) -> None:
    source = read(f"first: 1\nx:\n  - 1\ny:\n  {line}\n" if line[0] != "-" else f"a:\n  - 1\nb:\n  {line}\n")
    (found,) = source.problems
    assert (found.code, found.column - 2, found.length) == (code, column, len(meant))
    assert meant in found.hint
    assert f"{meant!r}" in repr(simple(source.root))


def test_reading_goes_on_behind_missing_quotes() -> None:
    source = read("a: {{ A }} x\nb: [${B}]\npattern: %x\nd: 1\nd: 2\n")
    assert codes(source) == ["unquoted-reference", "unquoted-environment", "unquoted-pattern", "duplicate-key"]


def test_another_error_behind_missing_quotes_is_reported_too() -> None:
    assert codes(read("a: {{ A }} x\nb: @x\n")) == ["unquoted-reference", "yaml-syntax"]


def test_a_pattern_is_put_in_quotes_once() -> None:
    assert codes(read("pattern: %x\nb: @x\n")) == ["unquoted-pattern", "yaml-syntax"]


def test_a_reference_that_ends_elsewhere_for_yaml_is_refused() -> None:
    assert codes(read('a: {{ "b }}" }}')) == ["unquoted-reference"]


def test_quotes_are_not_asked_for_where_they_would_not_help() -> None:
    assert codes(read("a: [@x, ${Y}]")) == ["yaml-syntax"]


def test_an_endless_line_is_not_searched_for_missing_quotes() -> None:
    assert codes(read("a: [" + "b, " * 1000 + "${X}]")) == ["yaml-syntax"]


def test_the_search_for_missing_quotes_has_an_end() -> None:
    text = "# " + "x" * 500_000 + "\n" + "a: {{ A }} b, c] d} e, f] g} h\n" * 30
    assert "yaml-syntax" in codes(read(text))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_place(content: bytes) -> None:
    check(content.decode("utf-8", errors="surrogateescape"))


@given(st.text(alphabet="{}[]:,-?!&*%@`'\"|>#$ \t\n\\ab1<~A.", max_size=120))
def test_any_signs_of_yaml_are_read_or_refused_with_a_place(text: str) -> None:
    check(text)


def check(text: str) -> None:
    source = read(text)
    assert source.root is not None or source.problems
    assert all(each.line >= 1 and each.column >= 1 and each.length >= 1 for each in source.problems)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900_000,
        "{{ " * 300_000,
        "a: {{ A }} b\n" * 70_000,
        "pattern: [" * 90_000,
        "a: " + "word " * 190_000,
        "".join(f"k{number}: [a, {{b: c}}]\n" for number in range(9_000)),
        "a: ${" * 200_000,
        "- " * 400_000,
        "? " * 400_000,
        "'" * 900_000,
    ],
    ids=["brackets", "braces", "references", "patterns", "words", "lists", "environment", "dashes", "keys", "quotes"],
)
def test_a_large_file_takes_seconds_at_most(text: str) -> None:
    begin = time.process_time()
    read(text)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    ("line", "column", "length", "meant", "hint"),
    [
        ('a: "\\d+"', 5, 2, "\\d+", "write '\\d+'"),
        ('a: {b: "x\\.html$", c: d}', 10, 2, "x\\.html$", "write 'x\\.html$'"),
        ('a: ["a\\"b\\\\c\\d"]', 13, 2, 'a"b\\c\\d', "write 'a\"b\\c\\d'"),
        ('a: "\\x4"', 5, 2, "\\x4", "write '\\x4'"),
        ('a: "C:\\Users\\me"', 7, 2, "C:\\Users\\me", "write 'C:\\Users\\me'"),
        ('"\\d": a', 2, 2, "\\d", "write '\\d'"),
        ('a: "^/p/', 4, 5, "^/p/", 'write "^/p/"'),
        ("a: '^/p/ # why", 4, 5, "^/p/", 'write "^/p/"'),
        ('a: {b: "^/p/, c: d}', 8, 5, "^/p/", 'write "^/p/"'),
        ('a: {b: "{{ A }}, c: "d"}', 8, 8, "{{ A }}", 'write "{{ A }}"'),
        ('a: {b: "\\d+, c: "d"}', 8, 4, "\\d+", "write '\\d+'"),
        ('a: [x, "y]', 8, 2, "y", 'write "y"'),
        ('"www.shop.example: C1', 1, 17, "www.shop.example", 'write "www.shop.example"'),
        ("a: 'it's fine'", 4, 11, "it's fine", 'write "it\'s fine"'),
        ('a: "say "hi" to"', 4, 13, 'say "hi" to', "write 'say \"hi\" to'"),
        ('a: "{{ A }}" more', 4, 14, "{{ A }} more", 'write "{{ A }} more"'),
    ],
)
def test_quotes_that_go_wrong_are_explained(line: str, column: int, length: int, meant: str, hint: str) -> None:
    source = read(f'first: 1\nx:\n  - 1\ny:\n  {line}\n  z: "1"\n')
    (found,) = source.problems
    assert (found.code, found.line, found.column - 2, found.length) == ("yaml-syntax", 5, column, length)
    assert found.hint.startswith(hint)
    assert f"{meant!r}" in repr(simple(source.root))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('a: "x\n  y" more\n', 2, 6),
        ('a: "\\d', 1, 4),
        ('a: "\\d" more', 1, 9),
        ('a: "', 1, 4),
        ('a: "' + "x" * 3000 + "\n  y: z", 1, 4),
        ('a: "x' + " y" * 1500 + '\\d"', 1, 3006),
        ("a: {b: c\nd: e\n", 2, 2),
        ("a: [b, c\n", 1, 4),
    ],
)
def test_what_quotes_do_not_explain_has_its_place(text: str, line: int, column: int) -> None:
    found = read(text).problems[-1]
    assert (found.code, found.line, found.column) == ("yaml-syntax", line, column)


def test_a_backslash_in_a_text_of_several_lines_is_shown_where_it_stands() -> None:
    source = read('a: "one\n  two\\d"\nb: 1\nb: 2\n')
    assert [(each.code, each.line, each.column) for each in source.problems] == [
        ("yaml-syntax", 2, 6),
        ("duplicate-key", 4, 1),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {b: c d: e}", "comma or a closing brace"),
        ("a: {b: c,\nd e: f: g}", "opens in line 1"),
        ("a: b: c", "second key"),
        ("a: b\n that goes on: c", "second key"),
        ("a:\n    b: 1\n  c: 2", "indented"),
        ("a: @x", "cannot begin with this sign"),
        ("a:\n\tb: 1", "a tab may not stand here"),
        ("a: 1\nb\nc: 1", "no colon follows"),
        ("a: [b, c", "bracket that opens here is not closed"),
    ],
)
def test_what_yaml_refuses_is_said_in_plain_words(text: str, words: str) -> None:
    (found,) = read(text).problems
    assert words in found.sentence


def test_what_a_text_asks_the_environment_for_is_found_where_it_stands() -> None:
    node = node_at('key: "${HOST}/a ${secret:TOKEN} {{ Name }} ${}"', "key")
    assert isinstance(node, Scalar)
    assert environment_places(node) == [("HOST", Place(1, 7, 7)), ("secret:TOKEN", Place(1, 17, 15))]


TAG = "tags:\n  A:\n"


@pytest.mark.parametrize(
    ("text", "place", "lines"),
    [
        ("a: 1\n b: 2", (2, 2), "line 1: it begins in column 2, and the key there in column 1"),
        (f"{TAG}   type: x\n    b: y", (4, 5), "line 3: it begins in column 5, and the key there in column 4"),
        (f'{TAG}   type: "x"\n    b: y', (4, 5), "line 3: it begins in column 5, and the key there in column 4"),
        (f"{TAG}   type: [x]\n\n# c\n    b:\n", (6, 5), "line 3: it begins in column 5, and the key there in column 4"),
        (f"{TAG}   type: x\r\n    b: {{c: d}}", (4, 5), "line 3: it begins in column 5, and the key there in column 4"),
        ("a:\n  - b: 1\n     c: 2", (3, 6), "line 2: it begins in column 6, and the key there in column 5"),
    ],
)
def test_a_key_that_is_too_deep_names_the_line_that_it_does_not_match(
    text: str, place: tuple[int, int], lines: str
) -> None:
    (found,) = read(text).problems
    assert (found.code, (found.line, found.column)) == ("yaml-syntax", place)
    assert found.sentence == f"the indentation does not match that of {lines}"
    assert found.hint == "begin both in the same column"


def test_a_key_that_may_belong_below_the_one_before_is_told_so() -> None:
    (found,) = read("tags:\n  A: tiktok\n    pixel: x").problems
    assert found.hint == "begin both in the same column, or leave out the value in line 2 if this belongs below it"


@pytest.mark.parametrize(
    "text",
    [
        "a: b: c",
        "a: b\n  c\n   d: e",
        "a:\n  - b\n    c: d",
        "\n- 1\nb: 2",
        "a:\n    b: 1\n  c: 2",
        "a:\n  b: 1\n  - c",
        " a: 1\nb: 2",
    ],
)
def test_what_is_broken_otherwise_says_nothing_of_another_line(text: str) -> None:
    assert "does not match" not in read(text).problems[0].sentence
