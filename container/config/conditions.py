"""Conditions: a left side with operators, or `any`, `all` and `not` over other conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_type_hints

from container.component import Component
from container.config.draft import Draft, Owner, Use
from container.config.fill import filled, reference_places
from container.config.hints import for_group
from container.config.model import Check, Condition, Group
from container.config.problem import Place
from container.config.source import Entry, Listing, Node, Scalar, Table
from container.config.source import plain as plain_value
from container.config.validate import report_unknown_key, validated_value
from container.config.values import plain
from container.config.words import for_operator
from container.shape import text
from container.template import Reference, Template

GROUPS = ("any", "all", "not")
SIDES = ("variable", "value")
IGNORE_CASE = "ignore_case"
ASKING = frozenset({"is_set", "is_empty"})
"""Operators that ask whether there is a value, so that a missing one is an answer."""


def conditions(draft: Draft, node: Node, *, owner: Owner, place: Place) -> tuple[Condition | Group, ...]:
    """The conditions of a list, or the single one. `place`: where it says that conditions follow."""
    nodes = node.items if isinstance(node, Listing) else (node,)
    found = [_condition(draft, each, owner=owner) for each in nodes]
    if not nodes:
        draft.report("missing-field", place, f"{owner}: there is no condition in this list")
    return tuple(each for each in found if each is not None)


def operands(operator: Component) -> tuple[Any, Any]:
    """The annotations of an operator's left and right side."""
    hints = get_type_hints(operator.function, include_extras=True)
    left, right = [annotation for name, annotation in hints.items() if name != "return"][:2]
    return left, right


def compares_text(operator: Component) -> bool:
    """Whether the operator compares texts, so that `ignore_case` means something."""
    return operands(operator)[0] is str


def _condition(draft: Draft, node: Node, *, owner: Owner) -> Condition | Group | None:
    if not isinstance(node, Table):
        hint = "write {variable: Name, equals: text}"
        draft.report("wrong-type", node.place, f"{owner}: a condition is a mapping", hint=hint)
        return None
    kind = next((key for key in node.entries if key in GROUPS), None)
    if kind is not None:
        return _group(draft, node, kind, owner=owner)
    return _comparison(draft, node, owner=owner)


def _group(draft: Draft, node: Table, kind: str, *, owner: Owner) -> Group | None:
    for key, entry in node.entries.items():
        if key != kind:
            hint = (
                f"put it and `{kind}` in items of their own: `when: [{{…}}, {{{kind}: […]}}]`"
                if any(side in node.entries for side in SIDES)
                else ""
            )
            report_unknown_key(draft, key, entry.key.place, owner, known=[kind], hint=hint)
    members = conditions(draft, node.entries[kind].value, owner=owner, place=node.entries[kind].key.place)
    return Group("any" if kind == "any" else "all" if kind == "all" else "not", members)


def _comparison(draft: Draft, node: Table, *, owner: Owner) -> Condition | None:
    side = _side(draft, node, owner)
    before = len(draft.uses)
    left = None if side is None else _left(draft, node.entries[side].value, side, owner)
    operators = {key: entry for key, entry in node.entries.items() if key not in (*SIDES, IGNORE_CASE)}
    if operators and operators.keys() <= ASKING:
        draft.uses[before:] = [replace(use, asks=True) for use in draft.uses[before:]]
    place = next((entry.key.place for entry in node.entries.values()), node.place)
    if not operators:
        draft.report("missing-field", place, f"{owner}: the condition has no operator, such as `equals`")
    found = _known_operators(draft, operators, owner)
    ignore_case = _ignore_case(draft, node.entries.get(IGNORE_CASE), found, owner)
    checks = [_check(draft, operators[name], *found[name], ignore_case=ignore_case, owner=owner) for name in found]
    if left is None or side is None:
        return None
    variable = left.references[0].name if side == "variable" and isinstance(left, Template) else None
    return Condition(left, tuple(checks), variable)


def _side(draft: Draft, node: Table, owner: Owner) -> str | None:
    """Which of `variable` and `value` the condition has."""
    sides = [key for key in node.entries if key in SIDES]
    place = next((entry.key.place for entry in node.entries.values()), node.place)
    if not sides and not any(for_group(key) for key in node.entries):
        hint = "write `variable: Name`, or `value:` with references in it"
        draft.report("missing-field", place, f"{owner}: the condition has no left side", hint=hint)
    if len(sides) > 1:
        draft.report(
            "unknown-key", node.entries[sides[1]].key.place, f"{owner}: a condition has `variable` or `value`, not both"
        )
    return sides[0] if sides else None


def _left(draft: Draft, node: Node, side: str, owner: Owner) -> Template | str | None:
    if not isinstance(node, Scalar) or node.value is None:
        draft.report("wrong-type", node.place, f'{owner}: "{side}" takes text')
        return None
    value = filled(draft, node, "dynamic", owner) if side == "value" else filled(draft, node, "typed", owner)
    if side == "value":
        return value if isinstance(value, Template) else text(value)
    if isinstance(value, Template):
        name = value.references[0].name
        sentence = f"{owner}: `variable` takes the name of a variable, without braces"
        draft.report("not-dynamic", reference_places(node)[0], sentence, hint=f'write "{name}"')
        return None
    draft.uses.append(Use(text(value), "dynamic", node.place, owner))
    return Template((Reference(text(value)),))


def _known_operators(
    draft: Draft, operators: Mapping[str, Entry], owner: Owner
) -> Mapping[str, tuple[Component, bool]]:
    found = {}
    for name, entry in operators.items():
        operator = draft.registry.operator(name)
        if operator is None:
            known = [*draft.registry.operators, *SIDES, *GROUPS, IGNORE_CASE]
            hint = for_group(name) or for_operator(name, plain_value(entry.value), draft.registry.operators)
            report_unknown_key(draft, name, entry.key.place, owner, known=known, hint=hint)
            texts = len(draft.texts)
            plain(draft, entry.value, Any, owner=owner, field=name, inherited="dynamic")
            del draft.texts[texts:]
        else:
            found[name] = operator
    return found


def _ignore_case(
    draft: Draft, entry: Entry | None, operators: Mapping[str, tuple[Component, bool]], owner: Owner
) -> bool:
    if entry is None:
        return False
    if operators and not any(compares_text(operator) for operator, _ in operators.values()):
        sentence = f"{owner}: none of these operators compares text, so case makes no difference"
        draft.report("unknown-key", entry.key.place, sentence)
    value = plain(draft, entry.value, bool, owner=owner, field=IGNORE_CASE)
    return bool(validated_value(draft, bool, value, entry=entry, owner=owner))


def _check(draft: Draft, entry: Entry, operator: Component, negated: bool, *, ignore_case: bool, owner: Owner) -> Check:
    name = entry.key.text
    annotation = operands(operator)[1]
    value = plain(draft, entry.value, annotation, owner=owner, field=name)
    expected = validated_value(draft, annotation, value, entry=entry, owner=owner)
    return Check(name, operator, expected, negated, ignore_case and compares_text(operator))
