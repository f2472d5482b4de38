"""What Prometheus reads. Labels come from the configuration and from fixed lists, never from a hit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from container.delivery.counters import Counters
from container.delivery.store import LaneReport

Refusal = Literal["body_too_large", "headers_too_large", "query_too_long", "no_host", "unclaimed"]

_REFUSALS: Sequence[Refusal] = ("body_too_large", "headers_too_large", "query_too_long", "no_host", "unclaimed")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """One process's counters, in a registry of their own, so that two processes in one test do not meet."""

    registry: CollectorRegistry
    accepted: Counter
    unavailable: Counter
    failed: Counter
    fired: Counter
    tag_failures: Counter
    reply_seconds: Histogram
    reload_successful: Gauge
    reload_time: Gauge
    container: Gauge
    refused: dict[Refusal, Counter] = field(default_factory=dict)

    def reloaded(self, version: str) -> None:
        """The configuration of this version is in force."""
        self.reload_successful.set(1)
        self.reload_time.set(time.time())
        self.container.clear()
        self.container.labels(version).set(1)

    def reload_refused(self) -> None:
        """A configuration with problems was offered; the old one stays in force."""
        self.reload_successful.set(0)


def new_metrics() -> Metrics:
    """Metrics that all start at zero."""
    registry = CollectorRegistry()

    def counter(name: str, about: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"tag_container_{name}", about, labels, registry=registry)

    def gauge(name: str, about: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"tag_container_{name}", about, labels, registry=registry)

    refused = counter("hits_refused", "Hits that were not taken, by reason.", ["reason"])
    return Metrics(
        registry=registry,
        accepted=counter("hits_accepted", "Hits that a client claimed and whose deliveries are on disk."),
        unavailable=counter(
            "hits_unavailable", "Hits answered with 503 because the store could not take them.", ["reason"]
        ),
        failed=counter("hits_failed", "Hits answered with 500."),
        fired=counter("tags_fired", "How often each tag fired.", ["tag"]),
        tag_failures=counter("tags_failed", "How often each tag raised.", ["tag"]),
        reply_seconds=Histogram(
            "tag_container_reply_seconds",
            "From the arrival of a hit's headers to its reply.",
            buckets=_SECONDS,
            registry=registry,
        ),
        reload_successful=gauge("config_last_reload_successful", "1 when the last reload was accepted, else 0."),
        reload_time=gauge("config_last_reload_timestamp_seconds", "When a configuration last came into force."),
        container=gauge("config_info", "The version of the container in force.", ["version"]),
        refused={reason: refused.labels(reason) for reason in _REFUSALS},
    )


def lane_metrics(lanes: Sequence[LaneReport], *, now: float) -> CollectorRegistry:
    """How the lanes stand at this moment (Unix seconds)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Lanes(lanes, now))
    return registry


def delivery_metrics(counters: Counters) -> CollectorRegistry:
    """What the worker has done since the process started."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Deliveries(counters))
    return registry


# Registries look collectors up by identity.
@dataclass(frozen=True, slots=True, eq=False)
class _Deliveries(Collector):
    counters: Counters

    def collect(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily] = {}
        for sample in self.counters.samples():
            name = f"tag_container_delivery_{sample.name}"
            about = f"Deliveries: {sample.name.replace('_', ' ')}."
            family = families.setdefault(name, CounterMetricFamily(name, about, labels=["type", "detail"]))
            family.add_metric([sample.type, sample.detail], sample.value)
        yield from families.values()


# Registries look collectors up by identity.
@dataclass(frozen=True, slots=True, eq=False)
class _Lanes(Collector):
    lanes: Sequence[LaneReport]
    now: float

    def collect(self) -> Iterator[Metric]:
        labels = ["number", "lane"]
        rows = GaugeMetricFamily("tag_container_outbox_rows", "Deliveries in the store.", labels=[*labels, "state"])
        oldest = GaugeMetricFamily(
            "tag_container_outbox_oldest_age_seconds", "How long the oldest delivery has waited.", labels=labels
        )
        holds = GaugeMetricFamily("tag_container_lane_holds", "1 while the lane needs somebody.", labels=labels)
        for report in self.lanes:
            # Two lanes may look alike: the names of their secrets, which tell them apart, are not shown.
            name = [str(report.number), str(report.lane)]
            for state, number in (("waiting", report.waiting), ("claimed", report.claimed), ("dead", report.dead)):
                rows.add_metric([*name, state], number)
            oldest.add_metric(name, 0 if report.oldest is None else max(0.0, self.now - report.oldest / 1000))
            holds.add_metric(name, int(report.paused or report.state.mode != "open"))
        yield from (rows, oldest, holds)
