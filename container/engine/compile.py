"""From a container as it was read to closures. Everything that can be decided before a hit comes is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from container.config.model import (
    ClientModel,
    ConsentDefault,
    ContainerModel,
    TagModel,
    TransformationModel,
    VariableModel,
)
from container.config.references import resolve
from container.engine.built_in import BUILT_IN, is_quick, short_form
from container.engine.coerce import Lacking
from container.engine.container import (
    CompiledClient,
    CompiledTag,
    CompiledTransformation,
    CompiledTrigger,
    Container,
    Hearing,
    View,
)
from container.engine.format_value import format_value, wrong_kind
from container.engine.match import Conditions, compile_trigger
from container.engine.preview_only import without_preview_only
from container.engine.resolve import getter_of, settings_builder, value_getter
from container.engine.scope import ConsentDefaults, Getter, Scope, once
from container.engine.size import too_large
from container.engine.view import in_order
from container.fields import Settings
from container.shape import at, missing
from container.template import Reference
from container.url import longer_paths


def compile_container(model: ContainerModel, *, debug: bool = False) -> Container:
    """The compiled form of a container that was loaded without errors. `debug`: whether this is a preview."""
    values = _Values(model, debug=debug)
    conditions = Conditions(model, values.getter, values.take_slot)
    triggers = {name: compile_trigger(trigger, conditions) for name, trigger in model.triggers.items()}
    views = _views(model, conditions, values)
    tags = [_compiled_tag(tag, order, triggers, views, values) for order, tag in enumerate(model.tags.values())]
    priorities = [tag.priority for tag in model.tags.values()]
    firing_order = sorted(tags, key=lambda tag: (-priorities[tag.order], tag.order))
    return Container(
        name=model.name,
        id=model.id,
        version=model.version,
        clients=_compiled_clients(model, values),
        tags=firing_order,
        hearing=Hearing(firing_order),
        # It may take slots itself, so they are counted after it.
        consent_defaults=_consent_defaults(model.consent_default, "denied", values),
        slots=values.slots,
        debug=debug,
    )


@dataclass
class _Values:
    """Getters by name, each variable compiled when it is first asked for."""

    model: ContainerModel
    debug: bool = field(kw_only=True)
    slots: int = 0
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
            quick = variable is None and is_quick(name)
            self._getters[name] = compute if quick else once(compute, self.take_slot())
        return self._getters[name]

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


def _compiled_clients(model: ContainerModel, values: _Values) -> list[CompiledClient]:
    ordered = sorted(model.clients.values(), key=lambda client: -client.priority)
    compiled: list[CompiledClient] = []
    listened = {client.name: _paths(client) for client in ordered}
    for client in ordered:
        settings = client.settings or Settings()
        default = model.consent_default if client.consent_default is None else client.consent_default
        defaults = _consent_defaults(default, model.consent_default, values)
        others = [path for name, paths in listened.items() if name != client.name for path in paths]
        paths = {path: longer_paths(path, others) for path in listened[client.name]}
        compiled.append(CompiledClient(client.name, client.component.function, settings, paths, defaults))
    return compiled


def _paths(client: ClientModel) -> tuple[str, ...]:
    return tuple(getattr(client.settings, "paths", ()))


def _consent_defaults(default: ConsentDefault, otherwise: ConsentDefault, values: _Values) -> ConsentDefaults:
    """A client's own mapping leaves the types that it does not name to the container's default."""
    if not isinstance(default, Mapping):
        return ConsentDefaults({}, getter_of(default, values.getter))
    base = otherwise if isinstance(otherwise, Mapping) else {}
    rest = "denied" if isinstance(otherwise, Mapping) else otherwise
    members = {name: getter_of(state, values.getter) for name, state in {**base, **default}.items()}
    return ConsentDefaults(members, getter_of(rest, values.getter))


def _views(model: ContainerModel, conditions: Conditions, values: _Values) -> Mapping[str, View]:
    """What each tag sees of an event, for the tags whose event is transformed."""
    compiled = [(each, _transformation(each, conditions, values)) for each in model.transformations.values()]
    shared: dict[tuple[str, ...], View] = {}
    views = {}
    for name in model.tags:
        own = in_order([(each.priority, transformation) for each, transformation in compiled if name in each.tags])
        if own:
            key = tuple(transformation.name for transformation in own)
            views[name] = shared.setdefault(key, View(len(shared), own))
    return views


def _transformation(model: TransformationModel, conditions: Conditions, values: _Values) -> CompiledTransformation:
    build = settings_builder(model.settings, values.getter, owner=f'of transformation "{model.name}" ')
    when = [conditions.compile(condition) for condition in model.when]
    return CompiledTransformation(model.name, model.component, build, when)


def _compiled_tag(
    tag: TagModel, order: int, triggers: Mapping[str, CompiledTrigger], views: Mapping[str, View], values: _Values
) -> CompiledTag:
    settings, notes = (tag.settings, ()) if values.debug else without_preview_only(tag.settings)
    return CompiledTag(
        name=tag.name,
        order=order,
        component=tag.component,
        triggers=[triggers[name] for name in tag.triggers],
        exceptions=[triggers[name] for name in tag.exceptions],
        consent=tag.consent,
        paused=tag.paused,
        build=settings_builder(settings, values.getter),
        notes=notes,
        view=views.get(tag.name),
        schedule=tag.schedule,
        once_per=tag.once_per,
        once_per_key=None if tag.once_per is None else getter_of(tag.once_per.key, values.getter),
        delivery=tag.delivery,
    )
