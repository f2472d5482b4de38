"""The same events as others got: where all agree, we agree; where one differs, it is decided and written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest

from tests.tags.corpus import ABSENT_REASON, ROOT
from tests.tags.meta_conversions_api.corpus import (
    CASES,
    DIFFERENCES,
    KINDS,
    every_difference,
    neutral,
    sent,
    theirs,
)
from tests.tags.tiktok_events_api.corpus import Road, form_of, has_client

TABLE = ROOT / "docs" / "decisions" / "meta.md"

ALL_ROADS: tuple[Road, ...] = ("event_data", "ga4", "measurement_protocol")
ROADS = [road for road in ALL_ROADS if has_client(road)]
COMPARABLE = [record for record in CASES if record.get("agreement", {}).get("all_agree")]

USER = (
    *("em", "ph", "fn", "ln", "ct", "st", "zp", "country", "external_id", "fbc", "fbp"),
    *("client_ip_address", "client_user_agent"),
)
PATHS: Mapping[str, str] = {
    "event": "event_name",
    **{field: field for field in ("event_id", "event_source_url", "action_source")},
    **{field: f"user_data.{field}" for field in USER},
    **{field: f"custom_data.{field}" for field in ("currency", "value", "order_id")},
    "content_ids": "custom_data.contents.id",
}
"""The corpus's words for what implementations agree on, and our paths."""

pytestmark = pytest.mark.corpus


def test_the_corpus_is_there() -> None:
    if not CASES:
        pytest.skip(ABSENT_REASON)
    assert len(CASES) > 90
    assert len(COMPARABLE) > 60


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("record", COMPARABLE, ids=lambda record: str(record["id"]))
def test_the_tag_agrees_where_all_others_do(record: dict[str, Any], road: Road) -> None:
    if form_of(record, road) is None or (road == "ga4" and not record["ga4"]["collect_equivalent"]):
        assert road == "ga4", "the corpus has every event in the other forms"
        return
    body = sent(record, road)
    if (record["group"], "*") in on_purpose():
        assert body is None
        return
    assert body is not None
    agreed = {field for field in record["agreement"]["all_agree"] if (record["group"], field) not in on_purpose()}
    mine, others = neutral(body), theirs(record)
    differing = {field for field in agreed if mine.get(PATHS[field]) != others.get(PATHS[field])}
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
                assert neutral(body)[PATHS[field]] != theirs(record)[PATHS[field]], (group, field)


def test_every_field_on_which_the_peers_disagree_is_decided() -> None:
    agreements = [record["agreement"] for record in COMPARABLE]
    disputed = {field for each in agreements for field in (*each["differ"], *each["present_in_some"])}
    decided = set(re.findall(r"^### `([a-z_]+)`", TABLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {field for field in disputed if field not in decided} == set()
    assert not CASES or decided - disputed == set(), "nobody disputes these"


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


def rows() -> Iterator[tuple[str, str, str]]:
    """Peer, field and kind of everything that the table lists."""
    for fields, kind, peers, _ in lines():
        for peer, field in product(re.findall("`([^`]+)`", peers), re.findall("`([^`]+)`", fields)):
            yield peer, field, kind


def lines() -> list[list[str]]:
    table = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
