"""What comes out of one hit: the reply, the requests to deliver, and what a tag could not do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from container.case import Status
from container.effects import Redirect, Reply, Request, SetCookie
from container.event import Hit


class Planned(NamedTuple):
    """A request that a tag wants delivered, with everything its row needs.

    `id`: 32 hex digits, derived from the hit's id, the event's index, the tag's name and the request's position.
    `type` and `format` find `judge` in code; `tag` and `event_name` are for display. `event_time`: Unix milliseconds.
    `max_age_hours`: older events the vendor does not take; `None` without a limit. `linger` and `give_up_after`: what
    the tag says about its deliveries, in milliseconds; `None`: the usual.
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
    linger: int | None = None
    give_up_after: int | None = None


class Guard(NamedTuple):
    """A key that may be taken once until `until` (Unix milliseconds); if it was taken, `planned` is not delivered.

    `planned` are the ids of one tag's requests on one event, and so tell apart guards with the same key.
    """

    key: bytes
    kind: Literal["once_per", "duplicate"]
    until: int
    planned: tuple[str, ...]

    @property
    def status(self) -> Status:
        """What becomes of a tag that finds the key taken."""
        return "blocked_by_once_per" if self.kind == "once_per" else "duplicate"


@dataclass(frozen=True, slots=True)
class Failure:
    """A tag that raised: its delivery becomes a dead letter that holds the hit and can be run again."""

    tag: str
    type: str
    event_index: int
    event_name: str
    reason: str


class TagResult(NamedTuple):
    """What became of one tag on one event, and what it adds to the reply if its guards are free.

    `unset`: of a tag that consent blocked, whether the hit said nothing about the type, which the default denied.
    """

    tag: str
    status: Status
    guards: Sequence[Guard] = ()
    cookies: Sequence[SetCookie] = ()
    redirect: Redirect | None = None
    unset: bool = False

    def settled(self, taken: Collection[Guard]) -> Status:
        """The status when it is known which guards were taken before."""
        if not taken:
            return self.status
        return next((guard.status for guard in self.guards if guard in taken), self.status)


class Outcome(NamedTuple):
    """Everything one hit leads to. `client` is `None` when no client claimed it.

    `reply` is the client's own; `results` are of the tags that might have fired on the event's name, in firing order.
    `events`: how many there were. `awaited`: those of `planned` whose responses set cookies for the reply.
    """

    hit: Hit
    client: str | None
    reply: Reply
    planned: Sequence[Planned] = ()
    guards: Sequence[Guard] = ()
    failures: Sequence[Failure] = ()
    results: Sequence[TagResult] = ()
    events: int = 0
    awaited: Sequence[Planned] = ()

    @property
    def fired(self) -> tuple[str, ...]:
        """The tags that fired, guards aside, in firing order, once for each event."""
        return tuple(result.tag for result in self.results if result.status == "fired")

    def finished(self, taken: Collection[Guard] = ()) -> Reply:
        """The reply with what the tags add to it. The client's cookies come first; of several with one name the first.

        `taken`: the guards that were held by others; their tags add nothing.
        """
        reply = self.reply
        adding = [
            result
            for result in self.results
            if (result.cookies or result.redirect) and (not taken or result.settled(taken) == "fired")
        ]
        if not adding:
            return reply
        own = {cookie.name for cookie in reply.cookies}
        added: dict[str, SetCookie] = {}
        for cookie in (cookie for result in adding for cookie in result.cookies):
            if cookie.name not in own and not reply.to_server:
                added.setdefault(cookie.name, cookie)
        if added:
            reply = replace(reply, cookies=(*reply.cookies, *added.values()))
        redirect = next((result.redirect for result in adding if result.redirect is not None), None)
        if redirect is not None:
            headers = (*reply.headers, ("location", redirect.url))
            reply = replace(reply, status=redirect.status, headers=headers, body=b"")
        return reply
