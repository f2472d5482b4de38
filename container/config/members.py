"""References that read a member: whether the value they read from can have it, as far as the file says."""

from __future__ import annotations

import types
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin, get_type_hints

from container.component import Component
from container.config.draft import Draft, Result, Use
from container.config.references import Target, resolve
from container.shape import missing
from container.template import Template

MOST_STEPS = 500_000
"""So many values are looked at, at most; a file that needs more is not judged any further."""

Findings = Sequence[tuple[Result | None, bool | None]]
"""For each value that a target may have, whether it has the member; `None` where that cannot be told."""

_PLAIN = (str, int, float, bool, types.NoneType)
_TABLES = ("table", "rows")
_DEEPEST = 3


def check_members(
    draft: Draft, declared: Container[str], components: Mapping[str, Component], *, opaque: Container[str]
) -> frozenset[str]:
    """Reports members that nothing has, and rows that lack a member which is read. Gives the references to nothing.

    `components`: of the variables. `opaque`: variables of which nothing is known. There are no circles.
    """
    members = _Members(draft.results, declared, components, opaque)
    lost: set[str] = set()
    for use in draft.uses:
        target = resolve(use.name, declared)
        if target is None or not target.path or target.kind == "short_form":
            continue
        found = members.of_target(target)
        holds = {each for _, each in found}
        if holds <= {False}:
            lost.add(use.name)
            _report_unknown(draft, members, use, target)
        elif None not in holds:
            _report_rows(draft, use, target, found)
    return frozenset(lost)


@dataclass
class _Members:
    results: Mapping[str, Sequence[Result]]
    declared: Container[str]
    components: Mapping[str, Component]
    opaque: Container[str]
    steps: int = 0
    known: dict[tuple[str, str], Findings] = field(default_factory=dict)

    def of_target(self, target: Target) -> Findings:
        key = target.name, target.path
        if key not in self.known:
            self.known[key] = self._of_variable(target) if target.kind == "variable" else [(None, False)]
        return self.known[key]

    def names(self, target: Target) -> Iterator[str]:
        """The members that there are, as references say them."""
        for result in self.results.get(target.name, ()):
            yield from (f"{target.name}.{path}" for path in _paths(result.value, _DEEPEST))

    def _of_variable(self, target: Target) -> Findings:
        if target.name in self.opaque:
            return [(None, None)]
        values = self.results.get(target.name)
        if values is None:
            return [(None, False if _is_plain(self.components[target.name]) else None)]
        return [(each, self._holds(each.value, target.path)) for each in values]

    def _holds(self, value: Any, path: str) -> bool | None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            return None
        if not path:
            return True
        if isinstance(value, Template):
            return self._of_reference(value, path)
        head, _, rest = path.partition(".")
        if isinstance(value, Mapping):
            if path in value:
                return True
            return head in value and self._holds(value[head], rest)
        if isinstance(value, (list, tuple)):
            at = int(head) if head.isascii() and head.isdigit() and len(head) < 6 else len(value)
            return at < len(value) and self._holds(value[at], rest)
        return False

    def _of_reference(self, value: Template, path: str) -> bool | None:
        whole = value.whole
        target = None if whole is None else resolve(f"{whole.name}.{path}", self.declared)
        if whole is None:
            return False
        if target is None or target.kind == "short_form":
            return None
        found = {holds for _, holds in self.of_target(target)}
        return found.pop() if len(found) == 1 else None if found else False


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
    known = dict.fromkeys(members.names(target))
    if known:
        sentence = f'{use.owner}: "{target.name}" has no member "{target.path}"'
        draft.report("unknown-variable", use.place, sentence, hint=draft.suggest(use.name, known))
        return
    sentence = f'{use.owner}: "{target.name}" has no members, so there is no "{target.path}" in it'
    draft.report("unknown-variable", use.place, sentence, hint=f"write {{{{ {target.name} }}}}")


def _report_rows(draft: Draft, use: Use, target: Target, found: Findings) -> None:
    for row, holds in found:
        if row is not None and holds is False and row.field in _TABLES and not missing(row.value):
            sentence = f'this row of "{target.name}" has no "{target.path}", which {use.owner} reads'
            hint = "add it, or leave the row out when it should send nothing"
            draft.report("missing-field", row.place, sentence, hint=hint, level="warning")
