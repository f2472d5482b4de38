"""The installed components, and a few of the tests' own for what none of those does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from container.api import (
    Claim,
    Confidential,
    Dynamic,
    Event,
    Hit,
    Many,
    Request,
    Secret,
    Settings,
    client,
    tag,
    trigger,
)
from container.config.load import Loaded, load
from container.config.registry import Registry, discover

SECRETS = {"TOKEN": "t0ken", "OTHER": "0ther", "BLANK": ""}
ENVIRONMENT = {"SHOP": "Example Shop", "PRIORITY": "7", "EMPTY": "", "BRACES": "{{ Nobody }}", "YES": "true"}

Load = Callable[..., Loaded]


class Webhook(Settings):
    url: str = Field(description="Where to.")
    note: Any = Field(default=None, description="Anything that is fixed.")
    label: Dynamic[str] | None = Field(default=None, description="A label.")
    headers: dict[str, Confidential] = Field(default_factory=dict, description="Headers.")
    json_body: Confidential = Field(default=None, validation_alias="json", description="The body.")
    limits: tuple[int, str] | None = Field(default=None, description="A pair.")
    extra: Dynamic[dict[str, Any]] | None = Field(default=None, description="More.")
    names: list[str] = Field(default_factory=list, description="Names.")


class Browser(Settings):
    event_names: str = Field(default="current", description="The style.")
    events: dict[str, str] = Field(default_factory=dict, description="Single names.")


class PixelTag(Settings):
    pixel_id: Dynamic[str] | None = Field(default=None, description="The account.")
    event: str | None = Field(default=None, description="The vendor's name.")
    browser: bool | Browser | None = Field(default=None, description="What the pixel does.")
    event_map: dict[str, str] = Field(default_factory=dict, description="More names.")
    api_key: Secret | None = Field(default=None, description="A key.")


class Partner(Settings):
    paths: Many[str] = Field(default=("/partner",), description="Paths.")
    measurement_ids: Many[str] = Field(default=(), description="Ids.")
    api_secret: Many[Secret] | None = Field(default=None, description="Secrets.")


@tag("webhook")
def webhook(settings: Webhook, event: Event) -> Request:
    """Send something somewhere."""
    return Request("POST", settings.url)


@tag("pixel_tag", consent=("ad_storage",), standard_events=("AddToCart", "Purchase"))
def pixel_tag(settings: PixelTag, event: Event) -> None:
    """Send events to a vendor."""


class Either(Settings):
    one: str | None = Field(default=None, description="One.")
    other: str | None = Field(default=None, description="Or the other.")
    shape: dict[str, int] | Browser | None = Field(default=None, description="Two kinds of mapping.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Either:
        if self.one and self.other:
            raise ValueError("write one or other, not both")
        if not self.one and not self.other:
            raise PydanticCustomError("missing_field", "one or other is missing")
        return self


@tag("either", consent=())
def either(settings: Either, event: Event) -> None:
    """Takes one thing or another."""


@tag("plain_tag", consent=())
def plain_tag(settings: Settings, event: Event) -> None:
    """Takes no settings of its own."""


@client("partner")
def partner(settings: Partner, hit: Hit) -> Claim | None:
    """Takes what partners send."""
    return None


@client("catch_all")
def catch_all(settings: Settings, hit: Hit) -> Claim | None:
    """Takes everything."""
    return None


class Sometimes(Settings):
    chance: Dynamic[float] = Field(description="How often.")


@trigger("sometimes")
def sometimes(settings: Sometimes, event: Event) -> bool:
    """Fires now and then."""
    return settings.chance > 0


OWN = (webhook, pixel_tag, either, plain_tag, partner, catch_all, sometimes)


@pytest.fixture(scope="session")
def registry() -> Registry:
    installed = [component.function for component in discover().components.values()]
    return Registry.of([*installed, *OWN])


@pytest.fixture(scope="session")
def load_text(registry: Registry) -> Load:
    def load_it(text: str, *, strict: bool = False, environment: Mapping[str, str] = ENVIRONMENT) -> Loaded:
        return load(
            text,
            filename="container.yaml",
            registry=registry,
            environment=environment,
            secrets=SECRETS.get,
            strict_environment=strict,
        )

    return load_it
