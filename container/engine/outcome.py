"""What comes out of one hit: the reply, the requests to deliver, and what a tag could not do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from container.effects import Reply, Request
from container.event import Hit


@dataclass(frozen=True, slots=True)
class Planned:
    """A request that a tag wants delivered, with everything its row needs.

    `id`: 32 hex digits, derived from the hit's id, the event's index, the tag's name and the request's position.
    `type` and `format` find `judge` in code; `tag` and `event_name` are for display. `event_time`: Unix milliseconds.
    `max_age_hours`: older events the vendor does not take; `None` without a limit.
    """

    id: str
    tag: str
    type: str
    format: int
    request: Request
    event_name: str
    event_time: int
    sender_id: str = ""
    max_age_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A key that may be taken once until `until` (Unix milliseconds); if it was taken, `planned` is not delivered."""

    key: bytes
    kind: str
    until: int
    planned: Sequence[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """A tag that raised: its delivery becomes a dead letter that holds the hit and can be run again."""

    tag: str
    type: str
    event_index: int
    event_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a tag on one event. `consent`: the state that held it back, "denied" or "unset"."""

    tag: str
    status: str
    consent: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything one hit leads to. `client` is `None` when no client claimed it.

    `decided`: the tags that might have fired, by event; any other was not triggered. `events`: how many there were.
    """

    hit: Hit
    client: str | None
    reply: Reply
    planned: Sequence[Planned] = ()
    guards: Sequence[Guard] = ()
    failures: Sequence[Failure] = ()
    fired: Sequence[str] = field(default=())
    decided: Sequence[Decided] = ()
    events: int = 0
