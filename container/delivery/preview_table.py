"""The sessions of preview as processes share them: what is asked of a database. Times are Unix milliseconds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol


class SeenSession(NamedTuple):
    """What a look finds of a session. `codes`: digests of those that are good, and until when."""

    id: str
    version: int
    seen: int
    ends: int
    codes: Mapping[bytes, int]


class SharedSession(NamedTuple):
    """A session. `cleared`: how often its records were. `body`: `None` where its key is not here."""

    id: str
    version: int
    started: int
    seen: int
    ends: int
    cleared: int
    body: bytes | None


class SharedRecord(NamedTuple):
    """A record. `version`: of all records of the session, behind which news are looked for. `body`: as above."""

    number: int
    version: int
    body: bytes | None


class PreviewTable(Protocol):
    """Everything raises `StoreError` when the database cannot be asked, and then nothing was done that is known of."""

    async def look(self, *, now: int) -> Sequence[SeenSession]:
        """All sessions, those that are over included."""
        ...

    async def read(self, ids: Collection[str]) -> Sequence[SharedSession]:
        """Those of these sessions that are there."""
        ...

    async def start(self, session: SharedSession, *, now: int, most: int) -> bool:
        """Adds one, unless there are so many already."""
        ...

    async def change(self, id: str, version: int, body: bytes) -> int | None:
        """Another body for a session of this version. Its new version; `None` where it has another one, or is gone."""
        ...

    async def touch(self, id: str, *, seen: int, ends: int) -> None:
        """The session lasts on."""
        ...

    async def end(self, ids: Collection[str], *, over_at: int | None = None) -> None:
        """The sessions are gone, and all that is of them. `over_at`: only those that are over by then."""
        ...

    async def offer(self, code: bytes, session: str, *, now: int, until: int, most: int) -> None:
        """A code for the session. `most`: of more, the oldest is good no longer."""
        ...

    async def take(self, code: bytes, *, now: int) -> bool:
        """Uses the code up. Whether it was good, and nobody else did."""
        ...

    async def write(
        self, id: str, new: Sequence[bytes], changed: Mapping[int, bytes], *, cleared: int
    ) -> Sequence[int] | None:
        """Keeps records, and puts others in place of earlier ones. The numbers of the new ones.

        `None`: the session is gone, or was cleared more often than `cleared`, as often as its writer has heard of.
        """
        ...

    async def news(self, id: str, version: int, *, most: int) -> Sequence[SharedRecord]:
        """Records that were kept or replaced behind this version, the oldest first."""
        ...

    async def clear(self, id: str) -> None:
        """The records of the session are gone, for all who share it."""
        ...
