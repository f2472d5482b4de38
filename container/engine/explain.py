"""Why a tag fired or did not, in one sentence with the real values in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from container.case import Status
from container.config.model import Check, Condition, Group
from container.engine.coerce import Lack
from container.engine.container import CompiledCondition, CompiledTag, CompiledTrigger
from container.engine.fold import Decision
from container.engine.format_value import not_set
from container.engine.guards import DUPLICATE_WINDOW_MS
from container.engine.kinds import no_number
from container.engine.scope import Scope
from container.fields import Pattern
from container.shape import text
from container.template import Template

LONGEST_VALUE, LONGEST_LIST = 80, 10
"""A value in a sentence is cut after so many characters; of a longer list a sentence names so many."""

DAY_MS = 86_400_000


def why(tag: CompiledTag, scope: Scope, decision: Decision) -> str:
    """The sentence for a decision, and what was left out."""
    return "; ".join([_sentence(tag, scope, decision), *dict.fromkeys(decision.notes)])


def held_back(tag: CompiledTag, scope: Scope, decision: Decision, status: Status) -> str:
    """The sentence for a tag that would have fired, but for a guard that an earlier event has taken."""
    if status == "blocked_by_once_per" and tag.once_per is not None:
        within = length_of_time(tag.once_per.within)
        return f'an earlier event within {within} had the same key, "{_cut(decision.key)}"'
    window = length_of_time(DUPLICATE_WINDOW_MS)
    return f'a copy of an event that was seen within {window}, with the event ID "{_cut(scope.original.sender_id)}"'


def length_of_time(milliseconds: int) -> str:
    """A length of time as an analyst writes it: `7d`, `24h`, `90s`. Up to two days it is one of hours."""
    if milliseconds % DAY_MS == 0 and milliseconds > 2 * DAY_MS:
        return f"{milliseconds // DAY_MS}d"
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _sentence(tag: CompiledTag, scope: Scope, decision: Decision) -> str:
    match decision.status:
        case "paused":
            return _paused(tag, scope)
        case "not_triggered":
            return _not_triggered(tag.triggers, scope)
        case "blocked_by_consent":
            return "needs " + ", and ".join(_refused(name, scope) for name in decision.refused)
        case "incomplete":
            return decision.reason or " and ".join(lacking(lack) for lack in decision.lacking)
    if decision.reason or decision.trigger is None:
        return decision.reason
    role = "exception" if decision.status == "blocked_by_exception" else "trigger"
    return f"{role} {_holding(decision.trigger, scope)}"


def _paused(tag: CompiledTag, scope: Scope) -> str:
    schedule, now = tag.schedule, scope.original.hit.received
    if tag.paused or schedule is None:
        return "the tag is paused"
    if schedule.since is not None and now < schedule.since:
        return f"outside its schedule: it starts at {_moment(schedule.since)}, and the hit came at {_moment(now)}"
    return f"outside its schedule: it ended at {_moment(schedule.until)}, and the hit came at {_moment(now)}"


def _moment(milliseconds: int | None) -> str:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _refused(name: str, scope: Scope) -> str:
    if scope.original.consent.state(name) == "unset":
        return f"{name}, which is unset and denied by default"
    return f"{name}, which is denied ({scope.signal(name).source})"


def lacking(lack: Lack) -> str:
    """What is wrong with a setting that has to be there."""
    if lack.value is not None:
        return f'"{lack.field}" is {_shown(lack.value)}, which is not what the tag can use'
    return f'no value for "{lack.field}", which the tag needs' + (f": {lack.where} is not set" if lack.where else "")


def _holding(trigger: CompiledTrigger, scope: Scope) -> str:
    held = [_words(condition, scope, holds=True) for condition in trigger.conditions]
    return " and ".join([f'"{trigger.name}" holds: the event is "{scope.original.name}"', *held])


def _not_triggered(triggers: Sequence[CompiledTrigger], scope: Scope) -> str:
    hearing_first = sorted(triggers, key=lambda trigger: not trigger.hears(scope.original.name))
    return "; ".join(f'trigger "{trigger.name}" {_failing(trigger, scope)}' for trigger in hearing_first)


def _failing(trigger: CompiledTrigger, scope: Scope) -> str:
    name = scope.original.name
    if not trigger.hears(name):
        return f'does not hear "{name}", only {_listed(trigger.heard)}'
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
    value = f"{left_side(model)} is {_left_value(condition, model, scope)}"
    if holds:
        return f"{value} ({' and '.join(held(check, right(scope)) for check, _, right in condition.checks)})"
    missed = next(_missed(check, right(scope)) for check, test, right in condition.checks if not test(scope))
    # What is not set needs no more words; a value of the wrong kind says so behind it.
    return value if value.partition(" (")[0].endswith(missed) else f"{value}, which {missed}"


def _left_value(condition: CompiledCondition, model: Condition, scope: Scope) -> str:
    """The value that was compared, and what was noted when it was made: that it was of the wrong kind, for one."""
    before = len(scope.notes)
    left = condition.left(scope) if condition.left else None
    notes = [note.removeprefix(not_set(model.variable or "")) for note in dict.fromkeys(scope.notes[before:])]
    del scope.notes[before:]
    notes += no_number(left, model.checks)
    return f"{_shown(left)} ({'; '.join(notes)})" if notes else _shown(left)


def _group_words(kind: str, members: Sequence[CompiledCondition], scope: Scope, *, holds: bool) -> str:
    if kind == "not":
        inner = _group_words("all", members, scope, holds=not holds)
        return inner if holds else f"what stands under `not` holds: {inner}"
    if holds is (kind == "any"):
        return next(_words(member, scope, holds=holds) for member in members if member.test(scope) is holds)
    words = " and ".join(_words(member, scope, holds=holds) for member in members)
    return words if len(members) == 1 else f"({words})"


def held(check: Check, expected: Any) -> str:
    """What the check says, as it was written."""
    if expected is False:
        return "not " + check.name.removeprefix("is_").replace("_", " ")
    words = check.name.removeprefix("is_") if expected is True else check.name
    return f"{words.replace('_', ' ')} {'' if expected is True else _expected(expected)}".rstrip()


def _missed(check: Check, expected: Any) -> str:
    """The opposite of what the check says, as what is true of the value."""
    operator = check.operator
    if isinstance(expected, bool) and check.name.startswith("is_"):
        return f"is {'not ' if expected else ''}{check.name.removeprefix('is_').replace('_', ' ')}"
    other = operator.type if check.negated else operator.negated
    words = f"is_not_{check.name}" if other is None else other
    return f"{words.replace('_', ' ')} {_expected(expected)}"


def left_side(model: Condition) -> str:
    """The left side as it was written."""
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
