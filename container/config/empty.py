"""Fields that have to say something and are empty: no text, no list, no mapping where one is always needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from container.config.annotations import fields_of, infos_of, model_of, site
from container.config.draft import Draft, Owner
from container.config.source import Entry, Listing, Node, Scalar, Table
from container.shape import missing


def report_empty(
    draft: Draft, model: type[BaseModel], entries: Mapping[str, Entry], values: Mapping[str, Any], owner: Owner
) -> bool:
    """Whether a field of the model is empty that may not be, here or further in; each is reported."""
    found = list(_empty(model, entries, values))
    for entry in found:
        node = entry.value
        place = entry.key.place if isinstance(node, Scalar) and not node.raw else node.place
        draft.report("missing-field", place, f'{owner}: "{entry.key.text}" is empty, and something is needed there')
        draft.spoiled.add(node.place)
    return bool(found)


def _empty(model: type[BaseModel], entries: Mapping[str, Entry], values: Mapping[str, Any]) -> Iterator[Entry]:
    annotations, infos = fields_of(model), infos_of(model)
    for key, entry in entries.items():
        if key not in infos:
            continue
        if missing(values[key]):
            if _needs_content(infos[key], annotations[key], values[key]):
                yield entry
        else:
            yield from _inside(annotations[key], entry.value, values[key])


def _inside(annotation: Any, node: Node, value: Any) -> Iterator[Entry]:
    model = model_of(annotation)
    nodes, values = (node.items, value) if isinstance(node, Listing) else ((node,), (value,))
    for each, inner in zip(nodes, values, strict=True):
        if model is not None and isinstance(each, Table) and isinstance(inner, Mapping):
            yield from _empty(model, each.entries, inner)


def _needs_content(info: FieldInfo, annotation: Any, value: Any) -> bool:
    options = site(annotation).options
    if Any in options or object in options or (value is None and type(None) in options):
        return False
    # An empty list in place of a default that is none would switch off what the default does.
    return info.is_required() or (isinstance(info.default, tuple) and bool(info.default) and value is not None)
