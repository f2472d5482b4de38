"""A live file as a server has it, for drafts to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from container.config.load import load
from container.config.registry import Registry, discover
from container.preview.drafts import Live

TEXT = """\
version: 1
container: {name: "${SHOP:-Shop}", id: L-1}
clients: {GA4: {type: ga4}}
variables:
  Token: {type: constant, value: "${secret:COLLECTOR_TOKEN}"}
triggers:
  Purchase: {events: purchase}
tags:
  # The one that counts.
  TikTok:
    type: tiktok_events_api
    triggers: [Purchase]
    pixel_id: "${PIXEL}"
    access_token: "${secret:TIKTOK_TOKEN}"
    browser: {pixel: true}
  Collector:
    type: http_request
    triggers: [Purchase]
    consent: not_needed
    url: https://collector.example/in
    headers: {X-Token: "{{ Token }}"}
"""
ENVIRONMENT = {"PIXEL": "C1EXAMPLEPIXEL000000", "SHOP": "Shop", "PATH_OF_THE_MACHINE": "value-of-the-machine"}
REGISTRY = discover()


def secrets(name: str) -> str | None:
    """Every secret that there could be is set, so that nothing is refused for being unset."""
    return f"value-of-{name}"


def live(
    text: str = TEXT,
    *,
    registry: Registry = REGISTRY,
    environment: Mapping[str, str] = ENVIRONMENT,
    secret: Callable[[str], str | None] = secrets,
) -> Live:
    found = load(
        text, filename="live.yaml", registry=registry, environment=environment, secrets=secret, strict_environment=True
    )
    assert found.model is not None, found.report()
    return Live(text, "live.yaml", found.model, registry, environment, secret)
