"""What the checks of the Measurement Protocol's validator share: messages, and checks of names, values and times."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from container.ga4 import measurement_protocol_rules as rules
from container.shape import number

LONGEST_SHOWN = 100
"""Names of the sender's are cut after so many characters."""

_EARLIEST_MICROS = 10**14
"""March 1973. What is smaller was meant in milliseconds or seconds."""

Code = Literal[
    "VALUE_INVALID",
    "VALUE_REQUIRED",
    "NAME_INVALID",
    "NAME_RESERVED",
    "VALUE_OUT_OF_BOUNDS",
    "EXCEEDED_MAX_ENTITIES",
    "NAME_DUPLICATED",
]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """Something that is wrong: where, what, and Google's code for it."""

    path: str
    description: str
    code: Code

    @property
    def document(self) -> dict[str, str]:
        return {"fieldPath": self.path, "description": self.description, "validationCode": self.code}


@dataclass(frozen=True, slots=True)
class Stream:
    """What the checks need to know of a request.

    `received`: Unix time in milliseconds. `app`: it is for the stream of an app, not of a website. `strict`: it asks
    for Google's recommendations too. `alone`: it has a single event.
    """

    received: int
    app: bool
    strict: bool
    alone: bool = True


def time_of(stated: Json, prefix: str, stream: Stream) -> Iterator[Message]:
    """Times are microseconds, as a number or a text of one."""
    if "timestamp_micros" not in stated:
        return
    path, micros = f"{prefix}timestamp_micros", number(stated["timestamp_micros"])
    if micros is None:
        yield Message(path, "timestamp_micros is a number of microseconds since 1970.", "VALUE_INVALID")
    elif micros < _EARLIEST_MICROS:
        yield Message(path, "This is long ago: timestamp_micros is in microseconds.", "VALUE_OUT_OF_BOUNDS")
    elif stream.strict and micros > stream.received * 1000:
        yield Message(path, "This time has not come yet.", "VALUE_OUT_OF_BOUNDS")
    elif stream.strict and micros < (stream.received - rules.OLDEST_HOURS * 3_600_000) * 1000:
        yield Message(path, f"This is more than {rules.OLDEST_HOURS} hours ago.", "VALUE_OUT_OF_BOUNDS")


def unknown(stated: Json, known: Container[str], prefix: str) -> Iterator[Message]:
    """Members that the protocol does not know: usually a slip of the pen."""
    for name in stated:
        if name not in known:
            yield Message(prefix + shown(name), f"The protocol has no field {shown(name)} here.", "VALUE_INVALID")


def name_of(path: str, subject: str, name: str, *, longest: int) -> Iterator[Message]:
    """Names of events, parameters and user properties follow one form."""
    if len(name) > longest:
        yield Message(path, f"{subject} is longer than {longest} characters.", "NAME_INVALID")
    if not rules.NAME.fullmatch(name):
        sentence = "starts with a letter and consists of letters, digits and underscores"
        yield Message(path, f"{subject} is invalid: a name {sentence}.", "NAME_INVALID")


def value_of(path: str, value: Any, longest: int) -> Iterator[Message]:
    """Values are single ones; only texts can be too long."""
    if isinstance(value, str) and len(value) > longest:
        yield too_long(path, longest)
    elif not isinstance(value, (str, int, float)):
        yield Message(path, "A value is text, a number, true or false.", "VALUE_INVALID")


def too_long(path: str, longest: int) -> Message:
    return Message(path, f"The value is longer than {longest} characters.", "VALUE_OUT_OF_BOUNDS")


def too_many(path: str, found: int, most: int, what: str) -> Message:
    return Message(path, f"There are {found} {what}; {most} are allowed.", "EXCEEDED_MAX_ENTITIES")


def no_object(path: str) -> Message:
    return Message(path, "An object belongs here.", "VALUE_INVALID")


def listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def shown(name: str) -> str:
    """A name of the sender's, cut where it is too long to be read."""
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"
