"""What a store of deliveries does. SQLite and PostgreSQL do it alike: one suite of tests runs over both.

A row waits, is claimed under a token that nobody else has, and then is settled, postponed, split, buried or given
back. Whatever reports with a token that is no longer the row's changes nothing. Times are Unix milliseconds; the
caller states them, a store reads no clock.

    StoreError
    ├── StoreBusyError         too much is waiting to be committed: 503, come back
    ├── StoreFullError         no space left; nothing was written: 503
    │   └── StoreFilledError   the limits of the store, not the disk's, leave no room for a hit of this importance
    ├── StoreUnavailableError  the disk refuses or the store is closed; nothing counts as written: 503
    └── StoreRefusedError      it cannot be opened: it is newer, damaged, or its key is missing
        ├── StoreTakenError    another process has it
        └── StoreAwayError     the database cannot be reached just now
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple, Protocol

from container.delivery.content import Content
from container.delivery.frame import Frame
from container.delivery.lane import Lane
from container.delivery.queue_protocol import Queue
from container.delivery.row import Acceptance, Letter, Reason
from container.engine.outcome import Guard

Mode = Literal["open", "credential", "address", "missing", "egress", "refusing"]
"""Why a lane holds still: a refused key; an address that is wrong; a component or secret that is not there; an address
that is not allowed; most of what it sent was refused, so that it is the configuration."""

MOST_CRASHES = 3
"""A row that was claimed in so many crashes is dead: `poison`."""


class StoreError(Exception):
    """What is true of all of them: whoever wanted it written has to be told that it was not."""


class StoreBusyError(StoreError):
    pass


class StoreFullError(StoreError):
    pass


class StoreFilledError(StoreFullError):
    pass


class StoreUnavailableError(StoreError):
    pass


class StoreRefusedError(StoreError):
    pass


class StoreTakenError(StoreRefusedError):
    pass


class StoreAwayError(StoreRefusedError):
    pass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the store holds at most: rows that wait or are claimed, and the bytes of their bodies.

    `lane_share`: how much of both one lane may have. Dead letters have limits of their own: milliseconds and bytes.
    """

    most_rows: int = 1_000_000
    most_bytes: int = 2 << 30
    lane_share: float = 0.5
    dead_kept: int = 30 * 24 * 3600 * 1000
    dead_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Accepted:
    """`taken`: the guards that somebody had before, whose rows were not stored. `stored`: rows now waiting.

    `overflowed`: what rows became whose lane has its share of the store.
    """

    stored: int = 0
    taken: frozenset[Guard] = frozenset()
    overflowed: tuple[Letter, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer in a lane, with nothing personal in it. `status` is 0 when there was none."""

    at: int
    status: int
    verdict: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class LaneState:
    """How a lane stands. `failures`: in a row, until an answer comes. It is not touched before `not_before`."""

    mode: Mode = "open"
    not_before: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class WaitingLane:
    """A lane in which rows wait. `due`: when the first of them may be sent. `paused`: by an operator."""

    number: int
    lane: Lane
    due: int
    state: LaneState
    paused: bool


class ClaimedRow(NamedTuple):
    """A row under a claim. `attempts` counts this one. `faults`: answers to it that `judge` raised on."""

    number: int
    id: str
    frame: Frame
    item: Content
    tag: str
    event_name: str
    event_time: int
    attempts: int
    crashes: int
    faults: int
    first: int
    give_up: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Rows of one frame, to be sent as one request, or rows that cannot be joined, each a request by itself.

    `buried`: how many died while claiming, by reason. `rows` may be empty when all that was found had to be buried.
    `held_until`: by this process's monotonic clock, in seconds; later another process may have the rows.
    """

    token: bytes
    lane: int
    rows: tuple[ClaimedRow, ...]
    buried: Mapping[Reason, int] = field(default_factory=dict)
    held_until: float = inf


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one batch, by number and in their order, that are to go as one request. `due`: from when on."""

    numbers: tuple[int, ...]
    due: int


@dataclass(frozen=True, slots=True)
class LaneReport:
    """A lane for people: `oldest` is the arrival of its oldest row, `None` when nothing waits.

    `bytes`: of the bodies of its rows.
    """

    number: int
    lane: Lane
    state: LaneState
    paused: bool
    waiting: int
    claimed: int
    dead: int
    oldest: int | None
    answer: Answer | None
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """Dead letters of a lane that are gone: because they were `old`, or because all of them took too much room."""

    lane: Lane
    reason: Reason
    rows: int
    old: bool


@dataclass(frozen=True, slots=True)
class Tended:
    """What one slice of upkeep did. `pulled`: rows and lanes that a wrong clock would have kept waiting.

    `guards`: those that were over. `pages`: given back to the disk.
    """

    pulled: int = 0
    guards: int = 0
    dropped: tuple[Dropped, ...] = ()
    pages: int = 0

    @property
    def more(self) -> bool:
        """Whether there may be more to do."""
        return bool(self.pulled or self.guards or self.dropped or self.pages)


class Store(Queue, Protocol):
    """Every method raises `StoreUnavailableError` when the store cannot be reached or is closed."""

    @property
    def fill(self) -> float:
        """How full the store is by its limits, from 0 to 1. Asks nobody."""
        ...

    @property
    def longest_rest(self) -> int:
        """Milliseconds after which a worker looks again, whatever it has heard."""
        ...

    def clock(self) -> int:
        """The time in Unix milliseconds. Asks nobody."""
        ...

    def share(self, lane: int) -> float:
        """How much of its part of the store a lane has used, from 0 to 1. Asks nobody."""
        ...

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """Writes everything of a hit, or nothing; returns when it is on disk.

        The guards of a delivery are taken all or none: if one of them was taken before (by an earlier hit, or earlier
        in this one), the others stay free and its rows are not stored. An empty acceptance writes nothing.
        A lane that has its share of the store keeps new rows as letters `lane_full`. From 80 % rows of priority 2 are
        refused, from 90 % those of 1, and all of a full store; a hit counts as its most important row.
        Raises `StoreBusyError`, `StoreFullError`.
        """
        ...

    def listen(self, callback: Callable[[Mapping[str, int]], None]) -> None:
        """Calls back in the event loop after each commit that stored rows: by lane key, when the first is due."""
        ...

    async def waiting(self) -> Sequence[WaitingLane]:
        """The lanes in which rows wait, the one that is due first at the head."""
        ...

    async def claim(self, lane: int, *, now: int, most_items: int, ahead: int, alone: int = 1) -> Claimed | None:
        """Takes the rows that are due first and can go as one request; `None` when nothing is due.

        At least one row, else at most `most_items` and the limits of their frame. What waits for others only and is
        due within `ahead` milliseconds goes along. Of rows that are never batched at most `alone`, each for a request
        of its own. A row from a crash goes alone. Counts the attempt. Rows past `expire`, damaged ones and ones whose
        key is missing are buried on the way.
        """
        ...

    async def settle(self, claimed: Claimed, rows: Sequence[ClaimedRow]) -> int:
        """The rows are delivered, and gone. Like the next four: how many rows the token still held."""
        ...

    async def postpone(
        self,
        claimed: Claimed,
        rows: Sequence[ClaimedRow],
        *,
        until: int,
        counted: bool,
        fault: bool = False,
        tried: Answer | None = None,
    ) -> int:
        """The rows wait until then. Not `counted`: the attempt is taken back. `fault`: one more of those.

        `tried`, here and in the next ones: what came of the attempt, for the history of the rows.
        """
        ...

    async def give_back(self, claimed: Claimed) -> int:
        """All rows are as they were before the claim."""
        ...

    async def split(self, claimed: Claimed, *, now: int, later: int | None = None, tried: Answer | None = None) -> int:
        """The rows wait in two halves, which are never sent together again unless `regroup` says so.

        The first half is the larger one, if they differ, and due `now`; the second `later`, else now as well.
        """
        ...

    async def regroup(self, parts: Sequence[Part], *, held: int) -> int:
        """Rows that wait until `held`, as a split or this left them, wait in these parts; how many there were.

        Whatever has happened to a row since, it stays as it is.
        """
        ...

    async def bury(
        self,
        claimed: Claimed,
        rows: Sequence[ClaimedRow],
        reason: Reason,
        *,
        note: str,
        now: int,
        tried: Answer | None = None,
    ) -> int:
        """The rows are dead letters, bodies as they were stored."""
        ...

    async def mark(self, lane: int, state: LaneState, answer: Answer | None = None) -> None:
        """Notes how a lane stands and, if given, its last answer."""
        ...

    async def probe(self, *, now: int) -> int:
        """Every lane that holds still for a credential, an address or a missing part is tried at once; how many."""
        ...

    async def pause(self, lane: int, *, paused: bool) -> bool:
        """An operator stops a lane, or lets it go on. Whether there is such a lane."""
        ...

    async def hasten(self, lane: int, *, now: int) -> None:
        """A lane that waits after a failure is tried at once, and so are its deliveries."""
        ...

    async def lanes(self) -> Sequence[LaneReport]:
        """Every lane that is known, by number. Reads without holding up writers."""
        ...

    async def tend(self, *, now: int, begun: bool) -> Tended:
        """One slice of upkeep, to be called each minute (`begun`), and again while there is more to do.

        Drops guards that are over, and the oldest dead letters past the limits. Rows and lanes that wait for longer
        than anything may, since the clock was wrong, are due now. Gives space back to the disk.
        """
        ...

    async def close(self) -> None:
        """Commits what was accepted, then lets go. Afterwards everything raises `StoreUnavailableError`."""
        ...
