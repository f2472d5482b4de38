"""From the text of a container file to its model: complete, or not at all, with everything that is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from container.config.clients import check_clients
from container.config.consent import check_consent
from container.config.draft import Draft, Owner
from container.config.fires import check_fires
from container.config.forms import check_forms
from container.config.habits import check_conditions, check_parameters, check_tables, check_tags
from container.config.hide import hidden_in, without_secrets
from container.config.hints import as_list
from container.config.keys import LATER, TOP, VERSION, ConsentKeys, ContainerKeys
from container.config.lint import lint
from container.config.members import check_members
from container.config.model import ConsentDefault, ContainerModel, TagModel, TriggerModel, VariableModel
from container.config.problem import (
    LINE_BREAK,
    Level,
    Place,
    Problem,
    as_github,
    as_json,
    as_text,
    in_order,
    without_outdone,
)
from container.config.problem import problem as new_problem
from container.config.references import check_names, check_references, check_secrets
from container.config.registry import Registry
from container.config.sections import Read, clients, named_nodes, table, tags, transformations, triggers, variables
from container.config.source import EMPTY, LARGEST_FILE, Entry, Scalar, Source, Table, read
from container.config.stories import stories
from container.config.validate import report_unknown_key, validated

M = TypeVar("M")

_EXAMPLES = {"consent": "`consent: {default: denied}`", "container": "`container: {name: My Shop}`"}

DIGEST_LENGTH = 12

Secrets = Callable[[str], str | None]
"""Gives the value of a secret by name, `None` when it is not set."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file as it was read. `model` is `None` when any of the problems is an error.

    `hidden`: where a secret stands in plain text, which no report shows.
    """

    filename: str
    text: str
    model: ContainerModel | None
    problems: tuple[Problem, ...]
    hidden: tuple[Place, ...] = ()

    def report(self, form: str = "text") -> str:
        """The problems as `text` for people, as `json` for programs, or as annotations for `github`."""
        if form == "json":
            return as_json(self.problems, filename=self.filename)
        if form == "github":
            return as_github(self.problems, filename=self.filename)
        return as_text(self.problems, filename=self.filename, text=self.text, hidden=self.hidden)


def load(
    text: str,
    *,
    filename: str,
    registry: Registry,
    environment: Mapping[str, str],
    secrets: Secrets,
    strict_environment: bool,
    folder: Path | None = None,
) -> Loaded:
    """Reads a container. `strict_environment`: an unset reference is an error, else a warning. Never raises.

    `folder`: where the files with the hits of its tests are; tests that need files are left out without it.
    """
    source = read(text)
    draft = Draft(registry, environment, secrets, strict_environment, folder=folder)
    draft.problems += source.problems
    model = _model(draft, source, text)
    problems = without_outdone(in_order(draft.problems))
    if not problems:
        return Loaded(filename, text, model, ())
    complete = not any(each.level == "error" for each in problems)
    hidden = (*draft.hidden, *hidden_in(text, draft.secret_fields))
    return Loaded(filename, text, model if complete else None, without_secrets(problems, text, hidden), hidden)


def load_file(
    path: Path, *, registry: Registry, environment: Mapping[str, str], secrets: Secrets, strict_environment: bool
) -> Loaded:
    """Reads a container file in UTF-8. Raises `OSError` when there is none.

    Who is strict means to serve it, and does not depend on the files of its tests: they are not read.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 4)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        if len(content) <= LARGEST_FILE:
            text = content.decode(errors="replace")
            found = (not_utf_8(content, reason.start),)
            return Loaded(str(path), text, None, found, tuple(hidden_in(text, registry.secret_fields())))
        text = content.decode(errors="replace")
    return load(
        text,
        filename=str(path),
        registry=registry,
        environment=environment,
        secrets=secrets,
        strict_environment=strict_environment,
        folder=None if strict_environment else path.parent,
    )


def not_utf_8(content: bytes, position: int) -> Problem:
    """What is wrong with a file whose text cannot be read from this byte on."""
    before = LINE_BREAK.split(content[:position].decode("utf-8-sig", errors="replace"))
    place = Place(len(before), len(before[-1]) + 1)
    return new_problem("yaml-syntax", place, "the file is not UTF-8 here", hint="save it as UTF-8")


def _model(draft: Draft, source: Source, text: str) -> ContainerModel | None:
    if source.root is None:
        return None
    root = table(draft, source.root, "the file")
    if not root.entries:
        if not draft.problems:
            draft.report("missing-field", Place(1, 1), "there is nothing in this file", hint="begin with `version: 1`")
        return None
    _check_top(draft, root)
    named = _section(draft, root, "container")
    about = validated(draft, ContainerKeys, named.entries, owner=_owner(root, "container"))
    consent = validated(draft, ConsentKeys, _section(draft, root, "consent").entries, owner=_owner(root, "consent"))
    found_clients = clients(draft, _section(draft, root, "clients"))
    found_variables = variables(draft, _section(draft, root, "variables"))
    found_triggers = triggers(draft, _section(draft, root, "triggers"))
    found_tags = tags(draft, _section(draft, root, "tags"))
    found_transformations = transformations(draft, _section(draft, root, "transformations"), found_tags)
    declared = {name: each.owner for name, each in found_variables.items()}
    check_names(draft, declared)
    if check_references(draft, declared):
        _check_values(draft, found_variables, declared)
    _check_clients(draft, root)
    _check_triggers(draft, found_tags, found_triggers)
    tests = stories(draft, _section(draft, root, "tests"), found_tags)
    default: ConsentDefault = "denied" if consent is None else consent.default
    check_consent(draft, found_clients, found_tags, entry=root.entries.get("consent"), default=default)
    lint(draft, found_clients, found_variables, found_triggers, found_tags)
    check_fires(draft, found_triggers, found_tags)
    check_tags(draft, found_tags, found_variables)
    check_forms(draft, found_tags)
    check_clients(draft, found_clients)
    check_tables(draft, found_variables)
    for having in (found_triggers, found_transformations):
        for each in having.values():
            check_conditions(draft, each.owner, each.entries)
    check_parameters(draft, found_transformations)
    return ContainerModel(
        name="" if about is None else about.name,
        id="" if about is None else about.id,
        version=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH],
        consent_default=default,
        clients=_models(found_clients),
        variables=_models(found_variables),
        triggers=_models(found_triggers),
        tags=_models(found_tags),
        transformations=_models(found_transformations),
        tests=tests,
    )


def _models(found: Mapping[str, Read[M]]) -> Mapping[str, M]:
    return MappingProxyType({name: each.model for name, each in found.items() if each.model is not None})


def _section(draft: Draft, root: Table, name: str) -> Table:
    entry = root.entries.get(name)
    if entry is None:
        return EMPTY
    example = _EXAMPLES.get(name, "names as keys, each with what belongs to it below")
    return table(draft, entry.value, f'"{name}"', f"write {example}")


def _owner(root: Table, name: str) -> Owner:
    entry = root.entries.get(name)
    return Owner(name, "", EMPTY.place if entry is None else entry.key.place)


def _check_top(draft: Draft, root: Table) -> None:
    owner = Owner("the file", "", EMPTY.place)
    for key, entry in root.entries.items():
        if key not in TOP:
            report_unknown_key(draft, key, entry.key.place, owner, known=TOP, later=LATER[""])
    version = root.entries.get("version")
    if version is not None and not _is_version(version):
        sentence = f"this program reads version {VERSION} of the container language"
        draft.report("wrong-type", version.value.place, sentence, hint=f"write `version: {VERSION}`")


def _is_version(entry: Entry) -> bool:
    return isinstance(entry.value, Scalar) and entry.value.value is not True and entry.value.value == VERSION


def _check_values(draft: Draft, found: Mapping[str, Read[VariableModel]], declared: Mapping[str, Owner]) -> None:
    """What can be said of the values of variables: their members, and the secrets among them."""
    models = {name: each.model for name, each in found.items() if each.model is not None}
    broken = found.keys() - models.keys()
    opaque = broken | {name for name, model in models.items() if model.format is not None}
    lost = check_members(draft, declared, {name: model.component for name, model in models.items()}, opaque=opaque)
    check_secrets(draft, declared, broken=broken, lost=lost)


def _check_clients(draft: Draft, root: Table) -> None:
    entry = root.entries.get("clients")
    node = EMPTY if entry is None else entry.value
    if (isinstance(node, Table) and not node.entries) or (isinstance(node, Scalar) and node.value is None):
        # A draft may do without, and with its tests alone; what is to run may not.
        level: Level = "error" if draft.strict else "warning"
        place = root.place if entry is None else entry.key.place
        hint = "write `clients: {GA4: {type: ga4}}`"
        draft.report("missing-field", place, "there is no client, so no hit is ever taken", hint=hint, level=level)


def _check_triggers(
    draft: Draft, found_tags: Mapping[str, Read[TagModel]], found_triggers: Mapping[str, Read[TriggerModel]]
) -> None:
    lines = {name: each.owner.place.line for name, each in found_triggers.items()}
    used: set[str] = set()
    for tag in found_tags.values():
        for key, verb in (("triggers", "fires on"), ("exceptions", "is kept from firing by")):
            for node in named_nodes(tag.entries.get(key)):
                name = node.value if isinstance(node, Scalar) else None
                if not isinstance(name, str):
                    continue
                used.add(name)
                if name not in lines:
                    sentence = f'{tag.owner} {verb} "{name}", which does not exist'
                    hint = f"write {as_list(name)}" if "," in name else draft.suggest(name, lines)
                    draft.report("unknown-trigger", node.place, sentence, hint=hint)
    for name, each in found_triggers.items():
        if name not in used:
            draft.report("unused-trigger", each.owner.place, f'no tag uses the trigger "{name}"')
