"""What a session's hits run through, and what one of them led to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from container.delivery.row import Row
from container.engine.container import Container
from container.engine.guards import Memory
from container.preview.ring import Ring
from container.preview.sessions import Mode

REMEMBERED = 10_000
"""After so many guards a session forgets which are taken, so that it does not grow."""

Source = Literal["marked", "rule", "tail", "composed", "replayed"]
BY_HAND: Collection[Source] = ("composed", "replayed")


@dataclass(slots=True)
class Prepared:
    """What a session's hits run through. `made_of`: the container, the mode and the codes, which begin it anew.

    `draft`: the session's, of which the container is. `marked`, `beside`: which guards hits with a mark hold, and those
    by rule, of which nothing ever leaves.
    """

    made_of: tuple[Container, Mode, dict[str, str]]
    container: Container
    draft: Any
    marked: Memory = field(default_factory=Memory)
    beside: Memory = field(default_factory=Memory)

    @property
    def mode(self) -> Mode:
        return self.made_of[1]

    def guards(self, source: Source) -> Memory:
        """The guards that a hit meets. What is sent by hand is no copy of anything, and nothing is a copy of it."""
        if source in BY_HAND:
            return Memory()
        if max(self.marked.held, self.beside.held) >= REMEMBERED:
            self.marked, self.beside = Memory(), Memory()
        return self.marked if source == "marked" else self.beside


@dataclass(eq=False, slots=True)
class Made:
    """What a hit led to. `shown`: the record as it is kept, in which less may be. `rows`: as its `outgoing`.

    `waits`: answers of vendors have come that are not in what is shown. `awaited`: the ids of rows whose answers set
    cookies for the reply, and how many seconds it may wait for them.
    """

    record: dict[str, Any]
    shown: dict[str, Any]
    rows: Sequence[Row]
    waits: bool = False
    awaited: Mapping[str, float] = field(default_factory=dict)

    def fitted(self, ring: Ring) -> dict[str, Any]:
        """The record as the ring keeps it, with all answers that are there by now."""
        self.waits = False
        return ring.fitting(self.record)

    @property
    def leaving(self) -> list[int]:
        """The places of requests that are to be sent."""
        return [place for place, each in enumerate(self.record["outgoing"]) if each["mode"] != "dry"]

    def stays(self, place: int, why: str) -> None:
        """The request at this place does not leave."""
        for record in (self.record, self.shown):
            outgoing = record.get("outgoing", ())
            if place < len(outgoing):
                # Another one, since somebody may read this one in another thread.
                outgoing[place] = {**outgoing[place], "mode": "dry", "why": why}
