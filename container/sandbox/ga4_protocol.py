"""What is worth a remark in a Measurement Protocol request beside what Google's validator says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from container.sandbox.fields import Finding, remark
from container.sandbox.ga4_collect import WITH_ORDER
from container.sandbox.seen import mapping, objects
from container.shape import number

OLDEST_HOURS = 72
_MICROSECONDS = 1_000_000


def around(document: Any, *, now: int) -> Iterator[Finding]:
    """What holds for all events. `now`: Unix seconds."""
    stated = mapping(document)
    yield from _time(stated, "", now=now)
    if "non_personalized_ads" in stated:
        yield remark("non_personalized_ads", "Retired: consent.ad_personalization says it.")
    if stated and not (stated.get("ip_override") or stated.get("user_location") or stated.get("app_instance_id")):
        yield remark("ip_override", "Without it or user_location GA4 does not know where the visitor is.")


def sense(document: Any, *, now: int) -> Iterator[Finding]:
    """What a single event lacks."""
    for index, event in enumerate(objects(mapping(document).get("events"))):
        params, path = mapping(event.get("params")), f"events.{index}.params"
        yield from _time(event, f"events.{index}.", now=now)
        if not params.get("session_id"):
            yield remark(f"{path}.session_id", "Without it the event is in no session, and not in realtime.")
        if not params.get("engagement_time_msec"):
            yield remark(f"{path}.engagement_time_msec", "Without it nobody counts as active: send 1 at least.")
        if "value" in params and not params.get("currency"):
            yield remark(f"{path}.currency", "A value without a currency counts for nothing.")
        if event.get("name") in WITH_ORDER and not params.get("transaction_id"):
            yield remark(f"{path}.transaction_id", "Without it GA4 counts the same order twice.")


def _time(stated: Mapping[str, Any], before: str, *, now: int) -> Iterator[Finding]:
    micros = number(stated.get("timestamp_micros"))
    if micros is not None and micros < (now - OLDEST_HOURS * 3600) * _MICROSECONDS:
        yield remark(f"{before}timestamp_micros", f"Longer ago than {OLDEST_HOURS} hours, which GA4 does not take.")
    elif micros is not None and micros > (now + 60) * _MICROSECONDS:
        yield remark(f"{before}timestamp_micros", "This time has not come yet.")
