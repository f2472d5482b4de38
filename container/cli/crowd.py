"""The open connections of one listener: how many there may be, how long each may take, and who has to go."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, Protocol

from container.sandbox.app import LARGEST_BODY
from container.web.admission import Gate
from container.web.ingest import Limits
from container.web.metrics import Refusal

MOST_CONNECTIONS = 1000
MOST_SPARE = 32
"""Connections beyond the most that are read all the same, so that `/healthy` is answered when all are taken."""

_WANTED_DESCRIPTORS = 4096
_OTHER_DESCRIPTORS = 128
"""What the store, the vendors' connections and the log may need beside the connections."""

Place = Literal["inside", "spare", "outside"]


@dataclass(frozen=True, slots=True)
class Times:
    """How long a connection may take for what, in seconds.

    `head`: the headers, from their first byte. `body_pause`: between two pieces of a body; `body`: all of it;
    `bytes_per_second`: how fast it comes at least, once `slow_start` is over. `waiting`: nothing at all, before the
    first request and between two; `proxy_waiting`: the same for a proxy. `unread`: an answer that nobody takes
    in. `farewell`: what still comes after a refusal, `farewell_pause`: between two pieces of it. `settled`: what
    waits at least so long makes room when all connections are taken; a new one may have its request on the way.
    """

    head: float = 10.0
    body_pause: float = 10.0
    body: float = 30.0
    bytes_per_second: int = 500
    slow_start: float = 5.0
    waiting: float = 5.0
    proxy_waiting: float = 75.0
    unread: float = 30.0
    farewell: float = 10.0
    farewell_pause: float = 2.0
    settled: float = 0.5

    @property
    def sweep(self) -> float:
        """How often it is looked: each of these times is kept to within so much."""
        shortest = min(self.head, self.body_pause, self.body, self.waiting, self.unread, self.farewell_pause)
        return min(1.0, shortest / 4)


class Member(Protocol):
    """What a crowd knows of a connection."""

    since: float
    """When it began to do what it does, on the monotonic clock."""

    @property
    def yields(self) -> bool:
        """Whether it may be closed to make room: nothing was asked on it, or only half."""

    def leave(self) -> None:
        """Ends it, to make room."""

    def look(self, now: float) -> None:
        """Ends it, or goes a step towards it, if something takes too long."""


@dataclass(slots=True)
class Crowd:
    """The connections of one listener.

    `refused`: told of each request that was not read. `trusts`: whether an address is a proxy of ours, whose
    connections never make room. `near`: whether it may be one, whose connections may wait longer as well. `gate`: lets
    their requests begin, all of them at once where there is none.
    """

    limits: Limits = field(default_factory=Limits)
    times: Times = field(default_factory=Times)
    most: int = MOST_CONNECTIONS
    spare: int = MOST_SPARE
    refused: Callable[[Refusal], None] = lambda _reason: None
    trusts: Callable[[str], bool] = lambda _address: False
    near: Callable[[str], bool] = lambda _address: False
    gate: Gate | None = None
    members: set[Member] = field(default_factory=set)
    _leaving: set[Member] = field(default_factory=set)

    def join(self, member: Member) -> Place:
        """Takes a connection up. Those that wait longest make room for it."""
        if self._open >= self.most:
            self._make_room()
        others = self._open
        self.members.add(member)
        if others < self.most:
            return "inside"
        return "spare" if others < self.most + self.spare else "outside"

    def leave(self, member: Member) -> None:
        """It is closed."""
        self.members.discard(member)
        self._leaving.discard(member)

    def sweep(self, now: float) -> None:
        """Looks at each of them once."""
        for member in list(self.members):
            member.look(now)

    async def keep_order(self) -> None:
        """Sweeps until it is cancelled.

        One task for all connections: a timer for each request would cost each of them something. A process that did
        not get its turn for long lets one sweep pass, since what came meanwhile has not been read yet.
        """
        while True:
            begun = monotonic()
            await asyncio.sleep(self.times.sweep)
            now = monotonic()
            if now - begun < 2 * self.times.sweep + 1:
                self.sweep(now)

    @property
    def _open(self) -> int:
        return len(self.members) - len(self._leaving)

    def _make_room(self) -> None:
        """Closes a part of those that wait, the longest first. More than one, as looking at all of them takes time."""
        yielding = [member for member in self.members if member.yields and member not in self._leaving]
        yielding.sort(key=lambda member: member.since)
        for member in yielding[: max(1, self.most // 20)]:
            self._leaving.add(member)
            member.leave()


def sandbox_crowd() -> Crowd:
    """That of the stand-in vendors, which take whole batches."""
    return Crowd(limits=Limits(body_bytes=LARGEST_BODY))


def most_connections() -> tuple[int, int]:
    """How many connections the public and the admin listener may hold with the descriptors that the process may open.

    The soft limit is raised as far as it is useful and allowed. What others need of it is left to them: where
    descriptors run out, nobody would be answered, and nothing delivered.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return shares(_WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft)


def shares(descriptors: int) -> tuple[int, int]:
    """So many connections for the public and the admin listener."""
    free = descriptors - min(_OTHER_DESCRIPTORS, descriptors // 2)
    admin = max(4, min(100, free // 8))
    return max(4, min(MOST_CONNECTIONS, free - admin - spare_of(free) * 2)), admin


def spare_of(most: int) -> int:
    """How many connections beyond the most are read: few where few are held."""
    return max(1, min(MOST_SPARE, most // 8))
