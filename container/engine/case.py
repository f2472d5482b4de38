"""Outcomes as JSON: what `simulate` shows, and what the tests of a container are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from container.case import plain_json, request_json
from container.effects import Reply, Request
from container.engine.container import CompiledTag, Container
from container.engine.explain import why
from container.engine.guards import Guards, held_back
from container.engine.run import UNCLAIMED, Decision, Folded, claim_hit, decide, scopes
from container.engine.scope import Scope
from container.event import Event, Hit


def simulate(container: Container, hit: Hit, guards: Guards | None = None) -> dict[str, Any]:
    """Everything that the hit would lead to, as plain JSON. Nothing is sent and nothing kept.

    `guards`: what earlier hits have taken, and this one may take; without it they are fresh. Never raises for what a
    hit contains; what JSON cannot say is shown as `plain_json` does.
    """
    client, claim = claim_hit(container, hit)
    if client is None:
        return {"id": hit.id.hex(), "client": None, "reply": _reply(UNCLAIMED), "events": []}
    return _outcome(container, hit, client.name, claim.reply, scopes(container, client, claim), guards or Guards())


def simulate_event(container: Container, event: Event) -> dict[str, Any]:
    """The same for an event that no client has read: `client` is null, and the reply holds what the tags add."""
    scope = Scope(event, container.slots, container.consent_defaults)
    return {**_outcome(container, event.hit, "", Reply(), [scope], Guards()), "client": None}


def _outcome(
    container: Container, hit: Hit, client: str, reply: Reply, events: Iterable[Scope], guards: Guards
) -> dict[str, Any]:
    folded = Folded(reply)
    shown = [_event(container, scope, folded) for scope in events]
    outcome = folded.outcome(hit, client)
    held = guards.take(outcome.guards, hit.received)
    for tag in (tag for event in shown for tag in event["tags"]):
        held_back(tag, held)
    found: dict[str, Any] = plain_json(
        {"id": hit.id.hex(), "client": client, "reply": _reply(outcome.reply), "events": shown}
    )
    return found


def _event(container: Container, scope: Scope, folded: Folded) -> dict[str, Any]:
    decided: list[tuple[CompiledTag, Decision, list[str]]] = []
    for tag in container.tags:
        decision = decide(tag, scope)
        before = len(folded.planned)
        folded.add(tag, scope, decision)
        ids = [planned.id for planned in folded.planned[before:]]
        decided.append((tag, decision, ids))
    decided.sort(key=lambda each: each[0].order)
    consent = {name: signal.state for name, signal in scope.consent.signals.items()}
    return {
        "name": scope.original.name,
        "data": scope.original.data,
        "consent": consent,
        "tags": [_tag(tag, decision, scope, ids) for tag, decision, ids in decided],
    }


def _tag(tag: CompiledTag, decision: Decision, scope: Scope, planned: Sequence[str]) -> dict[str, Any]:
    try:
        requests = [request_json(effect) for effect in decision.effects if isinstance(effect, Request)]
    except (TypeError, ValueError, AttributeError) as problem:
        reason = f"the request cannot be sent: it holds what JSON cannot say ({type(problem).__name__})"
        return {"tag": tag.name, "status": "failed", "why": reason, "requests": [], "planned": []}
    shown = {"tag": tag.name, "status": decision.status, "why": why(tag, scope, decision), "requests": requests}
    return {**shown, "planned": planned}


def _reply(reply: Reply) -> dict[str, Any]:
    return {
        "status": reply.status,
        "headers": [list(header) for header in reply.headers],
        "cookies": [{"name": c.name, "value": c.value, "max_age": c.max_age} for c in reply.cookies],
    }
