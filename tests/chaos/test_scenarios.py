"""The long scenarios in short: a vendor that is down, a lane that is paused, a store in which very much waits."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import uvloop

from benchmarks.figures import percentile
from tests.chaos import million, outage, paused
from tests.chaos.checker import violations

SEED = secrets.randbelow(1 << 32)


@pytest.mark.long
@pytest.mark.slow
def test_a_vendor_that_is_down_loses_nothing_and_holds_up_no_other(tmp_path: Path) -> None:
    wanted = outage.Outage(calm=4, seconds=4, rate=100, seed=SEED, verdicts=("status:503", "retry_after:1"))
    found = uvloop.run(outage.endure(wanted, tmp_path))
    print(f"seed {SEED}\n{outage.report(wanted, found)}")
    assert found.known is not None
    assert violations(found.known) == []
    # Of the attempts meanwhile, whose moments are chance, one at least met the trouble.
    assert {"ok"} < {line.verdict for line in found.known.lines} <= {"ok", *wanted.verdicts}
    assert found.behind > 100
    # Other work on the machine holds up both alike, but not at the same time.
    assert percentile(found.during, 0.99) < 2 * percentile(found.calm, 0.99) + 3000


@pytest.mark.long
@pytest.mark.slow
def test_a_lane_that_is_paused_fills_its_share_and_nothing_else(tmp_path: Path) -> None:
    wanted = paused.Pause(rows=600, rate=200, seed=SEED)
    found = uvloop.run(paused.endure(wanted, tmp_path))
    print(f"seed {SEED}\n{paused.report(wanted, found)}")
    assert paused.faults(wanted, found) == []


@pytest.mark.long
@pytest.mark.slow
def test_a_store_in_which_much_waits_starts_and_delivers_without_reading_it_all(tmp_path: Path) -> None:
    found = uvloop.run(million.measure(10_000, tmp_path, few=1_000, watched=1.0))
    print(million.report(found))
    assert found.many.ready < found.empty.ready + 10
    assert million.faults_of_memory(found) == []
