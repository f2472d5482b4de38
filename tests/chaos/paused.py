"""One lane is paused for so long that it fills its share of the store: the others and acceptance go on.

    python -m tests.chaos.paused [--rows 20000] [--rate 500] [--seed N] [--folder DIR]

`--rows`: what the store may hold; one lane may have half of it. Hits come until twice its share was asked for. Then the
lane goes on, and everything that waits is delivered.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.figures import Cell, percentile, table
from container.delivery.sqlite import open_store
from tests.chaos import client
from tests.chaos.checker import Known, violations
from tests.chaos.command import kept, options_of_load
from tests.chaos.ledger import lines_of
from tests.chaos.left import Left, left_in
from tests.chaos.outage import first_taken
from tests.chaos.scene import LANES, container, names_of, server, vendors

PAUSED_LANE, OTHER_LANE = "pixel", "other"
DRAINED_WITHIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Pause:
    """What the store may hold, and how fast it is filled."""

    rows: int
    rate: float
    seed: int

    @property
    def share(self) -> int:
        """Rows that one lane may have."""
        return self.rows // 2


@dataclass(slots=True)
class Endured:
    """`full`: what the store held while the lane was paused. `waits`: milliseconds of the other lane."""

    full: Left
    known: Known
    refused: int = 0
    answers: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


async def endure(wanted: Pause, folder: Path) -> Endured:
    """The whole of it."""
    arguments = ("--store-rows", str(wanted.rows))
    lanes = {lane: LANES[lane] for lane in (PAUSED_LANE, OTHER_LANE)}
    async with (
        vendors(folder, **{lane: [] for lane in lanes}) as sink,
        server(folder, container(sink.ports), arguments) as target,
    ):
        names = names_of(sink.ports)

        async def hits(many: int, prefix: str) -> client.Client:
            found = client.Client(target.port, wanted.rate, client.purchase(), random.Random(wanted.seed), prefix)
            visiting = asyncio.create_task(found.run())
            await asyncio.sleep(many / wanted.rate)
            found.stop()
            await visiting
            return found

        async def stopped() -> None:
            target.terminate()
            assert await target.ended() == 0, target.tail()

        # A lane is known from its first row on.
        target.start()
        await target.ready()
        first = await hits(max(round(wanted.rate / 2), 10), "a")
        await target.drained(DRAINED_WITHIN_SECONDS)
        await stopped()
        await pause(target.store, sink.ports[PAUSED_LANE], paused=True)
        target.start()
        await target.ready()
        second = await hits(2 * wanted.share, "b")
        await asyncio.sleep(2.5)
        await stopped()
        full = left_in(target.store, names)
        await pause(target.store, sink.ports[PAUSED_LANE], paused=False)
        target.start()
        await target.ready()
        await target.drained(DRAINED_WITHIN_SECONDS)
        await stopped()
    lines = lines_of(sink.ledger)
    sent = [*first.sent, *second.sent]
    known = Known(
        acknowledged=frozenset(each.id for each in sent if each.acknowledged),
        sent=frozenset(each.id for each in sent),
        lines=lines,
        left=left_in(target.store, names),
        lanes=lanes,
    )
    came = first_taken(lines, OTHER_LANE)
    return Endured(
        full=full,
        known=known,
        refused=sum(not each.acknowledged for each in second.sent),
        answers=[each.late for each in second.sent if each.acknowledged],
        waits=[came[each.id] - each.at for each in second.sent if each.id in came],
    )


async def pause(folder: Path, port: int, *, paused: bool) -> None:
    """What an operator does to the lane of this port, while no server runs."""
    store = open_store(folder, now=time.time_ns() // 1_000_000)
    [number] = [lane.number for lane in await store.lanes() if f":{port}/" in f"{lane.lane.endpoint}/"]
    assert await store.pause(number, paused=paused)
    await store.close()


def report(wanted: Pause, endured: Endured) -> str:
    """A table of it in Markdown."""
    waiting = sum(lane == PAUSED_LANE for lane, _ in endured.full.waiting)
    letters = [letter for letter in endured.full.dead if letter.lane == PAUSED_LANE]
    rows: list[Sequence[Cell]] = [
        ("rows that the store may hold, and one lane", f"{wanted.rows:,} and {wanted.share:,}"),
        ("hits answered with 2xx", len(endured.known.acknowledged)),
        ("hits not answered, or refused", endured.refused),
        ("answers to visitors, p99 ms", percentile(endured.answers, 0.99)),
        ("paused lane: rows that wait", waiting),
        ("paused lane: dead letters", f"{len(letters):,} {', '.join(sorted({each.reason for each in letters}))}"),
        ("other lane: rows that wait", sum(lane == OTHER_LANE for lane, _ in endured.full.waiting)),
        ("other lane: answer to arrival, p99 ms", percentile(endured.waits, 0.99)),
        ("violations of the invariants", len(violations(endured.known))),
    ]
    return table(("one lane paused", "measured"), rows)


def faults(wanted: Pause, endured: Endured) -> list[str]:
    """What is not as it should be."""
    found = violations(endured.known)
    waiting = sum(lane == PAUSED_LANE for lane, _ in endured.full.waiting)
    reasons = {letter.reason for letter in endured.full.dead}
    if endured.refused:
        found.append(f"{endured.refused} hits were refused")
    if waiting != wanted.share:
        found.append(f"{waiting} rows of the paused lane wait, its share is {wanted.share}")
    if reasons != {"lane_full"}:
        found.append(f"dead letters say {reasons}")
    if any(letter.lane != PAUSED_LANE for letter in endured.full.dead):
        found.append("there are dead letters of the other lane")
    return found


def main() -> None:
    parser = options_of_load(__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    chosen = parser.parse_args()
    wanted = Pause(chosen.rows, chosen.rate, chosen.seed)
    with kept(chosen) as folder:
        endured = uvloop.run(endure(wanted, folder))
    print(report(wanted, endured))
    if found := faults(wanted, endured):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
