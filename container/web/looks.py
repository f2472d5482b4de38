"""Questions to the store for which nobody waits long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Looks:
    """One of a kind at a time, which goes on until it is answered: to end one would cost its connection.

    To be used in one event loop.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Future[Any]] = {}

    async def at(self, kind: str, ask: Callable[[], Awaitable[T]], *, within: float) -> T:
        """What is answered within so many seconds. Raises `TimeoutError`, and what `ask` raises."""
        look = self._under_way.get(kind)
        if look is None or look.done():
            self._under_way[kind] = look = asyncio.ensure_future(ask())
            look.add_done_callback(_heard)
        await asyncio.wait({look}, timeout=within)
        if not look.done():
            raise TimeoutError
        return look.result()  # type: ignore[no-any-return]  # it is of this kind


def _heard(look: asyncio.Future[Any]) -> None:
    """That it failed is known, also where nobody waits any more."""
    if not look.cancelled():
        look.exception()
