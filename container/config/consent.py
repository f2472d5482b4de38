"""Names of consent types that no hit ever speaks of: misspelled ones, and those that only defaults could grant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from container.config.draft import Draft
from container.config.keys import NOT_NEEDED
from container.config.model import ClientModel, ConsentDefault, TagModel
from container.config.problem import Place
from container.config.sections import Read, named_nodes
from container.config.source import Entry, Node, Scalar, Table
from container.config.words import means_otherwise
from container.event import CONSENT_TYPES
from container.template import Template

FURTHER_TYPES = ("functionality_storage", "personalization_storage", "security_storage")
"""Google's types that pages know and hits never mention."""

_NEAR = 0.8
_LONGEST_NAME = 60


def check_consent(
    draft: Draft,
    clients: Mapping[str, Read[ClientModel]],
    tags: Mapping[str, Read[TagModel]],
    *,
    entry: Entry | None,
    default: ConsentDefault,
) -> None:
    """Warns of consent types on tags, in defaults and in references. `entry`: `consent` at the top of the file."""
    defaults = [each.model.consent_default for each in clients.values() if each.model is not None] or [None]
    for tag in tags.values():
        _on_tag(draft, tag, defaults, default)
    asked = _asked_for(draft, tags)
    for each in (entry, *(client.entries.get("consent") for client in clients.values())):
        for name, place in _defaults(None if each is None else each.value):
            near = near_consent_type(draft, name)
            if near or not (name in asked or name in CONSENT_TYPES or name in FURTHER_TYPES):
                sentence = f'the default for "{name}" has no effect: no tag asks for this consent type'
                draft.report("consent-never-met", place, sentence, hint=near)
    for name, place in _references(draft):
        if near := near_consent_type(draft, name):
            draft.report("consent-never-met", place, f'no hit ever speaks of the consent type "{name}"', hint=near)


def _on_tag(
    draft: Draft, tag: Read[TagModel], defaults: list[ConsentDefault | None], otherwise: ConsentDefault
) -> None:
    nodes = {node.text: node for node in named_nodes(tag.entries.get("consent")) if isinstance(node, Scalar)}
    for name in tag.model.consent if tag.model is not None else nodes:
        near = near_consent_type(draft, name)
        granted = tag.model is None or any(_may_grant(default, name, otherwise) for default in defaults)
        if name in CONSENT_TYPES or name == NOT_NEEDED or (granted and not near):
            continue
        place = nodes[name].place if name in nodes else tag.owner.place
        if place in draft.spoiled:
            continue
        sentence = f'{tag.owner} needs "{name}", of which no hit ever speaks'
        draft.report("consent-never-met", place, sentence, hint=near or draft.suggest(name, CONSENT_TYPES))


def _may_grant(default: ConsentDefault | None, name: str, otherwise: ConsentDefault | None) -> bool:
    if default is None or (isinstance(default, Mapping) and name not in default):
        return otherwise is not None and _may_grant(otherwise, name, None)
    state = default[name] if isinstance(default, Mapping) else default
    return isinstance(state, Template) or state == "granted"


def _asked_for(draft: Draft, tags: Mapping[str, Read[TagModel]]) -> set[str]:
    asked = {name for name, _ in _references(draft)}
    for tag in tags.values():
        asked.update(() if tag.model is None else tag.model.consent)
        asked.update(node.text for node in named_nodes(tag.entries.get("consent")) if isinstance(node, Scalar))
    return asked


def _defaults(node: Node | None) -> Iterator[tuple[str, Place]]:
    default = node.entries.get("default") if isinstance(node, Table) else None
    if default is not None and isinstance(default.value, Table):
        yield from ((name, entry.key.place) for name, entry in default.value.entries.items())


def _references(draft: Draft) -> Iterator[tuple[str, Place]]:
    for use in draft.uses:
        form, _, name = use.name.partition(".")
        if form == "consent" and name:
            yield name, use.place


def near_consent_type(draft: Draft, name: str) -> str:
    """A hint when the name is hardly anything but a misspelled type of Google's."""
    known = (*CONSENT_TYPES, *FURTHER_TYPES, NOT_NEEDED)
    if name in known or len(name) > _LONGEST_NAME:
        return ""
    draft.comparisons_left -= len(known)
    near = get_close_matches(name.casefold().replace(" ", "_"), known, n=1, cutoff=_NEAR)
    if not near or means_otherwise(name, near[0]):
        return ""
    return f'did you mean "{near[0]}"?' if draft.comparisons_left > 0 else ""
