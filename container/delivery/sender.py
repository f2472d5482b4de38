"""What the worker sends with: the transport, or what is wrapped around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from container.delivery.store import ClaimedRow
from container.delivery.transport import NoAnswer
from container.effects import Response


class Sender(Protocol):
    """As `Transport` has it."""

    async def send(
        self, rows: Sequence[ClaimedRow], *, now: int, resent: Callable[[], None] = ...
    ) -> Response | NoAnswer:
        """Sends rows of one frame as one request. Never raises but for cancellation."""
        ...

    def shown(self, text: str, sent: Iterable[str] = ()) -> str:
        """The text as people may see it."""
        ...
