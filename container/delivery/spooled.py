"""How a hit rests in the spool: as rows and letters like any others, and as guards that hold back nothing there.

A guard's key stands behind the id of the first delivery that it is of, so that no two of the spool are the same, and
those of a delivery are found by its id. Whether the key is taken is for the database to say, in the order of arrival.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from container.delivery.lane import lane_of
from container.delivery.row import Acceptance, Letter, Row, failed_hit, unpacked
from container.delivery.selection import AT_ONCE, Exported, Place, Selection
from container.engine.outcome import Guard

FORWARDED_KEPT_MS = 30 * 24 * 3600 * 1000
"""For so long the database remembers what came from a spool, should the spool ask to store it once more."""

FARTHEST = 10_000
"""Deliveries that share a guard are of one hit, and so within so many rows of each other."""

_GUARD, _TRIED = b"\0g", b"\0t"
_HELD = "select key, kind, until, row from guards where key>=? and key<?"

T = TypeVar("T")


class Look(Protocol):
    """Reads in the spool's file."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T: ...


class Exporting(Protocol):
    """The part of `Queue` by which a spool is read."""

    async def export(self, selection: Selection, *, after: int, most: int = AT_ONCE) -> Sequence[Exported]: ...


class Held(NamedTuple):
    """A row or a letter of the spool."""

    place: Place
    number: int
    delivery: Row | Letter


@dataclass(frozen=True, slots=True)
class Spooled:
    """Deliveries that are stored all or none, as their hit wanted them. `keys`: of what guards them in the spool.

    `tried`: the database was asked to store them when they came, and may have done so.
    """

    held: tuple[Held, ...]
    acceptance: Acceptance
    keys: tuple[bytes, ...]
    tried: bool

    @property
    def ids(self) -> list[str]:
        """Of its deliveries."""
        return [each.delivery.id for each in self.held]

    @property
    def mark(self) -> Guard:
        """What the database keeps of them, so that they are stored once however often they are forwarded."""
        name = hashlib.sha256(b"spool\0" + "\0".join(self.ids).encode()).digest()
        planned = self.acceptance.guards[0].planned if self.acceptance.guards else tuple(self.ids)
        return Guard(name, "duplicate", self.acceptance.now + FORWARDED_KEPT_MS, planned)


class Slice(NamedTuple):
    """Some of what the spool holds, in the order of arrival.

    `unread`: numbers of what cannot be read. `last`: where to go on; `None` at the end.
    """

    found: Sequence[Spooled]
    unread: Sequence[int]
    last: int | None


def spooled(acceptance: Acceptance, *, tried: bool) -> Acceptance:
    """The hit as the spool keeps it."""
    ids = [*(row.id for row in acceptance.rows), *(letter.id for letter in acceptance.letters)]
    known = frozenset(ids)
    guards = []
    for guard in acceptance.guards:
        first = next((each for each in guard.planned if each in known), None)
        # One without a delivery guards nothing: the hit may come again.
        if first is not None:
            guards.append(guard._replace(key=first.encode() + _GUARD + guard.key))
    if tried:
        until = acceptance.now + FORWARDED_KEPT_MS
        guards += [Guard(each.encode() + _TRIED, "duplicate", until, (each,)) for each in ids]
    return acceptance._replace(guards=guards)


async def oldest(spool: Exporting, look: Look, place: Place, *, after: int, most: int = AT_ONCE) -> Slice:
    """What was kept first of what is numbered above `after`. Of dead letters only hits: no spool makes others."""
    exported = await spool.export(Selection(place), after=after, most=most)
    if not exported:
        return Slice((), (), None)
    last = exported[-1].number
    unread: list[int] = []
    found = {each.delivery.id: each for each in _held(place, exported, unread)}
    guards = await look(partial(_guards, ids=tuple(found)))
    missing = {each for guard in guards for each in guard.planned if each not in found}
    if missing:
        # The deliveries of one tag are never torn apart: the first of them would hold back the others.
        elsewhere: Place = "dead" if place == "waiting" else "waiting"
        wanted = Selection(place, ids=tuple(missing), up_to=last + FARTHEST)
        ahead = await spool.export(wanted, after=last, most=len(missing))
        others = await spool.export(Selection(elsewhere, ids=tuple(missing)), after=0, most=len(missing))
        more = {each.delivery.id: each for each in (*_held(place, ahead, []), *_held(elsewhere, others, []))}
        guards += await look(partial(_guards, ids=tuple(more)))
        found |= more
    return Slice(_together(found, guards), unread, last)


def _together(found: Mapping[str, Held], guards: Sequence[Guard]) -> list[Spooled]:
    of_id: dict[str, list[Guard]] = {}
    for guard in guards:
        for each in guard.planned:
            of_id.setdefault(each, []).append(guard)
    seen: set[str] = set()
    listed = []
    for name in found:
        if name in seen:
            continue
        mine = of_id.get(name, [])
        ids = dict.fromkeys([name, *(each for guard in mine for each in guard.planned if each in found)])
        seen.update(ids)
        all_of_them = {guard.key: guard for each in ids for guard in of_id.get(each, ())}
        listed.append(_spooled([found[each] for each in ids], [*all_of_them.values()]))
    return listed


def _spooled(held: Sequence[Held], guards: Sequence[Guard]) -> Spooled:
    rows = [each.delivery for each in held if isinstance(each.delivery, Row)]
    letters = [each.delivery for each in held if isinstance(each.delivery, Letter)]
    # An id holds no zero byte; a key may.
    stated = [(guard, guard.key.partition(b"\0")[2]) for guard in guards]
    real = tuple(guard._replace(key=key[1:]) for guard, key in stated if key.startswith(_GUARD[1:]))
    acceptance = Acceptance(held[0].delivery.first, rows, letters, real)
    return Spooled(tuple(held), acceptance, tuple(guard.key for guard in guards), tried=len(real) < len(guards))


def _guards(connection: sqlite3.Connection, ids: Collection[str]) -> list[Guard]:
    """Those that stand behind one of the ids."""
    found = []
    for each in ids:
        name = each.encode()
        for key, kind, until, planned in connection.execute(_HELD, (name + b"\0", name + b"\1")):
            found.append(Guard(bytes(key), kind, until, tuple(planned.split())))
    return found


def _held(place: Place, exported: Iterable[Exported], unread: list[int]) -> list[Held]:
    """`unread`: gets the numbers of those that cannot be read."""
    found = []
    for each in exported:
        if each.gone or (place == "dead" and each.line and each.line["row"]["holds"] != "hit"):
            continue
        try:
            delivery = _row(each.line) if place == "waiting" else _letter(each.line)
        except (LookupError, ValueError, TypeError):
            unread.append(each.number)
            continue
        found.append(Held(place, each.number, delivery))
    return found


def _row(line: Mapping[str, Any]) -> Row:
    about, body = line["row"], base64.b64decode(line["body"])
    read = unpacked(body)
    return Row(
        id=about["id"],
        lane=lane_of(line["lane"]),
        frame=read.frame,
        item=read.item,
        tag=read.tag,
        event_name=read.event_name,
        event_time=read.event_time,
        first=about["first"],
        due=about["due"],
        give_up=about["give_up"],
        expire=about["expire"],
        body=body,
        priority=about["priority"],
    )


def _letter(line: Mapping[str, Any]) -> Letter:
    about, body = line["row"], base64.b64decode(line["body"])
    lane = lane_of(line["lane"])
    return Letter(about["id"], lane, about["reason"], about["note"], about["first"], body, failed_hit(body).tag)
