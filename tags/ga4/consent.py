"""What a request says of the visitor's consent, where the hit does not say it in the request's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.api import Consent, Event, at, ga4_gcs

_NPA, _GCS, _GCD = "x-ga-npa", "x-ga-gcs", "x-ga-gcd"
_TYPES = ("ad_user_data", "ad_personalization")
_DEFAULT = "default"


def hit_consent(event: Event, data: Mapping[str, Any]) -> dict[str, str]:
    """Parameters for consent that a hit does not have, and that is known all the same."""
    if _GCD in data or _GCS in data:
        return {}
    copy = at(data, "x-sst-system_properties.gcd")
    if isinstance(copy, str):
        return {"gcd": copy}
    said = _said(event)
    states = ga4_gcs(said)
    found = {} if states is None else {"gcs": states}
    if _NPA not in data and said.state("ad_personalization") == "denied":
        found["npa"] = "1"
    return found


def server_consent(event: Event) -> dict[str, str]:
    """The member `consent` of the Measurement Protocol."""
    said = _said(event)
    states = {name: said.state(name) for name in _TYPES}
    return {name: state.upper() for name, state in states.items() if state != "unset"}


def _said(event: Event) -> Consent:
    """What was said, without the container's default: that is no word of the visitor's."""
    signals = event.consent.signals
    return Consent({name: signal for name, signal in signals.items() if signal.source != _DEFAULT})
