"""What is said of several processes follows from what was measured: whether they did more, or had no core left."""

from __future__ import annotations

import pytest

from benchmarks.scaled import Measured, report, risen


def measured(a_second: float, *, cpu: float = 1.0, beside: float = 0.2, others: float = 0.0) -> Measured:
    return Measured(
        count=round(a_second),
        seconds=1.0,
        cpu=cpu,
        database=cpu / 2,
        beside=beside,
        others=others,
        cores=2,
        written=1000 * a_second,
    )


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (measured(1000), measured(1600), "It rises."),
        (measured(1000, cpu=1.7), measured(1000), "The cores were full before."),
        (measured(1000), measured(1000), "It does not rise, and the cores were not full."),
        (measured(1000, others=0.5), measured(1600), "Says nothing: others took too much of the machine."),
        (measured(1000), measured(1600, others=0.5), "Says nothing: others took too much of the machine."),
    ],
)
def test_more_processes_do_more_or_the_cores_are_full_or_it_is_said(one: Measured, two: Measured, said: str) -> None:
    [line] = risen({("sqlite", 1): [measured(2000)], ("postgres", 1): [one], ("postgres", 2): [two]})
    assert line.startswith("From 1 to 2 processes: ")
    assert line.endswith(said)


def test_the_work_for_a_second_of_cpu_is_held_against_sqlite() -> None:
    found = {("sqlite", 1): [measured(2000)], ("postgres", 2): [measured(1000, cpu=1.5)]}
    _, _, sqlite, postgres = report("hits taken", found).splitlines()
    assert sqlite.startswith("| SQLite, 1 process | 2,000 | 1.00 | 2,000 |")
    assert postgres.startswith(
        "| PostgreSQL, 2 processes | 667 | 0.33 | 1,000 | 0.75 | 0.75 | 0.20 | 1.70 of 2 | 1,000 |"
    )
