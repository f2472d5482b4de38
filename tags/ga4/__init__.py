"""Google Analytics 4: web hits as they came, and events of servers by the Measurement Protocol."""

from container.api import Effect, Event, Note, Skip, by_status, tag
from tags.ga4.insight import COMPLETENESS, IDENTIFIERS, ONCE, STANDARD_EVENTS
from tags.ga4.page import PAGE
from tags.ga4.server import server_request
from tags.ga4.settings import Ga4Tag
from tags.ga4.view import view
from tags.ga4.web import web_request
from tags.ga4.written import FORMS

OLDEST_HOURS = 72

IN_FLIGHT = 16
"""Google takes as much as it gets. Hits of browsers go one by one, so two at a time would be 40 a second at 50 ms."""


@tag(
    "ga4",
    # Google answers 2xx to everything, also to what it throws away: there is no more to read in its answers.
    judge=by_status,
    consent=("analytics_storage",),
    max_age_hours=OLDEST_HOURS,
    in_flight=IN_FLIGHT,
    identifiers=IDENTIFIERS,
    completeness=COMPLETENESS,
    forms=FORMS,
    once=ONCE,
    standard_events=STANDARD_EVENTS,
    time_fields=("timestamp_micros",),
    page=PAGE,
)
def ga4(settings: Ga4Tag, event: Event) -> list[Effect] | Skip:
    """Send events to Google Analytics 4, or on to another server container."""
    notes: list[str] = []
    seen = view(settings, event, notes)
    web = seen.of_browser if settings.protocol == "auto" else settings.protocol == "web"
    made = web_request(settings, event, seen, notes) if web else server_request(settings, event, seen, notes)
    return made if isinstance(made, Skip) else [made, *map(Note, dict.fromkeys(notes))]
