"""What a run of `benchmarks.scale` found, and what that says: per second of CPU, by the clock, and for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.figures import Cell, median, table

BUSY = 0.15
"""A machine of which more than this was taken by others is marked."""

MORE = 1.05
"""More than noise."""

FULL = 0.9
"""Cores of which so much is in use have nothing left to give."""

CALLED: Mapping[str, str] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}

Found = Mapping[tuple[str, int], Sequence["Measured"]]
"""The rounds of each engine with so many processes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Hits or events of a run, the CPU seconds of the processes that did it with the database, and of everybody else.

    `database`: of PostgreSQL, within `cpu`. `beside`: of vendor, load and measuring. `others`: of what is not ours.
    `written`: bytes of PostgreSQL's log.
    """

    count: int
    seconds: float
    cpu: float
    database: float
    beside: float
    others: float
    cores: int
    written: float

    @property
    def per_cpu(self) -> float:
        """For one second of CPU, the database's included."""
        return self.count / max(self.cpu, 0.01)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    @property
    def taken(self) -> float:
        """Share of the machine that others had."""
        return self.others / self.seconds / self.cores

    @property
    def in_use(self) -> float:
        """Cores that were in use, whoever used them."""
        return (self.cpu + self.beside + self.others) / self.seconds


def report(what: str, found: Found) -> str:
    """Medians of the rounds as a table in Markdown, with what SQLite does for comparison.

    Cores: of the processes that do it, of the database, of vendor and load, and of all with what is not ours.
    """
    yardstick = median([each.per_cpu for each in found["sqlite", 1]]) if ("sqlite", 1) in found else 0.0
    headings = (
        what,
        "per CPU-s",
        "against SQLite",
        "a second",
        "cores: processes",
        "database",
        "vendor, load",
        "in use",
        "log bytes each",
        "machine taken by others",
    )
    rows: list[Sequence[Cell]] = []
    for (engine, processes), rounds in found.items():
        per_cpu = median([each.per_cpu for each in rounds])
        others = median([each.taken for each in rounds])
        rows.append(
            (
                f"{CALLED[engine]}, {processes} {'process' if processes == 1 else 'processes'}",
                per_cpu,
                per_cpu / yardstick if yardstick else "-",
                median([each.per_second for each in rounds]),
                median([(each.cpu - each.database) / each.seconds for each in rounds]),
                median([each.database / each.seconds for each in rounds]),
                median([each.beside / each.seconds for each in rounds]),
                f"{median([each.in_use for each in rounds]):.2f} of {rounds[0].cores}",
                median([each.written / each.count for each in rounds]) if engine == "postgres" else "-",
                f"{others:.0%}{' (busy)' if others > BUSY else ''}",
            )
        )
    return table(headings, rows)


def risen(found: Found) -> list[str]:
    """Whether each step to more processes did more by the clock, or there was no core left for it; as sentences."""
    steps = [(processes, rounds) for (engine, processes), rounds in found.items() if engine == "postgres"]
    return [
        _step(few, median([each.per_second for each in before]), many, after, before)
        for (few, before), (many, after) in pairwise(steps)
    ]


def _step(few: int, rate: float, many: int, after: Sequence[Measured], before: Sequence[Measured]) -> str:
    times = median([each.per_second for each in after]) / rate
    cores = before[0].cores
    used = median([each.in_use for each in before])
    stated = (
        f"From {few} to {many} processes: {times:.2f} times as much a second, {used:.2f} of {cores} cores were in use"
    )
    if max(median([each.taken for each in rounds]) for rounds in (before, after)) > BUSY:
        return f"{stated}. Says nothing: others took too much of the machine."
    if times >= MORE:
        return f"{stated}. It rises."
    if used >= FULL * cores:
        return f"{stated}. The cores were full before."
    return f"{stated}. It does not rise, and the cores were not full."
