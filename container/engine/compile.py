"""From a container as it was read to closures. Everything that can be decided before a hit comes is decided here."""

from __future__ import annotations

from collections.abc import Mapping

from container.config.literals import literals_of
from container.config.model import (
    ClientModel,
    ConsentDefault,
    ContainerModel,
    TagModel,
    TransformationModel,
)
from container.engine.container import (
    CompiledClient,
    CompiledTag,
    CompiledTransformation,
    CompiledTrigger,
    Container,
    Hearing,
    View,
)
from container.engine.match import Conditions, compile_trigger
from container.engine.preview_only import without_preview_only
from container.engine.probes import Probes
from container.engine.resolve import getter_of, settings_builder
from container.engine.scope import ConsentDefaults
from container.engine.traced_settings import probes_of_tag
from container.engine.traced_variables import probe_of
from container.engine.values import Values
from container.engine.view import in_order
from container.fields import Settings
from container.url import longer_paths


def compile_container(model: ContainerModel, *, debug: bool = False) -> Container:
    """The compiled form of a container that was loaded without errors. `debug`: whether this is a preview."""
    values = Values(model, debug=debug)
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
        probes=_probes(model, values) if debug else None,
        slots=values.slots,
        debug=debug,
    )


def _compiled_clients(model: ContainerModel, values: Values) -> list[CompiledClient]:
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


def _consent_defaults(default: ConsentDefault, otherwise: ConsentDefault, values: Values) -> ConsentDefaults:
    """A client's own mapping leaves the types that it does not name to the container's default."""
    if not isinstance(default, Mapping):
        return ConsentDefaults({}, getter_of(default, values.getter))
    base = otherwise if isinstance(otherwise, Mapping) else {}
    rest = "denied" if isinstance(otherwise, Mapping) else otherwise
    members = {name: getter_of(state, values.getter) for name, state in {**base, **default}.items()}
    return ConsentDefaults(members, getter_of(rest, values.getter))


def _views(model: ContainerModel, conditions: Conditions, values: Values) -> Mapping[str, View]:
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


def _transformation(model: TransformationModel, conditions: Conditions, values: Values) -> CompiledTransformation:
    build = settings_builder(model.settings, values.getter, owner=f'of transformation "{model.name}" ')
    when = [conditions.compile(condition) for condition in model.when]
    return CompiledTransformation(model.name, model.component, build, when)


def _compiled_tag(
    tag: TagModel, order: int, triggers: Mapping[str, CompiledTrigger], views: Mapping[str, View], values: Values
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


def _probes(model: ContainerModel, values: Values) -> Probes:
    """What a trace reads of values that are compiled already: nothing here is computed for an event."""
    variables = [probe_of(name, slot, values) for name, slot in values.named.items()]
    settings = {tag.name: probes_of_tag(tag, values.getter) for tag in model.tags.values()}
    return Probes(variables, settings, frozenset(literals_of(model)))
