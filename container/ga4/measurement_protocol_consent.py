"""What a Measurement Protocol request says about consent: its `consent` block, and `non_personalized_ads`.

Where the request and one of its events disagree, denied wins. A type that neither names stays unset.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from container.event import Consent, Signal

SOURCE = "measurement_protocol"

MOST_TYPES = 64
"""Google has seven types. Longer blocks are cut: the request's is looked at for each event that has its own."""

_STATES = {"granted": True, "denied": False, "true": True, "false": False}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def consent_of(*stated: Mapping[str, Any]) -> Consent:
    """The consent that the request, and perhaps an event of it, state."""
    signals: dict[str, Signal] = {}
    for members in stated:
        for name, granted in _states(members.get("consent")):
            if name not in signals or not granted:
                signals[name] = Signal(granted, SOURCE)
    if "ad_user_data" in signals:
        # The protocol has no `ad_storage`: it follows, where the block does not name it all the same.
        signals.setdefault("ad_storage", signals["ad_user_data"])
    if any(no_personalisation(members) for members in stated):
        personalised = signals.get("ad_personalization")
        if personalised is None or personalised.granted:
            signals["ad_personalization"] = Signal(False, "npa")
    return Consent(MappingProxyType(signals))


def no_personalisation(members: Mapping[str, Any]) -> bool | None:
    """What `non_personalized_ads` says, `None` if nothing."""
    return _FLAGS.get(str(members.get("non_personalized_ads")).lower())


def _states(block: object) -> list[tuple[str, bool]]:
    if not isinstance(block, dict):
        return []
    found = ((name, _STATES.get(str(state).strip().lower())) for name, state in islice(block.items(), MOST_TYPES))
    return [(name, granted) for name, granted in found if granted is not None]
