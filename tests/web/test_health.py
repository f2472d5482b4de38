"""Whether a process should get traffic."""

from __future__ import annotations

import logging

import pytest

from container.web.health import RECENT_SECONDS, Health


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_failed_commit_is_a_reason_for_a_while_only() -> None:
    clock = Clock()
    health = Health(clock)
    health.store_failed("no space is left")
    assert health.reasons() == ["The store does not take deliveries (no space is left)."]
    clock.now = RECENT_SECONDS
    assert health.reasons() == []


def test_a_store_that_works_again_is_no_reason_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    health = Health(Clock())
    health.store_failed("no space is left")
    health.store_failed("no space is left")
    health.store_worked()
    health.store_worked()
    assert health.reasons() == []
    assert [record.getMessage() for record in caplog.records] == [
        'store.failed reason="no space is left" hits=refused',
        'store.works after="no space is left"',
    ]


def test_a_process_that_stops_wants_no_traffic() -> None:
    assert Health(Clock(), draining=True).reasons() == ["The process is shutting down."]
