"""A server is killed under load, at random and at each failpoint: the short form of `make chaos`."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import uvloop

from tests.chaos.checker import violations
from tests.chaos.failpoints import POINTS
from tests.chaos.run import Attack, Endured, attack, report

RATE = 150.0
KILLS = 4
ACKNOWLEDGED = 0.4
"""The part of the hits that reached a server which has to be answered with 2xx at least."""

ON_THE_WAY_IN = (
    *("body_read", "parsed", "evaluated", "enqueued", "in_tx"),
    *("before_commit", "after_commit", "before_response", "response_half"),
)
ON_THE_WAY_OUT = tuple(name for name in POINTS if name not in ON_THE_WAY_IN)


def endured(folder: Path, *, kills: int = 0, failpoints: tuple[str, ...] = ()) -> Endured:
    """Shown with its seed, should a test fail."""
    wanted = Attack(kills, RATE, failpoints, secrets.randbelow(1 << 32))
    print(wanted)
    found = uvloop.run(attack(wanted, folder))
    print(report(wanted, found))
    assert found.known is not None
    assert violations(found.known) == []
    # The rest came while nobody listened, or was cut off.
    assert len(found.known.acknowledged) > ACKNOWLEDGED * len(found.known.sent)
    assert len(found.kills) == kills + len(failpoints)
    return found


@pytest.mark.long
@pytest.mark.slow
def test_random_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    endured(tmp_path, kills=KILLS)


@pytest.mark.slow
def test_kills_at_each_step_of_a_hit_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert sorted(endured(tmp_path, failpoints=ON_THE_WAY_IN).struck) == sorted(ON_THE_WAY_IN)


@pytest.mark.slow
def test_kills_at_each_step_of_a_delivery_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert sorted(endured(tmp_path, failpoints=ON_THE_WAY_OUT).struck) == sorted(ON_THE_WAY_OUT)
