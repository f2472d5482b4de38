"""One hit through the container: clients, triggers, consent, settings, tags. Pure and synchronous."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from traceback import walk_tb
from typing import Any, Literal

from container.effects import Claim, Effect, Note, Redirect, Reply, Request, SetCookie, Skip
from container.engine.coerce import Lacking
from container.engine.container import CompiledClient, CompiledTag, CompiledTrigger, Container
from container.engine.outcome import Decided, Failure, Outcome, Planned
from container.engine.scope import Scope
from container.event import Event, Hit
from container.shape import text
from container.url import path_matches

Status = Literal[
    "fired",
    "not_triggered",
    "blocked_by_exception",
    "blocked_by_consent",
    "blocked_by_once_per",
    "duplicate",
    "paused",
    "incomplete",
    "skipped",
    "failed",
]

UNCLAIMED = Reply(status=404)
NOTHING_TO_SEND = "the tag had nothing to send"


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one tag on one event. `reason`: what the tag itself said about it."""

    status: Status
    trigger: CompiledTrigger | None = None
    reason: str = ""
    lacking: Sequence[str] = ()
    effects: Sequence[Effect] = ()
    consent: str = ""
    notes: Sequence[str] = ()


NOT_TRIGGERED, PAUSED = Decision("not_triggered"), Decision("paused")


def run(container: Container, hit: Hit) -> Outcome:
    """Everything that one hit leads to. Never raises for what a hit contains; a tag that raises is a `Failure`."""
    client, claim = claim_hit(container, hit)
    if client is None:
        return Outcome(hit, None, UNCLAIMED)
    folded = Folded(claim.reply)
    for scope in scopes(container, client, claim):
        folded.events += 1
        for tag in container.candidates(scope.original.name):
            folded.add(tag, scope, decide(tag, scope))
    return folded.outcome(hit, client.name)


def claim_hit(container: Container, hit: Hit) -> tuple[CompiledClient | None, Claim]:
    """The first client that takes the hit, and what it read."""
    for client in container.clients:
        if not client.paths or path_matches(client.paths, hit.path):
            claim = client.function(client.settings, hit)
            if claim is not None:
                return client, claim
    return None, Claim()


def scopes(container: Container, client: CompiledClient, claim: Claim) -> Iterator[Scope]:
    """A scope for each event of the claim."""
    for index, event in enumerate(claim.events):
        # A client may hand on what a sender calls an event, so its name may be anything that JSON can say.
        known = Event(text(event.name), event.data, event.hit, event.consent, client.name, index)
        yield Scope(known, container.slots, client.consent_defaults)


def decide(tag: CompiledTag, scope: Scope) -> Decision:
    """Whether the tag fires on the scope's event, and what it wants done."""
    try:
        return _decide(tag, scope)
    except Exception as problem:  # noqa: BLE001  # one tag's fault is its own: the hit and the other tags go on
        return Decision("failed", reason=_blame(problem))


def _decide(tag: CompiledTag, scope: Scope) -> Decision:
    if tag.paused:
        return PAUSED
    name = scope.original.name
    trigger = _first_holding(tag.triggers, name, scope)
    if trigger is None:
        return NOT_TRIGGERED
    exception = _first_holding(tag.exceptions, name, scope)
    if exception is not None:
        return Decision("blocked_by_exception", exception)
    for consent in tag.consent:
        if not scope.signal(consent).granted:
            return Decision("blocked_by_consent", trigger, consent=consent)
    scope.notes = []
    settings = tag.build(scope)
    if isinstance(settings, Lacking):
        return Decision("incomplete", trigger, lacking=settings.fields, notes=tuple(scope.notes))
    return _fired(trigger, tag.component.function(settings, scope.event), scope.notes)


def _blame(problem: Exception) -> str:
    """What was raised, and where. Never its text, which may hold personal data."""
    frame, line = list(walk_tb(problem.__traceback__))[-1]
    return f"the tag raised {type(problem).__name__} in {frame.f_globals.get('__name__')}, line {line}"


def _first_holding(triggers: Sequence[CompiledTrigger], name: str, scope: Scope) -> CompiledTrigger | None:
    for trigger in triggers:
        if trigger.hears(name) and trigger.holds(scope):
            return trigger
    return None


def _fired(trigger: CompiledTrigger, returned: Any, wrong: Sequence[str]) -> Decision:
    effects: Sequence[Effect] = returned if isinstance(returned, (list, tuple)) else [returned] if returned else []
    notes = [*wrong, *(effect.text for effect in effects if isinstance(effect, Note))]
    skip = next((effect for effect in effects if isinstance(effect, Skip)), None)
    if skip is not None:
        return Decision("skipped", trigger, skip.reason or NOTHING_TO_SEND, notes=notes)
    if not any(isinstance(effect, (Request, SetCookie, Redirect)) for effect in effects):
        return Decision("skipped", trigger, NOTHING_TO_SEND, notes=notes)
    return Decision("fired", trigger, effects=effects, notes=notes)


@dataclass
class Folded:
    """Effects of all tags, collected in firing order."""

    reply: Reply
    planned: list[Planned] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    events: int = 0
    cookies: dict[str, SetCookie] = field(default_factory=dict)
    redirect: Redirect | None = None

    def add(self, tag: CompiledTag, scope: Scope, decision: Decision) -> None:
        """Takes over what the decision wants done."""
        consent = scope.original.consent.state(decision.consent) if decision.consent else ""
        self.decided.append(Decided(tag.name, decision.status, consent))
        if decision.status == "failed":
            event = scope.original
            self.failures.append(Failure(tag.name, tag.component.type, event.index, event.name, decision.reason))
        if decision.status != "fired":
            return
        self.fired.append(tag.name)
        position = 0
        for effect in decision.effects:
            match effect:
                case Request():
                    self.planned.append(_planned(tag, scope.event, effect, position))
                    position += 1
                case SetCookie():
                    self.cookies.setdefault(effect.name, effect)
                case Redirect() if self.redirect is None:
                    self.redirect = effect

    def outcome(self, hit: Hit, client: str) -> Outcome:
        """The outcome. Cookies of the client come first; of several with one name the first counts."""
        reply = self.reply
        if self.cookies:
            own = {cookie.name for cookie in reply.cookies}
            added = (cookie for name, cookie in self.cookies.items() if name not in own)
            reply = replace(reply, cookies=(*reply.cookies, *added))
        if self.redirect is not None:
            headers = (*reply.headers, ("location", self.redirect.url))
            reply = replace(reply, status=self.redirect.status, headers=headers, body=b"")
        failures, fired, decided = tuple(self.failures), tuple(self.fired), tuple(self.decided)
        return Outcome(hit, client, reply, tuple(self.planned), (), failures, fired, decided, self.events)


def _planned(tag: CompiledTag, event: Event, request: Request, position: int) -> Planned:
    seed = b"\0".join((event.hit.id, str(event.index).encode(), tag.name.encode(), str(position).encode()))
    component = tag.component
    return Planned(
        id=hashlib.sha256(seed).hexdigest()[:32],
        tag=tag.name,
        type=component.type,
        format=component.format,
        request=request,
        event_name=event.name,
        event_time=event.time,
        sender_id=event.sender_id,
        max_age_hours=component.max_age_hours,
    )
