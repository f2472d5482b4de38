"""Values of an event become settings: one validator call, and what is wrong is left out."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from container.component import required
from container.fields import FromEvent, Settings


class Lacking:
    """Settings that could not be made, because values that have to be there are not. `fields` are dot paths."""

    __slots__ = ("fields",)

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields


def coerced(settings: Settings, values: dict[str, Any], left_out: list[str]) -> Settings | Lacking:
    """Settings of the same kind from the values, by field name. A required field that is wrong makes it `Lacking`.

    The dot paths of optional fields with a wrong value are added to `left_out`.
    """
    model = type(settings)
    try:
        return model.model_validate(values, by_name=True)
    except ValidationError as problem:
        wrong = problem.errors(include_url=False, include_input=False)
    lacking: list[str] = []
    for error in wrong:
        _drop(settings, values, list(error["loc"]), "", lacking, left_out)
    try:
        return Lacking(tuple(dict.fromkeys(lacking))) if lacking else model.model_validate(values, by_name=True)
    except ValidationError as problem:
        return Lacking(tuple(error["msg"] for error in problem.errors(include_url=False, include_input=False)))


def _drop(
    settings: Settings,
    values: dict[str, Any],
    loc: list[int | str],
    prefix: str,
    lacking: list[str],
    left_out: list[str],
) -> None:
    """Takes the field at the place out of the values, or names it as lacking if it has to be there."""
    name = str(loc[0]) if loc else ""
    info = type(settings).model_fields.get(name)
    inner, inner_values = getattr(settings, name, None), values.get(name)
    if isinstance(inner, Settings) and isinstance(inner_values, dict):
        _drop(inner, inner_values, loc[1:], f"{prefix}{name}.", lacking, left_out)
    elif info is None or required(info):
        lacking.append(f"{prefix}{name}" if name else prefix.removesuffix(".") or "a setting")
    else:
        values.pop(name, None)
        if isinstance(info.default, FromEvent):
            values[name] = None
        left_out.append(prefix + name)
