"""What Prometheus reads. Labels come from the configuration and from fixed lists, never from a hit."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from container.delivery.awaited import Became
from container.delivery.counters import (
    MOST_LANES,
    MOST_REASONS,
    MOST_VERDICTS,
    OTHER,
    Counted,
    Counters,
    Spread,
    first_of,
)
from container.delivery.histogram import Histogram
from container.delivery.store import LaneReport, StoreBusyError, StoreError, StoreFullError
from container.engine.container import Container
from container.engine.outcome import Guard, Outcome
from container.preview.outbox import Unshared
from container.preview.recorder import Seen
from container.preview.sending import Left
from container.preview.sessions import Mode, Standing
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
Link = Literal["opened", "refused", "locked"]
"""What became of a preview's link. `locked`: it was not looked at, since its sender has sent many wrong ones."""

Unavailable = Literal["full", "busy", "unavailable"]

_REFUSALS: Sequence[Refusal] = get_args(Refusal)
_UNSET: Sequence[Unset] = get_args(Unset)
_SENDING: Sequence[Mode] = ("test", "send")
_REPLY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)
_EVALUATION_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
MOST_TAG_EVENTS = 150
"""So many series say what became of tags; what is beyond them is counted together."""

_COUNTED: Mapping[Counted, str] = {
    "requests": "Requests to vendors, by verdict.",
    "resent": "Requests sent once more at once, because an idle connection was gone.",
    "bisected": "Deliveries that were sent again in halves, because one of a batch was refused.",
    "lost_claims": "Deliveries that were no longer this process's when their answer came.",
    "judge_faults": "Answers on which a tag's judge raised.",
    "delivered": "Deliveries that a vendor took.",
    "postponed": "Deliveries put off to a later attempt.",
    "buried": "Deliveries that became dead letters while they were to be sent, by reason.",
    "dropped": "Dead letters that are gone for good, because of their age, or for want of room.",
}

_SPREAD: Mapping[Spread, tuple[str, str]] = {
    "vendor_seconds": ("vendor_seconds", "How long vendors took to answer, or we waited in vain."),
    "batch_size": ("delivery_batch_size", "Deliveries in one request."),
    "lag_seconds": ("delivery_lag_seconds", "From when a hit was received until a vendor had taken its delivery."),
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
    reply_seconds: Histogram
    evaluation_seconds: Histogram
    reload_successful: Gauge
    reload_time: Gauge
    container: Gauge
    waiting: Gauge
    loop_lag: Gauge
    refused: dict[Refusal, Counter] = field(default_factory=dict)
    without_address: dict[Unset, Counter] = field(default_factory=dict)
    preview_hits: dict[Seen, Counter] = field(default_factory=dict)
    preview_links: dict[Link, Counter] = field(default_factory=dict)
    preview_requests: dict[tuple[Mode, Left], Counter] = field(default_factory=dict)
    preview_sessions: dict[Standing, Gauge] = field(default_factory=dict)
    preview_unshared: dict[Unshared, Counter] = field(default_factory=dict)
    reply_cookies: dict[Became, Counter] = field(default_factory=dict)

    def reloaded(self, version: str) -> None:
        """The configuration of this version is in force."""
        self.reload_successful.set(1)
        self.reload_time.set(time.time())
        self.container.clear()
        self.container.labels(version).set(1)

    def not_taken(self, reason: Refusal) -> None:
        """A request ended before it was a hit."""
        self.refused[reason].inc()

    def previewed(self, seen: Seen) -> None:
        """A hit came while a preview was open."""
        self.preview_hits[seen].inc()

    def preview_sent(self, mode: Mode, verdict: Left) -> None:
        """A request of a preview was sent, and this is what its answer means."""
        self.preview_requests[mode, verdict].inc()

    def not_shared(self, what: Unshared) -> None:
        """Something of a preview does not come together with the other processes."""
        self.preview_unshared[what].inc()

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
        self._shown: dict[TagFigure, None] = {}

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
        found: Tally[TagFigure] = Tally()
        for labels, number in (self._figures + self._untouched()).items():
            found[self._bounded(labels)] += number
        for labels, number in sorted(found.items()):
            family.add_metric(labels, number)
        yield family

    def _bounded(self, labels: TagFigure) -> TagFigure:
        """Whoever was shown first stays: a series that came and went would count wrong."""
        if labels in self._shown or len(self._shown) < MOST_TAG_EVENTS:
            self._shown[labels] = None
            return labels
        return OTHER, *labels[1:]

    def _untouched(self) -> Tally[TagFigure]:
        """The events of the container in force that did not concern a tag."""
        found: Tally[TagFigure] = Tally()
        for tag in () if self._container is None else self._container.tags:
            found[tag.name, "paused" if tag.paused else "not_triggered", ""] += self._events - self._seen[tag.name]
        return found


# Registries look collectors up by identity.
@dataclass(frozen=True, slots=True, eq=False)
class Spreads(Collector):
    """Histograms under their names, each with what it says."""

    spreads: Sequence[tuple[str, str, Histogram]]

    def collect(self) -> Iterator[Metric]:
        for name, about, spread in self.spreads:
            yield HistogramMetricFamily(f"tag_container_{name}", about, buckets=spread.buckets, sum_value=spread.total)


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
    reply, evaluation = Histogram(_REPLY_SECONDS), Histogram(_EVALUATION_SECONDS)
    registry.register(tags)
    registry.register(
        Spreads(
            [
                ("reply_seconds", "From the arrival of a hit's headers to its reply.", reply),
                ("evaluation_seconds", "How long the container took over a hit.", evaluation),
            ]
        )
    )
    unavailable_hits = counter(
        "hits_unavailable", "Hits answered with 503 because the store could not take them.", ["reason"]
    )
    for why in get_args(Unavailable):
        # A series that begins with its first event is one that an increase does not see.
        unavailable_hits.labels(why)
    refused = counter("hits_refused", "Hits that were not taken, by reason.", ["reason"])
    about = "Hits whose visitor has no address because of a proxy, by what is wrong with it."
    without_address = counter("hits_without_address", about, ["reason"])
    preview_hits = counter("preview_hits", "Hits that concerned a preview, by what became of them.", ["result"])
    preview_links = counter("preview_links", "Links of previews that were opened, and wrong ones.", ["result"])
    about = "Requests of previews that were sent to vendors, by verdict."
    preview_requests = counter("preview_requests", about, ["mode", "verdict"])
    preview_sessions = gauge("preview_sessions", "Previews that are open, by mode; tails apart.", ["mode"])
    about = "What of previews does not come together with the other processes."
    preview_unshared = counter("preview_unshared", about, ["what"])
    about = "Deliveries for whose answer that of the hit waited, to pass cookies on, by what came of it."
    reply_cookies = counter("reply_cookies", about, ["result"])
    return Metrics(
        registry=registry,
        tags=tags,
        accepted=counter("hits_accepted", "Hits that a client claimed and whose deliveries are on disk."),
        unavailable=unavailable_hits,
        failed=counter("hits_failed", "Hits answered with 500."),
        reply_seconds=reply,
        evaluation_seconds=evaluation,
        slow=counter("hits_slow", "Hits that kept the event loop for more than 50 ms."),
        reload_successful=gauge("config_last_reload_successful", "1 when the last reload was accepted, else 0."),
        reload_time=gauge("config_last_reload_timestamp_seconds", "When a configuration last came into force."),
        waiting=gauge("hits_waiting", "Hits that wait for their turn to be read."),
        loop_lag=gauge("event_loop_lag_seconds", "The longest that the event loop kept its work waiting of late."),
        container=gauge("config_info", "The version of the container in force.", ["version"]),
        refused={reason: refused.labels(reason) for reason in _REFUSALS},
        without_address={why: without_address.labels(why) for why in _UNSET},
        preview_hits={seen: preview_hits.labels(seen) for seen in get_args(Seen)},
        preview_links={result: preview_links.labels(result) for result in get_args(Link)},
        preview_requests={each: preview_requests.labels(*each) for each in product(_SENDING, get_args(Left))},
        preview_sessions={mode: preview_sessions.labels(mode) for mode in get_args(Standing)},
        preview_unshared={what: preview_unshared.labels(what) for what in get_args(Unshared)},
        reply_cookies={became: reply_cookies.labels(became) for became in get_args(Became)},
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
        verdicts, dead = first_of(self.counters.verdicts, MOST_VERDICTS), first_of(self.counters.dead, MOST_REASONS)
        yield _results("deliveries", "Deliveries by the verdict of each attempt.", "verdict", verdicts)
        yield _results("dead_letters", "Deliveries that became dead letters.", "reason", dead)
        for name, (shown, about) in _SPREAD.items():
            family = HistogramMetricFamily(f"tag_container_{shown}", about, labels=["type"])
            for (kind, type), spread in sorted(self.counters.spreads.items()):  # noqa: A001 - YAML's word for it
                if kind == name:
                    family.add_metric([type], buckets=spread.buckets, sum_value=spread.total)
            yield family


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
        rows = GaugeMetricFamily(
            "tag_container_outbox_rows",
            "Deliveries in the store, by state: waiting, in flight, dead.",
            labels=[*labels, "state"],
        )
        held = GaugeMetricFamily(
            "tag_container_outbox_bytes", "Bytes of the deliveries that wait or are in flight.", labels=labels
        )
        oldest = GaugeMetricFamily(
            "tag_container_outbox_oldest_age_seconds", "How long the oldest delivery has waited.", labels=labels
        )
        modes = GaugeMetricFamily(
            "tag_container_lane_mode",
            "Lanes by how they stand: open, failing, paused, or why they hold.",
            labels=[*labels, "mode"],
        )
        for name, lanes in self._named():
            rows.add_metric([*name, "waiting"], sum(report.waiting for report in lanes))
            rows.add_metric([*name, "in_flight"], sum(report.claimed for report in lanes))
            rows.add_metric([*name, "dead"], sum(report.dead for report in lanes))
            held.add_metric(name, sum(report.bytes for report in lanes))
            first = min((report.oldest for report in lanes if report.oldest is not None), default=None)
            oldest.add_metric(name, 0 if first is None else max(0.0, self.now - first / 1000))
            for mode, number in sorted(Tally(map(mode_of, lanes)).items()):
                modes.add_metric([*name, mode], number)
        yield from (rows, held, oldest, modes)

    def _named(self) -> Iterator[tuple[Sequence[str], Sequence[LaneReport]]]:
        """Each lane with its labels; those beyond the most there may be together."""
        for report in self.lanes[:MOST_LANES]:
            # Two lanes may look alike: the names of their secrets, which tell them apart, are not shown.
            yield [str(report.number), str(report.lane)], [report]
        if len(self.lanes) > MOST_LANES:
            yield ["", OTHER], self.lanes[MOST_LANES:]


def mode_of(report: LaneReport) -> str:
    """`paused` by an operator, else as the lane's last answer left it: `failing` is tried again by itself."""
    if report.paused:
        return "paused"
    return "failing" if report.state.mode == "open" and report.state.failures else report.state.mode
