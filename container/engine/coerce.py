"""Values of an event become settings: one validator call, and what is wrong is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from container.component import required
from container.fields import FromEvent, Settings


@dataclass(frozen=True, slots=True)
class Lack:
    """A setting that has to be there: `field` is its dot path, `where` says what it comes from.

    `value`: `None` when there is none, else one of the wrong kind.
    """

    field: str
    where: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Lacking:
    """Settings that could not be made, because values that have to be there are not."""

    lacks: tuple[Lack, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The dot paths of the settings without a value."""
        return tuple(lack.field for lack in self.lacks)


def coerced(settings: Settings, values: dict[str, Any], left_out: list[str]) -> Settings | Lacking:
    """Settings of the same kind from the values, by field name. A required field that is wrong makes it `Lacking`.

    The dot paths of optional fields with a wrong value are added to `left_out`.
    """
    model = type(settings)
    try:
        return model.model_validate(values, by_name=True)
    except ValidationError as problem:
        wrong = problem.errors(include_url=False, include_input=False)
    lacking: list[Lack] = []
    for error in wrong:
        _drop(settings, values, list(error["loc"]), "", lacking, left_out)
    # What stands where a secret belongs may be one.
    unsaid = {".".join(map(str, error["loc"])) for error in wrong if error["type"] == "literal_secret"}
    lacking = [Lack(lack.field) if lack.field in unsaid else lack for lack in lacking]
    gaps = {str(error["loc"][0]): error["ctx"]["part"] for error in wrong if "part" in error.get("ctx", {})}
    lacking = [_gap(settings, lack, gaps[lack.field]) if lack.field in gaps else lack for lack in lacking]
    try:
        return Lacking(_once(lacking)) if lacking else model.model_validate(values, by_name=True)
    except ValidationError as problem:
        return Lacking(tuple(Lack(error["msg"]) for error in problem.errors(include_url=False, include_input=False)))


def _gap(settings: Settings, lack: Lack, part: int) -> Lack:
    """The lack of an address, with the reference in its path that has no value."""
    return Lack(lack.field, str(getattr(settings, lack.field).parts[part].value))


def _drop(
    settings: Settings,
    values: dict[str, Any],
    loc: list[int | str],
    prefix: str,
    lacking: list[Lack],
    left_out: list[str],
) -> None:
    """Takes the field at the place out of the values, or names it as lacking if it has to be there."""
    name = str(loc[0]) if loc else ""
    info = type(settings).model_fields.get(name)
    inner, inner_values = None if info is None else getattr(settings, name), values.get(name)
    if isinstance(inner, Settings) and isinstance(inner_values, dict):
        _drop(inner, inner_values, loc[1:], f"{prefix}{name}.", lacking, left_out)
    elif info is None or required(info):
        stated = f"{prefix}{name}" if name else prefix.removesuffix(".")
        lacking.append(Lack(stated, value=values.get(name)) if stated else Lack("a setting"))
    else:
        values.pop(name, None)
        if isinstance(info.default, FromEvent) or info.is_required():
            values[name] = None
        left_out.append(prefix + name)


def _once(lacking: Sequence[Lack]) -> tuple[Lack, ...]:
    """Each field once, though several things may be wrong with its value."""
    found: dict[str, Lack] = {}
    for lack in lacking:
        found.setdefault(lack.field, lack)
    return tuple(found.values())
