"""The fields of a settings model as tables: its own first, then those of each mapping inside it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from container.config.annotations import fields_of
from container.config.flow import flow
from container.fields import Settings
from container.handbook.words import NOTHING, default, inner_settings, references, takes

_ORDER = {"type": 0, "notes": 2, "folder": 2}
_DEFAULT = re.compile(r" *Default: (.+)\.$")
_HEAD = "| field | takes | default | `{{ }}` | what it is |\n|---|---|---|---|---|"


def fields_tables(model: type[Settings], *, level: int = 3) -> str:
    """A table of the model's fields; each mapping inside it follows with a heading of this level."""
    return "\n\n".join(_tables(model, "", level))


def own_words(model: type[Settings]) -> str:
    """What the model's docstring says, nothing when it has none of its own."""
    return inspect.cleandoc(model.__doc__) if model.__doc__ and model is not Settings else ""


def example_of(info: FieldInfo) -> Any:
    """The first example of a field, `None` when it has none."""
    return info.examples[0] if info.examples else None


def spellings(name: str, info: FieldInfo) -> list[str]:
    """The names under which YAML may write the field, the usual one first."""
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)] or [name]


def _tables(model: type[Settings], prefix: str, level: int) -> Iterator[str]:
    annotations = fields_of(model)
    rows, inner = [_HEAD], []
    for name, info in sorted(model.model_fields.items(), key=lambda field: _ORDER.get(field[0], 1)):
        key, *others = spellings(name, info)
        rows.append(_row(f"{prefix}{key}", others, annotations[key], info))
        found = inner_settings(annotations[key])
        if found is not None:
            inner.append((f"{prefix}{key}", found))
    yield "\n".join(rows)
    for path, found in inner:
        words = own_words(found)
        yield f"{'#' * level} `{path}`" + (f"\n\n{words}" if words else "")
        yield from _tables(found, f"{path}.", level)


def _row(path: str, others: list[str], annotation: Any, info: FieldInfo) -> str:
    about, usual = info.description or "", default(info)
    said = _DEFAULT.search(about)
    if said is not None and usual == NOTHING:
        about, usual = about[: said.start()], said[1]
    unsaid = [f"`{each}`" for each in others if f"written {each}" not in about]
    if unsaid:
        about += f" Also written {', '.join(unsaid)}."
    example = example_of(info)
    if example is not None:
        about += f" Example: `{flow(example)}`."
    inner = inner_settings(annotation) is not None
    cells = [f"`{path}`", takes(annotation), usual, "below" if inner else references(annotation), about]
    return "| " + " | ".join(cell.strip().replace("|", r"\|") for cell in cells) + " |"
