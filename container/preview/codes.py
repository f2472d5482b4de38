"""The vendors' test codes of a session, put into the fields of tags that are there for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from container.component import Component
from container.engine.coerce import Lacking
from container.engine.container import CompiledTag, Container, Hearing
from container.engine.probes import Probes
from container.engine.resolve import Build
from container.engine.scope import Scope
from container.fields import Settings, is_preview_only


def with_test_codes(container: Container, codes: Mapping[str, str]) -> Container:
    """The container with these codes, by name of the tag. Tags without a field for one stay as they are."""
    fields = {tag.name: field for tag in container.tags if tag.name in codes and (field := code_field(tag.component))}
    if not fields:
        return container
    tags = [_with(tag, {fields[tag.name]: codes[tag.name]}) if tag.name in fields else tag for tag in container.tags]
    probes = None if container.probes is None else _told(container.probes, fields, codes)
    return replace(container, tags=tags, hearing=Hearing(tags), probes=probes)


def code_field(component: Component) -> str | None:
    """The field of a tag's settings that takes a test code."""
    members = component.settings.model_fields.items() if component.settings is not None else ()
    return next((name for name, info in members if is_preview_only(info)), None)


def _with(tag: CompiledTag, code: Mapping[str, str]) -> CompiledTag:
    build: Build = tag.build

    def build_with_code(scope: Scope) -> Settings | Lacking:
        settings = build(scope)
        return settings if isinstance(settings, Lacking) else settings.model_copy(update=code)

    return replace(tag, build=build_with_code)


def _told(probes: Probes, fields: Mapping[str, str], codes: Mapping[str, str]) -> Probes:
    """So that a trace tells the code as the field's value, too."""
    settings = dict(probes.settings)
    for tag, field in fields.items():
        settings[tag] = [
            replace(probe, value=codes[tag], getter=None) if probe.path == (field,) else probe
            for probe in settings.get(tag, ())
        ]
    return replace(probes, settings=settings)
