"""A process that takes hits with a spool, one after the other, and says the number of each that it has taken.

`python -m tests.delivery.spool_process URL FOLDER FIRST LAST`: with `LAST` below `FIRST` it takes none, and ends when
the spool is empty.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

from container.delivery.late import open_late
from container.delivery.postgres import open_postgres
from container.delivery.row import Acceptance
from container.delivery.spool import open_spool
from container.delivery.store import Limits, StoreError
from container.engine.outcome import Guard
from tests.delivery.harness import HOURS, NOW, accepted, planned
from tests.delivery.postgres import KEY


def say(text: str) -> None:
    """One line, which is out when this returns."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hit(number: int) -> Acceptance:
    """One row, and every other time a guard: of a hit without one nobody can tell that it is a copy."""
    guard = Guard(b"%d" % number, "duplicate", NOW + HOURS, (f"{number:032x}",))
    return accepted(planned(number), now=NOW, guards=[guard] * (number % 2))


async def main(url: str, folder: Path, first: int, last: int) -> None:
    database = await open_late(partial(open_postgres, url, key=KEY))
    store = await open_spool(database, folder, now=NOW, key=KEY, limits=Limits())
    say("ready")
    for number in range(first, last + 1):
        try:
            await store.accept(hit(number))
        except StoreError as problem:
            say(f"refused {problem}")
            continue
        say(f"{number}")
        await asyncio.sleep(0.001)
    while store.holds:  # noqa: ASYNC110 - nobody else waits for it
        await asyncio.sleep(0.01)
    await store.close()
    say("emptied")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
