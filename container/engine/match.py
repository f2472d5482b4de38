"""Triggers and conditions as closures. A condition that several triggers share is tested once per event."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, get_type_hints

from container.component import Component
from container.config.model import Check, Condition, ContainerModel, Group, TriggerModel
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
    """Compiles conditions, each different one once. What nobody asks for a second time is not remembered."""

    def __init__(self, model: ContainerModel, lookup: Lookup, take_slot: TakeSlot) -> None:
        self.lookup = lookup
        self.take_slot = take_slot
        triggers = [trigger.when for trigger in model.triggers.values()]
        others = [each.when for each in model.transformations.values()]
        self._asked = Counter([*_asked(chain(*triggers)), *2 * [*_asked(chain(*others))]])
        self._tags = Counter(chain(*[(*tag.triggers, *tag.exceptions) for tag in model.tags.values()]))
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
        asked_again = self._asked[repr(model)] != 1
        return CompiledCondition(model, once(test, self.take_slot()) if asked_again else test, left, checks)

    def remembered(self, trigger: str, test: Test) -> Test:
        """The test of a whole trigger, decided once per event where several tags ask."""
        return once(test, self.take_slot()) if self._tags[trigger] > 1 else test


def compile_trigger(model: TriggerModel, conditions: Conditions) -> CompiledTrigger:
    """The trigger of a model."""
    compiled = [conditions.compile(condition) for condition in model.when]
    own, sampled = _own_test(model, conditions.lookup), _sampling(model)
    tests = [test for test in (*(condition.test for condition in compiled), own, sampled) if test is not None]
    return CompiledTrigger(
        name=model.name,
        events=frozenset(model.events),
        events_matching=model.events_matching,
        holds=conditions.remembered(model.name, _all(tests)) if tests else _always,
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
    stated = getter_of(check.expected, lookup)

    def compare(scope: Scope) -> bool:
        actual = actual_of(left(scope))
        if actual is None and not takes_anything:
            return negated
        return bool(function(actual, fixed)) is not negated

    if fixed is not None:
        return compare, stated

    def test(scope: Scope) -> bool:
        actual = actual_of(left(scope))
        expected = None if right is None else expected_of(right(scope))
        if not takes_anything and (actual is None or expected is None):
            return negated
        return bool(function(actual, expected)) is not negated

    return test, stated


def _asked(conditions: Iterable[Condition | Group]) -> Iterator[str]:
    """What is asked for, by its text; a member of a group twice, since the group remembers nothing."""
    for condition in conditions:
        yield repr(condition)
        if isinstance(condition, Group):
            yield from 2 * [*_asked(condition.members)]


def _always(_scope: Scope) -> bool:
    return True


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
