"""Several processes over one database are killed, and so is the database: the short form of `tests.chaos.several`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from benchmarks.cluster import Cluster, MissingError, cluster
from tests.chaos.several import Assault, Endured, assault, faults, report
from tests.delivery.postgres import missing

ACKNOWLEDGED = 0.3
"""The part of the hits that reached a process which has to be answered with 2xx at least."""


@pytest.fixture
def database() -> Iterator[Cluster]:
    """PostgreSQL as it is by default: each commit is flushed."""
    try:
        with cluster() as found:
            yield found
    except MissingError as problem:
        missing(problem)


SHORT = Assault(serves=2, delivers=2, kills=5, databases=1, cuts=1, pauses=0, rate=60, seed=0)


def endure(database: Cluster, folder: Path, **more: Any) -> Endured:
    """A short one, which holds."""
    wanted = replace(SHORT, seed=secrets.randbelow(1 << 32), **more)
    print(wanted)
    found = uvloop.run(assault(wanted, folder, database))
    print(report(wanted, found))
    assert found.known is not None
    assert faults(wanted, found) == []
    # The rest came while nobody listened, or the database was away, or was cut off.
    assert len(found.known.acknowledged) > ACKNOWLEDGED * len(found.known.sent)
    return found


@pytest.mark.long
@pytest.mark.slow
def test_any_of_several_processes_and_the_database_may_be_killed_and_nothing_acknowledged_is_lost(
    database: Cluster, tmp_path: Path
) -> None:
    endure(database, tmp_path)


@pytest.mark.long
@pytest.mark.slow
def test_any_worker_and_whoever_leads_them_may_be_killed_and_nothing_acknowledged_is_lost(
    database: Cluster, tmp_path: Path
) -> None:
    endure(database, tmp_path, workers=2)


@pytest.mark.long
@pytest.mark.slow
def test_with_a_spool_every_hit_is_taken_kept_and_forwarded_in_order_whatever_is_killed(
    database: Cluster, tmp_path: Path
) -> None:
    found = endure(database, tmp_path, spool=True, kills=3, databases=2)
    assert found.spooled > 0
