"""Decisions about tags, folded into the outcome of a hit: requests, guards, failures, and what the reply gets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from container.case import Status
from container.effects import Effect, Redirect, Reply, Request, SetCookie
from container.engine.coerce import Lack
from container.engine.container import CompiledTag, CompiledTrigger
from container.engine.guards import DUPLICATE_WINDOW_MS, duplicate_guard, once_per_guard
from container.engine.outcome import Failure, Guard, Outcome, Planned, TagResult
from container.engine.scope import Scope
from container.event import Event, Hit


class Decision(NamedTuple):
    """What became of one tag on one event, guards aside.

    `reason`: what the tag itself said about it. `lacking`: settings without a value. `refused`: consent types that are
    not granted. `key`: what `once_per` counts by, empty when it limits nothing. `seen`: the event as the tag saw it.
    """

    status: Status
    trigger: CompiledTrigger | None = None
    reason: str = ""
    lacking: Sequence[Lack] = ()
    effects: Sequence[Effect] = ()
    refused: Sequence[str] = ()
    notes: Sequence[str] = ()
    key: str = ""
    seen: Scope | None = None


class Folded:
    """Effects of all tags, collected in firing order."""

    __slots__ = ("awaited", "events", "failures", "guards", "planned", "reply", "results")

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.planned: list[Planned] = []
        self.awaited: list[Planned] = []
        self.guards: list[Guard] = []
        self.failures: list[Failure] = []
        self.results: list[TagResult] = []
        self.events = 0

    def add(self, tag: CompiledTag, scope: Scope, decision: Decision) -> TagResult:
        """Takes over what the decision wants done."""
        if decision.status == "fired":
            result = self._fired(tag, scope, decision)
        else:
            unset = bool(decision.refused) and scope.original.consent.state(decision.refused[0]) == "unset"
            result = TagResult(tag.name, decision.status, unset=unset)
        if decision.status == "failed":
            event = scope.original
            self.failures.append(Failure(tag.name, tag.component.type, event.index, event.name, decision.reason))
        self.results.append(result)
        return result

    def outcome(self, hit: Hit, client: str) -> Outcome:
        """Everything that the hit leads to."""
        return Outcome(
            hit,
            client,
            self.reply,
            tuple(self.planned),
            tuple(self.guards),
            tuple(self.failures),
            tuple(self.results),
            self.events,
            tuple(self.awaited),
        )

    def _fired(self, tag: CompiledTag, scope: Scope, decision: Decision) -> TagResult:
        planned: list[Planned] = []
        cookies: list[SetCookie] = []
        redirect: Redirect | None = None
        for effect in decision.effects:
            if isinstance(effect, Request):
                seen = (decision.seen or scope).event
                planned.append(_planned(tag, seen, scope.original, len(planned), effect))
                if effect.reply_cookies and not self.reply.to_server:
                    self.awaited.append(planned[-1])
            elif isinstance(effect, SetCookie):
                cookies.append(effect)
            elif isinstance(effect, Redirect):
                redirect = redirect or effect
        self.planned += planned
        guards = _guards(tag, scope.original, decision.key, planned)
        self.guards += guards
        return TagResult(tag.name, "fired", guards, cookies, redirect)


def _guards(tag: CompiledTag, event: Event, key: str, planned: Sequence[Planned]) -> list[Guard]:
    """The keys that these requests take. Those of a tag that sends nothing hold back its cookies alone."""
    guards: list[Guard] = []
    names = tuple([each.id for each in planned]) or (_id(tag, event, 0),)
    received = event.hit.received
    if tag.once_per is not None and key:
        guards.append(once_per_guard(tag.name, key, until=received + tag.once_per.within, planned=names))
    if planned and planned[0].sender_id:
        copies = duplicate_guard(
            tag.name,
            event.name,
            planned[0].sender_id,
            requests=[each.request for each in planned],
            time_fields=tag.component.time_fields,
            until=received + DUPLICATE_WINDOW_MS,
            planned=names,
        )
        guards += [] if copies is None else [copies]
    return guards


def _planned(tag: CompiledTag, seen: Event, original: Event, position: int, request: Request) -> Planned:
    component, delivery = tag.component, tag.delivery
    if delivery.batch is not None and request.batch is not None:
        most = min(delivery.batch, request.batch.max_items)
        request = replace(request, batch=replace(request.batch, max_items=most))
    return Planned(
        id=_id(tag, original, position),
        tag=tag.name,
        type=component.type,
        format=component.format,
        request=request,
        event_name=original.name,
        event_time=seen.time,
        sender_id=original.sender_id,
        max_age_hours=component.max_age_hours,
        linger=delivery.linger,
        give_up_after=delivery.give_up_after,
    )


def _id(tag: CompiledTag, event: Event, position: int) -> str:
    seed = event.hit.id + f"\0{event.index}\0{tag.name}\0{position}".encode()
    return hashlib.sha256(seed).hexdigest()[:32]
