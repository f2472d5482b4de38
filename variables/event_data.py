"""Read a value of the event data."""

from typing import Any

from pydantic import Field

from container.api import Dynamic, Event, Settings, at, text, variable


class EventData(Settings):
    key: str = Field(description="The key, or a dot path to a value inside.", examples=["value", "user_data.email"])
    default: Dynamic[Any] | None = Field(
        default=None, description="The value when that of the event is missing; an empty text stays.", examples=[0]
    )


def source(settings: EventData, written: EventData) -> str:
    return f'event data "{settings.key}"' + ("" if written.default is None else f", else {text(written.default)}")


@variable("event_data", source=source)
def event_data(settings: EventData, event: Event) -> Any:
    """A value of the event data, by key or dot path."""
    found = at(event.data, settings.key)
    if found is None and settings.key == "event_name":
        return event.name
    return settings.default if found is None else found
