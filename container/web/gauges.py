"""How a running process stands at this moment, for `/metrics`: its store, its requests, its connections, itself."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import get_args

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from container.delivery.counters import MOST_LANES, OTHER, Operation, StoreFigures

PACKAGE = "tag-container"


# Registries look collectors up by identity.
@dataclass(frozen=True, slots=True, eq=False)
class Standing(Collector):
    """What is asked at each scrape. `in_flight`: by number and name of a lane; `connections`: by listener.

    `trouble`: why the store cannot be written to, empty while it can. `previous_end`: how the process before ended.
    """

    store: Callable[[], StoreFigures]
    in_flight: Callable[[], Mapping[tuple[int, str], int]]
    connections: Callable[[], Mapping[str, int]]
    trouble: Callable[[], str] = str
    previous_end: str = "none"

    def collect(self) -> Iterator[Metric]:
        figures = self.store()
        yield from _of_store(figures)
        about = "1 while the store cannot be written to, else 0."
        yield _gauge("store_trouble", about, value=int(bool(self.trouble())))
        before = _gauge("previous_end", "1 for how the process before this one ended.", ["how"])
        before.add_metric([self.previous_end], 1)
        yield before
        flights = _gauge("in_flight", "Requests to vendors that are under way.", ["number", "lane"])
        found = sorted(self.in_flight().items())
        for (number, lane), requests in found[:MOST_LANES]:
            flights.add_metric([str(number), lane], requests)
        if len(found) > MOST_LANES:
            flights.add_metric(["", OTHER], sum(requests for _, requests in found[MOST_LANES:]))
        yield flights
        connections = _gauge("open_connections", "Connections that are open, by listener.", ["listener"])
        for listener, number in self.connections().items():
            connections.add_metric([listener], number)
        yield connections
        yield _build_info(figures.engine)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready(Collector):
    ready: bool

    def collect(self) -> Iterator[Metric]:
        yield _gauge("ready", "1 while traffic may come, as /ready says, else 0.", value=int(self.ready))


def ready_metric(*, ready: bool) -> CollectorRegistry:
    """Whether traffic may come, which takes asking the store."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(ready))
    return registry


def stand(registry: CollectorRegistry, standing: Standing) -> None:
    """Adds to the metrics of a process how it stands, and what it takes of the machine."""
    registry.register(standing)
    ProcessCollector(registry=registry)


def _of_store(figures: StoreFigures) -> Iterator[Metric]:
    yield _gauge("outbox_capacity_ratio", "How full the store is, from 0 to 1.", value=figures.fill)
    yield _gauge("store_file_bytes", "Size of the database.", value=figures.file_bytes)
    yield _gauge("wal_bytes", "Size of the log beside the database.", value=figures.log_bytes)
    yield _gauge("commit_queue_items", "Pieces of work that wait for their commit.", value=figures.queued)
    yield _gauge("commit_queue_bytes", "Bytes of the hits that wait for their commit.", value=figures.queued_bytes)
    for name, about, spread in (
        ("commit_seconds", "How long commits took.", figures.counters.commit_seconds),
        ("commit_batch_size", "Pieces of work, hits and others, in one commit.", figures.counters.commit_sizes),
    ):
        yield HistogramMetricFamily(f"tag_container_{name}", about, buckets=spread.buckets, sum_value=spread.total)
    errors = _counter("store_errors", "What the store could not do, by what was asked of it.", ["op"])
    for operation in get_args(Operation):
        errors.add_metric([operation], figures.counters.errors[operation])
    yield errors
    about = "Deliveries that the last process left in flight: they wait again, or are dead."
    recovered = _counter("crash_recovered", about, ["became"])
    recovered.add_metric(["waiting"], figures.recovered)
    recovered.add_metric(["dead"], figures.poisoned)
    yield recovered
    yield _gauge("spool_holds", "1 while hits go into the spool, else 0.", value=int(figures.spool.holds))
    about = "Spools that no process has and that hold hits, whether they are being forwarded or cannot be."
    yield _gauge("spool_leftover", about, value=figures.spool.leftover)
    about = "Spools that no process has and that cannot be forwarded."
    yield _gauge("spool_unusable", about, value=figures.spool.unusable)
    forwarded = _counter("spool_deliveries", "Deliveries that were in the spool, by what became of them.", ["became"])
    forwarded.add_metric(["stored"], figures.spool.stored)
    forwarded.add_metric(["duplicate"], figures.spool.duplicates)
    forwarded.add_metric(["left"], figures.spool.left)
    yield forwarded


def _build_info(store: str) -> Metric:
    info = _gauge("build_info", "What runs.", ["version", "python", "store"])
    info.add_metric([own_version(), platform.python_version(), store], 1)
    return info


def own_version() -> str:
    """The version of this package, `unknown` where it runs without having been installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def _gauge(name: str, about: str, labels: list[str] | None = None, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tag_container_{name}", about, value=value, labels=labels)


def _counter(name: str, about: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"tag_container_{name}", about, labels=labels)
