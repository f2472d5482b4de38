"""What a tag costs is measured for every tag, with an event that it sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.tags import GOAL, Cost, cost, known, report, sales
from container.config.registry import discover


def test_every_tag_is_measured() -> None:
    assert list(known()) == [tag.type for tag in discover().of_kind("tag")]


def test_a_sale_has_two_items_and_a_person() -> None:
    for event in sales():
        assert event.name == "purchase"
        assert len(event.data["items"]) == 2
        assert event.data["user_data"].keys() == {"email", "phone_number"}
        assert event.data["user_id"]


@pytest.mark.parametrize("name", [tag.type for tag in discover().of_kind("tag")])
def test_a_tag_sends_something_for_each_sale(name: str) -> None:
    tag, settings = known()[name]
    found = cost(tag, settings, sales()[:10], 1)
    assert found.function > 0
    assert found.whole > 0


def test_a_tag_that_sends_nothing_is_not_measured() -> None:
    tag, settings = known()["tiktok_events_api"]
    with pytest.raises(ValueError, match="sends nothing for a sale"):
        cost(tag, {**settings, "event_source": "crm"}, sales()[:1], 1)
    with pytest.raises(ValueError, match="sends nothing for a sale"):
        cost(tag, {**settings, "pixel_id": "{{ event.nowhere }}"}, sales()[:1], 1)


def test_the_report_says_which_tag_takes_too_long() -> None:
    first, second = report({"slow": Cost(GOAL + 1, 50.0), "fast": Cost(GOAL, 12.34)}).splitlines()[2:]
    assert first == "| `fast` | 60.0 | 12.3 | yes |"
    assert second == "| `slow` | 61.0 | 50.0 | **no**: 61 |"


def test_a_file_of_no_settings_is_refused(tmp_path: Path) -> None:
    for tag in discover().of_kind("tag"):
        folder = tmp_path / tag.type / "delivery"
        folder.mkdir(parents=True)
        (folder / "faults.yaml").write_text("settings: [", encoding="utf-8")
    with pytest.raises(ValueError, match="is no YAML"):
        known(tmp_path)
