"""Rows that no vendor takes together: claimed at once, sent one after another, and settled together.

Only while the vendor is quicker than the disk: a crash repeats what was delivered and not yet written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from container.delivery.flight import Flight
from container.delivery.handling import Handling
from container.delivery.store import Claimed, ClaimedRow


async def deliver_in_turn(handling: Handling, flight: Flight, goes_on: Callable[[], bool]) -> Claimed:
    """Sees the rows through as long as `goes_on`; what has not left. Cancelled, what was delivered is settled."""
    rows = flight.claimed.rows
    delivered: list[ClaimedRow] = []
    left = 0
    try:
        while left < len(rows) and (left == 0 or goes_on()):
            number = flight.course.begin(handling.clock()) if left else flight.number
            left += 1
            alone = replace(flight.claimed, rows=rows[left - 1 : left])
            await handling.deliver(Flight(alone, flight.course, number, delivered))
    finally:
        if delivered:
            await handling.settle(flight, delivered)
    return replace(flight.claimed, rows=rows[left:])
