"""The values of a container by name: variables, built-ins and short forms as functions of a scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from container.config.model import ContainerModel, VariableModel
from container.config.references import resolve
from container.engine.built_in import BUILT_IN, is_quick, short_form
from container.engine.coerce import Lacking
from container.engine.format_value import format_value, wrong_kind
from container.engine.resolve import settings_builder, value_getter
from container.engine.scope import Getter, Scope, once
from container.engine.size import too_large
from container.fields import Settings
from container.shape import at, missing
from container.template import Reference


@dataclass
class Values:
    """Getters by name, each variable compiled when it is first asked for.

    `named`: the slots of those that are remembered, by name.
    """

    model: ContainerModel
    debug: bool = field(kw_only=True)
    slots: int = 0
    named: dict[str, int] = field(default_factory=dict)
    _getters: dict[str, Getter] = field(default_factory=dict)

    def take_slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def getter(self, reference: Reference) -> Getter:
        """The getter of a reference: a variable, a built-in, a short form, or a member of one of the first two."""
        target = resolve(reference.name, self.model.variables)
        name = reference.name if target is None or target.kind == "short_form" else target.name
        value = self._named(name)
        if target is None or value is None:
            raise LookupError(f"there is no variable {reference.name!r}: the container was not checked")
        path = target.path
        return value if target.kind == "short_form" or not path else lambda scope: at(value(scope), path)

    def _named(self, name: str) -> Getter | None:
        if name not in self._getters:
            variable = self.model.variables.get(name)
            compute = self._undeclared(name) if variable is None else self._variable(variable)
            if compute is None:
                return None
            # In preview everything is remembered, or nobody would see it.
            quick = variable is None and is_quick(name) and not self.debug
            self._getters[name] = compute if quick else self._remembered(name, compute)
        return self._getters[name]

    def _remembered(self, name: str, compute: Getter) -> Getter:
        self.named[name] = self.take_slot()
        return once(compute, self.named[name])

    def _undeclared(self, name: str) -> Getter | None:
        own = {"Container ID": self.model.id, "Container Version": self.model.version, "Debug Mode": self.debug}
        if name in own:
            value = own[name]
            return lambda _scope: value
        return BUILT_IN.get(name) or short_form(name)

    def _variable(self, model: VariableModel) -> Getter:
        """Computes the variable. One whose settings cannot be made has no value."""
        build = settings_builder(model.settings, self.getter, owner=f'of variable "{model.name}" ')
        function, formatting = model.component.function, model.format
        composed = value_getter(model.settings, self.getter) is not None
        if not composed and formatting is None:
            fixed = model.settings or Settings()
            return lambda scope: function(fixed, scope.original)

        def compute(scope: Scope) -> Any:
            settings = build(scope)
            value = None if isinstance(settings, Lacking) else function(settings, scope.original)
            if composed and too_large(value):
                scope.notes.append(f'variable "{model.name}" has no value: it would be too large')
                value = None
            if formatting is None:
                return value
            formatted = format_value(value, formatting)
            if formatted is None and formatting.as_type and not missing(value):
                scope.notes.append(wrong_kind(model.name, value, formatting))
            return formatted

        return compute
