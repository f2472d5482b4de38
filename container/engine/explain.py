"""Why a tag fired or did not, in one sentence with the real values in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from container.config.model import Check, Condition, Group
from container.engine.container import CompiledCondition, CompiledTag, CompiledTrigger
from container.engine.run import Decision
from container.engine.scope import Scope
from container.fields import Pattern
from container.shape import text
from container.template import Template

LONGEST_VALUE = 80
"""A value in a sentence is cut after so many characters."""

LONGEST_LIST = 10
"""Of a longer list a sentence names so many."""


def why(tag: CompiledTag, scope: Scope, decision: Decision) -> str:
    """The sentence for a decision, and what was left out."""
    return "; ".join([_sentence(tag, scope, decision), *dict.fromkeys(decision.notes)])


def _sentence(tag: CompiledTag, scope: Scope, decision: Decision) -> str:
    match decision.status:
        case "paused":
            return "the tag is paused"
        case "not_triggered":
            return _not_triggered(tag.triggers, scope)
        case "blocked_by_consent":
            return _no_consent(decision.consent, scope)
        case "incomplete":
            return f"no value for {_listed(decision.lacking)}, which the tag needs"
    if decision.reason or decision.trigger is None:
        return decision.reason
    role = "exception" if decision.status == "blocked_by_exception" else "trigger"
    return f"{role} {_holding(decision.trigger, scope)}"


def _no_consent(name: str, scope: Scope) -> str:
    if scope.original.consent.state(name) == "unset":
        return f"needs {name}, which is unset and denied by default"
    return f"needs {name}, which is denied ({scope.signal(name).source})"


def _holding(trigger: CompiledTrigger, scope: Scope) -> str:
    held = [_words(condition, scope, holds=True) for condition in trigger.conditions]
    return " and ".join([f'"{trigger.name}" holds: the event is "{scope.original.name}"', *held])


def _not_triggered(triggers: Sequence[CompiledTrigger], scope: Scope) -> str:
    return "; ".join(f'trigger "{trigger.name}" {_failing(trigger, scope)}' for trigger in triggers)


def _failing(trigger: CompiledTrigger, scope: Scope) -> str:
    name = scope.original.name
    if not trigger.hears(name):
        heard = [*sorted(trigger.events), *(f"/{pattern.source}/" for pattern in trigger.events_matching)]
        return f'does not hear "{name}", only {_listed(heard)}'
    failing = next((condition for condition in trigger.conditions if not condition.test(scope)), None)
    if failing is not None:
        return f"does not hold: {_words(failing, scope, holds=False)}"
    if trigger.own is not None and not trigger.own(scope):
        return "does not hold"
    return f"leaves this visitor out: it samples {text(trigger.sample_percent)} %"


def _words(condition: CompiledCondition, scope: Scope, *, holds: bool) -> str:
    """The condition in words: the parts that decided it, and so nothing that was not computed already."""
    model = condition.model
    if isinstance(model, Group):
        return _group_words(model.kind, condition.members, scope, holds=holds)
    value = f"{_left(model)} is {_shown(condition.left(scope) if condition.left else None)}"
    if holds:
        return f"{value} ({' and '.join(_check(check, right(scope)) for check, _, right in condition.checks)})"
    return f"{value}, not " + next(
        _check(check, right(scope)) for check, test, right in condition.checks if not test(scope)
    )


def _group_words(kind: str, members: Sequence[CompiledCondition], scope: Scope, *, holds: bool) -> str:
    if kind == "not":
        inner = _group_words("all", members, scope, holds=not holds)
        return inner if holds else f"not {inner}"
    if holds is (kind == "any"):
        return next(_words(member, scope, holds=holds) for member in members if member.test(scope) is holds)
    words = " and ".join(_words(member, scope, holds=holds) for member in members)
    return words if len(members) == 1 else f"({words})"


def _check(check: Check, expected: Any) -> str:
    return f"{check.name.replace('_', ' ')} {_expected(expected)}"


def _left(model: Condition) -> str:
    if model.variable is not None:
        return model.variable
    return str(model.left) if isinstance(model.left, Template) else f'"{model.left}"'


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    shown = _cut(text(value))
    return shown if isinstance(value, (bool, int, float, list, tuple, Mapping)) else f'"{shown}"'


def _expected(value: Any) -> str:
    """The right side: several texts are choices, several numbers limits."""
    if isinstance(value, Pattern):
        return f'"{_cut(value.source)}"'
    if not isinstance(value, tuple):
        return _shown(value)
    if value and all(isinstance(member, (int, float)) for member in value):
        return " and ".join(map(text, value))
    return _listed([_cut(text(member)) for member in value])


def _cut(shown: str) -> str:
    return shown if len(shown) <= LONGEST_VALUE else shown[:LONGEST_VALUE] + "…"


def _listed(names: Sequence[str]) -> str:
    quoted = [f'"{name}"' for name in names[:LONGEST_LIST]]
    if len(names) > LONGEST_LIST:
        return ", ".join(quoted) + f" or {len(names) - LONGEST_LIST} more"
    return ", ".join(quoted[:-1]) + " or " + quoted[-1] if len(quoted) > 1 else "".join(quoted)
