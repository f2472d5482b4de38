"""What Prometheus reads. Labels come from the configuration and from fixed lists, never from a hit."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from container.delivery.counters import MOST_LANES, OTHER_LANES, Counted, Counters
from container.delivery.store import LaneReport, StoreBusyError, StoreError, StoreFullError
from container.engine.container import Container
from container.engine.outcome import Guard, Outcome
from container.web.noticed import Unset

Refusal = Literal[
    "body_too_large",
    "headers_too_large",
    "query_too_long",
    "no_host",
    "host_not_allowed",
    "rate_limited",
    "not_http",
    "unclaimed",
    "by_client",
    "encoded",
    "too_slow",
    "too_many",
    "no_room",
    "overload",
]
"""Why a hit was not taken; `by_client`: the client that claimed it answered with an error, such as a wrong secret;
`not_http`: the server could not read it; `too_many`: requests at once on one connection; `no_room`: connections;
`overload`: more hits come than the process takes."""
Unavailable = Literal["full", "busy", "unavailable"]

_REFUSALS: Sequence[Refusal] = get_args(Refusal)
_UNSET: Sequence[Unset] = get_args(Unset)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)

_COUNTED: Mapping[Counted, str] = {
    "requests": "Requests to vendors, by verdict.",
    "answered_seconds": "Seconds that vendors took to answer, added up.",
    "bisected": "Deliveries that were sent again in halves, because one of a batch was refused.",
    "lost_claims": "Deliveries that were no longer this process's when their answer came.",
    "judge_faults": "Answers on which a tag's judge raised.",
    "delivered": "Deliveries that a vendor took.",
    "postponed": "Deliveries put off to a later attempt.",
    "buried": "Deliveries that became dead letters while they were to be sent, by reason.",
    "dropped": "Dead letters that are gone for good, because they were old or too many.",
}

TagFigure = tuple[str, str, str]
"""A tag, what became of it, and the kind of consent that held it back."""

# When a series began is a line more for each of them, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library annotates only some


@dataclass(frozen=True, slots=True)
class Metrics:
    """One process's counters, in a registry of their own, so that two processes in one test do not meet."""

    registry: CollectorRegistry
    accepted: Counter
    unavailable: Counter
    failed: Counter
    slow: Counter
    tags: TagEvents
    reply_seconds: ReplySeconds
    reload_successful: Gauge
    reload_time: Gauge
    container: Gauge
    waiting: Gauge
    loop_lag: Gauge
    refused: dict[Refusal, Counter] = field(default_factory=dict)
    without_address: dict[Unset, Counter] = field(default_factory=dict)

    def reloaded(self, version: str) -> None:
        """The configuration of this version is in force."""
        self.reload_successful.set(1)
        self.reload_time.set(time.time())
        self.container.clear()
        self.container.labels(version).set(1)

    def not_taken(self, reason: Refusal) -> None:
        """A request ended before it was a hit."""
        self.refused[reason].inc()

    def reload_refused(self) -> None:
        """A configuration with problems was offered; the old one stays in force."""
        self.reload_successful.set(0)


class TagEvents(Collector):
    """What became of each tag on each event. `blocked_by_consent` says of which kind: denied, or unset.

    Most tags are not concerned by an event, so that is not counted per tag: it is what is left of all events.
    """

    def __init__(self) -> None:
        self._figures: Tally[TagFigure] = Tally()
        self._container: Container | None = None
        self._events = 0
        self._seen: Tally[str] = Tally()

    def add(self, container: Container, outcome: Outcome, taken: Collection[Guard] = ()) -> None:
        """Counts the events of a hit. `taken`: the guards that somebody had before."""
        if container is not self._container:
            self._figures += self._untouched()
            self._container, self._events, self._seen = container, 0, Tally()
        self._events += outcome.events
        for result in outcome.results:
            status = result.settled(taken) if taken else result.status
            consent = ("unset" if result.unset else "denied") if status == "blocked_by_consent" else ""
            self._figures[result.tag, status, consent] += 1
            self._seen[result.tag] += 1

    def collect(self) -> Iterator[Metric]:
        about = "Events by tag and what became of the tag; the consent that held it back was denied or unset."
        family = CounterMetricFamily("tag_container_tag_events", about, labels=["tag", "status", "consent"])
        for labels, number in sorted((self._figures + self._untouched()).items()):
            family.add_metric(labels, number)
        yield family

    def _untouched(self) -> Tally[TagFigure]:
        """The events of the container in force that did not concern a tag."""
        found: Tally[TagFigure] = Tally()
        for tag in () if self._container is None else self._container.tags:
            found[tag.name, "paused" if tag.paused else "not_triggered", ""] += self._events - self._seen[tag.name]
        return found


class ReplySeconds(Collector):
    """How long replies took. Counted for each hit, on one thread, so without the locks of the library's histogram."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[Metric]:
        about = "From the arrival of a hit's headers to its reply."
        bounds = [*map(str, _SECONDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily("tag_container_reply_seconds", about, buckets=buckets, sum_value=self._sum)


def unavailable(problem: StoreError) -> Unavailable:
    """Why the store did not take a hit, as a label."""
    if isinstance(problem, StoreFullError):
        return "full"
    return "busy" if isinstance(problem, StoreBusyError) else "unavailable"


def new_metrics() -> Metrics:
    """Metrics that all start at zero."""
    registry = CollectorRegistry()

    def counter(name: str, about: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"tag_container_{name}", about, labels, registry=registry)

    def gauge(name: str, about: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"tag_container_{name}", about, labels, registry=registry)

    tags = TagEvents()
    seconds = ReplySeconds()
    registry.register(tags)
    registry.register(seconds)
    unavailable_hits = counter(
        "hits_unavailable", "Hits answered with 503 because the store could not take them.", ["reason"]
    )
    for why in get_args(Unavailable):
        # A series that begins with its first event is one that an increase does not see.
        unavailable_hits.labels(why)
    refused = counter("hits_refused", "Hits that were not taken, by reason.", ["reason"])
    about = "Hits whose visitor has no address because of a proxy, by what is wrong with it."
    without_address = counter("hits_without_address", about, ["reason"])
    return Metrics(
        registry=registry,
        tags=tags,
        accepted=counter("hits_accepted", "Hits that a client claimed and whose deliveries are on disk."),
        unavailable=unavailable_hits,
        failed=counter("hits_failed", "Hits answered with 500."),
        slow=counter("hits_slow", "Hits that kept the event loop for more than 50 ms."),
        reply_seconds=seconds,
        reload_successful=gauge("config_last_reload_successful", "1 when the last reload was accepted, else 0."),
        reload_time=gauge("config_last_reload_timestamp_seconds", "When a configuration last came into force."),
        waiting=gauge("hits_waiting", "Hits that wait for their turn to be read."),
        loop_lag=gauge("event_loop_lag_seconds", "The longest that the event loop kept its work waiting of late."),
        container=gauge("config_info", "The version of the container in force.", ["version"]),
        refused={reason: refused.labels(reason) for reason in _REFUSALS},
        without_address={why: without_address.labels(why) for why in _UNSET},
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
        families = {
            name: CounterMetricFamily(f"tag_container_delivery_{name}", about, labels=["type", "detail"])
            for name, about in _COUNTED.items()
        }
        for sample in self.counters.samples():
            families[sample.name].add_metric([sample.type, sample.detail], sample.value)
        yield from families.values()
        yield _results("deliveries", "Deliveries by the verdict of each attempt.", "verdict", self.counters.verdicts)
        yield _results("dead_letters", "Deliveries that became dead letters.", "reason", self.counters.dead)


def _results(name: str, about: str, kind: str, figures: Mapping[tuple[str, str, str], int]) -> Metric:
    family = CounterMetricFamily(f"tag_container_{name}", about, labels=["tag", "lane", kind])
    for labels, number in sorted(figures.items()):
        family.add_metric(labels, number)
    return family


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
        for name, lanes in self._named():
            for state in ("waiting", "claimed", "dead"):
                rows.add_metric([*name, state], sum(getattr(report, state) for report in lanes))
            first = min((report.oldest for report in lanes if report.oldest is not None), default=None)
            oldest.add_metric(name, 0 if first is None else max(0.0, self.now - first / 1000))
            holds.add_metric(name, int(any(report.paused or report.state.mode != "open" for report in lanes)))
        yield from (rows, oldest, holds)

    def _named(self) -> Iterator[tuple[Sequence[str], Sequence[LaneReport]]]:
        """Each lane with its labels; those beyond the most there may be together."""
        for report in self.lanes[:MOST_LANES]:
            # Two lanes may look alike: the names of their secrets, which tell them apart, are not shown.
            yield [str(report.number), str(report.lane)], [report]
        if len(self.lanes) > MOST_LANES:
            yield ["", OTHER_LANES], self.lanes[MOST_LANES:]
