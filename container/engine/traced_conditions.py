"""Triggers and conditions as a trace shows them: each check with its answer, and with the value that it looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from container.config.model import Group
from container.engine.attempt import attempt
from container.engine.container import CompiledCondition, CompiledTrigger
from container.engine.explain import held, left_side
from container.engine.scope import Getter, Scope
from container.engine.traced_values import in_words
from container.fields import Pattern
from container.shape import text

_OF_GROUPS = {"any": "any of these", "all": "all of these", "not": "not all of these"}


def trigger_told(trigger: CompiledTrigger, scope: Scope) -> dict[str, Any]:
    """A trigger or an exception for the scope's event, with all its conditions, also those that decided nothing."""
    hears = trigger.hears(scope.original.name)
    rows = conditions_told(trigger.conditions, scope)
    if trigger.own is not None:
        rows.append(_row("what its type looks at", trigger.own, scope))
    if trigger.sampled is not None:
        rows.append(_row(f"this visitor is among {text(trigger.sample_percent)} %", trigger.sampled, scope))
    return {
        "name": trigger.name,
        "hears": hears,
        "events": trigger.heard,
        "holds": hears and attempt(trigger.holds, scope).value is True,
        "conditions": rows,
    }


def conditions_told(conditions: Sequence[CompiledCondition], scope: Scope) -> list[dict[str, Any]]:
    """One row for each check; those of a group are its members."""
    return [row for condition in conditions for row in _rows(condition, scope)]


def _rows(condition: CompiledCondition, scope: Scope) -> Iterator[dict[str, Any]]:
    model = condition.model
    if isinstance(model, Group):
        row = _row(_OF_GROUPS[model.kind], condition.test, scope)
        yield {**row, "members": conditions_told(condition.members, scope)}
        return
    for check, test, right in condition.checks:
        expected = check.expected if isinstance(check.expected, Pattern) else in_words(check.expected)
        expected = tuple(expected) if isinstance(expected, list) else expected
        verb = "is " if check.name.startswith("is_") else ""
        words = f"{left_side(model)} {verb}{held(check, expected)}"
        yield {**_row(words, test, scope, condition.left), "expected": in_words(attempt(right, scope).value)}


def _row(words: str, test: Getter, scope: Scope, left: Getter | None = None) -> dict[str, Any]:
    answer = attempt(test, scope)
    value = attempt(left, scope) if left else answer
    return {
        "text": words,
        "holds": answer.value is True,
        "value": in_words(value.value) if left else None,
        "notes": list(dict.fromkeys([*value.notes, *answer.notes])),
    }
