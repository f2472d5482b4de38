"""Whose turn it is while more hits come than are taken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from container.web.admission import (
    BURST,
    CALM_SECONDS,
    DOOMED_SECONDS,
    QUEUED_SECONDS,
    TURN_SECONDS,
    Gate,
    Waiting,
    is_plainly_automatic,
)

FIRST_COST = Gate().cost


VIEW: Any = {"query_string": b"v=2&en=page_view", "headers": []}
SALE: Any = {"query_string": b"v=2&en=purchase", "headers": []}


@dataclass
class Loop:
    """An event loop in which time passes only while hits are worked on. `cost`: seconds that each takes."""

    cost: float = FIRST_COST
    now: float = 1000.0
    work: list[Callable[[], None]] = field(default_factory=list)
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    begun: list[Any] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)

    def gate(self, cost: float = FIRST_COST) -> Gate:
        """A gate that believes that a hit takes so long."""
        return Gate(lambda: self.now, self.work.append, self._later, wall=lambda: self.now, cost=cost)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self.timers.append((self.now + seconds, work))

    def comes(self, gate: Gate, name: Any, *, automatic: bool = False, gone: bool = False) -> bool:
        """A hit, as a connection brings it; whether it was let in."""
        if gate.free:
            self._begin(name)
            gate.began()
            return True

        def begin() -> bool:
            return not gone and self._begin(name)

        def refuse() -> None:
            self.refused.append(name)

        if gate.takes(VIEW if automatic else SALE):
            gate.enter(Waiting(self.now, begin, refuse))
            return True
        gate.shed()
        refuse()
        return False

    def _begin(self, name: Any) -> bool:
        def work() -> None:
            self.now += self.cost
            self.begun.append(name)

        self.work.append(work)
        return True

    def turn(self) -> None:
        """What is due is done; what it leads to comes in the next turn."""
        due, self.work[:] = list(self.work), []
        before = len(self.begun)
        for each in due:
            each()
        self.turns.append(len(self.begun) - before)

    def until_idle(self) -> None:
        while self.work:
            self.turn()

    def passes(self, seconds: float) -> None:
        """Time goes by without a hit."""
        self.now += seconds
        due = [work for moment, work in self.timers if moment <= self.now]
        self.timers[:] = [each for each in self.timers if each[0] > self.now]
        for work in due:
            work()


def filled(loop: Loop, gate: Gate, *, automatic: bool = False) -> int:
    """Sends hits until one is refused; how many were let in."""
    number = 0
    while loop.comes(gate, number, automatic=automatic):
        number += 1
        assert number < 10_000
    return number


def test_a_lone_hit_begins_at_once_and_leaves_nothing_to_do() -> None:
    loop = Loop()
    gate = loop.gate()
    assert loop.comes(gate, "a")
    loop.turn()
    assert (loop.begun, loop.work, gate.waiting) == (["a"], [], 0)


def test_hits_begin_in_the_order_in_which_they_came() -> None:
    loop = Loop()
    gate = loop.gate()
    for number in range(300):
        assert loop.comes(gate, number)
    loop.until_idle()
    assert loop.begun == list(range(300))


def test_a_burst_on_an_idle_server_is_taken_however_slow_its_hits_are() -> None:
    loop = Loop(cost=0.001)
    gate = loop.gate()
    for _ in range(200):
        loop.comes(gate, "before")
        loop.until_idle()
    assert gate.cost == pytest.approx(0.001, rel=0.05)
    assert all(loop.comes(gate, number) for number in range(BURST))


@pytest.mark.parametrize("cost", [0.0001, 0.0004, 0.002, 0.02])
def test_what_is_let_in_is_begun_well_within_half_a_second(cost: float) -> None:
    loop = Loop(cost=cost)
    gate = loop.gate(cost)
    for _ in range(50):
        filled(loop, gate)
        loop.turn()
    came, begun_before = loop.now, len(loop.begun)
    waiting = gate.waiting
    while len(loop.begun) < begun_before + waiting:
        loop.turn()
    assert loop.now - came < 0.45
    assert waiting >= 10


def test_while_many_wait_the_sockets_are_looked_at_every_few_milliseconds() -> None:
    loop = Loop(cost=0.0005)
    gate = loop.gate()
    took = []
    for _ in range(100):
        filled(loop, gate)
        before = loop.now
        loop.turn()
        took.append(loop.now - before)
    assert max(took[20:]) <= TURN_SECONDS


def test_the_queue_gets_shorter_when_hits_get_slower() -> None:
    loop = Loop()
    gate = loop.gate()
    quick = filled(loop, gate)
    assert quick == pytest.approx(QUEUED_SECONDS / FIRST_COST, rel=0.2)
    loop.cost = 5 * FIRST_COST
    for _ in range(600):
        filled(loop, gate)
        loop.turn()
    assert gate.cost == pytest.approx(loop.cost, rel=0.1)
    assert gate.waiting < quick / 2


def test_a_machine_that_stood_still_once_does_not_make_it_much_shorter() -> None:
    loop = Loop()
    gate = loop.gate()
    assert loop.comes(gate, "a")
    loop.now += 3.0
    loop.until_idle()
    assert gate.cost < 1.2 * FIRST_COST


def test_the_last_tenth_is_not_for_automatic_events() -> None:
    loop = Loop()
    gate = loop.gate()
    views = filled(loop, gate, automatic=True)
    sales = filled(loop, gate)
    assert sales == pytest.approx(views / 9, rel=0.2)
    assert not loop.comes(gate, "view", automatic=True)
    loop.until_idle()
    assert loop.comes(gate, "view", automatic=True)


def test_whether_it_is_automatic_is_not_asked_while_there_is_room() -> None:
    gate = Loop().gate()
    # Nothing is read of it: there is nothing in it.
    assert gate.takes({})


def test_who_waited_too_long_is_refused_instead() -> None:
    loop = Loop()
    gate = loop.gate()
    for number in range(400):
        loop.comes(gate, number)
    waiting = gate.waiting
    loop.passes(DOOMED_SECONDS + 0.1)
    loop.until_idle()
    assert loop.refused == list(range(400 - waiting, 400))
    assert gate.waiting == 0


def test_who_is_gone_takes_nobodys_turn() -> None:
    loop = Loop()
    gate = loop.gate()
    for number in range(400):
        loop.comes(gate, number, gone=number % 2 == 0)
    at_once = 400 - gate.waiting
    loop.until_idle()
    assert loop.begun[at_once:] == [number for number in range(at_once, 400) if number % 2]


def test_a_hit_that_cannot_begin_does_not_keep_the_others_waiting() -> None:
    loop = Loop()
    gate = loop.gate()

    def broken() -> bool:
        raise RuntimeError

    while gate.free:
        loop.comes(gate, "first")
    gate.enter(Waiting(loop.now, broken, never_called))
    loop.comes(gate, "last")
    with pytest.raises(RuntimeError):
        loop.until_idle()
    loop.until_idle()
    assert loop.begun[-1] == "last"


def never_called() -> None:
    raise AssertionError


def test_an_overload_is_told_of_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    gate = loop.gate()
    assert not gate.sentence()
    with caplog.at_level(logging.INFO, "container.web"):
        filled(loop, gate)
        for _ in range(9):
            loop.comes(gate, "more")
        assert "more come than one process can take: 10 hits since 1970-01-01 00:16:40 UTC." in gate.sentence()
        loop.until_idle()
        loop.passes(CALM_SECONDS - 1)
        filled(loop, gate)
        loop.passes(CALM_SECONDS - 1)
        assert gate.sentence()
        loop.passes(1.5)
    assert not gate.sentence()
    said = [(record.levelname, record.getMessage().split('"')[0].strip()) for record in caplog.records]
    assert [level for level, _ in said] == ["ERROR", "WARNING"]
    assert said[0][1].startswith("hits.overload waiting=")
    assert said[1][1] == "hits.overload_over refused=11 seconds=9"
    with caplog.at_level(logging.INFO, "container.web"):
        filled(loop, gate)
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        (b"v=2&en=page_view", [(b"host", b"a")], True),
        (b"v=2&en=page_view", [(b"content-length", b"0")], True),
        (b"v=2&en=page_view", [(b"content-length", b"10")], False),
        (b"v=2&en=page_view", [(b"transfer-encoding", b"chunked")], False),
        (b"v=2&en=purchase", [], False),
    ],
)
def test_a_hit_with_a_body_may_hold_anything(query: bytes, headers: list[tuple[bytes, bytes]], expected: bool) -> None:
    assert is_plainly_automatic({"query_string": query, "headers": headers}) is expected
