"""One event does not fill the log: ten lines a second, and one that says how many there were besides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as some

from container.cli.log_limit import MOST_EVENTS, MOST_LINES, Limit
from container.cli.logs import LineFormatter


@dataclass
class Bench:
    """A handler with a limit, a clock that a test sets, and timers that it fires."""

    now: float = 100.0
    lines: list[str] = field(default_factory=list)
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.handler = logging.Handler()
        self.handler.emit = self._emit  # type: ignore[method-assign]  # that is all that a handler is for
        self.limit = Limit(clock=lambda: self.now, later=lambda *timer: self.timers.append(timer))
        self.handler.addFilter(self.limit)

    def say(
        self, text: str, *arguments: object, name: str = "container.x", times: int = 1, level: int = logging.WARNING
    ) -> None:
        for _ in range(times):
            self.handler.handle(logging.LogRecord(name, level, "p.py", 1, text, arguments, None))

    def pass_on(self, seconds: float) -> None:
        """Lets time pass, and what is due then happen."""
        self.now += seconds
        due, self.timers = [work for _, work in self.timers], []
        for work in due:
            work()

    def _emit(self, record: logging.LogRecord) -> None:
        self.lines.append(LineFormatter().format(record).split(" ", 2)[2])


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench that hears what our own loggers say."""
    found = Bench()
    logger = logging.getLogger("container.cli")
    logger.addHandler(found.handler)
    try:
        yield found
    finally:
        logger.removeHandler(found.handler)


def test_ten_lines_a_second_are_shown_and_the_others_are_summed_up() -> None:
    with bench() as here:
        here.say("hit.failed id=%s", "1", times=MOST_LINES + 25)
        assert here.lines == ["hit.failed id=1"] * MOST_LINES
        assert [seconds for seconds, _ in here.timers] == [1.0]
        here.pass_on(1.0)
        assert here.lines[MOST_LINES:] == ["log.suppressed name=hit.failed lines=25"]
        here.say("hit.failed id=%s", "2")
        assert here.lines[-1] == "hit.failed id=2"
        assert not here.timers


def test_the_sum_comes_before_the_next_line_when_that_is_earlier_than_the_timer() -> None:
    with bench() as here:
        here.say("hit.failed", times=MOST_LINES + 1)
        here.now += 1
        here.say("hit.failed")
        assert here.lines[MOST_LINES:] == ["log.suppressed name=hit.failed lines=1", "hit.failed"]
        here.pass_on(0)
        assert len(here.lines) == MOST_LINES + 2


def test_an_event_does_not_silence_another_and_libraries_count_as_one() -> None:
    with bench() as here:
        here.say("hit.failed", times=50)
        here.say("tag.failed tag=%s", '"A"')
        assert here.lines[-1] == 'tag.failed tag="A"'
        for number in range(50):
            here.say(f"said {number}", name=f"library{number}")
        assert sum(line.startswith("library.said") for line in here.lines) == MOST_LINES


def test_what_a_file_says_at_a_start_is_shown_completely() -> None:
    with bench() as here:
        for text in ("config.problem %s", "demo.pointed tag=%s"):
            here.say(text, '"x"', times=40)
        assert len(here.lines) == 80


def test_who_asks_for_debug_sees_everything() -> None:
    with bench() as here:
        here.say("hit.taken id=%s", "1", times=MOST_LINES + 25, level=logging.DEBUG)
        assert len(here.lines) == MOST_LINES + 25


def test_what_was_left_out_is_told_of_at_the_end() -> None:
    with bench() as here:
        here.say("hit.failed", times=MOST_LINES + 3)
        here.limit.flush()
        assert len(here.lines) == MOST_LINES
        here.limit.flush(all=True)
        here.limit.flush(all=True)
        assert here.lines[MOST_LINES:] == ["log.suppressed name=hit.failed lines=3"]


def test_any_number_of_names_fills_no_memory() -> None:
    with bench() as here:
        for number in range(3 * MOST_EVENTS):
            here.say(f"x.y{number}", name="tags.own")
        assert len(here.limit._seconds) <= MOST_EVENTS


@given(some.lists(some.tuples(some.sampled_from(["a.b", "c.d"]), some.floats(0, 0.7)), max_size=200))
def test_every_line_is_shown_or_counted_whatever_comes_when(steps: list[tuple[str, float]]) -> None:
    with bench() as here:
        shown: dict[str, list[float]] = {"a.b": [], "c.d": []}
        for event, pause in steps:
            here.now += pause
            before = len(here.lines)
            here.say(event)
            shown[event] += [here.now for line in here.lines[before:] if line == event]
        here.limit.flush(all=True)
        for event, times in shown.items():
            counted = sum(int(line.rsplit("=", 1)[1]) for line in here.lines if f"name={event} " in line)
            assert len(times) + counted == sum(said == event for said, _ in steps)
            assert all(sum(0 <= at - start < 0.999 for at in times) <= 2 * MOST_LINES for start in times)
