"""Claims that nobody works on any more: their rows wait again as soon as the store takes it."""

from __future__ import annotations

import asyncio

from container.delivery.store import Claimed, Store


class Releases:
    """Keeps a claim until its rows wait again: a store that fails for a while makes none of them wait for a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[bytes, int], tuple[Claimed, int | None]] = {}

    def add(self, claimed: Claimed, until: int | None = None) -> None:
        """Its rows are to wait as before the claim; or until then, and the attempt counts."""
        self._kept[_key(claimed)] = claimed, until

    async def step(self) -> None:
        """Releases what there is. Raises `StoreError`; what could not be released is kept."""
        kept = tuple(self._kept.values())
        results = await asyncio.gather(*(self._release(*each) for each in kept), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _release(self, claimed: Claimed, until: int | None) -> None:
        if until is None:
            await self._store.give_back(claimed)
        else:
            await self._store.postpone(claimed, claimed.rows, until=until, counted=True)
        self._kept.pop(_key(claimed), None)


def _key(claimed: Claimed) -> tuple[bytes, int]:
    """Of one claim several parts may come back."""
    return claimed.token, claimed.rows[0].number
