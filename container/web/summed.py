"""The figures of several processes as those of one: what is counted is added up, what stands for all is there once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from container.delivery.counters import OTHER

Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample and its labels."""


class Family(NamedTuple):
    """A metric, and what each of its series says."""

    about: str
    type: str
    samples: Mapping[Series, float]


Figures = Mapping[str, Family]
"""By the name of the metric."""

_UPWARDS = frozenset({"counter", "histogram"})
LARGEST = frozenset(
    {
        "tag_container_event_loop_lag_seconds",
        "tag_container_outbox_capacity_ratio",
        "tag_container_store_file_bytes",
        "tag_container_wal_bytes",
        "tag_container_config_last_reload_timestamp_seconds",
        "tag_container_config_info",
        "tag_container_build_info",
        "tag_container_preview_sessions",
    }
)
SMALLEST = frozenset(
    {"tag_container_config_last_reload_successful", "process_max_fds", "process_start_time_seconds"},
)
"""Gauges that are not added up: they speak of what the processes share, or of the one that is worst off."""


_ENDLESS = frozenset({"lane", "tag"})
"""Labels whose values have no end: lanes come from hits, and names of tags change with the container."""


def figures_of(*registries: CollectorRegistry) -> Figures:
    """What these say at this moment."""
    return {
        metric.name: Family(
            metric.documentation,
            metric.type,
            {(each.name, tuple(sorted(each.labels.items()))): each.value for each in metric.samples},
        )
        for registry in registries
        for metric in registry.collect()
    }


def added(processes: Iterable[Figures]) -> Figures:
    """The figures of all of them together."""
    found: dict[str, Family] = {}
    for figures in processes:
        for name, family in figures.items():
            before = found.get(name)
            found[name] = family if before is None else _joined(name, before, family)
    return found


def counted(figures: Figures) -> Figures:
    """Those that only go up: they count although their process is gone."""
    return {name: family for name, family in figures.items() if family.type in _UPWARDS}


def bounded(figures: Figures, most: int) -> Figures:
    """The same totals in fewer series where there are more: lanes, and the tags in them, are counted together."""
    if sum(len(family.samples) for family in figures.values()) <= most:
        return figures
    return {name: family._replace(samples=_together(family.samples)) for name, family in figures.items()}


def _together(samples: Mapping[Series, float]) -> Mapping[Series, float]:
    found: dict[Series, float] = {}
    for (name, labels), value in samples.items():
        series = name, tuple((key, OTHER if key in _ENDLESS else each) for key, each in labels)
        found[series] = found.get(series, 0.0) + value
    return found


def page_of(figures: Figures) -> bytes:
    """As Prometheus reads it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Shown(figures))
    return generate_latest(registry)


def packed(figures: Figures) -> list[Any]:
    """As JSON, to be told to another process."""
    return [
        [name, family.about, family.type, [[*series, value] for series, value in family.samples.items()]]
        for name, family in figures.items()
    ]


def unpacked(document: Sequence[Any]) -> Figures:
    """What `packed` made."""
    return {
        name: Family(
            about, type, {(of, tuple((key, each) for key, each in labels)): value for of, labels, value in told}
        )
        for name, about, type, told in document  # noqa: A001 - YAML's word for it
    }


def _joined(name: str, one: Family, other: Family) -> Family:
    join: Callable[[float, float], float] = float.__add__
    if name in LARGEST:
        join = max
    elif name in SMALLEST:
        join = min
    samples = dict(one.samples)
    for series, value in other.samples.items():
        before = samples.get(series)
        samples[series] = value if before is None else join(float(before), float(value))
    return Family(one.about, one.type, samples)


class _Shown(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for name, family in self._figures.items():
            metric = Metric(name, family.about, family.type)
            for (of, labels), value in family.samples.items():
                metric.add_sample(of, dict(labels), value)
            yield metric
