"""What a letter remembers of its row besides the body, as JSON, so that it can wait again as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from container.delivery.content import Content
from container.delivery.frame import Frame

_LARGEST = 1 << 63


class Origin(NamedTuple):
    """Columns of the row. `batch` as hexadecimal digits; `expire`, `give_up`: `None` where that is not known."""

    batch: str
    part: int
    size: int
    most_items: int
    most_bytes: int
    expire: int | None
    give_up: int | None
    priority: int

    @property
    def encoded(self) -> str:
        return orjson.dumps(self._asdict()).decode()


_PAIRS = (f"'{name}', {'lower(hex(batch))' if name == 'batch' else name}" for name in Origin._fields)
OF_ROW = f"json_object({', '.join(_PAIRS)})"
"""The same of a row of the table, in SQL."""


def origin_of(
    frame: Frame, item: Content, *, expire: int | None = None, give_up: int | None = None, priority: int = 0
) -> Origin:
    """Of a row as it begins."""
    limits = (frame.most_items, frame.most_bytes)
    return Origin(frame.group.hex(), 0, len(item.data) + 1, *limits, expire, give_up, priority)


def read_origin(stated: str) -> Origin | None:
    """What `encoded` wrote; `None` for anything else: letters of an older version do not say, and damage says less."""
    try:
        found: Any = orjson.loads(stated)
        origin = Origin(**found)
        bytes.fromhex(origin.batch)
    except (ValueError, TypeError):
        return None
    return origin if _is_whole(origin._asdict()) else None


def in_origin(name: str) -> str:
    """A number of a letter's origin in SQL, null where it is not there, whatever stands there."""
    path = f"'$.{name}'"
    number = f"case json_type(origin, {path}) when 'integer' then json_extract(origin, {path}) end"
    return f"case when json_valid(origin) then {number} end"


def _is_whole(values: Mapping[str, Any]) -> bool:
    numbers = {name: value for name, value in values.items() if name != "batch"}
    known = (value for name, value in numbers.items() if value is not None or name not in ("expire", "give_up"))
    return all(isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST for value in known)
