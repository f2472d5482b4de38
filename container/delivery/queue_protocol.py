"""What people can do with the rows of a store: the part of `Store` that `queue`, `forget` and the pages use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

from container.delivery.known_ids import KnownIds
from container.delivery.row import Acceptance, FailedHit, Unpacked
from container.delivery.selection import (
    AT_ONCE,
    Exported,
    Gone,
    Imported,
    Pair,
    Place,
    RowDetail,
    RowReport,
    Searched,
    Selection,
    Standing,
)

Left = Literal["nothing", "seen", "not_owned"]
"""Copies of what was deleted: somebody still sees them; or they are there for whoever owns the tables to clear away."""


class Queue(Protocol):
    """Like the rest of `Store`. What changes rows does so in slices, so that hits come in between."""

    async def rows(self, selection: Selection, *, most: int, before: int | None = None) -> Sequence[RowReport]:
        """The selected rows, the latest first, numbered below `before`. Like the next four it holds up no writer."""
        ...

    async def row(self, place: Place, number: int, *, whole: bool = False) -> RowDetail | None:
        """Everything of a row, its values masked unless the `whole` is wanted; `None` when it is gone.

        Whoever asks for the whole has to log it.
        """
        ...

    async def count(self, selection: Selection) -> int:
        """How many rows are selected."""
        ...

    async def stored(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that rows have, once all that this or another process asked for before is written or is not.

        For whoever was not answered. It goes through all rows.
        """
        ...

    async def reasons(self, lane: int) -> Mapping[str, int]:
        """How many dead letters a lane has of each reason that it has any of."""
        ...

    async def standing(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Standing]:
        """The selected dead letters numbered above `after`, and what decides whether they can be sent again."""
        ...

    async def export(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Exported]:
        """The selected rows numbered above `after`, with their bodies in clear. Those that cannot be read are left."""
        ...

    async def replay(self, selection: Selection, *, now: int, most: int = AT_ONCE) -> int:
        """Some of the selected letters that hold requests wait again, due at once; how many.

        Their attempts begin anew. Those that their vendor would call too old, and damaged ones, stay dead; so do those
        whose lane is full. To be called again while it finds any.
        """
        ...

    async def hit_of(self, letter: Standing) -> FailedHit | None:
        """The hit that a letter holds; `None` when it cannot be read, or the letter is gone."""
        ...

    async def replay_hit(self, letter: Standing, acceptance: Acceptance) -> bool:
        """What a letter's hit leads to now waits in its place. Whether the letter was there, and no guard was taken."""
        ...

    async def drop(self, selection: Selection, *, after: int = 0, most: int = AT_ONCE) -> Gone:
        """Some of the selected rows numbered above `after` are gone for ever, those included that are being sent.

        To be called again behind the last of them, until there is none.
        """
        ...

    async def known_ids(self) -> KnownIds:
        """The ids of all rows, for an import of many slices, where looking each one up takes too long. To be closed."""
        ...

    async def import_rows(
        self, lines: Sequence[Mapping[str, Any]], *, now: int, known: KnownIds | None = None
    ) -> Imported:
        """Stores rows as `export` gives them, sealed with the key of this store. Rows whose id is here are skipped.

        `known`: the ids that are here, for slices of one import; this one's are added.
        """
        ...

    async def search(
        self, place: Place, holds: Callable[[Unpacked | FailedHit], bool], *, after: int, most: int = AT_ONCE
    ) -> Searched:
        """Opens the rows numbered above `after`, and tells those that hold what is looked for. Holds up no writer."""
        ...

    async def erase(self, place: Place, rows: Sequence[Pair]) -> int:
        """The rows are gone, and written over; how many there were."""
        ...

    async def forget_guards(self, keys: Sequence[bytes], rows: Collection[str], *, dry_run: bool = False) -> int:
        """Gives back guards: those with these keys, and those that these rows took. How many."""
        ...

    async def forget_previews(self, *, dry_run: bool = False) -> int:
        """Deletes what sessions of preview have recorded, whoever it is of. How many records."""
        ...

    async def tidy(self) -> Left:
        """Has nothing of what was deleted left in the log, or on pages that are free; what is left all the same."""
        ...
