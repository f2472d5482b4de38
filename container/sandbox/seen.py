"""What was sent, as an analyst reads it: short texts, hashes shortened. Nothing here raises or refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

MOST_EVENTS = 1000
MOST_MEMBERS = 100
LONGEST = 500

_HASH = re.compile(r"[0-9A-Fa-f]{64}")


def mapping(value: Any) -> Mapping[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The members of a list as objects."""
    return tuple(map(mapping, value[:MOST_EVENTS])) if isinstance(value, list) else ()


def shown(value: Any) -> str:
    """The value as text."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= LONGEST else f"{written[:LONGEST]}…"


def identity(value: Any) -> str:
    """What a visitor is recognised by, with hashes shortened."""
    if isinstance(value, list):
        return ", ".join(map(identity, value[:MOST_MEMBERS]))[:LONGEST]
    written = shown(value)
    return f"{written[:8]}…{written[-4:]}" if _HASH.fullmatch(written) else written


def members(values: Mapping[str, Any], *, but: Collection[str] = ()) -> dict[str, str]:
    """The members as texts, without some."""
    others = islice((name for name in values if name not in but), MOST_MEMBERS)
    return {shown(name): shown(values[name]) for name in others}


def identities(values: Mapping[str, Any], *, but: Collection[str] = ()) -> dict[str, str]:
    """The members that a visitor is recognised by, without some."""
    others = islice((name for name in values if name not in but), MOST_MEMBERS)
    return {shown(name): identity(values[name]) for name in others}


def picked(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Those of these names that are there."""
    return {name: shown(values[name]) for name in names if name in values}
