"""The mark by which a hit says that it belongs to a preview: a cookie in a browser, a header from everything else.

No draft sees the mark, and no vendor gets it: whoever has it can look into the session's hits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType

from container.event import Hit

logger = logging.getLogger("container.preview")

COOKIE, HEADER = "tc_preview", "x-gtm-server-preview"
"""The header has Google Tag Manager's name."""

QUIET_SECONDS = 60.0
"""So long nothing more is told of marks that lead nowhere."""


def may_be_marked(hit: Hit) -> bool:
    """Whether something of preview is in the hit; in most there is nothing."""
    return HEADER in hit.headers or COOKIE in hit.headers.get("cookie", "")


def marks_of(hit: Hit) -> Iterator[str]:
    """What may be a mark; most hits have none."""
    shown = hit.headers.get(HEADER)
    if shown:
        yield shown.strip()
    # Most hits have cookies, and taking them apart costs more than all the rest of this.
    if COOKIE in hit.headers.get("cookie", ""):
        found = hit.cookies.get(COOKIE)
        if found:
            yield found


def without_marks(hit: Hit) -> Hit:
    """The same hit as it would be without preview; itself where there is nothing of preview in it."""
    if not may_be_marked(hit):
        return hit
    headers = {name: value for name, value in hit.headers.items() if name != HEADER}
    kept = [pair for pair in headers.pop("cookie", "").split(";") if pair.partition("=")[0].strip() != COOKIE]
    cookies = ";".join(kept).strip()
    if cookies:
        headers["cookie"] = cookies
    read_only = MappingProxyType(headers)
    return Hit(hit.id, hit.received, hit.method, hit.path, hit.query, read_only, hit.body, hit.ip)


class Ignored:
    """Hits whose mark leads to no preview: they run live, a test order becomes a sale, and nobody sees it by itself.

    The log has one line in a minute at most, with their number. `clock`: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count, self._quiet_until = 0, float("-inf")

    def saw(self) -> None:
        """One more."""
        self._count += 1
        self.tell()

    def tell(self) -> None:
        """Tells of those that were not told of, unless that was just now. To be called from time to time."""
        if self._count and self._clock() >= self._quiet_until:
            logger.info("preview.mark_ignored count=%d", self._count)
            self._count, self._quiet_until = 0, self._clock() + QUIET_SECONDS
