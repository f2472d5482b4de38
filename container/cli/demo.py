"""`serve --demo`: tags whose references are unset are pointed at the sandbox, with demo values in their place.

Every other tag is left as it is, and so sends to its vendor. What a demonstration leaves in its data folder must never
reach a vendor later, and what waits for a vendor must not meet a demo value: it has a folder of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from container.cli.sources import Sources
from container.config.model import ContainerModel, TagModel
from container.fields import Settings
from container.secret import Secret, SecretText
from container.template import Reference, Template

_PLAIN_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_ENDPOINT_REFERENCE = re.compile(r"""\bendpoint["']?\s*:\s*["']?\$\{([A-Za-z_][A-Za-z0-9_]*)\}""", re.ASCII)

FOLDER = "demo"
"""A demonstration keeps its deliveries in this folder of the data folder."""

MARKER = "DEMONSTRATION"
_MARKED = """\
What is kept here belongs to `serve --demo`: deliveries to the sandbox, with demo values in place of secrets.
Without --demo nothing starts on this folder. It can be deleted while no demonstration runs.
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A container whose unset references have demo values.

    `pointed`: the tags that send to the sandbox. `paused`: tags that cannot be pointed elsewhere. `real`: the tags that
    send to their vendors, with the address if it is known.
    """

    model: ContainerModel
    pointed: Sequence[str] = ()
    paused: Sequence[str] = ()
    real: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completed:
    """Sources in which nothing is unset. `real`: as they were; `values`: what stands for unset environment."""

    real: Sources
    sources: Sources
    values: frozenset[str]

    def unset(self, value: str | Secret) -> bool:
        """Whether a value of the container stands for something that is not set."""
        if isinstance(value, Secret):
            return self.real.secrets(value.name) is None
        return any(demo in value for demo in self.values)


def completed(sources: Sources) -> Completed:
    """The sources, with demo values for whatever the file refers to and is not set. Raises `OSError`."""
    text = sources.path.read_bytes().decode("utf-8", "replace")
    names = set(_PLAIN_REFERENCE.findall(text))
    addresses = set(_ENDPOINT_REFERENCE.findall(text))
    unset = names - sources.environment.keys()
    values = {name: demo_address(name) if name in addresses else demo_value(name) for name in unset}

    def secret(name: str) -> str | None:
        found = sources.secrets(name)
        return demo_secret(name) if found is None else found

    complete = replace(sources, environment={**sources.environment, **values}, secrets=secret)
    return Completed(sources, complete, frozenset(values.values()))


def demo_value(name: str) -> str:
    """What an unset environment variable holds: it has to pass for an account's number, such as a pixel's code."""
    return f"DEMO{re.sub('[^A-Z0-9]', '', name.upper())}".ljust(16, "0")[:32]


def demo_address(name: str) -> str:
    """What an unset environment variable holds where an address has to be. Nothing is ever sent there."""
    return f"https://{name.lower().replace('_', '-')}.invalid/"


def demo_folder(data: Path) -> Path:
    """The data folder of a demonstration, made and marked as one. Raises `OSError`."""
    folder = data / FOLDER
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / MARKER).write_text(_MARKED, encoding="utf-8")
    return folder


def is_demo_folder(data: Path) -> bool:
    """Whether a demonstration has kept its deliveries here."""
    return (data / MARKER).exists()


def demo_secret(name: str) -> str:
    """What an unset secret holds."""
    return f"demo-{name.lower()}"


def pointed_at(model: ContainerModel, complete: Completed, endpoints: Mapping[str, str]) -> Demo:
    """Points each tag with a demo value in it at the endpoint of its type; pauses it when there is none.

    `endpoints`: by the vendor's name, with which the type begins.
    """
    tags: dict[str, TagModel] = {}
    pointed, paused, real = [], [], {}
    for name, tag in model.tags.items():
        if not any(complete.unset(value) for value in _values(tag.settings, model, set())):
            tags[name] = tag
            if not tag.paused:
                real[name] = tag.address
            continue
        endpoint = next((url for vendor, url in endpoints.items() if tag.component.type.startswith(vendor)), None)
        if endpoint is None or tag.settings is None or "endpoint" not in type(tag.settings).model_fields:
            tags[name] = replace(tag, paused=True)
            paused.append(name)
        else:
            tags[name] = replace(tag, settings=tag.settings.model_copy(update={"endpoint": endpoint}))
            pointed.append(name)
    return Demo(replace(model, tags=tags), pointed, paused, real)


def _values(value: Any, model: ContainerModel, seen: set[str]) -> Iterator[str | Secret]:
    """Every text and secret in a value, also in the variables that it refers to, each of them once."""
    if isinstance(value, (str, Secret)):
        yield value
    elif isinstance(value, Reference):
        variable = _variable_of(value.name, model)
        if variable is not None and variable not in seen:
            seen.add(variable)
            yield from _values(model.variables[variable].settings, model, seen)
    else:
        for member in _members(value):
            yield from _values(member, model, seen)


def _members(value: Any) -> Iterable[Any]:
    match value:
        case SecretText() | Template():
            return value.parts
        case Settings():
            return [getattr(value, field) for field in type(value).model_fields]
        case Mapping():
            return value.values()
        case list() | tuple() | set() | frozenset():
            return value
    return ()


def _variable_of(name: str, model: ContainerModel) -> str | None:
    """The variable that a reference starts with."""
    if name in model.variables:
        return name
    owners = [each for each in model.variables if name.startswith(f"{each}.")]
    return max(owners, key=len, default=None)
