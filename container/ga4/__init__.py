"""The GA4 wire protocol (v=2), as browsers speak it: what a hit's parameters mean as event data and as consent.

`keys` holds the names of both sides as data, so that reading and writing share one table.
"""

from container.ga4.consent import consent_of
from container.ga4.events import events_of
from container.ga4.visitor import Recognised, ServerCookie, from_browser, from_server

__all__ = ["Recognised", "ServerCookie", "consent_of", "events_of", "from_browser", "from_server"]
