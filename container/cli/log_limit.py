"""How many lines of one event a second the log takes. What is above is counted, and told of in one line."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from container.cli.logs import event_of

MOST_LINES = 10
"""Of one event in a second."""

SECOND = 1.0
MOST_EVENTS = 1000
NEVER_LEFT_OUT = ("config.", "demo.", "log.", "serve.")
"""What is said once at a start or a reload, for each thing that the operator's own file holds."""

Later = Callable[[float, Callable[[], None]], object]

logger = logging.getLogger("container.cli")


@dataclass(slots=True)
class _Second:
    begun: float
    lines: int = 0
    suppressed: int = 0
    level: int = logging.NOTSET


def _later(seconds: float, work: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


class Limit(logging.Filter):
    """A filter of a handler. `clock`: monotonic, in seconds. `later` does something after so many of them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, later: Later = _later) -> None:
        super().__init__()
        self._clock, self._later = clock, later
        self._seconds: dict[str, _Second] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        event = event_of(record)
        # Who asks for DEBUG wants to see everything.
        if record.levelno <= logging.DEBUG or event.startswith(NEVER_LEFT_OUT):
            return True
        now = self._clock()
        with self._lock:
            over = self._begun(event, now)
            second = self._seconds[event]
            taken = second.lines < MOST_LINES
            if taken:
                second.lines += 1
            else:
                second.suppressed += 1
                second.level = max(second.level, record.levelno)
            first = second.suppressed == 1
        if over is not None:
            _tell(event, over)
        if not taken and first:
            self._later(second.begun + SECOND - now, self.flush)
        return taken

    def flush(self, *, all: bool = False) -> None:
        """Tells of what was left out in the seconds that are over, or of `all`."""
        now = self._clock()
        with self._lock:
            over = {
                event: second
                for event, second in self._seconds.items()
                if second.suppressed and (all or now >= second.begun + SECOND)
            }
            for event in over:
                del self._seconds[event]
        for event, second in over.items():
            _tell(event, second)

    def _begun(self, event: str, now: float) -> _Second | None:
        """Lets a new second begin where one is due. The one before, if lines were left out in it."""
        second = self._seconds.get(event)
        if second is not None and now < second.begun + SECOND:
            return None
        if len(self._seconds) >= MOST_EVENTS:
            self._seconds.clear()
        self._seconds[event] = _Second(now)
        return second if second is not None and second.suppressed else None


def _tell(event: str, second: _Second) -> None:
    logger.log(second.level, "log.suppressed name=%s lines=%d", event, second.suppressed)


def limited(handler: logging.Handler) -> None:
    """Lets no event fill the log of this process. What is not told of when it ends is told of then."""
    limit = Limit()
    handler.addFilter(limit)
    atexit.register(limit.flush, all=True)
