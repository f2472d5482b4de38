"""How far the file in force reaches, and where a draft would reach further."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from container.address import canonical_address
from container.component import Component
from container.config.fill import environment_places
from container.config.load import Loaded, Secrets, load
from container.config.model import Condition, ContainerModel, Group
from container.config.problem import LINE_BREAK, Problem, in_order, problem
from container.config.references import resolve
from container.config.registry import MODULES, PACKAGES, Registry
from container.config.source import Entry, Listing, Node, Scalar, Table, read
from container.delivery.egress import allowed
from container.url import url_parts

SECRET = "secret:"  # noqa: S105  # how a reference to one begins
_REFERENCE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_NEAR = (".local", ".internal", ".localhost", ".lan", ".home.arpa")
"""How names end that mean something on the own network only."""

_ADDRESSES = ("endpoint", "url")
"""The fields in which a tag says where it sends."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a draft may use. `names`: `NAME` of the environment and `secret:NAME`. `hosts`: with their ports.

    `registry`: without the plug-ins that the live file does not use; `all`: with them.
    """

    names: frozenset[str]
    hosts: frozenset[str]
    registry: Registry
    all: Registry
    _environment: Mapping[str, str]
    _secrets: Secrets

    def environment(self, asked: set[str]) -> Mapping[str, str]:
        """The environment, as far as it may be used. `asked`: gets the names that may not be, and were asked for."""
        known = {name: value for name, value in self._environment.items() if name in self.names}

        def ask(name: str) -> None:
            if name not in self.names:
                asked.add(name)

        return _Watched(known, ask)

    def secret(self, asked: set[str]) -> Secrets:
        """The secrets, in the same way."""

        def secret(name: str) -> str | None:
            if SECRET + name in self.names:
                return self._secrets(name)
            asked.add(SECRET + name)
            return None

        return secret


def reach_of(
    text: str, model: ContainerModel, registry: Registry, environment: Mapping[str, str], secrets: Secrets
) -> Reach:
    """How far a file reaches that was loaded without errors: it is read once more, and what it asks for is noted."""
    asked: set[str] = set()

    def secret(name: str) -> str | None:
        asked.add(SECRET + name)
        return secrets(name)

    found = load(
        text,
        filename="",
        registry=registry,
        environment=_Watched(environment, asked.add),
        secrets=secret,
        strict_environment=True,
    )
    # In a demonstration the container in force sends elsewhere than its file says: both count.
    models = [model] if found.model is None else [model, found.model]
    hosts = frozenset(origin(tag.address) for each in models for tag in each.tags.values() if tag.address)
    return Reach(frozenset(asked), hosts, _within(registry, model), registry, environment, secrets)


def beyond(text: str, found: Loaded, reach: Reach, asked: Container[str]) -> tuple[tuple[Problem, ...], bool]:
    """The problems of a draft, with those of reaching too far, and whether there are any of these.

    `asked`: what it asked for and may not have.
    """
    root = read(text).root
    refused = [] if root is None else [*_names(root, asked), *_sent_elsewhere(root, found.model, reach)]
    places = {(each.line, each.column, each.code) for each in refused}
    others = [each for each in found.problems if (each.line, each.column, each.code) not in places]
    return in_order([*refused, *(_told(each, text, reach) for each in others)]), bool(refused)


def origin(address: str) -> str:
    """Where an address leads, whatever is asked for there."""
    parts = url_parts(address)
    return f"{parts.protocol}://{parts.hostname}:{parts.port}"


class _Watched(dict[str, str]):
    """An environment that tells which names are asked for."""

    def __init__(self, values: Mapping[str, str], asked: Callable[[str], object]) -> None:
        super().__init__(values)
        self._asked = asked

    def get(self, key: str, default: Any = None, /) -> Any:
        self._asked(key)
        return super().get(key, default)


def _names(root: Node, asked: Container[str]) -> Iterator[Problem]:
    """References to what the live file does not use."""
    for scalar in _scalars(root):
        for name, place in environment_places(scalar):
            if name in asked:
                kind = "secret" if name.startswith(SECRET) else "environment variable"
                sentence = f'the live file does not use the {kind} "{name.removeprefix(SECRET)}", so a draft may not'
                hint = "write the value itself, or let the operator put it into the live file first"
                if kind == "secret":
                    hint = "use a secret that the live file uses, or let the operator put it into the live file first"
                yield problem("missing-environment", place, sentence, hint=hint, level="error")


def _sent_elsewhere(root: Node, model: ContainerModel | None, reach: Reach) -> Iterator[Problem]:
    """Tags that would send to private addresses, or secrets to addresses, to which the live file sends nothing."""
    variables = _section(root, "variables")
    holding = _holding_secrets(variables)
    tags = _section(root, "tags")
    for name, tag in {} if model is None else model.tags.items():
        if not tag.address or origin(tag.address) in reach.hosts:
            continue
        node = tags[name].value
        stated = _stated(node)
        if stated is None:
            # The vendor's own address, which the type of the tag knows.
            continue
        if _is_near(url_parts(tag.address).hostname):
            sentence = f'tag "{name}": the live file sends nothing to this private address, so a draft may not'
            hint = "write an address that the live file sends to, or a public one"
            yield problem("wrong-type", stated.place, sentence, hint=hint)
        elif _states_secret(node) or not holding.isdisjoint(_used(node, variables)):
            sentence = f'tag "{name}": the live file sends nothing to this address, so a draft sends no secret to it'
            hint = "write an address that the live file sends to, or take the secret out"
            yield problem("secret-leak", stated.place, sentence, hint=hint)


def _stated(node: Node) -> Node | None:
    """The address that the file states, `None` where it states none."""
    fields = node.entries if isinstance(node, Table) else {}
    return next((fields[key].value for key in _ADDRESSES if key in fields), None)


def _holding_secrets(variables: Mapping[str, Entry]) -> frozenset[str]:
    """The variables whose value may hold a secret, their own or one of a variable that they refer to."""
    users: dict[str, list[str]] = {}
    waiting: list[str] = []
    for name, entry in variables.items():
        if _states_secret(entry.value):
            waiting.append(name)
        for used in _used(entry.value, variables):
            users.setdefault(used, []).append(name)
    found = set(waiting)
    while waiting:
        new = [user for user in users.get(waiting.pop(), ()) if user not in found]
        found.update(new)
        waiting += new
    return frozenset(found)


def _states_secret(node: Node) -> bool:
    return any(name.startswith(SECRET) for scalar in _scalars(node) for name, _ in environment_places(scalar))


def _used(node: Node, variables: Container[str]) -> Iterator[str]:
    """The variables that any text in it means, by the rule that the loader goes by."""
    for scalar in _scalars(node):
        # A field that takes the name of a variable takes it without braces, too.
        for name in (scalar.text, *(found[1] for found in _REFERENCE.finditer(scalar.text))):
            target = resolve(name, variables)
            if target is not None and target.kind == "variable":
                yield target.name


def _told(each: Problem, text: str, reach: Reach) -> Problem:
    """A type that is there, but not for this draft, is said to be so."""
    if each.code != "unknown-type":
        return each
    line = LINE_BREAK.split(text)[each.line - 1]
    stated = line[each.column - 1 : each.column - 1 + each.length].strip("\"'")
    if stated not in {kind_type[1] for kind_type in reach.all.components.keys() - reach.registry.components.keys()}:
        return each
    hint = "use a type that the live file uses, or one that comes with this program"
    return replace(each, sentence=f'the live file does not use the plug-in "{stated}", so a draft may not', hint=hint)


def _within(registry: Registry, model: ContainerModel) -> Registry:
    """The components that come with this program, and the plug-ins that the model uses."""
    used = {(each.kind, each.type) for each in _components(model)}
    kept = {key: each for key, each in registry.components.items() if key in used or _is_ours(each)}
    operators = {
        name: found
        for name, found in registry.operators.items()
        if _is_ours(found[0]) or (found[0].kind, found[0].type) in used
    }
    return Registry(MappingProxyType(kept), MappingProxyType(operators))


def _is_ours(component: Component) -> bool:
    module = component.function.__module__
    return module.partition(".")[0] in PACKAGES or module in MODULES


def _components(model: ContainerModel) -> Iterator[Component]:
    yield from (each.component for each in model.clients.values())
    yield from (each.component for each in model.variables.values())
    yield from (each.component for each in model.tags.values())
    for trigger in model.triggers.values():
        if trigger.component is not None:
            yield trigger.component
        yield from _operators(trigger.when)
    for each in model.transformations.values():
        yield each.component
        yield from _operators(each.when)


def _operators(conditions: Iterable[Condition | Group]) -> Iterator[Component]:
    for each in conditions:
        if isinstance(each, Group):
            yield from _operators(each.members)
        else:
            yield from (check.operator for check in each.checks)


def _section(root: Node, name: str) -> Mapping[str, Entry]:
    entry = root.entries.get(name) if isinstance(root, Table) else None
    return entry.value.entries if entry is not None and isinstance(entry.value, Table) else {}


def _scalars(root: Node) -> Iterator[Scalar]:
    """Every single value, keys too; what is reached through aliases comes once for each node."""
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, Listing):
            waiting += node.items
        else:
            waiting += [each for entry in node.entries.values() for each in (entry.key, entry.value)]


def _is_near(host: str) -> bool:
    address = canonical_address(host)
    if address is not None:
        return not allowed(address)
    name = host.rstrip(".")
    return "." not in name or name.endswith(_NEAR)
