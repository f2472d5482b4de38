"""Several processes over one database are killed, and so is the database: the short form of `tests.chaos.several`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from benchmarks.cluster import Cluster, MissingError, cluster
from tests.chaos.several import Assault, assault, faults, report
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


@pytest.mark.slow
def test_any_of_several_processes_and_the_database_may_be_killed_and_nothing_acknowledged_is_lost(
    database: Cluster, tmp_path: Path
) -> None:
    seed = secrets.randbelow(1 << 32)
    wanted = Assault(serves=2, delivers=2, kills=5, databases=1, cuts=1, pauses=0, rate=60, seed=seed)
    print(wanted)
    found = uvloop.run(assault(wanted, tmp_path, database))
    print(report(wanted, found))
    assert found.known is not None
    assert faults(found) == []
    # The rest came while nobody listened, or the database was away, or was cut off.
    assert len(found.known.acknowledged) > ACKNOWLEDGED * len(found.known.sent)
