"""One hit through the container: clients, triggers, consent, settings, tags. Pure and synchronous."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from traceback import walk_tb
from typing import Any

from container.case import Status
from container.config.model import Schedule
from container.effects import Claim, Effect, Note, Redirect, Reply, Request, SetCookie, Skip
from container.engine.claim import consented
from container.engine.coerce import Lacking
from container.engine.container import Candidate, CompiledClient, CompiledTrigger, Container
from container.engine.fold import Decision, Folded
from container.engine.outcome import Outcome
from container.engine.scope import Getter, Scope
from container.engine.view import view_of
from container.event import Event, Hit
from container.shape import missing, text

UNCLAIMED = Reply(status=404)
NOTHING_TO_SEND = "the tag had nothing to send"
EMPTY_KEY = "`once_per` does not limit it: its key is empty"


NOT_TRIGGERED, PAUSED = Decision("not_triggered"), Decision("paused")


def run(container: Container, hit: Hit) -> Outcome:
    """Everything that one hit leads to. Never raises for what a hit contains; a tag that raises is a `Failure`."""
    client, claim = claim_hit(container, hit)
    if client is None:
        return Outcome(hit, None, UNCLAIMED)
    folded = Folded(claim.reply)
    for scope in scopes(container, client, claim):
        folded.events += 1
        for candidate in container.hearing.concerned(scope.original.name):
            decision = decide(candidate, scope)
            if decision is not NOT_TRIGGERED:
                folded.add(candidate.tag, scope, decision)
    return folded.outcome(hit, client.name)


def claim_hit(container: Container, hit: Hit) -> tuple[CompiledClient | None, Claim]:
    """The first client that takes the hit, and what it read."""
    for client in container.clients:
        if client.listens(hit.path):
            claim = client.function(client.settings, hit)
            if claim is not None:
                return client, consented(container, client, claim)
    return None, Claim()


def scopes(container: Container, client: CompiledClient, claim: Claim) -> Iterator[Scope]:
    """A scope for each event of the claim."""
    for index, event in enumerate(claim.events):
        # A client may hand on what a sender calls an event, so its name may be anything that JSON can say.
        known = Event(text(event.name), event.data, event.hit, event.consent, client.name, index)
        yield Scope(known, container.slots, client.consent_defaults)


def decide(candidate: Candidate, scope: Scope) -> Decision:
    """Whether the tag fires on the scope's event, and what it wants done."""
    try:
        return _decide(candidate, scope)
    except Exception as problem:  # noqa: BLE001  # one tag's fault is its own: the hit and the other tags go on
        return Decision("failed", reason=f"the tag {blame(problem)}")


def effects_of(returned: Any) -> Sequence[Effect]:
    """What a tag's function gave back, one or several or nothing, as a list."""
    return returned if isinstance(returned, (list, tuple)) else [returned] if returned else []


def skip_of(effects: Sequence[Effect]) -> Skip | None:
    """Why a tag that gave these has nothing to send; `None` when it has."""
    sends = False
    for effect in effects:
        if isinstance(effect, Skip):
            return effect if effect.reason else replace(effect, reason=NOTHING_TO_SEND)
        sends = sends or isinstance(effect, (Request, SetCookie, Redirect))
    return None if sends else Skip(NOTHING_TO_SEND)


def blame(problem: Exception) -> str:
    """What was raised, and where. Never its text, which may hold personal data."""
    frame, line = list(walk_tb(problem.__traceback__))[-1]
    return f"raised {type(problem).__name__} in {frame.f_globals.get('__name__')}, line {line}"


def _decide(candidate: Candidate, scope: Scope) -> Decision:
    tag = candidate.tag
    if tag.paused or (tag.schedule is not None and not _is_time(tag.schedule, scope.original.hit.received)):
        return PAUSED
    trigger = _first_holding(candidate.triggers, scope)
    if trigger is None:
        return NOT_TRIGGERED
    exception = _first_holding(candidate.exceptions, scope) if candidate.exceptions else None
    if exception is not None:
        return Decision("blocked_by_exception", exception)
    refused = [name for name in tag.consent if not scope.signal(name).granted]
    if refused:
        return Decision("blocked_by_consent", trigger, refused=tuple(refused))
    key, key_notes = ("", ()) if tag.once_per_key is None else _once_per_key(tag.once_per_key, scope)
    seen = scope if tag.view is None else view_of(tag.view, scope)
    seen.notes = [*seen.given, *tag.notes, *key_notes]
    settings = tag.build(seen)
    if isinstance(settings, Lacking):
        return Decision("incomplete", trigger, lacking=settings.lacks, notes=tuple(seen.notes), seen=seen)
    found = _fired(trigger, tag.component.function(settings, seen.event), seen, key)
    unlimited = found.status == "fired" and tag.once_per_key is not None and not key
    return found._replace(notes=(*found.notes, EMPTY_KEY)) if unlimited else found


def _is_time(schedule: Schedule, now: int) -> bool:
    return (schedule.since is None or schedule.since <= now) and (schedule.until is None or now < schedule.until)


def _once_per_key(read: Getter, scope: Scope) -> tuple[str, Sequence[str]]:
    """What `once_per` counts by, and the notes about it. An empty key limits nothing."""
    scope.notes = []
    value = read(scope)
    key = "" if missing(value) else text(value).strip()
    return key, scope.notes


def _first_holding(triggers: Sequence[CompiledTrigger], scope: Scope) -> CompiledTrigger | None:
    for trigger in triggers:
        if trigger.holds(scope):
            return trigger
    return None


def _fired(trigger: CompiledTrigger, returned: Any, seen: Scope, key: str) -> Decision:
    if type(returned) is Request:
        return Decision("fired", trigger, effects=(returned,), notes=[*seen.notes], key=key, seen=seen)
    effects = effects_of(returned)
    notes = [*seen.notes, *[effect.text for effect in effects if isinstance(effect, Note)]]
    skip = skip_of(effects)
    if skip is not None:
        status: Status = "incomplete" if skip.incomplete else "skipped"
        return Decision(status, trigger, skip.reason, notes=notes, seen=seen)
    return Decision("fired", trigger, effects=effects, notes=notes, key=key, seen=seen)
