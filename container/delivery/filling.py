"""What the log says of a store that fills up: when it passes a mark, and when that is over."""

from __future__ import annotations

import logging

from container.delivery.levels import ADMITTED_BELOW, NEARLY_FULL

MARKS = tuple(sorted(ADMITTED_BELOW))
OVER_BELOW = NEARLY_FULL - 0.05
"""Not at the mark itself: there it would be over, and begin, with every delivery."""

log = logging.getLogger("container.delivery")


class Filling:
    """Tells of each mark once, until it is over. Called by the writer only, or in the event loop only."""

    def __init__(self) -> None:
        self._passed = 0.0

    def look(self, fill: float) -> None:
        """`fill`: how full the store is now, from 0 to 1."""
        passed = max((mark for mark in MARKS if fill >= mark), default=0.0)
        if passed > self._passed:
            self._passed = passed
            _tell(fill)
        elif self._passed and fill < OVER_BELOW:
            self._passed = 0.0
            log.warning('store.has_room percent=%d "All hits are taken again."', int(fill * 100))


def _tell(fill: float) -> None:
    if fill >= MARKS[-1]:
        log.error('store.filled "It is full by its limits, and hits are refused: see which lane waits."')
    else:
        line = 'store.filling percent=%d "Hits are refused, from the least important on: see which lane waits."'
        log.error(line, int(fill * 100))
