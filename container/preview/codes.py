"""The vendors' test codes of a session, put into the fields of tags that are there for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from container.component import Component
from container.engine.coerce import Lacking
from container.engine.container import CompiledTag, Container, Hearing
from container.engine.probes import Probes
from container.engine.resolve import Build
from container.engine.scope import Scope
from container.fields import Settings, dynamic_kind, is_preview_only

_CODE = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_NO_CODE = "A test code has letters and digits alone, 64 at most, such as TEST12345. Copy it from the vendor's page."


class CodesError(ValueError):
    """Test codes that cannot be. `faults`: by name of the tag, what is said about its code."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(f'Tag "{tag}": {sentence}' for tag, sentence in faults.items()))
        self.faults = faults


def codes_of(stated: Mapping[str, str], tags: Collection[str]) -> dict[str, str]:
    """The codes of these tags, as somebody wrote them; empty ones are none. Raises `CodesError`."""
    codes = {tag: code.strip() for tag, code in stated.items() if tag in tags and code.strip()}
    faults = {tag: _NO_CODE for tag, code in codes.items() if not _CODE.fullmatch(code)}
    if faults:
        raise CodesError(faults)
    return codes


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
    return next((name for name, info in _preview_only(component) if dynamic_kind(info) is not bool), None)


def switch(component: Component) -> dict[str, str]:
    """What a tag without test codes may have instead: the `field` that marks its events, and what that `does`."""
    found = (each for each in _preview_only(component) if dynamic_kind(each[1]) is bool)
    about = ({"field": name, "does": (info.description or "").partition(". ")[0]} for name, info in found)
    return {} if code_field(component) else next(about, {})


def _preview_only(component: Component) -> Iterator[tuple[str, Any]]:
    members = component.settings.model_fields.items() if component.settings is not None else ()
    return ((name, info) for name, info in members if is_preview_only(info))


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
