"""A claim that rests on consent: whether it holds, or what is taken instead."""

from __future__ import annotations

from dataclasses import replace

from container.effects import Claim
from container.engine.container import CompiledClient, Container
from container.engine.scope import Scope


def consented(container: Container, client: CompiledClient, claim: Claim) -> Claim:
    """The claim where its consent type is granted for every event, else its `otherwise`.

    The default may be a variable. It sees the events as they are without the consent that it decides about.
    """
    if claim.otherwise is None:
        return claim
    for event in claim.otherwise.events:
        scope = Scope(replace(event, client=client.name), container.slots, client.consent_defaults)
        if not _is_granted(claim.consent, scope):
            return claim.otherwise
    return claim


def _is_granted(name: str, scope: Scope) -> bool:
    """Whether the type is granted. A default that cannot be computed grants nothing, and loses no hit."""
    try:
        return scope.signal(name).granted
    except Exception:  # noqa: BLE001  # a variable of the default raised: the tags that ask for it will say so
        return False
