"""The trigger that GTM calls Custom: its events and conditions are common keys of every trigger."""

from container.api import Event, Settings, trigger


class EventTrigger(Settings):
    """Nothing beyond the keys that every trigger has."""


@trigger("event")
def event(settings: EventTrigger, event: Event) -> bool:
    """Fires on events by name and by conditions."""
    return True
