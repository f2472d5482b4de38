"""Everything that `/metrics` can say, of a process in which each thing has happened once."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from prometheus_client.parser import text_string_to_metric_families

from container.case import Status
from container.cli.last_run import End
from container.delivery.counters import Counted
from container.delivery.row import Reason
from container.delivery.store import Mode
from container.web.admin import Admin, admin_app
from container.web.gauges import Standing, stand
from tests.web.parts import NOW, site

WITHOUT_END = {"tag", "lane", "number", "type", "version", "python", "store"}
"""Labels whose values come from the configuration, or from what is installed."""

_LATER: Mapping[str, frozenset[str]] = {
    "mode": frozenset({*typing.get_args(Mode), "failing", "paused"}),
    "reason": frozenset(typing.get_args(Reason)),
    "how": frozenset(typing.get_args(End)),
    "status": frozenset(typing.get_args(Status)),
}
"""What labels may hold besides what has happened."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its type, and the values of each of its labels. `names`: those of its series."""

    type: str
    labels: Mapping[str, frozenset[str]]
    names: frozenset[str]

    def may_hold(self, label: str, value: str) -> bool:
        """Whether a series with this value is there, or may come."""
        return label in WITHOUT_END or value in self.labels[label] | _LATER.get(label, frozenset())


@dataclass(slots=True)
class _Found:
    labels: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


@cache
def text() -> str:
    """As Prometheus reads it."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_scraped(Path(folder)))


@cache
def families() -> Mapping[str, Family]:
    """By name, as the documentation has it: counters end with `_total`, histograms have no ending."""
    found = {}
    for family in text_string_to_metric_families(text()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert family.samples, name
        seen = _Found()
        for sample in family.samples:
            seen.names.add(sample.name)
            for label, value in sample.labels.items():
                if label != "le":
                    seen.labels.setdefault(label, set()).add(value)
        labels = {label: frozenset(values) for label, values in seen.labels.items()}
        found[name] = Family(family.type, labels, frozenset(seen.names))
    return found


async def _scraped(folder: Path) -> str:
    async with site(folder) as here:
        await here.ask()
        await here.ask(target="/collect?name=raise_in_tag")
        ingest, counters = here.ingest, here.ingest.counters
        ingest.metrics.unavailable.labels("full").inc()
        ingest.metrics.reloaded("abc")
        counters.judged("lane", {"Hook": 1}, "delivered")
        counters.answered("hook", rows=1, seconds=0.1)
        counters.arrived("hook", [0], now=1)
        for name in typing.get_args(Counted):
            for detail in {"requests": ("refused",), "dropped": ("age", "room")}.get(name, ("",)):
                counters.add(name, "hook", detail)
        standing = Standing(here.store.figures, lambda: {(1, "lane"): 1}, lambda: {"public": 1})
        stand(ingest.metrics.registry, standing)
        page = admin_app(
            Admin(ingest.current, here.store, ingest.metrics, ingest.health, counters, "", clock=lambda: NOW)
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://a") as caller:
            return (await caller.get("/metrics")).text
