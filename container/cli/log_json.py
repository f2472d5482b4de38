"""Log lines as JSON: one object a line, from the same calls that make the lines of text.

The text of a call, `name a=%s b=%d "Remark."`, is data here: its first word is the event, its slots are members.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import orjson

from container.cli.logs import at_line, did_not_fit, is_ours, moment, place, their_words
from container.delivery.told import quoted
from container.secret import Known

RESERVED = ("ts", "level", "event")
"""The members that every line begins with; no field of a line is called so."""

Value = str | int | float

_EVENT = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
_PART = re.compile(
    r"""\s+(?:(?P<name>[a-z_]+)=(?:(?P<slot>%[0-9.]*[a-z])(?P<seconds>s?)|"(?P<said>[^"%]*)"|(?P<word>[^\s"%]+))"""
    r"""|"(?P<remark>[^"%]*)"|(?P<bare>%s))(?=\s|$)"""
)


@dataclass(frozen=True, slots=True)
class Part:
    """A member of the lines of one call: filled by an argument (`slot`), or the same in all of them (`fixed`)."""

    name: str
    slot: str = ""
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a call's text says about its lines."""

    event: str
    parts: tuple[Part, ...] = ()

    @property
    def slots(self) -> int:
        return sum(bool(part.slot) for part in self.parts)


@lru_cache(maxsize=512)
def shape_of(text: str) -> Shape | None:
    """The shape of the lines that a text makes, `None` when it is not written as ours are.

    A number of seconds, `in=%.0fs`, is called `in_seconds`; what has no name is the `text`.
    """
    found = _EVENT.match(text)
    if found is None:
        return None
    parts, end = [], found.end()
    while end < len(text):
        part = _PART.match(text, end)
        if part is None:
            return None
        parts.append(_part(part))
        end = part.end()
    return Shape(found[0], tuple(parts))


def _part(found: re.Match[str]) -> Part:
    if found["bare"]:
        return Part("text", found["bare"])
    if found["remark"] is not None:
        return Part("text", fixed=found["remark"])
    if found["slot"]:
        return Part(f"{found['name']}_seconds" if found["seconds"] else found["name"], found["slot"])
    return Part(found["name"], fixed=found["word"] or found["said"])


class JsonFormatter(logging.Formatter):
    """`{"ts":"2026-01-01T10:00:00.000Z","level":"INFO","event":"config.reloaded","version":"…"}`.

    `known`: the secrets that no line shows. `process`: which of several says it, empty where there is one.
    """

    def __init__(self, known: Known | None = None) -> None:
        super().__init__()
        self._known = known or Known()
        self.process = ""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, Value] = {"ts": moment(record), "level": record.levelname, **self._said(record)}
        if record.exc_info and record.exc_info[1] is not None:
            members |= place(record.exc_info[1])
        if self.process:
            members["process"] = self.process
        return "{" + ",".join(f"{quoted(name)}:{self._written(value)}" for name, value in members.items()) + "}"

    def _said(self, record: logging.LogRecord) -> Mapping[str, Value]:
        try:
            if not is_ours(record):
                said = their_words(record.getMessage(), self._known)
                return {"event": "library.said", "name": record.name, "text": said}
            shape = shape_of(str(record.msg))
            if shape is None or not isinstance(record.args, tuple) or len(record.args) != shape.slots:
                event, _, rest = record.getMessage().strip().partition(" ")
                return {"event": event, "text": rest}
            return {"event": shape.event, **dict(_members(shape, record.args))}
        except (TypeError, ValueError):
            return {"event": did_not_fit, "line": at_line(record)}

    def _written(self, value: Value) -> str:
        shown = value if isinstance(value, str) else str(value)
        masked = self._known.masked(shown)
        return quoted(masked) if isinstance(value, str) or masked != shown else shown


def _members(shape: Shape, arguments: tuple[object, ...]) -> Iterator[tuple[str, Value]]:
    given = iter(arguments)
    for part in shape.parts:
        yield part.name, _filled(part.slot, next(given)) if part.slot else part.fixed


def _filled(slot: str, argument: object) -> Value:
    # As the line of text has it, so that both say the same.
    text = slot % (argument,)
    if slot.endswith("s"):
        return _unquoted(text)
    number = float(text)
    if not math.isfinite(number):
        return text
    return number if "." in text else int(text)


def _unquoted(text: str) -> str:
    """What `quoted` was given, as far as it was not cut."""
    if len(text) < 2 or not text.startswith('"') or not text.endswith('"'):
        return text
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        return text
