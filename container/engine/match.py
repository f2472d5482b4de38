"""Triggers and conditions as closures. A condition that several triggers share is tested once per event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from container.component import Component
from container.config.model import Check, Condition, Group, TriggerModel
from container.engine.coerce import Lacking
from container.engine.container import CompiledCondition, CompiledTrigger, Test
from container.engine.resolve import getter_of, settings_builder, value_getter
from container.engine.scope import Getter, Scope, once
from container.engine.template_getter import Lookup
from container.fields import Pattern
from container.shape import number, text

TakeSlot = Callable[[], int]
"""Reserves a slot of the scope."""


class Conditions:
    """Compiles conditions, each different one once."""

    def __init__(self, lookup: Lookup, take_slot: TakeSlot) -> None:
        self.lookup = lookup
        self.take_slot = take_slot
        self._compiled: dict[str, CompiledCondition] = {}

    def compile(self, model: Condition | Group) -> CompiledCondition:
        key = repr(model)
        if key not in self._compiled:
            self._compiled[key] = self._group(model) if isinstance(model, Group) else self._condition(model)
        return self._compiled[key]

    def _group(self, model: Group) -> CompiledCondition:
        members = [self.compile(member) for member in model.members]
        tests = [member.test for member in members]
        every = _all(tests)
        combine: dict[str, Test] = {
            "any": lambda scope: any(test(scope) for test in tests),
            "all": every,
            "not": lambda scope: not every(scope),
        }
        return CompiledCondition(model, combine[model.kind], members=members)

    def _condition(self, model: Condition) -> CompiledCondition:
        left = getter_of(model.left, self.lookup)
        checks = [(check, *check_test(check, left, self.lookup)) for check in model.checks]
        test = _all([test for _, test, _ in checks])
        return CompiledCondition(model, once(test, self.take_slot()), left, checks)


def compile_trigger(model: TriggerModel, conditions: Conditions) -> CompiledTrigger:
    """The trigger of a model."""
    compiled = [conditions.compile(condition) for condition in model.when]
    own, sampled = _own_test(model, conditions.lookup), _sampling(model)
    tests = [*(condition.test for condition in compiled), own, sampled]
    return CompiledTrigger(
        name=model.name,
        events=frozenset(model.events),
        events_matching=model.events_matching,
        holds=once(_all([test for test in tests if test is not None]), conditions.take_slot()),
        conditions=compiled,
        own=own,
        sampled=sampled,
        sample_percent=model.sample_percent,
    )


def check_test(check: Check, left: Getter, lookup: Lookup) -> tuple[Test, Getter]:
    """The test of one operator, and the getter of its right side. A negation is exactly the opposite."""
    hints = get_type_hints(check.operator.function)
    kinds = [hints[name] for name in list(hints) if name != "return"]
    actual_of, expected_of = (_reader(kind, check) for kind in kinds[:2])
    function, negated, takes_anything = check.operator.function, check.negated, kinds[0] is Any
    right = value_getter(check.expected, lookup)
    fixed = expected_of(check.expected) if right is None else None

    def test(scope: Scope) -> bool:
        actual = actual_of(left(scope))
        expected = fixed if right is None else expected_of(right(scope))
        if not takes_anything and (actual is None or expected is None):
            return negated
        return bool(function(actual, expected)) is not negated

    return test, getter_of(check.expected, lookup)


def _all(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def every(scope: Scope) -> bool:
        for test in tests:  # noqa: SIM110  # a generator costs more than the tests it goes through
            if not test(scope):
                return False
        return True

    return every


def _reader(kind: Any, check: Check) -> Callable[[Any], Any]:
    """How a value becomes what an operator's annotation wants; `None` when it cannot."""
    read = _READERS.get(kind, _same)
    if not check.ignore_case:
        return read
    # A pattern ignores case by itself, and better: folding turns "ß" into "ss", which it would not find.
    if isinstance(check.expected, Pattern):
        return _ignoring_case if kind is Pattern else read
    return lambda value: _fold(read(value))


def _texts(value: Any) -> tuple[str, ...]:
    """The texts of a list; a list within it, such as the value of a variable, adds its members."""
    return tuple(text(inner) for member in _members(value) for inner in _members(member))


def _members(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _same(value: Any) -> Any:
    return value


def _ignoring_case(pattern: Pattern) -> Pattern:
    return pattern.ignoring_case


def _fold(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold()
    return tuple(map(_fold, value)) if isinstance(value, tuple) else value


def _sampling(model: TriggerModel) -> Test | None:
    """The same visitors each time: by client id, or by hit where there is none."""
    percent = model.sample_percent
    if percent is None:
        return None

    def sampled(scope: Scope) -> bool:
        client_id = text(scope.original.data.get("client_id"))
        seed = f"{model.name}\0{client_id}".encode("utf-8", "surrogatepass")
        drawn = hashlib.sha256(seed).digest() if client_id else scope.original.hit.random(f"sample {model.name}")
        return int.from_bytes(drawn[:4]) / 2**32 * 100 < percent

    return sampled


def _own_test(model: TriggerModel, lookup: Lookup) -> Test | None:
    component: Component | None = model.component
    if component is None or component.type == "event":
        return None
    build = settings_builder(model.settings, lookup)
    function = component.function

    def own(scope: Scope) -> bool:
        settings = build(scope)
        return not isinstance(settings, Lacking) and bool(function(settings, scope.event))

    return own


_READERS: Mapping[Any, Callable[[Any], Any]] = {str: text, float: number, tuple[str, ...]: _texts}
