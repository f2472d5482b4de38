"""Hits that keep the event loop for long."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from container.event import Hit
from container.web.slow import LOOKED_AGAIN_SECONDS, Slow
from tests.web.parts import container

TWO_TAGS = """
version: 1
container: {name: Test, id: T-1}
clients: {Test: {type: collect}}
triggers: {Every: {}}
tags:
  Quick: {type: hook, triggers: [Every]}
  Slow: {type: hook, triggers: [Every]}
"""


def hit(query: str = "name=purchase") -> Hit:
    return Hit(bytes(16), 1, "GET", "/collect", query, {}, b"", None)


def steps(*seconds: float) -> Callable[[], float]:
    """A clock that shows one moment after the other."""
    moments: Iterator[float] = iter(seconds)
    return lambda: next(moments)


def looked(slow: Slow, caplog: pytest.LogCaptureFixture, query: str = "name=purchase") -> list[str]:
    with caplog.at_level(logging.INFO, "container.web"):
        slow.saw(container(TWO_TAGS), hit(query))
    return [record.getMessage() for record in caplog.records]


def at_once(work: Callable[[], None]) -> None:
    work()


def test_the_tag_that_took_the_most_is_named(caplog: pytest.LogCaptureFixture) -> None:
    # The beginning, before and after each of two tags, the end.
    slow = Slow(spent=steps(0.0, 0.01, 0.02, 0.02, 0.3, 0.31), beside=at_once)
    said = looked(slow, caplog)
    assert said == [f'hit.slow id={bytes(16).hex()} milliseconds=310 tag="Slow" milliseconds_of_tag=280']


def test_a_hit_that_is_quick_the_second_time_was_the_machines_fault(caplog: pytest.LogCaptureFixture) -> None:
    clock = count(0, 0.001)
    assert looked(Slow(spent=lambda: next(clock), beside=at_once), caplog) == []


def test_a_hit_that_nobody_claims_has_no_tag(caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow(spent=steps(0.0, 0.1), beside=at_once)
    assert looked(slow, caplog, "") == [f'hit.slow id={bytes(16).hex()} milliseconds=100 tag="" milliseconds_of_tag=0']


def test_one_is_looked_at_now_and_then() -> None:
    now, work = 0.0, list[Callable[[], None]]()
    slow = Slow(clock=lambda: now, beside=work.append)
    for moment in (0.0, 1.0, LOOKED_AGAIN_SECONDS - 1, LOOKED_AGAIN_SECONDS, LOOKED_AGAIN_SECONDS + 1):
        now = moment
        slow.saw(container(), hit())
    assert len(work) == 2
