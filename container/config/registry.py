"""The components that exist: ours, and those of installed packages (entry-point group `container.components`)."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import chain
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import BaseModel

from container.component import Component, Kind, component_of
from container.config.annotations import fields_of, model_of, takes_secret

ENTRY_POINTS = "container.components"
PACKAGES = ("clients", "variables", "triggers", "tags")
MODULES = ("container.transformations",)


class RegistryError(Exception):
    """Two components claim one name, or a plug-in cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Components by kind and type; operators by name, with whether that name is the negated one."""

    components: Mapping[tuple[Kind, str], Component]
    operators: Mapping[str, tuple[Component, bool]]

    @classmethod
    def of(cls, functions: Iterable[Callable[..., Any]]) -> Registry:
        """A registry of just these marked functions. Raises `RegistryError` when two of them claim one name."""
        components: dict[tuple[Kind, str], Component] = {}
        operators: dict[str, tuple[Component, bool]] = {}
        for component in _marked(functions):
            known = components.setdefault((component.kind, component.type), component)
            if known.function is not component.function:
                raise _twice(component.kind, component.type, known, component)
            if component.kind == "operator":
                _add_operator(operators, component)
        return cls(MappingProxyType(components), MappingProxyType(operators))

    def find(self, kind: Kind, type: str) -> Component | None:
        """The component, `None` when there is no such type."""
        return self.components.get((kind, type))

    def operator(self, name: str) -> tuple[Component, bool] | None:
        """The operator of this name and whether the name negates it, else `None`."""
        return self.operators.get(name)

    def of_kind(self, kind: Kind) -> tuple[Component, ...]:
        """All components of a kind, by type."""
        return tuple(sorted((each for each in self.components.values() if each.kind == kind), key=lambda c: c.type))

    def secret_fields(self) -> frozenset[str]:
        """The names under which settings take a secret."""
        models = [component.settings for component in self.components.values() if component.settings is not None]
        seen: set[type[BaseModel]] = set()
        return frozenset(key for model in models for key in _secret_fields(model, seen))

    def types(self, kind: Kind) -> tuple[str, ...]:
        return tuple(component.type for component in self.of_kind(kind))


def discover() -> Registry:
    """Every component that is installed. Raises `RegistryError`."""
    return Registry.of([*_own(), *_plug_ins()])


def components_in(module: ModuleType) -> tuple[Callable[..., Any], ...]:
    """The marked functions that are defined in a module or, for a package, inside it."""
    inside = (module.__name__, module.__name__ + ".")
    members = [value for _, value in sorted(vars(module).items()) if component_of(value)]
    return tuple(each for each in members if each.__module__ == inside[0] or each.__module__.startswith(inside[1]))


def _own() -> Iterator[Callable[..., Any]]:
    for name in PACKAGES:
        package = import_module(name)
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
            yield from components_in(import_module(f"{name}.{found.name}"))
    modules = [import_module(name) for name in MODULES if find_spec(name)]
    yield from chain.from_iterable(map(components_in, modules))


def _plug_ins() -> Iterator[Callable[..., Any]]:
    for point in entry_points(group=ENTRY_POINTS):
        try:
            loaded = point.load()
        except (ImportError, AttributeError) as reason:
            raise RegistryError(f'the plug-in "{point.name}" cannot be loaded: {reason}') from reason
        found = components_in(loaded) if isinstance(loaded, ModuleType) else (loaded,)
        if not found or not all(component_of(each) for each in found):
            raise RegistryError(f'the plug-in "{point.name}" names "{point.value}", which holds no component')
        yield from found


def _secret_fields(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    seen.add(model)
    for key, annotation in fields_of(model).items():
        if takes_secret(annotation):
            yield key
        inner = model_of(annotation)
        if inner is not None and inner not in seen:
            yield from _secret_fields(inner, seen)


def _marked(functions: Iterable[Callable[..., Any]]) -> Iterator[Component]:
    for function in functions:
        component = component_of(function)
        if component is None:
            raise RegistryError(f"{function!r} is not marked as a component")
        yield component


def _add_operator(operators: dict[str, tuple[Component, bool]], component: Component) -> None:
    names = {component.type: False} | ({component.negated: True} if component.negated else {})
    for name, negated in names.items():
        known, _ = operators.setdefault(name, (component, negated))
        if known.function is not component.function:
            raise _twice("operator", name, known, component)


def _twice(kind: Kind, type: str, first: Component, second: Component) -> RegistryError:
    homes = " and ".join(f"{each.function.__module__}.{each.function.__qualname__}" for each in (first, second))
    return RegistryError(f'the {kind} "{type}" is defined twice: {homes}')
