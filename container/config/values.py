"""Located values as plain ones, shaped by the annotation of the field that takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

from container.config.annotations import Mode, Site, items_of, model_fields, site
from container.config.draft import Draft, Owner, Result
from container.config.fill import filled
from container.config.hide import is_literal_secret, places_of
from container.config.hints import as_list
from container.config.quotes import backspace
from container.config.source import Entry, Listing, Node, Scalar
from container.fields import Confidential, Pattern

_NAMES = ("triggers", "exceptions", "tags", "except_tags", "tag_types", "consent")
"""Lists of names that are looked up, so that one with a comma is told otherwise."""

ANYTHING = Confidential
"""The annotation of a value about which nothing is known: its references count, nothing else is judged."""


def plain(draft: Draft, node: Node, annotation: Any, *, owner: Owner, field: str, inherited: Mode = "typed") -> Any:
    """The value of a node for a field with this annotation. What may not stand there is reported."""
    here = site(annotation, inherited)
    if here.mode == "confidential" and inherited != "confidential" and owner.kind == "variable":
        value = _plain(draft, node, here, owner=owner, field=field)
        draft.results.setdefault(owner.name, []).append(Result(field, value, node.place))
        return value
    return _plain(draft, node, here, owner=owner, field=field)


def plain_table(
    draft: Draft, entries: Mapping[str, Entry], annotations: Mapping[str, Any], *, owner: Owner
) -> dict[str, Any]:
    """The fields of a component as plain values; those it does not have are read for their references."""
    return {
        key: plain(draft, entry.value, annotations.get(key, ANYTHING), owner=owner, field=key)
        for key, entry in entries.items()
    }


def _plain(draft: Draft, node: Node, here: Site, *, owner: Owner, field: str) -> Any:
    below: Mode = "typed" if here.mode == "secret" else here.mode
    if isinstance(node, Scalar):
        items = items_of(here, 0)
        if here.holds(Pattern) and (found := backspace(node.place, node.text, node.raw)):
            draft.problems.append(found)
        if here.mode != "typed" or items is None:
            return filled(draft, node, here.mode, owner)
        if field not in _NAMES and isinstance(node.value, str) and "," in node.value and _takes_names(items):
            sentence = f'{owner}: "{field}" is one text with a comma here, not a list'
            draft.report("wrong-type", node.place, sentence, hint=f"write {as_list(node.value)}", level="warning")
        # A single value where a list of them is taken.
        return plain(draft, node, items, owner=owner, field=field, inherited=below)
    if isinstance(node, Listing):
        values = [
            plain(draft, item, items_of(here, at) or _unknown(here), owner=owner, field=field, inherited=below)
            for at, item in enumerate(node.items)
        ]
        return tuple(values) if here.holds(tuple) else values
    if field == "headers" and owner.kind == "tag":
        _check_headers(draft, node.entries, owner)
    members = _members(here)
    return {
        key: plain(draft, entry.value, members(key), owner=owner, field=field, inherited=below)
        for key, entry in node.entries.items()
    }


def _check_headers(draft: Draft, headers: Mapping[str, Entry], owner: Owner) -> None:
    """Headers are written by hand, so nothing but their names says that a value is a secret."""
    for name, entry in headers.items():
        if isinstance(entry.value, Scalar) and is_literal_secret(name, entry.value.text):
            draft.hidden += places_of(entry.value)
            sentence = f'{owner}: the header "{name}" holds a secret that is written out'
            hint = "write ${secret:NAME}, and keep the value outside the file"
            draft.report("literal-secret", entry.value.place, sentence, hint=hint)


def _takes_names(annotation: Any) -> bool:
    return site(annotation).options == (str,)


def _members(here: Site) -> Callable[[str], Any]:
    """The annotation of a member by its key."""
    annotations = model_fields(here)
    for option in () if annotations else here.options:
        origin = get_origin(option)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            inner = get_args(option)[1]
            return lambda _key: inner
    return lambda key: annotations.get(key, _unknown(here))


def _unknown(here: Site) -> Any:
    """The annotation of what no annotation describes: as the value around it says, if that says anything."""
    return ANYTHING if here.mode in ("typed", "secret") else Any
