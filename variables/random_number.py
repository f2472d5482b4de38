"""A number that is random per hit, and the same again when the hit is replayed."""

from pydantic import Field

from container.api import Event, Settings, variable


class RandomNumber(Settings):
    minimum: int = Field(default=0, description="The smallest number.")
    maximum: int = Field(default=2**31 - 1, description="The largest number.")


def source(settings: RandomNumber, written: RandomNumber) -> str:
    return f"drawn for this event, from {settings.minimum} to {settings.maximum}"


@variable("random_number", source=source)
def random_number(settings: RandomNumber, event: Event) -> int:
    """A whole number, random per event."""
    span = max(settings.maximum - settings.minimum + 1, 1)
    return settings.minimum + int.from_bytes(event.hit.random(f"random_number {event.index}")) % span
