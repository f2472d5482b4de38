"""One hit through the container with everything that was decided, as JSON: what `simulate` writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from container.case import Status, cookie_json, event_json, plain_json, request_json
from container.effects import Reply, Request
from container.engine.container import CompiledTag, Container
from container.engine.explain import held_back, why
from container.engine.fold import Decision, Folded
from container.engine.guards import Memory
from container.engine.outcome import Guard, TagResult
from container.engine.run import UNCLAIMED, claim_hit, decide, scopes
from container.engine.scope import Scope
from container.event import Event, Hit


def simulate(container: Container, hit: Hit, guards: Memory | None = None) -> dict[str, Any]:
    """Everything that the hit would lead to, as plain JSON. Nothing is sent, and nothing kept but in `guards`.

    `guards`: what earlier hits have taken; fresh ones when there are none. Never raises for what a hit contains; what
    JSON cannot say is shown as `plain_json` does.
    """
    client, claim = claim_hit(container, hit)
    if client is None:
        return {"id": hit.id.hex(), "client": None, "reply": _reply(UNCLAIMED), "events": []}
    return _outcome(container, hit, client.name, claim.reply, scopes(container, client, claim), guards or Memory())


def simulate_event(container: Container, event: Event) -> dict[str, Any]:
    """The same for an event that no client has read: `client` is null, and the reply has what tags add to it."""
    scope = Scope(event, container.slots, container.consent_defaults)
    return {**_outcome(container, event.hit, "", Reply(), [scope], Memory()), "client": None}


@dataclass(frozen=True, slots=True)
class _Decided:
    """An event with what was decided about each tag, in firing order."""

    scope: Scope
    tags: Sequence[tuple[CompiledTag, Decision, TagResult]]


def _outcome(
    container: Container, hit: Hit, client: str, reply: Reply, events: Iterable[Scope], guards: Memory
) -> dict[str, Any]:
    folded = Folded(reply)
    decided = [_Decided(scope, _decisions(container, scope, folded)) for scope in events]
    done = folded.outcome(hit, client)
    taken = guards.take(done.guards, now=hit.received)
    shown: dict[str, Any] = plain_json(
        {
            "id": hit.id.hex(),
            "client": client,
            "reply": _reply(done.finished(taken)),
            "events": [_event(each, taken) for each in decided],
        }
    )
    return shown


def _decisions(container: Container, scope: Scope, folded: Folded) -> Sequence[tuple[CompiledTag, Decision, TagResult]]:
    decisions = [(each.tag, decide(each, scope)) for each in container.hearing.all(scope.original.name)]
    return [(tag, decision, folded.add(tag, scope, decision)) for tag, decision in decisions]


def _event(decided: _Decided, taken: Collection[Guard]) -> dict[str, Any]:
    scope = decided.scope
    in_file_order = sorted(decided.tags, key=lambda each: each[0].order)
    return {
        **event_json(scope.original, scope.consent),
        "tags": [_tag(tag, decision, scope, result.settled(taken)) for tag, decision, result in in_file_order],
    }


def _tag(tag: CompiledTag, decision: Decision, scope: Scope, status: Status) -> dict[str, Any]:
    """`status`: the decision's, or what a guard made of it; then nothing is sent."""
    if status != decision.status:
        return {"tag": tag.name, "status": status, "why": held_back(tag, scope, decision, status), "requests": []}
    try:
        requests = [request_json(effect) for effect in decision.effects if isinstance(effect, Request)]
    except (TypeError, ValueError, AttributeError) as problem:
        reason = f"the request cannot be sent: it holds what JSON cannot say ({type(problem).__name__})"
        return {"tag": tag.name, "status": "failed", "why": reason, "requests": []}
    return {"tag": tag.name, "status": status, "why": why(tag, scope, decision), "requests": requests}


def _reply(reply: Reply) -> dict[str, Any]:
    return {
        "status": reply.status,
        "headers": [list(header) for header in reply.headers],
        "cookies": list(map(cookie_json, reply.cookies)),
    }
