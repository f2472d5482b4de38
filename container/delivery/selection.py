"""What people say and see about rows: which of them they mean, and what one of them shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

from container.delivery.lane import Lane
from container.delivery.row import Reason

Place = Literal["waiting", "dead"]
PLACES: tuple[Place, ...] = get_args(Place)
"""Rows that wait or are being sent; dead letters."""

AT_ONCE = 500
"""So many rows are worked on in one transaction, so that hits come in between."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of one place: those to which everything holds that is stated. Nothing stated: all.

    `reason`: of dead letters. `up_to`: numbered so or below, which leaves out what comes meanwhile, since no number is
    given twice. `ids`: for whoever remembers rows of another file, too.
    """

    place: Place
    lane: int | None = None
    numbers: tuple[int, ...] | None = None
    reason: str | None = None
    up_to: int | None = None
    ids: tuple[str, ...] | None = None

    def only(self, numbers: Sequence[int]) -> Selection:
        """These of them."""
        return replace(self, numbers=tuple(numbers))


@dataclass(frozen=True, slots=True)
class RowReport:
    """A row for people. `holds`: a request, or the hit of a tag that raised.

    `lane`: its number, `account`: what it is. `reason`, `note`, `died` are of dead letters, `due` and `claimed` (it is
    being sent) of others; `worker`: the process that sends it, where there may be several. `tag` and `event_name` are
    empty when the body cannot be read.
    """

    place: Place
    number: int
    id: str
    lane: int
    account: Lane
    holds: Literal["request", "hit"]
    tag: str
    event_name: str
    attempts: int
    first: int
    size: int
    reason: Reason | None = None
    note: str = ""
    died: int | None = None
    due: int | None = None
    claimed: bool = False
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt of a row's history. `status` is 0 when there was no answer; `excerpt` holds nothing personal."""

    at: int
    status: int
    verdict: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class RowDetail:
    """Everything of a row: its request as it would go alone, secrets as `${secret:NAME}`, or the hit that it holds.

    `whole`: whether values are shown; else each is its first and last character and its length. `unreadable`: why
    there is nothing to show. `ip`: of a hit. `give_up`, `expire`: `None` where it has none.
    """

    report: RowReport
    whole: bool
    method: str = ""
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    ip: str | None = None
    event_time: int | None = None
    give_up: int | None = None
    expire: int | None = None
    history: tuple[Tried, ...] = ()
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether a letter can go back to waiting. `missing_key`: its key's name, if that is not here.

    `unshared_key`: the same, if it is here and processes run of which none has named it.
    """

    number: int
    id: str
    holds: Literal["request", "hit"]
    reason: str
    expire: int | None
    missing_key: str = ""
    unshared_key: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """A row as a line of an export: its columns, and the body in clear. `number`: where to go on.

    `line`: empty for one that cannot be read, and for one that is `gone`, since it was delivered meanwhile.
    """

    number: int
    line: Mapping[str, Any]
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were taken, were there already, could not be read, and did not fit."""

    taken: int = 0
    known: int = 0
    damaged: int = 0
    full: int = 0

    def __add__(self, other: Imported) -> Imported:
        return Imported(
            self.taken + other.taken,
            self.known + other.known,
            self.damaged + other.damaged,
            self.full + other.full,
        )


class Pair(NamedTuple):
    """A row: its number and its id."""

    number: int
    id: str


class Gone(NamedTuple):
    """How many rows were deleted, and the number of the last that was looked at; `None` when there was none."""

    rows: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Searched:
    """Rows in which something was found. `looked`: how many were opened, `unread`: could not be, `last`: their last."""

    rows: Sequence[Pair]
    looked: int
    unread: int
    last: int
