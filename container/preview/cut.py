"""A record that is too large is cut: long texts, then long lists and objects. What was left out is said in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from container.case import plain_json

MOST_SAID = 20
"""Sentences about what was left out; of more only how many."""

LONGEST_NAME = 200

ALWAYS_KEPT = ("number", "at", "draft", "masked")
"""What is left of a record of which nothing else fits."""


class _Level(NamedTuple):
    """How much of each thing stays."""

    characters: int
    members: int
    deep: int


_LEVELS = (
    *(_Level(16_384, 1_000, 60), _Level(4_096, 300, 40), _Level(1_024, 100, 30)),
    *(_Level(256, 30, 20), _Level(64, 10, 16), _Level(32, 4, 12)),
)


def written(record: Mapping[str, Any], most: int) -> bytes:
    """The record as JSON of so many bytes at most. One that was cut says so under `cut`."""
    document = _json(record)
    if len(document) <= most:
        return document
    before = len(document)
    plain = orjson.loads(document)
    for level in _LEVELS:
        said: list[str] = []
        kept = _cut(plain, level, said, "", 0)
        document = orjson.dumps({**kept, "cut": _told(before, most, said)})
        if len(document) <= most:
            return document
    # Nothing but many nested lists gets here.
    few = {name: plain[name] for name in ALWAYS_KEPT if isinstance(plain.get(name), (int, float))}
    return orjson.dumps({**few, "cut": _told(before, most, ["Nothing else was small enough to keep."])})


def _json(record: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:
        return orjson.dumps(plain_json(record))


def _told(before: int, most: int, said: list[str]) -> list[str]:
    more = [f"So were {len(said) - MOST_SAID:,} more."] if len(said) > MOST_SAID else []
    return [f"This record had {before:,} bytes; {most:,} are kept of one at most.", *said[:MOST_SAID], *more]


def _cut(value: Any, level: _Level, said: list[str], where: str, depth: int) -> Any:
    match value:
        case str():
            return _text(value, level, said, where)
        case dict() | list() if depth >= level.deep:
            said.append(f"{where} was left out: it is nested too deep.")
            return None
        case dict():
            # What a record consists of is ours, and little; without its number nobody would find it again.
            members = list(value.items())[: level.members if depth else None]
            _tell_fewer(len(value), len(members), said, where)
            return {
                _named(name): _cut(member, level, said, f"{where}.{_named(name)}".lstrip("."), depth + 1)
                for name, member in members
            }
        case list():
            _tell_fewer(len(value), len(value[: level.members]), said, where)
            return [
                _cut(member, level, said, f"{where}[{index}]", depth + 1)
                for index, member in enumerate(value[: level.members])
            ]
    return value


def _text(value: str, level: _Level, said: list[str], where: str) -> str:
    if len(value) <= level.characters:
        return value
    said.append(f"{where} was cut: {level.characters:,} of {len(value):,} characters are kept.")
    return f"{value[: level.characters]}…"


def _named(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _tell_fewer(before: int, after: int, said: list[str], where: str) -> None:
    if after < before:
        said.append(f"{where or 'The record'} was cut: {after:,} of {before:,} members are kept.")
