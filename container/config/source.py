"""YAML text as a tree in which every key and value knows its place. Strict, bounded, and never surprised.

Only `true` and `false` are booleans, only JSON's numbers are numbers (`1e3` stays text), double keys are problems.
Limits: 1 MB, depth 32, 50 aliases, 50,000 nodes with aliases followed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from container.config.broken import BrokenError, Events, broken_at, explained, refused
from container.config.problem import LINE_BREAK, Place, Problem, problem
from container.config.quotes import backslash_repair, quote_repairs, typographic
from container.config.unquoted import Repair, line_start, repaired, with_placeholder

LARGEST_FILE = 1_000_000
DEEPEST, MOST_ALIASES, MOST_NODES = 32, 50, 50_000

REPAIR_BUDGET, LEAST_COST = 2_000_000, 2_000
"""So many characters are read again, at most, to find out where quotes are missing; a short file counts as so long."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST_INTEGER = 20
_WHOLE_REFERENCE = re.compile(r"\{\{[^{}\r\n]+\}\}")
_READ_OTHERWISE = re.compile(r"[\t\ufeff\x85\u2028\u2029]|\?(?:[\s,\[\]{}]|\Z)|^%|[|>]\S*#", re.MULTILINE)
"""Signs that LibYAML reads otherwise than PyYAML, or takes where PyYAML does not."""

_WORDS: Mapping[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` as written, `value` as typed, `raw` the stretch of the file, `plain` without quotes."""

    place: Place
    text: str
    value: str | float | bool | None
    raw: str = ""
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `flow`: written with brackets, and `raw` is that text."""

    place: Place
    items: tuple[Node, ...]
    raw: str = ""
    flow: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping: keys in file order with their places, and what they hold."""

    place: Place
    entries: Mapping[str, Entry]
    raw: str = ""
    flow: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    key: Scalar
    value: Node


Node = Scalar | Listing | Table

EMPTY = Table(Place(1, 1), MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Source:
    """What the text says: `root` is `None` when that cannot be told."""

    root: Node | None
    problems: tuple[Problem, ...]


def read(text: str) -> Source:
    """The located tree of a YAML document, and everything that is wrong with it as YAML."""
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST_FILE or len(text.encode("utf-8", "replace")) > LARGEST_FILE:
        return Source(None, (problem("yaml-syntax", Place(1, 1), "the file is larger than 1 MB"),))
    root = quickly(text)
    return Source(root, ()) if root is not None else patiently(text)


def quickly(text: str) -> Node | None:
    """The tree as LibYAML reads it, many times faster than PyYAML, for texts in which both read the same.

    `None` where anything is wrong, or where the two might differ: then PyYAML has the word, and we our sentences.
    """
    if not yaml.__with_libyaml__ or _READ_OTHERWISE.search(text):
        return None
    reading = _Reading(text, text, {}, quick=True)
    try:
        root = reading.document(yaml.cyaml.CParser(text))  # type: ignore[attr-defined]  # it is there with LibYAML
    except (BrokenError, yaml.YAMLError, ValueError, OverflowError):
        return None
    return None if reading.problems else root


def patiently(text: str) -> Source:
    """The tree as PyYAML reads it, missing quotes mended, and what is wrong told at its place."""
    repairs: list[Repair] = []
    budget = REPAIR_BUDGET
    stand_in = text
    while True:
        reading = _Reading(text, stand_in, {repair.start: repair for repair in repairs})
        broken = reading.run()
        if broken is None:
            break
        found, budget = _repair(text, stand_in, broken, budget, mended={repair.start for repair in repairs})
        if found is None:
            return Source(None, (*_missing_quotes(text, repairs), broken.problem))
        repairs.append(found)
        stand_in = with_placeholder(stand_in, found)
    return Source(reading.root, (*_missing_quotes(text, repairs), *reading.problems))


def plain(node: Node) -> Any:
    """A located tree as plain values."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def typed(text: str) -> str | float | bool | None:
    """A plain scalar as the language types it."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST_INTEGER and _INTEGER.fullmatch(text):
        # What does not fit 64 bits is an identifier, and would lose digits as a number.
        return int(text) if -(2**63) <= int(text) < 2**64 else text
    if len(text) <= 400 and _FLOAT.fullmatch(text):
        value = float(text)
        return value if abs(value) != float("inf") else text
    return text


@dataclass
class _Reading:
    """One pass over the text. `stand_in` is the text with placeholders of equal length where quotes are missing.

    `quick`: the events are LibYAML's; raises `ValueError` for a scalar that PyYAML reads or places otherwise.
    """

    text: str
    stand_in: str
    repairs: Mapping[int, Repair]
    quick: bool = False
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    aliases: int = 0
    anchors: dict[str, tuple[Node, int] | None] = field(default_factory=dict)

    def run(self) -> BrokenError | None:
        """Fills `root` and `problems`, unless the text is broken."""
        events = None
        try:
            events = Events(self.stand_in)
            self.root = self.document(events)
        except BrokenError as broken:
            return broken
        except yaml.reader.ReaderError as reason:
            return refused(reason, self.text)
        except yaml.MarkedYAMLError as reason:
            return explained(reason, self.text, self.stand_in, quoted=events.quoted if events else ())
        except (ValueError, OverflowError) as reason:
            # PyYAML lets `\UFFFFFFFF` and endless version numbers through to int() and chr().
            mark = events.get_mark() if events else None
            return broken_at(mark, f"this cannot be read: {reason}")
        return None

    def document(self, events: Any) -> Node:
        """The tree of the one document."""
        events.get_event()
        if events.check_event(yaml.StreamEndEvent):
            return EMPTY
        events.get_event()
        root = self._node(events, events.get_event(), 1)
        events.get_event()
        if not events.check_event(yaml.StreamEndEvent):
            raise broken_at(events.peek_event().start_mark, "a file holds one document; a second one begins here")
        return root

    def _node(self, events: Any, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._count(event, 1)
        if event.tag is not None:
            raise broken_at(event.start_mark, "tags have no meaning here", "for text, put the value in quotes")
        before = self.nodes
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = self._value(events, event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.nodes - before + 1)
        return node

    def _value(self, events: Any, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth > DEEPEST:
            raise broken_at(event.start_mark, f"this is nested more than {DEEPEST} deep")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._listing(events, event, depth)
        whole = _WHOLE_REFERENCE.match(self.text, event.start_mark.index) if event.flow_style else None
        return self._reference(events, event, whole) if whole else self._table(events, event, depth)

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            raise broken_at(event.start_mark, f'there is no anchor "{event.anchor}"')
        known = self.anchors[event.anchor]
        if known is None:
            raise broken_at(event.start_mark, f'the anchor "{event.anchor}" contains itself')
        self.aliases += 1
        if self.aliases > MOST_ALIASES:
            raise broken_at(event.start_mark, f"a file may hold {MOST_ALIASES} aliases, and this is one more")
        node, size = known
        self._count(event, size)
        return node

    def _count(self, event: Any, size: int) -> None:
        self.nodes += size
        if self.nodes > MOST_NODES:
            raise broken_at(event.start_mark, f"the file holds more than {MOST_NODES} values")

    def _scalar(self, event: Any) -> Scalar:
        place, raw = self._stretch(event.start_mark, event.end_mark)
        repair = self.repairs.get(event.start_mark.index)
        if repair and (event.value or event.style):
            return Scalar(place, repair.text, repair.text, raw)
        plain = not event.style
        if self.quick and plain and (not event.value or "?" in event.value):
            raise ValueError("PyYAML has the word")
        text = self._whole_signs(event)
        if plain:
            self.problems += typographic(place, text)
        return Scalar(place, text, typed(text) if plain else text, raw, plain)

    def _whole_signs(self, event: Any) -> str:
        """The text with the halves of escaped surrogate pairs joined, as JSON writes them."""
        text: str = event.value
        if text.isascii():
            return text
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise broken_at(event.start_mark, "the text holds half of a sign (a lone surrogate)") from None

    def _listing(self, events: Any, event: Any, depth: int) -> Listing:
        items: list[Node] = []
        while not isinstance(following := events.get_event(), yaml.SequenceEndEvent):
            items.append(self._node(events, following, depth + 1))
        place, raw = self._stretch(event.start_mark, following.end_mark)
        return Listing(place, tuple(items), raw, bool(event.flow_style))

    def _table(self, events: Any, event: Any, depth: int) -> Table:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        while not isinstance(following := events.get_event(), yaml.MappingEndEvent):
            key = self._node(events, following, depth + 1)
            if not isinstance(key, Scalar):
                raise broken_at(following.start_mark, "a key is text, not a list or a mapping")
            value = self._node(events, events.get_event(), depth + 1)
            if key.text == "<<" and key.plain:
                merged += self._merged(following, value)
            elif key.text in entries:
                self.problems.append(_twice(key, entries[key.text].key))
            else:
                entries[key.text] = Entry(key, value)
        for each in _tables(merged):
            self._count(event, len(each.entries))
            entries = dict(each.entries) | entries
        place, raw = self._stretch(event.start_mark, following.end_mark)
        return Table(place, MappingProxyType(entries), raw, bool(event.flow_style))

    def _merged(self, event: Any, value: Node) -> tuple[Node, ...]:
        found = value.items if isinstance(value, Listing) else (value,)
        if not all(isinstance(each, Table) for each in found):
            raise broken_at(event.start_mark, "`<<` merges mappings only")
        return found

    def _reference(self, events: Any, event: Any, whole: re.Match[str]) -> Scalar:
        """`{{ Name }}` without quotes: for YAML a mapping in a mapping, for everybody else a reference."""
        depth = 1
        while depth:
            following = events.get_event()
            depth += isinstance(following, yaml.CollectionStartEvent)
            depth -= isinstance(following, yaml.CollectionEndEvent)
        if following.end_mark.index != whole.end():
            raise broken_at(event.start_mark, "a key is text, not a mapping")
        place, raw = self._stretch(event.start_mark, following.end_mark)
        return Scalar(place, whole[0], whole[0], raw)

    def _stretch(self, start: Any, end: Any) -> tuple[Place, str]:
        raw = self.text[start.index : end.index].rstrip()
        first = LINE_BREAK.split(raw, maxsplit=1)[0] if start.line != end.line else raw
        return Place(start.line + 1, start.column + 1, max(1, len(first))), raw


def _tables(nodes: list[Node]) -> Iterator[Table]:
    return (node for node in nodes if isinstance(node, Table))


def _twice(key: Scalar, first: Scalar) -> Problem:
    place = f"line {first.place.line}, column {first.place.column}"
    return problem("duplicate-key", key.place, f'the key "{key.text}" is already there in {place}')


def _repair(
    text: str, stand_in: str, broken: BrokenError, budget: int, *, mended: Container[int]
) -> tuple[Repair | None, int]:
    """The missing quotes that explain why the text is broken, if any, and what is left of the budget.

    `mended`: where repairs begin that were made already; none is made twice.
    """
    for candidate in _candidates(text, stand_in, broken):
        if candidate.start in mended:
            continue
        budget -= max(len(text), LEAST_COST)
        if budget < 0:
            break
        again = _Reading(text, with_placeholder(stand_in, candidate), {}).run()
        if again is None or again.index > _behind(text, candidate, broken):
            return candidate, budget
    return None, budget


def _candidates(text: str, stand_in: str, broken: BrokenError) -> Iterator[Repair]:
    found = backslash_repair(text, opened=broken.quotes[0]) if broken.backslash else None
    if found is not None:
        yield found
    for opened in broken.quotes:
        yield from quote_repairs(text, stand_in, opened=opened)
    yield from repaired(text, stand_in, index=broken.index, opened=broken.opened)


def _behind(text: str, candidate: Repair, broken: BrokenError) -> int:
    """What has to be read for the candidate to explain the break."""
    if candidate.code == "yaml-syntax" and line_start(text, broken.index) > candidate.end:
        # A quote that is not closed takes in lines that may be broken themselves, but hardly the next one at once.
        return candidate.end + len(text[candidate.end :]) - len(text[candidate.end :].lstrip())
    return max(candidate.end, 0 if broken.backslash else broken.index)


def _missing_quotes(text: str, repairs: list[Repair]) -> Iterator[Problem]:
    for repair in repairs:
        at = repair.start if repair.at is None else repair.at
        lines = LINE_BREAK.split(text[:at])
        place = Place(len(lines), len(lines[-1]) + 1, repair.length or repair.end - repair.start)
        yield problem(repair.code, place, repair.sentence, hint=repair.hint)
