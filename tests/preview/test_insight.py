"""Match quality, completeness and deduplication, as they are read out of what a tag planned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.component import Component, Wanted
from container.config.registry import discover
from container.event import Event
from container.fields import Settings
from container.preview.insight import insights
from tests.preview.page_parts import PURCHASE, Workbench, live
from tests.web.parts import NOW


def of(hit: dict[str, Any]) -> list[dict[str, Any]]:
    bench = Workbench()
    session = bench.sessions.start(NOW)
    record = session.records.get(bench.keep(session, hit)) or {}
    return insights(record["told"]["events"][0], bench.tag_type)


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
    [found] = insights({"tags": [tag]}, Workbench().tag_type)
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
    [found] = insights({"tags": [tag]}, Workbench().tag_type)
    assert (found["match"], found["complete"]) == ([], [])
    assert found["once"].pop("how").startswith("There is no event_id in this request.")
    assert found["once"] == {"id": "", "from": "", "name": "", "line": "", "by": [], "says": ""}


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


WANTED = (
    Wanted("params.items", "a list", "Send items.", each="item_id", also=("pr1",)),
    Wanted("ep.value", "a number", "Send value.", also=("params.value",)),
)


def shop(settings: Settings, event: Event) -> None:
    """Sends to a shop."""


SHOP = Component("tag", "shop", shop, identifiers=("client_id", "cid"), completeness=WANTED)


def of_shop(**request: Any) -> list[list[tuple[str, bool, Any]]]:
    tag = {"tag": "Shop", "type": "shop", "identifiers": SHOP.identifiers, "requests": [request]}
    found = insights({"tags": [tag]}, {"shop": SHOP}.get)
    return [[(each["field"], each["has"], each["value"]) for each in box["complete"]] for box in found]


def test_an_item_of_a_batch_is_seen_with_what_holds_for_all_of_them() -> None:
    items = [{"item_id": "A"}]
    body = {"client_id": "1.2", "events": [{"name": "purchase", "params": {"items": items, "value": 0}}, "odd"]}
    tag = {"tag": "Shop", "type": "shop", "identifiers": SHOP.identifiers, "requests": [{"json": body}]}
    [found] = insights({"tags": [tag]}, {"shop": SHOP}.get)
    assert [each["fields"] for each in found["match"]] == [["client_id"]]
    assert found["once"]["name"] == "purchase"
    assert of_shop(json=body) == [[("params.items", True, items), ("params.value", True, 0)]]


def test_a_list_counts_only_when_each_member_holds_what_it_has_to() -> None:
    items = [{"item_id": "A"}, {"name": "B"}]
    [[first, _]] = of_shop(json={"params": {"items": items}})
    assert first == ("params.items", False, items)


def test_parameters_are_read_from_the_address_and_from_each_line_of_the_body() -> None:
    url = "https://shop.example/g/collect?v=2&ep.value=1"
    assert of_shop(url=url) == [[("params.items", False, None), ("ep.value", True, "1")]]
    assert of_shop(url=url, body="pr1=idA\nep.value=3") == [
        [("pr1", True, "idA"), ("ep.value", True, "1")],
        [("params.items", False, None), ("ep.value", True, "3")],
    ]


def test_the_browser_of_a_hit_is_told_of_by_its_header() -> None:
    request = {"url": "https://shop.example/g/collect?v=2", "headers": {"User-Agent": "UA/1.0"}}
    tag = {"tag": "Shop", "type": "gone", "identifiers": ["user_agent", "cid"], "requests": [request]}
    [found] = insights({"tags": [tag]}, lambda _type: None)
    assert {each["kind"]: each["has"] for each in found["match"]} == {"Browser id": False, "User agent": True}


PIXELS = [component for component in discover().of_kind("tag") if component.pixel is not None]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("component", PIXELS, ids=[each.type for each in PIXELS])
@given(data=st.data())
def test_every_pixel_takes_any_item_and_gives_a_line_that_ends_no_script(component: Component, data: Any) -> None:
    assert component.pixel is not None
    members = st.sampled_from([*(each.path.partition(".")[0] for each in component.completeness), "event", "x"])
    line = component.pixel(data.draw(st.dictionaries(members, ODD, max_size=6)))
    assert "<" not in line
    assert not {"\n", "\u2028", "\u2029"} & set(line)


BOTH = """
version: 1
consent: {default: granted}
clients:
  Browser: {type: ga4}
  Server: {type: measurement_protocol, api_secret: "${secret:S}"}
triggers: {Every: {}}
tags:
  GA4: {type: ga4, triggers: [Every], api_secret: "${secret:S}"}
  Relay: {type: ga4, triggers: [Every], relay: true, endpoint: "https://sgtm.shop.example"}
"""
SERVER_EVENT = {
    **PURCHASE,
    "path": "/mp/collect",
    "query": "measurement_id=G-EXAMPLE01&api_secret=secret",
    "headers": [["content-type", "application/json"]],
    "body": '{"client_id": "1.2", "ip_override": "203.0.113.7", "user_data": {"email": "jane@example.com"}, '
    '"events": [{"name": "purchase", "params": {"transaction_id": "T-1001"}}]}',
}


def of_ga4(hit: dict[str, Any], text: str = BOTH, *, masks: bool = False) -> list[dict[str, Any]]:
    bench = Workbench(file=live(text), masks=masks)
    session = bench.sessions.start(NOW)
    record: Any = session.records.get(bench.keep(session, hit)) or {}
    record = bench.hide(record, session) if masks else record
    return insights(record["told"]["events"][0], bench.tag_type)


@pytest.mark.parametrize("hit", [PURCHASE, SERVER_EVENT])
def test_ga4_counts_a_purchase_once_by_the_number_of_its_order(hit: dict[str, Any]) -> None:
    for found in of_ga4(hit):
        assert (found["once"]["by"], found["once"]["how"]) == (["transaction_id", "T-1001"], "")
        assert found["once"]["says"].startswith("GA4 counts a purchase once by its transaction_id.")
        assert found["once"]["id"] == ("T-1001.1" if hit is PURCHASE else "")


def test_ga4_is_told_to_get_the_number_of_an_order_and_of_other_events_that_it_counts_each() -> None:
    [lacking, _] = of_ga4({**PURCHASE, "query": PURCHASE["query"].replace("&ep.transaction_id=T-1001", "")})
    assert (lacking["once"]["by"], lacking["once"]["says"]) == ([], "")
    assert lacking["once"]["how"].endswith("Send transaction_id.")
    [other, _] = of_ga4({**PURCHASE, "query": PURCHASE["query"].replace("en=purchase", "en=login")})
    assert (other["once"]["by"], other["once"]["how"]) == ([], "")
    assert "it counts each copy" in other["once"]["says"]


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("hit", [PURCHASE, SERVER_EVENT])
def test_what_ga4_and_a_relay_get_of_a_person_is_recognised(hit: dict[str, Any], masks: bool) -> None:
    query = f"{hit['query']}&ep.user_data.phone_number=%2B436641234567&em=tv.1"
    for found in of_ga4({**hit, "query": query}, masks=masks):
        has = {each["kind"]: each["has"] for each in found["match"]}
        assert (has["E-mail"], has["IP address"]) == (True, True)
    assert has["Phone"] is (hit is PURCHASE)


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("hit", [PURCHASE, SERVER_EVENT])
def test_a_redacted_address_is_none_and_the_advice_is_no_proxy(hit: dict[str, Any], masks: bool) -> None:
    text = BOTH.replace('api_secret: "${secret:S}"}\n  Relay', 'redact_ip: true, api_secret: "${secret:S}"}\n  Relay')
    [found, _] = of_ga4(hit, text, masks=masks)
    [address] = [each for each in found["match"] if each["kind"] == "IP address"]
    assert address["has"] is False
    assert address["how"] == "The tag leaves it out: redact_ip says so."


def test_an_event_without_an_address_has_to_get_one_of_the_proxy() -> None:
    [address] = [each for each in of_ga4({**PURCHASE, "ip": ""})[0]["match"] if each["kind"] == "IP address"]
    assert (address["has"], address["how"][:14]) == (False, "Name the proxy")
