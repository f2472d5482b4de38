"""Kills a server again and again under load, and checks that nothing it acknowledged is lost.

    python -m tests.chaos.run [--kills 200] [--rate 500] [--failpoints all] [--seed N] [--folder DIR]

Visitors send hits that each lead to a delivery in three lanes. The server is killed at random moments and at each
failpoint, and started again at once. At the end everything is delivered, and the ledgers are compared.
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

from benchmarks.figures import percentile, table
from tests.chaos import client
from tests.chaos.checker import Known, changed, copies_by_kill, lost, requests_by_kill, taken_often, violations
from tests.chaos.command import kept, options_of_load
from tests.chaos.downgrade import downgrade
from tests.chaos.failpoints import MOST_PASSINGS, POINTS
from tests.chaos.launcher import EXIT_CODE, REACHED
from tests.chaos.ledger import lines_of
from tests.chaos.left import left_in
from tests.chaos.scene import LANES, VISITORS, Rules, Server, container, leads_to, names_of, server, vendors

DRAINED_WITHIN_SECONDS = 600.0
_PASSINGS = 40
"""A failpoint is passed at most so often before it strikes."""

REFUSING = (('0","order"', "status:400", 40),)
"""Every tenth order, so that there are letters that can be sent again."""

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.05, 2.5
"""How long a server takes hits before it is killed at random."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What is done: so many random kills, and one at each of these failpoints, `rate` hits a second all the while."""

    kills: int
    rate: float
    failpoints: Sequence[str]
    seed: int


@dataclass(slots=True)
class Endured:
    """What happened. `starts`: seconds that each start took. `struck`: the failpoints that were reached."""

    kills: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    known: Known | None = None
    drain_seconds: float = 0.0
    seconds: float = 0.0
    unsent: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)


async def attack(wanted: Attack, folder: Path) -> Endured:
    """Does it, and returns what is known at the end. Raises `AssertionError` when a failpoint is never reached."""
    # Visitors have a chance of their own: how many come depends on the machine.
    chance, visits = random.Random(wanted.seed), random.Random(wanted.seed + 1)
    endured, began = Endured(), time.monotonic()
    plans: dict[str, Rules] = dict.fromkeys(LANES, ())
    if "in_replay" in wanted.failpoints:
        plans["hook"] = REFUSING
    async with vendors(folder, **plans) as sink, server(folder, container(sink.ports)) as target:
        visitors = client.Client(target.port, wanted.rate, client.purchase(), visits, ledger=folder / VISITORS)
        visiting = asyncio.create_task(visitors.run())
        # A file that can be migrated has to be there first.
        await _serve_a_little(target)
        for kind in _order(wanted, chance):
            await (_strike(kind, target, chance, endured) if kind else _kill(target, chance, endured))
        target.start()
        endured.starts.append(await target.ready())
        await asyncio.sleep(0.5)
        visitors.stop()
        await visiting
        endured.drain_seconds = await target.drained(DRAINED_WITHIN_SECONDS)
        target.terminate()
        code = await target.ended()
        assert code == 0, f"it ended with {code}:\n{target.tail()}"
    endured.unsent = visitors.unsent
    endured.refused = sum(each.status >= 300 for each in visitors.sent)
    endured.latencies = [each.late for each in visitors.sent if each.acknowledged]
    endured.known = Known(
        acknowledged=visitors.acknowledged,
        sent=visitors.known,
        lines=lines_of(sink.ledger),
        left=left_in(target.store, names_of(sink.ports)),
        lanes=LANES,
        kills=endured.kills,
        leads_to=leads_to,
    )
    endured.seconds = time.monotonic() - began
    return endured


async def _serve_a_little(target: Server) -> None:
    target.start()
    await target.ready()
    await asyncio.sleep(_LONGEST_SECONDS / 2)
    target.terminate()
    assert await target.ended() == 0, target.tail()


def _order(wanted: Attack, chance: random.Random) -> list[str]:
    """Failpoints by name and random kills as an empty text, mixed."""
    order = [*wanted.failpoints, *([""] * wanted.kills)]
    chance.shuffle(order)
    return order


async def _kill(target: Server, chance: random.Random, endured: Endured) -> None:
    target.start()
    endured.starts.append(await target.ready())
    await asyncio.sleep(chance.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS))
    endured.kills.append(target.kill())


async def _strike(name: str, target: Server, chance: random.Random, endured: Endured) -> None:
    """Starts the server with the failpoint, and returns once that was reached."""
    before = target.said(f"{REACHED} name={name}\n")
    if name == "in_migration":
        await asyncio.to_thread(downgrade, target.store)
    target.start(f"{name}:{chance.randint(1, MOST_PASSINGS.get(name, _PASSINGS))}")
    if name == "in_shutdown":
        await target.ready()
        await asyncio.sleep(chance.uniform(_SHORTEST_SECONDS, 1))
        target.terminate()
    if name == "in_replay":
        await target.ready()
        await target.replay()
    code = await target.ended(f"failpoint {name}")
    endured.kills.append(time.time() * 1000)
    assert code == EXIT_CODE, f"failpoint {name}: it ended with {code}:\n{target.tail()}"
    assert target.said(f"{REACHED} name={name}\n") == before + 1, f"failpoint {name} was not reached"
    endured.struck.append(name)


def report(wanted: Attack, endured: Endured) -> str:
    """A table of it in Markdown."""
    known = endured.known
    assert known is not None
    by_kill = {kill: lanes for kill, lanes in copies_by_kill(known).items() if kill}
    copies = sum(count - 1 for count in taken_often(known).values())
    reasons = sorted({letter.reason for letter in known.left.dead})
    rows: list[tuple[str, str | int | float]] = [
        ("random kills", wanted.kills),
        ("kills at failpoints", f"{len(endured.struck)} at {len(set(endured.struck))} points"),
        ("hits a second", wanted.rate),
        ("hits answered with 2xx", len(known.acknowledged)),
        ("hits cut off by a kill", len(set(known.sent) - set(known.acknowledged)) - endured.refused),
        ("hits refused", endured.refused),
        ("hits while nobody listened", endured.unsent),
        ("deliveries taken by vendors", sum(1 for _ in known.taken())),
        ("acknowledged and lost", len(lost(known))),
        ("duplicates", copies),
        ("kills that led to duplicates", len(by_kill)),
        ("most duplicates of one kill in one lane", max((max(each.values()) for each in by_kill.values()), default=0)),
        ("most requests of one kill in one lane that came twice", max(requests_by_kill(known).values(), default=0)),
        ("duplicates with other bytes", len(changed(known))),
        ("dead letters", f"{len(known.left.dead)} {', '.join(reasons)}".strip()),
        ("start until hits are taken, median s", percentile(endured.starts, 0.5) if endured.starts else "-"),
        ("start until hits are taken, longest s", max(endured.starts, default=0.0)),
        ("from the last hit until all is delivered, s", endured.drain_seconds),
        ("the whole, s", endured.seconds),
    ]
    return table(("chaos", "measured"), rows)


async def _main(wanted: Attack, folder: Path) -> list[str]:
    endured = await attack(wanted, folder)
    assert endured.known is not None
    print(report(wanted, endured))
    return violations(endured.known)


def main() -> None:
    parser = options_of_load(__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--failpoints", default="all", help="names separated by commas, all, or none")
    parser.add_argument("--times", type=int, default=1, help="how often each failpoint")
    chosen = parser.parse_args()
    named = {"all": [*POINTS], "none": []}.get(chosen.failpoints, chosen.failpoints.split(","))
    wanted = Attack(chosen.kills, chosen.rate, named * chosen.times, chosen.seed)
    with kept(chosen) as folder:
        found = uvloop.run(_main(wanted, folder))
    if found:
        sys.exit("\n".join(found))
    print("\nEvery invariant holds.")


if __name__ == "__main__":
    main()
