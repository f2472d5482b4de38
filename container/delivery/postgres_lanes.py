"""The numbers of lanes in PostgreSQL. A lane is never deleted, so that what a process knows of it holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from container.delivery.postgres_connecting import Database

_KNOWN = "select key, number from lanes where key=any(%s)"
_NEW = "insert into lanes(key) select unnest(%s::text[]) on conflict do nothing"


class LaneNumbers:
    """Remembers them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, int] = {}

    async def of(self, keys: Collection[str]) -> Mapping[str, int]:
        """Of these keys, among others. New lanes are committed at once, so that they hold nobody up."""
        new = sorted(key for key in keys if key not in self._known)
        if new:
            found = dict(await self._database.ask(_KNOWN, (new,), asked=None))
            if missing := [key for key in new if key not in found]:
                await self._database.ask(_NEW, (missing,), asked=None)
                found |= dict(await self._database.ask(_KNOWN, (missing,), asked=None))
            self._known |= found
        return self._known
