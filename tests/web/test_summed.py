"""The figures of several processes as those of one."""

from __future__ import annotations

import orjson
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from container.delivery.counters import MOST_LANES, Counters
from container.web.metrics import Metrics, delivery_metrics, new_metrics
from container.web.summed import (
    LARGEST,
    SMALLEST,
    Figures,
    added,
    bounded,
    counted,
    figures_of,
    packed,
    page_of,
    unpacked,
)
from tests.web.scraped import families


def process(hits: int, *, lag: float = 0.0, seconds: float = 0.01) -> Figures:
    metrics: Metrics = new_metrics()
    metrics.accepted.inc(hits)
    metrics.waiting.set(hits)
    metrics.loop_lag.set(lag)
    metrics.reply_seconds.observe(seconds)
    metrics.reloaded("abc")
    counters = Counters()
    counters.judged("lane", {"Hook": hits}, "delivered")
    return figures_of(metrics.registry, delivery_metrics(counters))


def shown(figures: Figures) -> dict[str, float]:
    """By the name of the sample and what its labels hold."""
    return {
        "".join([sample.name, *(f" {value}" for value in sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(page_of(figures).decode())
        for sample in family.samples
    }


def test_what_is_counted_is_added_up() -> None:
    found = shown(added([process(2), process(3)]))
    assert found["tag_container_hits_accepted_total"] == 5
    assert found["tag_container_hits_waiting"] == 5
    assert {value for name, value in found.items() if name.startswith("tag_container_deliveries_total")} == {5}


def test_histograms_are_added_up_bucket_by_bucket() -> None:
    found = shown(added([process(1, seconds=0.002), process(1, seconds=0.2)]))
    buckets = [found[f"tag_container_reply_seconds_bucket {bound}"] for bound in ("0.001", "0.0025", "0.1", "0.25")]
    assert buckets == [0, 1, 1, 2]
    assert found["tag_container_reply_seconds_count"] == 2


def test_of_what_they_share_or_who_is_worst_off_there_is_one() -> None:
    one, two = process(1, lag=0.5), process(1, lag=0.1)
    found = shown(added([one, two]))
    assert found["tag_container_event_loop_lag_seconds"] == 0.5
    assert found["tag_container_config_info abc"] == 1
    refused = new_metrics()
    refused.reload_refused()
    found = shown(added([one, figures_of(refused.registry)]))
    assert found["tag_container_config_last_reload_successful"] == 0


def test_of_a_process_that_is_gone_only_what_it_counted_is_kept() -> None:
    found = shown(counted(process(4)))
    assert found["tag_container_hits_accepted_total"] == 4
    assert "tag_container_hits_waiting" not in found


def test_on_the_way_to_another_process_nothing_changes() -> None:
    figures = process(7)
    assert shown(unpacked(orjson.loads(orjson.dumps(packed(figures))))) == shown(figures)


def test_a_page_says_what_the_library_would() -> None:
    metrics = new_metrics()
    metrics.accepted.inc(2)
    ours, theirs = page_of(figures_of(metrics.registry)), generate_latest(metrics.registry)
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())


def test_every_gauge_that_is_not_added_up_is_one_that_there_is() -> None:
    gauges = {name for name, family in families().items() if family.type == "gauge"}
    assert gauges >= LARGEST | SMALLEST


def test_however_often_lanes_change_there_are_no_more_series_than_that_and_no_total_falls() -> None:
    before: Figures = {}
    for restart in range(12):
        counters = Counters()
        for number in range(MOST_LANES):
            counters.judged(f"lane {restart} {number}", {f"Tag {restart}": 1}, "delivered")
            counters.buried(f"lane {restart} {number}", {f"Tag {restart}": 1}, "refused")
        own = figures_of(delivery_metrics(counters))
        before = bounded(counted(added([before, own])), 300)
        assert sum(len(family.samples) for family in before.values()) <= 300
        found = shown(before)
        for name in ("tag_container_deliveries_total", "tag_container_dead_letters_total"):
            told = [value for each, value in found.items() if each.startswith(name)]
            assert sum(told) == MOST_LANES * (restart + 1)
    assert bounded(before, 300) is before
