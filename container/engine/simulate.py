"""One hit through the container with everything that was decided, as JSON: what `simulate` writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from container.case import cookie_json, event_json, plain_json, request_json
from container.effects import Reply, Request
from container.engine.container import Candidate, CompiledTag, Container
from container.engine.explain import held_back, why
from container.engine.fold import Decision, Folded
from container.engine.guards import Memory
from container.engine.outcome import Guard, Outcome, TagResult
from container.engine.run import NOT_TRIGGERED, UNCLAIMED, claim_hit, decide, scopes
from container.engine.scope import Scope
from container.engine.unclaimed import body_text, why_eventless, why_unclaimed
from container.event import Event, Hit


class DecidedTag(NamedTuple):
    """A tag with what was decided about it."""

    candidate: Candidate
    decision: Decision
    result: TagResult

    @property
    def tag(self) -> CompiledTag:
        return self.candidate.tag


class DecidedEvent(NamedTuple):
    """An event with what was decided about each tag, in the order of the file."""

    scope: Scope
    tags: Sequence[DecidedTag]


class Decided(NamedTuple):
    """A hit with all that was decided. `outcome`: as `run` gives it. `taken`: guards that earlier hits hold.

    `why`: the reason why there is no event, empty where there is one.
    """

    outcome: Outcome
    events: Sequence[DecidedEvent]
    taken: Collection[Guard] = ()
    why: str = ""


ShowEvent = Callable[[DecidedEvent, Collection[Guard]], dict[str, Any]]


def simulate(container: Container, hit: Hit, guards: Memory | None = None) -> dict[str, Any]:
    """Everything that the hit would lead to, as plain JSON. Nothing is sent, and nothing kept but in `guards`.

    `guards`: what earlier hits have taken; fresh ones when there are none. Never raises for what a hit contains; what
    JSON cannot say is shown as `plain_json` does. Where there is no event, `why` says the reason.
    """
    return shown(decided(container, hit, guards or Memory()), shown_event)


def simulate_event(container: Container, event: Event) -> dict[str, Any]:
    """The same for an event that no client has read: `client` is null, and the reply has what tags add to it."""
    scope = Scope(event, container.slots, container.consent_defaults)
    found = _decided(container, event.hit, "", Reply(), [scope], Memory())
    return {**shown(found, shown_event), "client": None}


def decided(container: Container, hit: Hit, guards: Memory) -> Decided:
    """The hit, run with a record of what was decided about every tag, those included that do not hear the event."""
    client, claim = claim_hit(container, hit)
    if client is None:
        reason = f"no client took the hit: {why_unclaimed(container, hit)}"
        return Decided(Outcome(hit, None, UNCLAIMED), (), why=reason)
    return _decided(container, hit, client.name, claim.reply, scopes(container, client, claim), guards)


def shown(found: Decided, show_event: ShowEvent) -> dict[str, Any]:
    """A decided hit as plain JSON. `show_event`: how each event is shown."""
    outcome = found.outcome
    told: dict[str, Any] = plain_json(
        {
            "id": outcome.hit.id.hex(),
            "client": outcome.client,
            "reply": reply_json(outcome.finished(found.taken)),
            **({"why": found.why} if found.why else {}),
            "events": [show_event(each, found.taken) for each in found.events],
        }
    )
    return told


def shown_event(each: DecidedEvent, taken: Collection[Guard]) -> dict[str, Any]:
    """An event with its consent and its tags."""
    scope = each.scope
    return {
        **event_json(scope.original, scope.consent),
        "tags": [shown_tag(tag, scope, taken) for tag in each.tags],
    }


def shown_tag(each: DecidedTag, scope: Scope, taken: Collection[Guard]) -> dict[str, Any]:
    """What became of a tag, why, and its requests. Where a guard holds it back, nothing is sent."""
    tag, decision, status = each.tag, each.decision, each.result.settled(taken)
    if status != decision.status:
        return {"tag": tag.name, "status": status, "why": held_back(tag, scope, decision, status), "requests": []}
    try:
        requests = [request_json(effect) for effect in decision.effects if isinstance(effect, Request)]
    except (TypeError, ValueError, AttributeError) as problem:
        reason = f"the request cannot be sent: it holds what JSON cannot say ({type(problem).__name__})"
        return {"tag": tag.name, "status": "failed", "why": reason, "requests": []}
    return {"tag": tag.name, "status": status, "why": why(tag, scope, decision), "requests": requests}


def _decided(
    container: Container, hit: Hit, client: str, reply: Reply, events: Iterable[Scope], guards: Memory
) -> Decided:
    folded = Folded(reply)
    found = [_decided_event(container, scope, folded) for scope in events]
    outcome = folded.outcome(hit, client)
    taken = guards.take(outcome.guards, now=hit.received)
    return Decided(outcome, found, taken, "" if found else why_eventless(client, reply))


def _decided_event(container: Container, scope: Scope, folded: Folded) -> DecidedEvent:
    folded.events += 1
    tags = [_decided_tag(each, scope, folded) for each in container.hearing.all(scope.original.name)]
    return DecidedEvent(scope, sorted(tags, key=lambda each: each.tag.order))


def _decided_tag(candidate: Candidate, scope: Scope, folded: Folded) -> DecidedTag:
    """`run` asks only tags that hear the event, and keeps those that may fire."""
    decision = decide(candidate, scope)
    if candidate.triggers and decision is not NOT_TRIGGERED:
        return DecidedTag(candidate, decision, folded.add(candidate.tag, scope, decision))
    return DecidedTag(candidate, decision, TagResult(candidate.tag.name, decision.status))


def reply_json(reply: Reply) -> dict[str, Any]:
    """A reply as preview shows it."""
    body = body_text(reply)
    return {
        "status": reply.status,
        "headers": [list(header) for header in reply.headers],
        "cookies": list(map(cookie_json, reply.cookies)),
        **({"body": body} if body else {}),
    }
