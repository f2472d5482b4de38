"""References that read a member: whether the value they read from can have it, as far as the file says."""

from __future__ import annotations

import types
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin, get_type_hints

from container.component import Component
from container.config.draft import Draft, Result, Use
from container.config.hints import for_expression
from container.config.problem import Place
from container.config.references import Target, resolve
from container.config.rows import Rows
from container.shape import missing
from container.template import Template

MOST_STEPS = 200_000
"""So many values are looked at, at most; a file that needs more is not judged any further."""

_PLAIN = (str, int, float, bool, types.NoneType)
_TABLES = ("table", "rows")
_DEEPEST = 3


def check_members(
    draft: Draft, declared: Container[str], components: Mapping[str, Component], *, opaque: Container[str]
) -> frozenset[str]:
    """Reports members that nothing has, and rows that lack a member which is read. Gives the references to nothing.

    `components`: of the variables. `opaque`: variables of which nothing is known. There are no circles.
    """
    members = _Members({name: Rows(each) for name, each in draft.results.items()}, declared, components, opaque)
    lost: set[str] = set()
    told: set[tuple[str, str]] = set()
    for use in draft.uses:
        target = resolve(use.name, declared)
        if target is None or not target.path or target.kind == "short_form":
            continue
        found = members.of_target(target)
        if not found.held and not found.in_doubt:
            lost.add(use.name)
            _report_unknown(draft, members, use, target)
        elif not found.in_doubt and not use.asks and (target.name, target.path) not in told:
            told.add((target.name, target.path))
            _report_rows(draft, members, use, target)
    return frozenset(lost)


@dataclass(frozen=True, slots=True)
class _Finding:
    """Whether a value has a member, whether one may lack it, and whether that cannot be told."""

    held: bool = False
    lacking: bool = False
    in_doubt: bool = False


_HELD, _LACKING, _IN_DOUBT = _Finding(held=True), _Finding(lacking=True), _Finding(in_doubt=True)


@dataclass
class _Members:
    rows: Mapping[str, Rows]
    declared: Container[str]
    components: Mapping[str, Component]
    opaque: Container[str]
    steps: int = 0
    known: dict[tuple[str, str], _Finding] = field(default_factory=dict)
    paths: dict[str, Mapping[str, None]] = field(default_factory=dict)
    told: set[Place] = field(default_factory=set)

    def of_target(self, target: Target) -> _Finding:
        key = target.name, target.path
        if key not in self.known:
            self.known[key] = self._of_variable(target) if target.kind == "variable" else _LACKING
        return self.known[key]

    def names(self, name: str) -> Mapping[str, None]:
        """The members that a variable has, as references say them."""
        if name not in self.paths:
            values = self.rows[name].values if name in self.rows else ()
            found = (f"{name}.{path}" for each in values for path in _paths(each.value, _DEEPEST))
            self.paths[name] = dict.fromkeys(found)
        return self.paths[name]

    def lacking(self, target: Target) -> Iterator[Result]:
        """The rows without the member, as long as there are steps left to look for them."""
        holding = {id(each) for each in self.rows[target.name].perhaps_holding(target.path)}
        for row in self.rows[target.name].values:
            self.steps += 1
            if self.steps > MOST_STEPS:
                return
            if id(row) not in holding or self._holds(row.value, target.path).lacking:
                yield row

    def _of_variable(self, target: Target) -> _Finding:
        if target.name in self.opaque:
            return _IN_DOUBT
        if target.name not in self.rows:
            return _LACKING if _is_plain(self.components[target.name]) else _IN_DOUBT
        rows = self.rows[target.name]
        likely = rows.perhaps_holding(target.path)
        found = [self._holds(each.value, target.path) for each in likely]
        return _together([*found, _LACKING] if len(likely) < len(rows.values) else found)

    def _holds(self, value: Any, path: str) -> _Finding:
        self.steps += 1
        if self.steps > MOST_STEPS:
            return _IN_DOUBT
        if not path:
            return _HELD
        if isinstance(value, Template):
            return self._of_reference(value, path)
        head, _, rest = path.partition(".")
        if isinstance(value, Mapping):
            if path in value:
                return _HELD
            return self._holds(value[head], rest) if head in value else _LACKING
        if isinstance(value, (list, tuple)):
            at = int(head) if head.isascii() and head.isdigit() and len(head) < 6 else len(value)
            return self._holds(value[at], rest) if at < len(value) else _LACKING
        return _LACKING

    def _of_reference(self, value: Template, path: str) -> _Finding:
        whole = value.whole
        if whole is None:
            return _LACKING
        target = resolve(f"{whole.name}.{path}", self.declared)
        return _IN_DOUBT if target is None or target.kind == "short_form" else self.of_target(target)


def _together(found: Sequence[_Finding]) -> _Finding:
    return _Finding(
        any(each.held for each in found), any(each.lacking for each in found), any(each.in_doubt for each in found)
    )


def _is_plain(component: Component) -> bool:
    """Whether the component's values are texts, numbers and the like, which have no members."""
    stated = get_type_hints(component.function).get("return", Any)
    options = get_args(stated) if get_origin(stated) in (Union, types.UnionType) else (stated,)
    return all(option in _PLAIN for option in options)


def _paths(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, Mapping) and depth:
        for key, member in value.items():
            yield key
            yield from (f"{key}.{path}" for path in _paths(member, depth - 1))


def _report_unknown(draft: Draft, members: _Members, use: Use, target: Target) -> None:
    known = members.names(target.name)
    if known:
        sentence = f'{use.owner}: "{target.name}" has no member "{target.path}"'
        hint = for_expression(use.name) or draft.suggest(use.name, known)
        draft.report("unknown-variable", use.place, sentence, hint=hint)
        return
    sentence = f'{use.owner}: "{target.name}" has no members, so there is no "{target.path}" in it'
    draft.report("unknown-variable", use.place, sentence, hint=f"write {{{{ {target.name} }}}}")


def _report_rows(draft: Draft, members: _Members, use: Use, target: Target) -> None:
    for row in members.lacking(target):
        if row.field in _TABLES and row.place not in members.told and not missing(row.value):
            members.told.add(row.place)
            sentence = f'this row of "{target.name}" has no "{target.path}", which {use.owner} reads'
            hint = "add it, or leave the row out when it should send nothing"
            draft.report("missing-field", row.place, sentence, hint=hint, level="warning")
