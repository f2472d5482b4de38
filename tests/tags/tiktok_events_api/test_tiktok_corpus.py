"""The same events as others got: where all agree, we agree; where one differs, it is written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest

from tests.tags.corpus import ABSENT_REASON, ROOT
from tests.tags.tiktok_events_api.corpus import (
    CASES,
    DIFFERENCES,
    KINDS,
    Road,
    every_difference,
    form_of,
    has_client,
    neutral,
    sent,
    theirs,
)

TABLE = ROOT / "docs" / "decisions" / "tiktok-peers.md"

ALL_ROADS: tuple[Road, ...] = ("event_data", "ga4", "measurement_protocol")
ROADS = [road for road in ALL_ROADS if has_client(road)]
COMPARABLE = [record for record in CASES if record.get("agreement", {}).get("all_agree")]

PATHS: Mapping[str, str] = {
    **{field: field for field in ("event", "event_id", "event_source_id")},
    "page_url": "page.url",
    "page_referrer": "page.referrer",
    **{field: f"user.{field}" for field in ("ip", "user_agent", "email", "phone", "external_id", "ttclid", "ttp")},
    **{field: f"user.{field}" for field in ("first_name", "last_name", "city", "state", "country", "zip_code")},
    **{field: f"properties.{field}" for field in ("currency", "value", "order_id")},
    "content_ids": "properties.contents.content_id",
    "prices": "properties.contents.price",
    "quantities": "properties.contents.quantity",
}
"""The corpus's words for what implementations agree on, and our paths."""

pytestmark = pytest.mark.corpus


def test_the_corpus_is_there() -> None:
    if not CASES:
        pytest.skip(ABSENT_REASON)
    assert len(CASES) > 90
    assert len(COMPARABLE) > 60


@pytest.mark.parametrize("road", ALL_ROADS)
def test_events_come_along_every_road(road: Road) -> None:
    if road not in ROADS:
        pytest.skip(f'there is no client "{road}" yet')
    assert not CASES or any(form_of(record, road) for record in CASES)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("record", COMPARABLE, ids=lambda record: str(record["id"]))
def test_the_tag_agrees_where_all_others_do(record: dict[str, Any], road: Road) -> None:
    if form_of(record, road) is None or (road == "ga4" and not record["ga4"]["collect_equivalent"]):
        assert road == "ga4", "the corpus has every event in the other forms"
        return
    body = sent(record, road)
    agreed = {field for field in record["agreement"]["all_agree"] if (record["group"], field) not in on_purpose()}
    if (record["group"], "*") in on_purpose():
        assert body is None
        return
    assert body is not None
    mine, others = neutral(body), theirs(record)
    differing = {field for field in agreed if value_of(mine, field) != value_of(others, field)}
    assert differing == set()


def test_no_deliberate_difference_is_idle() -> None:
    for group, field in sorted(on_purpose()):
        of_group = [record for record in CASES if record["group"] == group]
        assert of_group, group
        for record in of_group:
            body = sent(record)
            if field == "*":
                assert body is None, group
            else:
                assert body is not None
                assert value_of(neutral(body), field) != value_of(theirs(record), field), (group, field)


def test_every_difference_from_a_single_peer_is_in_the_table() -> None:
    if not CASES:
        pytest.skip(ABSENT_REASON)
    found = every_difference(CASES)
    listed = set(rows())
    assert {found[each] + ": " + " ".join(each) for each in found.keys() - listed} == set()
    assert listed - found.keys() == set(), "idle rows"


def test_each_difference_stands_once_and_has_a_reason() -> None:
    found = list(rows())
    assert len(found) == len(set(found))
    assert all(kind in KINDS for _, _, kind in found)
    reasons = [cells[3] for cells in lines()]
    assert all(reason.endswith(".") and len(reason) > 20 for reason in reasons)


def on_purpose() -> set[tuple[str, str]]:
    return {(entry["group"], entry["field"]) for entry in DIFFERENCES}


def value_of(found: Mapping[str, Any], field: str) -> Any:
    """The field in the corpus's word for it."""
    if field == "content_type":
        # Where it stands is for each of them to say; all contents have the same.
        of_contents = found.get("properties.contents.content_type", [None])
        return found.get("properties.content_type", of_contents[0])
    return found.get(PATHS[field])


def rows() -> Iterator[tuple[str, str, str]]:
    """Peer, field and kind of everything that the table lists."""
    for fields, kind, peers, _ in lines():
        for peer, field in product(re.findall("`([^`]+)`", peers), re.findall("`([^`]+)`", fields)):
            yield peer, field, kind


def lines() -> list[list[str]]:
    table = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
