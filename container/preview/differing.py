"""What is different between two texts of a container file, named thing by named thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from typing import Any, Literal

import orjson

from container.config.problem import LINE_BREAK, printable
from container.config.source import LARGEST_FILE, Entry, Node, Table, patiently, plain, quickly

SECTIONS: Mapping[str, str] = {
    "clients": "client",
    "variables": "variable",
    "triggers": "trigger",
    "tags": "tag",
    "transformations": "transformation",
}
"""Where named things stand, and the word for one of them."""

SETTING, FILE = "setting", "file"
"""What else can differ: something else at the top of the file, or the file as a whole if it cannot be read."""

MOST_CHANGES = 2_000
MOST_SHOWN, LONGEST_LINE = 2_000, 500
"""Lines of one change, and signs of one line; of all changes together there are ten times as many lines at most."""

MOST_COMPARED, MOST_PAIRS = 400, 200_000
"""Lines of one thing on either side, and pairs of lines in all. What is more shows as taken out and put in."""

LARGEST_SLOW = 100_000
"""Characters of a text that LibYAML does not read as we do. Of a larger one no things are told apart: it takes long."""

_CONTEXT = 3
_CUT = "…"
_UNTOLD = " The things in these files are not told apart: one of them cannot be read, or not soon enough."
_MORE = f" More than {MOST_CHANGES:,} things differ. The others are not shown."
_REST = " The rest is not shown."
_ORDER = " The order of these has changed: where several could be first, the one further up is."
_UNNAMED = " Only comments, blank lines, empty sections or the order of sections differ."
"""Sentences begin with a blank, as lines that have not changed."""

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. `kind`: the word for it. `lines`: of a unified diff, without its header."""

    kind: str
    name: str
    what: What
    lines: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "what": self.what, "lines": list(self.lines)}


@dataclass(frozen=True, slots=True)
class _Thing:
    """A named thing: its lines as they are written, and what they mean."""

    lines: Sequence[str]
    value: Any


@dataclass(slots=True)
class _Budget:
    """How much is still compared and shown, so that no text takes long."""

    pairs: int = MOST_PAIRS
    lines: int = field(default=10 * MOST_SHOWN)


def difference(before: str, after: str) -> tuple[Change, ...]:
    """The changes that make the one text of the other: things in the order of the new file, then what was removed."""
    if before == after:
        return ()
    budget = _Budget()
    old, new = _things(before), _things(after)
    if old is None or new is None:
        change = _change(budget, FILE, "", _whole(before), _whole(after))
        return (replace(change, lines=[_UNTOLD, *change.lines]),)
    found: list[Change] = []
    for kind, name in [*new, *(key for key in old if key not in new)]:
        was, now = old.get((kind, name)), new.get((kind, name))
        if was is not None and now is not None and was.lines == now.lines and was.value == now.value:
            continue
        if len(found) == MOST_CHANGES:
            return (*found, Change(FILE, "", "changed", [_MORE]))
        found.append(_change(budget, kind, name, was, now))
    found += _moves(budget, [*old], [*new])
    if not found and LINE_BREAK.split(before) != LINE_BREAK.split(after):
        change = _change(budget, FILE, "", _whole(before), _whole(after))
        return (replace(change, lines=[_UNNAMED, *change.lines]),)
    return tuple(found)


def _moves(budget: _Budget, old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[Change]:
    """The sections whose things stand in another order. What was added or removed is none of that."""
    for section, kind in SECTIONS.items():
        there, here = ([name for of, name in each if of == kind] for each in (old, new))
        both = {*there} & {*here}
        was, now = ([name for name in each if name in both] for each in (there, here))
        if was != now:
            change = _change(budget, SETTING, section, _Thing(was, was), _Thing(now, now))
            yield replace(change, lines=[_ORDER, *change.lines])


def _whole(text: str) -> _Thing:
    return _Thing(LINE_BREAK.split(text), text)


def _change(budget: _Budget, kind: str, name: str, was: _Thing | None, now: _Thing | None) -> Change:
    before, after = _written(was), _written(now)
    if before == after:
        # What it takes from an anchor or the like has changed, and not a line of its own.
        before, after = _spelled(was), _spelled(now)
    what: What = "added" if was is None else "removed" if now is None else "changed"
    lines = _cut(_unified(budget, before, after), min(MOST_SHOWN, budget.lines))
    budget.lines -= len(lines)
    return Change(kind, printable(name[:LONGEST_LINE]), what, lines)


def _unified(budget: _Budget, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The lines of the difference. Whatever is the same at both ends is not compared."""
    begin, shortest = 0, min(len(before), len(after))
    while begin < shortest and before[begin] == after[begin]:
        begin += 1
    end = 0
    while end < shortest - begin and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[begin : len(before) - end], after[begin : len(after) - end]
    pairs = len(old) * len(new)
    if max(len(old), len(new)) > MOST_COMPARED or pairs > budget.pairs:
        yield f"@@ -{begin + 1},{len(old)} +{begin + 1},{len(new)} @@"
        yield from (f"-{line}" for line in old)
        yield from (f"+{line}" for line in new)
        return
    budget.pairs -= pairs
    first, last = max(0, begin - _CONTEXT), min(end, _CONTEXT)
    was, now = (each[first : len(each) - end + last] for each in (before, after))
    for line in list(unified_diff(was, now, n=_CONTEXT, lineterm=""))[2:]:
        yield _moved(line, first) if line.startswith("@@") else line


def _moved(header: str, by: int) -> str:
    """`@@ -1,3 +1,4 @@` of a stretch that begins so many lines further down."""
    _, old, new, _ = header.split(" ")
    return f"@@ -{_shifted(old[1:], by)} +{_shifted(new[1:], by)} @@"


def _shifted(span: str, by: int) -> str:
    start, comma, length = span.partition(",")
    return f"{int(start) + by}{comma}{length}"


def _cut(lines: Iterator[str], most: int) -> list[str]:
    shown: list[str] = []
    for line in lines:
        if len(shown) >= most:
            shown.append(_REST)
            break
        whole = printable(line[: LONGEST_LINE + 1])
        shown.append(whole if len(line) <= LONGEST_LINE + 1 else whole + _CUT)
    return shown


def _written(thing: _Thing | None) -> Sequence[str]:
    return () if thing is None else thing.lines


def _spelled(thing: _Thing | None) -> Sequence[str]:
    if thing is None:
        return ()
    return orjson.dumps(thing.value, option=orjson.OPT_INDENT_2).decode("utf-8", "replace").splitlines()


def _things(text: str) -> dict[tuple[str, str], _Thing] | None:
    """The named things of a text; `None` when it cannot be read, or not soon enough."""
    text = text.removeprefix("\ufeff")
    root = _root(text)
    if not isinstance(root, Table):
        return None
    lines = LINE_BREAK.split(text)
    found: dict[tuple[str, str], _Thing] = {}
    for section, entry in root.entries.items():
        if section in SECTIONS and isinstance(entry.value, Table):
            for name, each in entry.value.entries.items():
                flow = entry.value.flow or root.flow
                found[SECTIONS[section], name] = _Thing(_lines_of(each, lines, flow=flow), plain(each.value))
        else:
            found[SETTING, section] = _Thing(_lines_of(entry, lines, flow=root.flow), plain(entry.value))
    return found


def _root(text: str) -> Node | None:
    if len(text) > LARGEST_FILE:
        return None
    root = quickly(text)
    return patiently(text).root if root is None and len(text) <= LARGEST_SLOW else root


def _lines_of(entry: Entry, lines: Sequence[str], *, flow: bool) -> Sequence[str]:
    """The lines of a thing as they stand in the file, without what surrounds it."""
    begin, node = entry.key.place.line, entry.value
    if flow:
        return LINE_BREAK.split(f"{entry.key.raw}: {node.raw}")
    if node.place.line < begin:
        # An alias: its value stands further up.
        return (lines[begin - 1],)
    end = _end(node)
    while end > begin and _says_nothing(lines[end - 1]):
        end -= 1
    return lines[begin - 1 : end]


def _end(node: Node) -> int:
    return node.place.line + len(LINE_BREAK.findall(node.raw))


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")
