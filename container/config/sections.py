"""The sections of a container file: each named thing becomes its model, and what is wrong with it is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from container.component import Component, Kind
from container.config.annotations import fields_of
from container.config.conditions import conditions
from container.config.draft import Draft, Owner
from container.config.fill import filled
from container.config.hints import for_thing
from container.config.keys import (
    LATER,
    LATER_TYPES,
    NO_TYPES,
    NOT_NEEDED,
    ClientKeys,
    TagKeys,
    TransformationKeys,
    TriggerKeys,
    VariableKeys,
)
from container.config.model import (
    ClientModel,
    Condition,
    Delivery,
    Format,
    Group,
    OncePer,
    Schedule,
    TagModel,
    TransformationModel,
    TriggerModel,
    VariableModel,
)
from container.config.source import EMPTY, Entry, Listing, Node, Scalar, Table
from container.config.validate import NOT_YET, report_unknown_key, validated
from container.config.values import ANYTHING, plain_table
from container.config.words import for_type
from container.fields import Settings
from container.shape import text

M = TypeVar("M")
K = TypeVar("K", bound=Settings)


@dataclass(frozen=True, slots=True)
class Read(Generic[M]):
    """A named thing with what the file says of it. `model` is `None` when something is wrong with it."""

    owner: Owner
    entries: Mapping[str, Entry]
    model: M | None


def table(draft: Draft, node: Node, what: str, hint: str = "") -> Table:
    """The node as a mapping; an empty one when nothing is there or, after a report, when it is something else."""
    if isinstance(node, Table):
        return node
    if not (isinstance(node, Scalar) and node.value is None):
        draft.report("wrong-type", node.place, f"{what} takes a mapping", hint=hint)
    return EMPTY


def clients(draft: Draft, section: Table) -> Mapping[str, Read[ClientModel]]:
    return _each(draft, section, "client", _client)


def variables(draft: Draft, section: Table) -> Mapping[str, Read[VariableModel]]:
    return _each(draft, section, "variable", _variable)


def triggers(draft: Draft, section: Table) -> Mapping[str, Read[TriggerModel]]:
    return _each(draft, section, "trigger", _trigger)


def tags(draft: Draft, section: Table) -> Mapping[str, Read[TagModel]]:
    return _each(draft, section, "tag", _tag)


def transformations(
    draft: Draft, section: Table, tags: Mapping[str, Read[TagModel]]
) -> Mapping[str, Read[TransformationModel]]:
    """`tags`: those of the file, which transformations name."""
    return _each(draft, section, "transformation", partial(_transformation, tags=tags))


def named_nodes(entry: Entry | None) -> Sequence[Node]:
    """The nodes of a list of names, or of the single one."""
    if entry is None:
        return ()
    return entry.value.items if isinstance(entry.value, Listing) else (entry.value,)


def _each(
    draft: Draft, section: Table, kind: Kind, read: Callable[[Draft, Owner, Mapping[str, Entry]], M | None]
) -> Mapping[str, Read[M]]:
    found = {}
    for name, entry in section.entries.items():
        owner = Owner(kind, name, entry.key.place)
        there = isinstance(entry.value, Table) or _is_empty(entry)
        entries = table(draft, entry.value, str(owner), for_thing(kind, entry.value)).entries
        found[name] = Read(owner, entries, read(draft, owner, entries) if there else None)
    return found


def _client(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> ClientModel | None:
    component = _component(draft, owner, entries, "client")
    keys, settings = _parts(draft, owner, entries, ClientKeys, component)
    if component is None or keys is None or settings is None:
        return None
    default = None if keys.consent is None else keys.consent.default
    return ClientModel(owner.name, component, settings, keys.priority, default)


def _variable(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> VariableModel | None:
    component = _component(draft, owner, entries, "variable")
    keys, settings = _parts(draft, owner, entries, VariableKeys, component)
    if component is None or keys is None or settings is None:
        return None
    return VariableModel(owner.name, component, settings, None if keys.format is None else Format(**dict(keys.format)))


def _trigger(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> TriggerModel | None:
    has_type = "type" in entries
    component = _component(draft, owner, entries, "trigger") if has_type else draft.registry.find("trigger", "event")
    _need_events(draft, owner, entries)
    keys, settings, found = _with_conditions(draft, owner, entries, TriggerKeys, component)
    if component is None or keys is None or settings is None:
        return None
    return TriggerModel(owner.name, component, settings, keys.events, keys.events_matching, found, keys.sample_percent)


def _tag(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> TagModel | None:
    component = _component(draft, owner, entries, "tag")
    _need_triggers(draft, owner, entries)
    keys, settings = _parts(draft, owner, entries, TagKeys, component)
    if component is not None:
        _need_consent(draft, owner, entries.get("consent"), declared=component.consent_declared)
    if component is None or keys is None or settings is None:
        return None
    stated = component.consent if keys.consent is None else keys.consent
    consent = tuple(name for name in stated if name != NOT_NEEDED)
    return TagModel(
        name=owner.name,
        component=component,
        settings=settings,
        triggers=keys.triggers,
        exceptions=keys.exceptions,
        consent=consent,
        priority=keys.priority,
        paused=keys.paused,
        schedule=None if keys.schedule is None else Schedule(**dict(keys.schedule)),
        once_per=None if keys.once_per is None else OncePer(**dict(keys.once_per)),
        delivery=Delivery() if keys.delivery is None else Delivery(**dict(keys.delivery)),
    )


def _transformation(
    draft: Draft, owner: Owner, entries: Mapping[str, Entry], tags: Mapping[str, Read[TagModel]]
) -> TransformationModel | None:
    component = _component(draft, owner, entries, "transformation")
    keys, settings, found = _with_conditions(draft, owner, entries, TransformationKeys, component)
    _check_targets(draft, owner, entries, tags)
    if component is None or keys is None or settings is None:
        return None
    kinds = {name: each.model.component.type for name, each in tags.items() if each.model is not None}
    wanted = keys.tags or keys.tag_types
    seeing = [name for name, kind in kinds.items() if not wanted or name in keys.tags or kind in keys.tag_types]
    seen_by = tuple(name for name in seeing if name not in keys.except_tags)
    return TransformationModel(owner.name, component, settings, seen_by, found, keys.priority)


def _check_targets(
    draft: Draft, owner: Owner, entries: Mapping[str, Entry], tags: Mapping[str, Read[TagModel]]
) -> None:
    """Reports names of tags, and of types of tags, that do not exist."""
    lines = {name: each.owner.place.line for name, each in tags.items()}
    types = draft.registry.types("tag")
    for key in ("tags", "except_tags", "tag_types"):
        for node in named_nodes(entries.get(key)):
            name = node.value if isinstance(node, Scalar) else None
            if not isinstance(name, str):
                continue
            if key != "tag_types" and name not in lines:
                sentence = f'{owner} names the tag "{name}", which does not exist'
                draft.report("unknown-tag", node.place, sentence, hint=draft.suggest(name, lines))
            if key == "tag_types" and name not in types:
                sentence = f'{owner}: there is no tag type "{name}"'
                hint = for_type(name, types) or draft.suggest(name, types) or f"the types are {', '.join(types)}"
                draft.report("unknown-type", node.place, sentence, hint=hint)


def _need_triggers(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> None:
    entry = entries.get("triggers")
    if _is_empty(entry):
        place = owner.place if entry is None else entry.key.place
        hint = "name one under `triggers`; a trigger without `events` hears every event"
        draft.report("no-triggers", place, f"{owner} has no trigger, so it could never fire", hint=hint)
        if entry is not None:
            draft.spoiled.add(entry.value.place)


def _need_consent(draft: Draft, owner: Owner, entry: Entry | None, *, declared: bool) -> None:
    for node in named_nodes(entry):
        if isinstance(node, Scalar) and node.text.casefold() in NO_TYPES and node.value is not None:
            hint = "write `not_needed`, or a list of consent types, such as [ad_storage]"
            sentence = f'{owner}: "{node.text}" is no consent type'
            draft.report("wrong-type", node.place, sentence, hint=hint)
            draft.spoiled.add(node.place)
    written = entry is not None and isinstance(entry.value, Listing)
    if not _is_empty(entry) or (declared and not written):
        return
    place = entry.value.place if written and entry is not None else owner.place
    hint = "write `consent:` with a list of consent types, or `consent: not_needed`"
    draft.report("consent-missing", place, f"{owner}: nothing says which consent it needs", hint=hint)


def _need_events(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> None:
    for key in ("events", "events_matching"):
        entry = entries.get(key)
        if entry is not None and _is_empty(entry):
            hint = "name one, or take the line out: a trigger without `events` hears every event"
            place = entry.value.place if isinstance(entry.value, Listing) else entry.key.place
            draft.report("missing-field", place, f'{owner}: "{key}" names no event', hint=hint)
            draft.spoiled.add(entry.value.place)


def _is_empty(entry: Entry | None) -> bool:
    return all(isinstance(node, Scalar) and node.value is None for node in named_nodes(entry))


def _component(draft: Draft, owner: Owner, entries: Mapping[str, Entry], kind: Kind) -> Component | None:
    entry = entries.get("type")
    if entry is None:
        draft.report("missing-field", owner.place, f'{owner}: the field "type" is missing')
        return None
    stated = entry.value
    if isinstance(stated, Scalar) and stated.value in (None, ""):
        draft.report("missing-field", stated.place if stated.raw else entry.key.place, f'{owner}: "type" is empty')
        return None
    if not isinstance(stated, Scalar):
        draft.report("wrong-type", stated.place, f'{owner}: "type" takes text')
        return None
    name = text(filled(draft, stated, "fixed", owner))
    component = draft.registry.find(kind, name)
    if component is None and stated.place not in draft.spoiled:
        types = draft.registry.types(kind)
        hint = NOT_YET if name in LATER_TYPES.get(kind, ()) else for_type(name, types) or draft.suggest(name, types)
        known = f"the types are {', '.join(types)}"
        sentence = f'{owner}: there is no {kind} type "{stated.text}"'
        draft.report("unknown-type", stated.place, sentence, hint=hint or known)
    return component


def _parts(
    draft: Draft,
    owner: Owner,
    entries: Mapping[str, Entry],
    model: type[K],
    component: Component | None,
    known: Sequence[str] = (),
) -> tuple[K | None, Settings | None]:
    """The common keys and the component's own settings."""
    common = fields_of(model)
    shared = {key: entry for key, entry in entries.items() if key in common and key != "type"}
    own = {key: entry for key, entry in entries.items() if key not in common}
    later = LATER[owner.kind]
    keys = _common(draft, model, shared, owner)
    if component is None:
        # Its keys cannot be judged, but what they refer to is in use.
        for key in [key for key in own if key in later]:
            report_unknown_key(draft, key, own[key].key.place, owner, later=later)
        plain_table(draft, own, dict.fromkeys(own, ANYTHING), owner=owner)
        return keys, None
    settings = component.settings or Settings
    return keys, validated(draft, settings, own, owner=owner, known=[*common, *known], later=later)


def _with_conditions(
    draft: Draft, owner: Owner, entries: Mapping[str, Entry], model: type[K], component: Component | None
) -> tuple[K | None, Settings | None, tuple[Condition | Group, ...]]:
    """As `_parts`, of a thing that may have conditions under `when`."""
    rest = {key: entry for key, entry in entries.items() if key != "when"}
    keys, settings = _parts(draft, owner, rest, model, component, known=["when"])
    when = entries.get("when")
    found = () if when is None else conditions(draft, when.value, owner=owner, place=when.key.place)
    return keys, settings, found


def _common(draft: Draft, model: type[K], entries: Mapping[str, Entry], owner: Owner) -> K | None:
    written = {"type": _TYPE} | dict(entries)
    return validated(draft, model, written, owner=owner)


_TYPE = Entry(Scalar(EMPTY.place, "type", "type"), Scalar(EMPTY.place, "given", "given"))
