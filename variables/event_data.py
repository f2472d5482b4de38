"""Read a value of the event data."""

from typing import Any

from pydantic import Field

from container.api import Dynamic, Event, Settings, at, variable


class EventData(Settings):
    key: str = Field(description="The key, or a dot path to a value inside.", examples=["value", "user_data.email"])
    default: Dynamic[Any] | None = Field(default=None, description="The value when the event has none.", examples=[0])


@variable("event_data")
def event_data(settings: EventData, event: Event) -> Any:
    """A value of the event data, by key or dot path."""
    found = at(event.data, settings.key)
    if found is None and settings.key == "event_name":
        return event.name
    return settings.default if found is None else found
