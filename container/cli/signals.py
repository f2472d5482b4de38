"""Signals from the first moment on, since a process that only starts has been told something already."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Early:
    """What was asked for before the process runs: a stop ends it at once, a reload follows when it runs."""

    reload: bool = False

    def listen(self) -> None:
        """Begins to listen. Nothing has been opened yet, so whoever asks for a stop gets it, with exit code 0."""
        for number in _STOP:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._reload)

    def hand_over(
        self, loop: asyncio.AbstractEventLoop, *, stop: asyncio.Event, hurry: asyncio.Event, reload: asyncio.Event
    ) -> None:
        """From here on signals set the events, the second one to stop `hurry`. What was asked for before is set now."""
        for number in _STOP:
            loop.add_signal_handler(number, _asked(stop, hurry))
        loop.add_signal_handler(signal.SIGHUP, reload.set)
        if self.reload:
            reload.set()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # An exception could come up in the middle of an import, in code that is not written for it.
        os._exit(0)

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reload = True


def _asked(stop: asyncio.Event, hurry: asyncio.Event) -> Callable[[], None]:
    return lambda: hurry.set() if stop.is_set() else stop.set()


early = Early()
"""Of this process: it has one set of signals."""
