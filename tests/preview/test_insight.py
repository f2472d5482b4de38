"""Match quality, completeness and deduplication, as they are read out of what a tag planned."""

from __future__ import annotations

from typing import Any

import pytest

from container.preview.insight import insights
from tests.preview.page_parts import PURCHASE, Workbench
from tests.web.parts import NOW


def of(hit: dict[str, Any]) -> list[dict[str, Any]]:
    bench = Workbench()
    session = bench.sessions.start(NOW)
    record = session.records.get(bench.keep(session, hit)) or {}
    return insights(record["told"]["events"][0])


def test_match_quality_says_what_the_vendor_gets_and_how_to_get_what_is_missing() -> None:
    [found] = of(PURCHASE)
    has = {each["kind"]: each["has"] for each in found["match"]}
    assert has == {
        "Click id": True,
        "Browser id": True,
        "E-mail": True,
        "Phone": False,
        "External id": False,
        "Address": False,
        "IP address": True,
        "User agent": True,
    }
    assert [each["kind"] for each in found["match"] if each["how"]] == ["Phone", "External id", "Address"]


def test_completeness_misses_what_is_not_there() -> None:
    query = PURCHASE["query"].replace("&cu=EUR", "").replace("&pr1=idSKU-1", "&pr1=xxx")
    [found] = of({**PURCHASE, "query": query})
    lacks = [each["field"] for each in found["complete"] if not each["has"]]
    assert "properties.currency" in lacks
    assert "properties.value" not in lacks


@pytest.mark.parametrize(("source", "lacks"), [("web", ["page.url"]), ("app", []), ("offline", []), (None, [])])
def test_the_page_is_wanted_of_a_website_alone(source: str | None, lacks: list[str]) -> None:
    properties = {"contents": [{"content_id": "A"}], "content_type": "product", "value": 1, "currency": "EUR"}
    item = {"event": "Purchase", "event_id": "1", "properties": {**properties, "order_id": "T-1"}}
    document = {"event_source": source, "data": [item]}
    tag = {"tag": "TikTok", "type": "tiktok_events_api", "identifiers": [], "requests": [{"json": document}]}
    [found] = insights({"tags": [tag]})
    assert [each["field"] for each in found["complete"] if not each["has"]] == lacks
    assert ("page.url" in [each["field"] for each in found["complete"]]) is (source == "web")


def test_a_purchase_of_a_page_is_complete() -> None:
    [found] = of(PURCHASE)
    assert {"page.url": True}.items() <= {each["field"]: each["has"] for each in found["complete"]}.items()


def test_the_pixel_line_has_the_id_as_its_third_argument() -> None:
    [found] = of(PURCHASE)
    assert found["once"]["id"] == "T-1001.1"
    assert found["once"]["from"] == 'parameter "ep.event_id" in the query of the hit'
    assert found["once"]["line"] == (
        'ttq.track("Purchase", '
        '{"contents":[{"content_id":"SKU-1","content_name":"Trail Shoe","price":30,"quantity":2}],'
        '"content_type":"product","value":72.5,"currency":"EUR"}, {"event_id":"T-1001.1"});'
    )


def test_the_pixel_line_cannot_end_the_script_it_is_pasted_into() -> None:
    query = PURCHASE["query"].replace("Trail Shoe", "%3C/script%3E%3Cscript%3Ealert(1)")
    [found] = of({**PURCHASE, "query": query})
    assert "<" not in found["once"]["line"]
    assert "\\u003c/script>" in found["once"]["line"]


def test_a_tag_whose_vendor_is_not_known_has_boxes_too() -> None:
    tag = {"tag": "Hook", "type": "http_request", "identifiers": [], "requests": [{"json": {"a": 1}}, {"body": "x"}]}
    [found] = insights({"tags": [tag]})
    assert (found["match"], found["complete"]) == ([], [])
    assert found["once"].pop("how").startswith("There is no event_id in this request.")
    assert found["once"] == {"id": "", "from": "", "name": "", "line": ""}


def test_a_purchase_without_event_id_is_told_what_the_tag_really_uses() -> None:
    [found] = of({**PURCHASE, "query": PURCHASE["query"].replace("&ep.event_id=T-1001.1", "")})
    assert found["once"]["id"] == ""
    assert (
        "transaction_id is there: the tag sends it as the order's number, and not as the event id"
        in (found["once"]["how"])
    )
    assert [each["field"] for each in found["complete"] if not each["has"]] == ["event_id"]


def test_without_an_order_only_the_event_id_is_advised() -> None:
    query = PURCHASE["query"].replace("&ep.event_id=T-1001.1", "").replace("&ep.transaction_id=T-1001", "")
    [found] = of({**PURCHASE, "query": query})
    assert found["once"]["how"].endswith("Send event_id with the event, and give the pixel the same.")
    assert "transaction_id" not in found["once"]["how"]


def test_an_event_id_leaves_nothing_to_advise() -> None:
    [found] = of(PURCHASE)
    assert found["once"]["how"] == ""
    assert {"event_id": True}.items() <= {each["field"]: each["has"] for each in found["complete"]}.items()
