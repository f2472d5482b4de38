"""Settings of a tag as a trace shows them: field by field, what was written, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from container.config.annotations import keys_of
from container.config.model import TagModel
from container.engine.attempt import Attempt, attempt
from container.engine.coerce import Lacking
from container.engine.container import CompiledTag
from container.engine.explain import lacking
from container.engine.probes import SettingProbe
from container.engine.resolve import varying_field
from container.engine.scope import Scope
from container.engine.template_getter import Lookup
from container.engine.traced_values import in_words
from container.fields import FromEvent, Settings
from container.outgoing import Address
from container.shape import missing


def probes_of_tag(tag: TagModel, lookup: Lookup) -> Sequence[SettingProbe]:
    """The fields of the tag's settings, those of settings within them too."""
    return [] if tag.settings is None else list(_probes(tag.settings, lookup, (), ""))


def settings_told(probes: Sequence[SettingProbe], tag: CompiledTag, seen: Scope) -> list[dict[str, Any]]:
    """The fields that were written or have a value, as the tag gets them for what it sees of the event.

    Of settings that could not be made, what there was of them.
    """
    made = attempt(tag.build, seen)
    return [row for probe in probes if (row := _row(probe, made, seen))]


def _probes(settings: Settings, lookup: Lookup, path: tuple[str, ...], above: str) -> Iterator[SettingProbe]:
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        here, field = (*path, name), above + keys_of(name, info.validation_alias)[0]
        if isinstance(value, Settings) and not isinstance(value, Address):
            yield from _probes(value, lookup, here, f"{field}.")
            continue
        varying = varying_field(settings, name, lookup)
        written = name in settings.model_fields_set and not isinstance(value, FromEvent)
        yield SettingProbe(
            path=here,
            field=field,
            written=in_words(value) if written else None,
            origin=varying.where if varying else "",
            value=value,
            getter=varying.getter if varying else None,
        )


def _row(probe: SettingProbe, made: Attempt, seen: Scope) -> dict[str, Any] | None:
    found = Attempt(probe.value, ()) if probe.getter is None else attempt(probe.getter, seen)
    value, notes = found.value, [*found.notes, *_notes(probe, made)]
    if isinstance(made.value, Settings):
        value = reduce(getattr, probe.path, made.value)
    shown = in_words(_address(value, seen) if isinstance(value, Address) and value is not probe.value else value)
    if probe.written is None and missing(shown) and not notes:
        return None
    return {
        "field": probe.field,
        "written": probe.written,
        "from": probe.origin,
        "value": shown,
        "notes": list(dict.fromkeys(notes)),
    }


def _address(address: Address, seen: Scope) -> str | None:
    """The whole address, with every value of the event in it."""
    url: str | None = attempt(lambda _scope: address.url, seen).value
    return url


def _notes(probe: SettingProbe, made: Attempt) -> Iterator[str]:
    """What was said about this field when the settings were made."""
    name = ".".join(probe.path)
    yield from (note for note in made.notes if note.startswith(f'"{name}" '))
    if made.raised:
        yield made.notes[-1]
    if isinstance(made.value, Lacking):
        yield from (lacking(lack) for lack in made.value.lacks if f"{lack.field}.".startswith(f"{name}."))
