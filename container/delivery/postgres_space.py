"""Whether the disk of the database has room, as far as this process knows: only a hit can find out whether it does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from container.delivery.remedies import NO_SPACE
from container.delivery.told import quoted

PAUSE_SECONDS = 1.0
"""After a hit for which there was no room the next ones are refused for so long, without asking."""

RECENT_SECONDS = 10.0
"""So long it counts as full. A hit that fits meanwhile, beside one that does not, ends nothing."""

log = logging.getLogger("container.delivery")


@dataclass(slots=True)
class Space:
    """To be used in one event loop. `clock` is monotonic, in seconds."""

    clock: Callable[[], float] = time.monotonic
    _since: float | None = None
    _refused_at: float = -inf

    @property
    def trouble(self) -> str:
        """Why hits are refused, empty while they are not."""
        return NO_SPACE if self.clock() - self._refused_at < RECENT_SECONDS else ""

    @property
    def pauses(self) -> bool:
        """Whether a hit need not ask."""
        return self.clock() - self._refused_at < PAUSE_SECONDS

    def refused(self) -> None:
        """There was no room for a hit; told once, until there is."""
        self._refused_at = self.clock()
        if self._since is None:
            self._since = self._refused_at
            line = 'store.full reason=%s hits=refused "Make room on the disk of the database."'
            log.error(line, quoted(NO_SPACE))

    def worked(self) -> None:
        """A hit was written."""
        if self._since is not None and not self.trouble:
            seconds, self._since = self.clock() - self._since, None
            log.warning("store.mended after=%s seconds=%.0f hits=taken", quoted(NO_SPACE), seconds)
