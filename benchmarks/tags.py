"""What a tag costs for a sale with two items: microseconds of CPU, every tag that there is.

The sales are read already, and what tags share is there before: the parsed cookies, the time.

python -m benchmarks.tags [--short] [--profile] [--tag TYPE]
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.example import ROOT
from benchmarks.figures import Cell, median, table
from benchmarks.hits import SHAPES
from benchmarks.in_process import heaviest, hits_of, marked
from container.component import Component
from container.config.registry import discover
from container.config.source import plain, read
from container.effects import Request
from container.engine.coerce import Lacking
from container.engine.run import effects_of
from container.event import Event
from container.fields import Settings
from container.testing import resolver

GOAL = 60.0
"""Microseconds that a tag may take for such a sale, its settings included."""

ROUNDS, SHORT_ROUNDS = 15, 5
TESTS = ROOT / "tests" / "tags"

Stated = Mapping[str, Any]
"""Settings as an analyst writes them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU: for settings and function together, and for the function alone."""

    whole: float
    function: float


def sales() -> list[Event]:
    """Sales as a shop's pages send them, read out of their hits by the client."""
    client = discover().components["client", "ga4"]
    settings = (client.settings or Settings)()
    hits = hits_of(marked(SHAPES["purchase"]()))
    return [event for hit in hits for event in client.function(settings, hit).events]


def known(folder: Path = TESTS) -> Mapping[str, tuple[Component, Stated]]:
    """Every tag by type, with the settings that the tests of its deliveries have."""
    return {
        tag.type: (tag, _stated(folder / tag.type / "delivery" / "faults.yaml")) for tag in discover().of_kind("tag")
    }


def cost(tag: Component, settings: Stated, events: Sequence[Event], rounds: int) -> Cost:
    """The medians of some rounds, after one that warms up. Raises `ValueError` when the tag sends nothing."""
    resolve = resolver(tag.settings or Settings, settings)

    def whole(event: Event) -> Any:
        return tag.function(resolve(event), event)

    ready = [(resolve(event), event) for event in events]
    for made, event in ready:
        if isinstance(made, Lacking) or not any(isinstance(e, Request) for e in effects_of(tag.function(made, event))):
            raise ValueError(f'the tag "{tag.type}" sends nothing for a sale')
    spent = [(_spent(whole, [(event,) for event in events]), _spent(tag.function, ready)) for _ in range(rounds + 1)]
    return Cost(*map(median, zip(*spent[1:], strict=True)))


def _stated(file: Path) -> Stated:
    found = read(file.read_text(encoding="utf-8"))
    if found.root is None or found.problems:
        raise ValueError(f"{file} is no YAML")
    stated: Stated = plain(found.root)["settings"]
    return stated


def _spent(work: Callable[..., object], arguments: Sequence[tuple[Any, ...]]) -> float:
    """Microseconds of CPU for each of these calls."""
    gc.collect()
    began = time.process_time_ns()
    for each in arguments:
        work(*each)
    return (time.process_time_ns() - began) / len(arguments) / 1000


def report(costs: Mapping[str, Cost]) -> str:
    """The table, with the goal beside it."""
    rows: list[Sequence[Cell]] = [
        (f"`{name}`", found.whole, found.function, f"**no**: {found.whole:.0f}" if found.whole > GOAL else "yes")
        for name, found in sorted(costs.items())
    ]
    return table(("tag", "us", "of it the function", f"{GOAL:.0f} or less"), rows)


def profile(tag: Component, settings: Stated, events: Sequence[Event]) -> str:
    """The functions that take the most time of their own."""
    resolve = resolver(tag.settings or Settings, settings)
    profiler = cProfile.Profile()
    profiler.enable()
    for event in events:
        tag.function(resolve(event), event)
    profiler.disable()
    return heaviest(profiler, len(events), "sale")


def main() -> None:
    every = known()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    parser.add_argument("--profile", action="store_true", help="print what takes the time instead")
    parser.add_argument("--tag", choices=sorted(every), help="this tag only")
    chosen = parser.parse_args()
    rounds = SHORT_ROUNDS if chosen.short else ROUNDS
    asked = {name: found for name, found in every.items() if chosen.tag in (None, name)}
    events = sales()
    if chosen.profile:
        for name, (tag, settings) in asked.items():
            print(f"### {name}\n\n{profile(tag, settings, events)}\n")
        return
    costs = {name: cost(tag, settings, events, rounds) for name, (tag, settings) in asked.items()}
    print(f"### A tag: microseconds of CPU per sale with two items, medians of {rounds}\n\n{report(costs)}\n")


if __name__ == "__main__":
    main()
