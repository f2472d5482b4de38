"""Kills one of several processes over one database every few seconds, and checks that nothing acknowledged is lost.

    python -m tests.chaos.several [--serves 2] [--delivers 2] [--kills 60] [--databases 1] [--cuts 3] [--pauses 1]
                                  [--workers 1] [--spool]

Visitors send hits to processes that take them, others deliver them. One process is killed at a time and started again
at once; PostgreSQL is killed and comes back, all connections to it are cut, and its tables, which are one version back
when it begins, are migrated. At the end everything is delivered, and the ledgers are compared: also that no two
processes sent the same row at once.

With `--workers` each of them is several, of which the first or any other is killed. With `--spool` one that takes hits
is killed while the database is away, too; then no hit may be refused, and none may overtake another one.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass, field, fields
from pathlib import Path

import uvloop

from benchmarks.cluster import Cluster, cluster
from benchmarks.figures import table
from container.delivery.postgres_claims import LEASE_MS
from container.delivery.postgres_tables import SCHEMA_VERSION
from tests.chaos import client
from tests.chaos.arrivals import arrivals, overtaken
from tests.chaos.checker import Known, changed, copies_by_kill, lost, requests_by_kill, taken_often, violations
from tests.chaos.command import kept, options_of_load
from tests.chaos.fleet import Fleet, fleet
from tests.chaos.ledger import lines_of
from tests.chaos.left import ever_spooled, left_in_database, miscounted, spools_of
from tests.chaos.scene import LANES, PATIENCE_SECONDS, VISITORS, Rules, Server, container, leads_to, names_of, vendors

DRAINED_WITHIN_SECONDS = 900.0
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.5, 4.0
"""How long it goes on until the next thing is done to it."""

_SHORTEST_AWAY_SECONDS, _LONGEST_AWAY_SECONDS = 0.2, 2.0
"""How long the database is away."""

_FIRST = 1 / 3
"""How often it is the first of several processes that is killed."""

_PAUSED_SECONDS = LEASE_MS / 1000 + 10

SLOW = ("pixel", [["*", "slow:0.5", 200]])
"""A vendor that takes its time, so that much is under way."""


@dataclass(frozen=True, slots=True)
class Assault:
    """What is done, one at a time: so many processes are killed, or stand still for longer than they hold what they
    claimed, the database is killed, and its connections are cut.

    `workers`: processes of each of `serves` and `delivers`. `spool`: whether hits are taken without the database.
    """

    serves: int
    delivers: int
    kills: int
    databases: int
    cuts: int
    pauses: int
    rate: float
    seed: int
    workers: int = 1
    spool: bool = False


@dataclass(slots=True)
class Endured:
    """What happened. `kills`: when something was killed or cut that explains a copy. `killed`: what was done, by name.

    `away`: seconds of the database. `spooled`: deliveries that were in a spool. `overtaken`: hits that came into the
    database before one that was acknowledged before them.
    """

    kills: list[float] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    known: Known | None = None
    miscounted: list[str] = field(default_factory=list)
    drain_seconds: float = 0.0
    seconds: float = 0.0
    turned_away: int = 0
    unsent: int = 0
    refused: int = 0
    spooled: int = 0
    overtaken: list[str] = field(default_factory=list)


async def assault(wanted: Assault, folder: Path, database: Cluster) -> Endured:
    """Does it, and returns what is known at the end."""
    chance = random.Random(wanted.seed)
    endured, began = Endured(), time.monotonic()
    plans: dict[str, Rules] = {**dict.fromkeys(LANES, ()), SLOW[0]: SLOW[1]}
    async with (
        vendors(folder, **plans) as sink,
        fleet(
            folder,
            container(sink.ports),
            database,
            serves=wanted.serves,
            delivers=wanted.delivers,
            workers=wanted.workers,
            spool=wanted.spool,
        ) as attacked,
    ):
        await attacked.ready()
        visitors = [_visitor(wanted, folder, number, each) for number, each in enumerate(attacked.serves)]
        visiting = [asyncio.create_task(each.run()) for each in visitors]
        for deed in _order(wanted, chance):
            await asyncio.sleep(chance.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS))
            await _do(deed, wanted, attacked, chance=chance, endured=endured)
        await attacked.ready()
        await asyncio.sleep(1.0)
        for each in visitors:
            each.stop()
        await asyncio.gather(*visiting)
        endured.drain_seconds = await attacked.drained(DRAINED_WITHIN_SECONDS)
        await attacked.ended()
        assert attacked.version() == SCHEMA_VERSION
        endured.turned_away = attacked.turned_away
        endured.miscounted = miscounted(attacked.url)
        left = left_in_database(attacked.url, attacked.key, names_of(sink.ports))
        if wanted.spool:
            endured.spooled = sum(ever_spooled(each) for serve in attacked.serves for each in spools_of(serve.store))
        if wanted.spool and wanted.workers == 1:
            places = arrivals(attacked.url, attacked.key)
            endured.overtaken = [name for each in visitors for name in overtaken(each.sent, places)]
    sent = [each for one in visitors for each in one.sent]
    endured.unsent = sum(each.unsent for each in visitors)
    endured.refused = sum(each.status >= 300 for each in sent)
    endured.known = Known(
        acknowledged={each.id for each in sent if each.acknowledged},
        sent={each.id for each in sent},
        lines=lines_of(sink.ledger),
        left=left,
        lanes=LANES,
        kills=endured.kills,
        leads_to=leads_to,
        workers=wanted.delivers * wanted.workers,
    )
    endured.seconds = time.monotonic() - began
    return endured


def faults(wanted: Assault, endured: Endured) -> list[str]:
    """What does not hold, in sentences."""
    assert endured.known is not None
    found = violations(endured.known)
    if endured.miscounted:
        found.append(f"the lanes are counted wrongly: {', '.join(endured.miscounted)}")
    if wanted.spool and endured.refused:
        found.append(f"{endured.refused} hits were refused although there is a spool")
    if endured.overtaken:
        found.append(f"{len(endured.overtaken)} hits are not in the order of arrival: {endured.overtaken[:3]}")
    return found


def _visitor(wanted: Assault, folder: Path, number: int, target: Server) -> client.Client:
    # Visitors have a chance of their own: how many come depends on the machine.
    return client.Client(
        target.port,
        wanted.rate / wanted.serves,
        client.purchase(),
        random.Random(wanted.seed + 1 + number),
        prefix=f"{chr(ord('a') + number)}",
        ledger=folder / f"{number}-{VISITORS}",
    )


def _order(wanted: Assault, chance: random.Random) -> list[str]:
    """The things to do, mixed."""
    order = [
        *["kill"] * wanted.kills,
        *["database"] * wanted.databases,
        *["cut"] * wanted.cuts,
        *["pause"] * wanted.pauses,
    ]
    order.append("migrate")
    chance.shuffle(order)
    return order


async def _do(deed: str, wanted: Assault, attacked: Fleet, *, chance: random.Random, endured: Endured) -> None:
    endured.killed.append(deed)
    if deed == "cut":
        endured.kills.append(await asyncio.to_thread(attacked.cut))
    elif deed == "migrate":
        await asyncio.to_thread(attacked.migrate)
    elif deed == "pause":
        # What it had under way is sent by another one; afterwards it must not send what it had only claimed.
        endured.kills.append(await attacked.paused(chance.choice(attacked.delivers), _PAUSED_SECONDS, chance))
    elif deed == "database":
        await _database_away(wanted, attacked, chance, endured)
    else:
        await _kill(chance.choice(attacked.members), attacked, chance, endured)


async def _kill(target: Server, attacked: Fleet, chance: random.Random, endured: Endured) -> None:
    """One of its processes, where it is several; one time in three the first, which takes the others with it."""
    first = attacked.workers == 1 or chance.random() < _FIRST
    at = await (attacked.replace(target) if first else attacked.killed(target, chance))
    if target.command == "deliver":
        endured.kills.append(at)
    endured.killed[-1] = target.folder.name if first else f"{target.folder.name}, one of several"


async def _database_away(wanted: Assault, attacked: Fleet, chance: random.Random, endured: Endured) -> None:
    began, database = time.monotonic(), attacked.database
    endured.kills.append(await asyncio.to_thread(database.kill))
    await asyncio.sleep(chance.uniform(_SHORTEST_AWAY_SECONDS, _LONGEST_AWAY_SECONDS))
    if wanted.spool:
        # What is in a spool has to outlive it. It starts again, and takes hits, without a database.
        target = chance.choice(attacked.serves)
        await attacked.replace(target)
        endured.killed.append(f"{target.folder.name}, without the database")
        await asyncio.to_thread(_until_it_answers, target)
        await asyncio.sleep(chance.uniform(_SHORTEST_AWAY_SECONDS, _LONGEST_AWAY_SECONDS))
    await asyncio.to_thread(database.start)
    # What was sent until now, of what had been claimed before, could not be written down.
    endured.kills.append(time.time() * 1000)
    endured.away.append(time.monotonic() - began)


def _until_it_answers(target: Server) -> None:
    began = time.monotonic()
    while not target.answers():
        assert time.monotonic() - began < PATIENCE_SECONDS, f"it never answers:\n{target.tail()}"
        time.sleep(0.05)


def report(wanted: Assault, endured: Endured) -> str:
    """A table of it in Markdown."""
    known = endured.known
    assert known is not None
    by_kill = {kill: lanes for kill, lanes in copies_by_kill(known).items() if kill}
    reasons = sorted({letter.reason for letter in known.left.dead})
    rows: list[tuple[str, str | int | float]] = [
        ("processes that take hits, and that deliver", f"{wanted.serves} and {wanted.delivers}"),
        *([("each with so many workers", wanted.workers)] if wanted.workers > 1 else []),
        ("kills of those that take hits", sum(name.startswith("serve") for name in endured.killed)),
        ("kills of those that deliver", sum(name.startswith("deliver") for name in endured.killed)),
        *([("of these, kills of one of several", _ended(endured, ", one of"))] if wanted.workers > 1 else []),
        *([("of these, kills while the database was away", _ended(endured, ", without"))] if wanted.spool else []),
        ("kills of PostgreSQL", wanted.databases),
        ("the database was away, s", sum(endured.away)),
        ("starts meanwhile, which end and are repeated", endured.turned_away),
        ("times that all connections were cut", wanted.cuts),
        ("times that one stood still for longer than a claim holds", wanted.pauses),
        ("times that the tables were migrated meanwhile", endured.killed.count("migrate")),
        ("hits a second", wanted.rate),
        ("hits answered with 2xx", len(known.acknowledged)),
        ("hits cut off by a kill", len(set(known.sent) - set(known.acknowledged)) - endured.refused),
        ("hits refused", endured.refused),
        ("hits while nobody listened", endured.unsent),
        *([("deliveries that were in a spool", endured.spooled)] if wanted.spool else []),
        *([("hits that overtook another one", len(endured.overtaken))] if wanted.spool and wanted.workers == 1 else []),
        ("deliveries taken by vendors", sum(1 for _ in known.taken())),
        ("acknowledged and lost", len(lost(known))),
        ("rows sent by two processes at once", sum(len(line.beside) for line in known.lines)),
        ("duplicates", sum(count - 1 for count in taken_often(known).values())),
        ("most duplicates of one kill in one lane", max((max(each.values()) for each in by_kill.values()), default=0)),
        ("most requests of one kill in one lane that came twice", max(requests_by_kill(known).values(), default=0)),
        ("duplicates with other bytes", len(changed(known))),
        ("dead letters", f"{len(known.left.dead)} {', '.join(reasons)}".strip()),
        ("from the last hit until all is delivered, s", endured.drain_seconds),
        ("the whole, s", endured.seconds),
    ]
    return table(("several processes, one database", "measured"), rows)


def _ended(endured: Endured, how: str) -> int:
    return sum(how in name for name in endured.killed)


async def _main(wanted: Assault, folder: Path) -> list[str]:
    with cluster() as database:
        endured = await assault(wanted, folder, database)
    print(report(wanted, endured))
    return faults(wanted, endured)


def main() -> None:
    parser = options_of_load(__doc__)
    parser.set_defaults(rate=300.0)
    parser.add_argument("--serves", type=int, default=2)
    parser.add_argument("--delivers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--databases", type=int, default=1, help="kills of PostgreSQL")
    parser.add_argument("--cuts", type=int, default=3, help="times that all connections are cut")
    parser.add_argument("--pauses", type=int, default=1, help="times that one that delivers stands still")
    parser.add_argument("--workers", type=int, default=1, help="processes of each of them")
    parser.add_argument("--spool", action="store_true", help="hits are taken while the database is away")
    chosen = parser.parse_args()
    wanted = Assault(**{each.name: getattr(chosen, each.name) for each in fields(Assault)})
    with kept(chosen) as folder:
        found = uvloop.run(_main(wanted, folder))
    if found:
        sys.exit("\n".join(found))
    print("\nEvery invariant holds.")


if __name__ == "__main__":
    main()
