"""Fixed values of tags that load, and that no vendor can make anything of: what they have to look like is data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from container.component import Form
from container.config.annotations import fields_of, infos_of, model_of
from container.config.draft import Draft
from container.config.model import TagModel
from container.config.problem import Level
from container.config.sections import Read
from container.config.source import Entry, Listing, Node, Scalar, Table

_LONGEST_SHOWN = 60


def check_forms(draft: Draft, tags: Mapping[str, Read[TagModel]]) -> None:
    """Reports what is written out and has not the form that its tag declares."""
    for tag in tags.values():
        if tag.model is not None and tag.model.settings is not None:
            for form in tag.model.component.forms:
                _check(draft, tag, form, tag.model.settings)


def _check(draft: Draft, tag: Read[TagModel], form: Form, settings: BaseModel) -> None:
    level: Level = "error" if form.refused else "warning"
    for node in _nodes(tag.entries, type(settings), form):
        written = node.text.strip()
        if written and "{{" not in written and "${" not in written and not form.fits(written, settings):
            sentence = f'{tag.owner}: "{written[:_LONGEST_SHOWN]}" {form.what}'
            draft.report("wrong-type", node.place, sentence, hint=form.hint, level=level)


def _nodes(entries: Mapping[str, Entry], model: type[BaseModel], form: Form) -> Iterator[Scalar]:
    """What is written for the setting, under whichever of its names."""
    head, *rest = form.path.split(".")
    entry = _written(entries, model, head)
    for step in rest:
        inner = model_of(fields_of(model)[head])
        if entry is None or inner is None or not isinstance(entry.value, Table):
            return
        model, head = inner, step
        entry = _written(entry.value.entries, model, head)
    if entry is not None:
        yield from _keys(entry.value) if form.keys else _scalars(entry.value)


def _written(entries: Mapping[str, Entry], model: type[BaseModel], name: str) -> Entry | None:
    field = model.model_fields[name]
    return next((entries[key] for key, info in infos_of(model).items() if info is field and key in entries), None)


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    entries = node.entries.values() if isinstance(node, Table) else ()
    members = node.items if isinstance(node, Listing) else [entry.value for entry in entries]
    yield from (member for member in members if isinstance(member, Scalar))


def _keys(node: Node) -> Iterator[Scalar]:
    entries = node.entries.values() if isinstance(node, Table) else ()
    yield from (entry.key for entry in entries)
