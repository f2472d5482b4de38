"""The tag in a whole container: what the engine adds to an event, and what transformations take away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from container.case import hit_from_json
from container.config.load import load
from container.config.registry import discover
from container.delivery.content import json_content
from container.engine.compile import compile_container
from container.engine.simulate import simulate
from container.ga4.measurement_protocol_rules import MOST_BYTES
from tests.tags.ga4.sending import NOW

CONTAINER = """
version: 1
container: {name: Shop, id: SHOP-1}
consent: {default: CONSENT}
clients:
  GA4: {type: ga4}
  Orders: {type: measurement_protocol, api_secret: "${secret:OURS}"}
triggers: {All: {}}
tags:
  GA4: {type: ga4, triggers: All, consent: not_needed, api_secret: "${secret:GOOGLES}", SETTINGS}
"""
WEB = {"path": "/g/collect", "headers": {"user-agent": "Mozilla/5.0"}, "ip": "203.0.113.7"}
BY_MP = "protocol: measurement_protocol"
EM = "tv.1~em.huC55WwXzE0SOH4ZSbhQU_vnO8POWhGIcTqdMAzGEz0"


def made(
    query: str = "",
    *,
    settings: str = "",
    consent: str = "granted",
    more: str = "",
    body: Any = None,
    hit: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """What becomes of a browser's hit, or of a server's if there is a body. `hit`: further members of it."""
    text = CONTAINER.replace("CONSENT", consent).replace("SETTINGS", settings) + more
    secrets = {"OURS": "a", "GOOGLES": "b"}.get
    loaded = load(
        text, filename="c.yaml", registry=discover(), environment={}, secrets=secrets, strict_environment=True
    )
    assert loaded.model is not None, loaded.report()
    members: dict[str, Any] = {**WEB, "query": f"v=2&tid=G-ABC123XYZ9&cid=1.2&sid=3&en=purchase{query}"}
    if body is not None:
        server = "measurement_id=G-ABC123XYZ9&api_secret=a"
        members = {"path": "/mp/collect", "query": server, "body": json.dumps({"client_id": "1.2", **body})}
    came = hit_from_json({"method": "POST", "time": NOW, **members, **hit})
    found = simulate(compile_container(loaded.model), came)
    [tag] = found["events"][0]["tags"]
    assert isinstance(tag, dict)
    return tag


def parameters(query: str = "", **details: Any) -> dict[str, str]:
    """The parameters of the hit that leaves."""
    [request] = made(query, **details)["requests"]
    return dict(parse_qsl(f"{urlsplit(request['url']).query}&{request.get('body') or ''}"))


def document(query: str = "", **details: Any) -> dict[str, Any]:
    """What leaves by the Measurement Protocol."""
    [request] = made(query, **details)["requests"]
    assert isinstance(request["json"], dict)
    return request["json"]


ORDER = {"events": [{"name": "purchase", "params": {"session_id": "3", "value": 5, "currency": "EUR"}}]}


@pytest.mark.parametrize("default", ["granted", "denied"])
def test_the_containers_default_is_no_word_of_the_visitors(default: str) -> None:
    assert not {"gcs", "gcd", "npa"} & parameters(consent=default).keys()
    assert "consent" not in document(consent=default, body=ORDER)


def test_what_was_said_goes_beside_what_nobody_said() -> None:
    assert parameters("&npa=1", consent="denied")["npa"] == "1"
    assert parameters("&gcs=G111", consent="denied", settings="protocol: web")["gcs"] == "G111"
    said = {**ORDER, "consent": {"ad_user_data": "GRANTED"}}
    assert document(consent="denied", body=said)["consent"] == {"ad_user_data": "GRANTED"}
    as_a_hit = parameters(consent="denied", body=said, settings="protocol: web")
    assert (as_a_hit["gcs"], as_a_hit.get("npa")) == ("G11-", None)


WITHOUT = """
transformations:
  No person: {type: exclude_parameters, tags: [GA4], parameters: [PARAMETER]}
"""
RELAY = "relay: true, endpoint: https://sgtm.shop.example"
PLACE = "~ct0.bern~co0.ch"


@pytest.mark.parametrize("settings", ["", RELAY])
def test_user_data_that_is_excluded_leaves_in_no_form(settings: str) -> None:
    query = f"&em={EM}{PLACE}&ep.user_data.phone_number=%2B41310000000"
    assert parameters(query, settings=settings)["em"].startswith("tv.1~em.")
    excluded = parameters(query, settings=settings, more=WITHOUT.replace("PARAMETER", "user_data"))
    dropped = parameters(query, settings=f"drop_parameters: user_data, {settings}")
    assert not {"em", "ep.user_data.phone_number"} & (excluded.keys() | dropped.keys())


@pytest.mark.parametrize("settings", ["", RELAY])
def test_a_part_of_user_data_that_is_excluded_leaves_in_no_form(settings: str) -> None:
    more = WITHOUT.replace("PARAMETER", "user_data.sha256_email_address")
    found = parameters(f"&em={EM}{PLACE}", settings=settings, more=more)
    assert found["em"] == f"tv.1{PLACE}"


def test_a_mark_of_an_error_in_place_of_a_hash_goes_as_it_came() -> None:
    assert parameters("&em=tv.1~em.e1")["em"] == "tv.1~em.e1"


COOKIES = {"cookie": f"_ga=GA1.1.17.18; _ga_ABC123XYZ9=GS2.1.s7$o3$g1$t{NOW // 1000}", "user-agent": "Mozilla/5.0"}
AROUND = "ip_override, user_agent"


@pytest.mark.parametrize("way", ["drop_parameters", "exclude_parameters"])
def test_address_and_agent_that_are_excluded_come_back_from_nowhere(way: str) -> None:
    assert {"ip_override", "user_agent"} <= document(settings=BY_MP).keys()
    dropped = f"drop_parameters: [{AROUND}], {BY_MP}" if way == "drop_parameters" else BY_MP
    more = WITHOUT.replace("PARAMETER", AROUND) if way == "exclude_parameters" else ""
    assert not {"ip_override", "user_agent"} & document(settings=dropped, more=more).keys()


def test_what_is_dropped_comes_back_from_no_cookie() -> None:
    hit = {"path": "/mp/collect", "headers": COOKIES}
    settings = f"drop_parameters: [ga_session_id, user_agent], {BY_MP}"
    order = {"events": [{"name": "purchase", "params": {"value": 5, "currency": "EUR"}}]}
    assert document(body=order, hit=hit, settings=BY_MP)["events"][0]["params"]["session_id"] == "7"
    found = document(body=order, hit=hit, settings=settings)
    assert "session_id" not in found["events"][0]["params"]
    assert "user_agent" not in found


def test_what_is_dropped_and_added_once_more_is_there() -> None:
    hit = {"path": "/mp/collect", "headers": COOKIES}
    settings = f"drop_parameters: [value], parameters: {{value: 7}}, {BY_MP}"
    order = {"events": [{"name": "purchase", "params": {"value": 5, "currency": "EUR"}}]}
    assert document(body=order, hit=hit, settings=settings)["events"][0]["params"]["value"] == 7


OWN = {f"own_{number}": number for number in range(30)}
ITEM = {"item_id": "A", **OWN, "price": 30, "quantity": 2}


def an_order(**params: Any) -> dict[str, Any]:
    return {"events": [{"name": "purchase", "params": {"session_id": "3", **params}}]}


def test_price_and_quantity_behind_many_parameters_stay() -> None:
    [item] = document(body=an_order(items=[ITEM]))["events"][0]["params"]["items"]
    assert (item["price"], item["quantity"], len(item)) == (30, 2, 30)
    assert parameters(body=an_order(items=[ITEM]), settings="protocol: web")["pr1"].endswith("~pr30~qt2")


@pytest.mark.parametrize("name", ["_x", "firebase_x", "ga_x", "google_x", "gtag.x"])
def test_names_that_google_keeps_for_itself_are_skipped(name: str) -> None:
    event = {"events": [{"name": name, "params": {"session_id": "3"}}]}
    assert made(body=event)["status"] == "skipped"
    assert made(body=event, settings=RELAY)["status"] == "fired"
    assert made(body=event, settings="event: kept")["status"] == "fired"


def sent_bytes(**details: Any) -> int:
    return len(json_content(document(**details)).data)


def test_a_request_is_never_larger_than_google_takes() -> None:
    device = {"category": "mobile", **{f"own_{number}": "x" * 4000 for number in range(40)}}
    order = an_order(value=5, items=[ITEM])
    assert sent_bytes(body=order) < 2000
    [event] = document(body={**order, "device": device})["events"]
    assert (event["params"]["value"], len(event["params"]["items"])) == (5, 1)
    assert sent_bytes(body={**order, "device": device}) < 2000
    many = an_order(value=5, **{f"own_{number}": "\U0001f600" * 500 for number in range(95)})
    assert 100_000 < sent_bytes(body=many, settings="analytics_360: true") < MOST_BYTES
    assert document(body=many, settings="analytics_360: true")["events"][0]["params"]["value"] == 5
    assert sent_bytes(body={**order, "device": device}, settings=RELAY) > MOST_BYTES


IN_CLEAR = ["&ep.user_data=ada%40example.com", "&epn.user_data=4412", "&ep.user_data.email=ada%40example.com"]


@pytest.mark.parametrize("query", IN_CLEAR)
def test_user_data_in_any_form_stands_in_no_address(query: str) -> None:
    signs = ("ada", "4412")
    [relayed], [forwarded] = made(query, settings=RELAY)["requests"], made(query)["requests"]
    assert any(sign in relayed["body"] for sign in signs)
    assert not any(sign in relayed["url"] for sign in signs)
    assert not any(sign in f"{forwarded['url']} {forwarded.get('body')}" for sign in signs)
    assert parameters(f"{query}&ep.user_database=own")["ep.user_database"] == "own"


def test_user_data_that_is_added_is_hashed() -> None:
    added = {"user_data.email_address": "ada@example.com", "user_data.address.city": "Bern"}
    written = f"parameters: {json.dumps(added)}"
    assert parameters(settings=written) | {"em": ""} == parameters() | {"em": ""}
    assert parameters(settings=written)["em"].startswith("tv.1~em.")
    assert parameters(settings=written)["em"].endswith("~ct0.bern")
    by_server = document(body=ORDER, settings=written)["user_data"]
    assert (len(by_server["sha256_email_address"][0]), by_server["address"]) == (64, [{"city": "bern"}])
    assert "em" not in parameters(settings=f"{written}, user_data: drop")
    [relayed] = made(settings=f"{written}, {RELAY}")["requests"]
    assert relayed["body"] == "en=purchase&ep.user_data.email_address=ada@example.com&ep.user_data.address.city=Bern"


def test_money_that_came_as_text_goes_as_money() -> None:
    item = {"item_id": "7", "price": "30.00", "quantity": "2", "own": "5", "currency": "usd"}
    money = {"value": "72.50", "tax": "0", "currency": "eur", "transaction_id": "1001"}
    [event] = document(body=an_order(**money, items=[item]))["events"]
    [goods] = event["params"].pop("items")
    assert goods == {"item_id": "7", "price": 30, "quantity": 2, "own": "5", "currency": "USD"}
    wanted = {"value": 72.5, "tax": 0, "currency": "EUR", "transaction_id": "1001"}
    assert {name: event["params"][name] for name in money} == wanted
    [relayed] = document(body=an_order(**money, items=[item]), settings=RELAY)["events"]
    assert relayed["params"] == {**relayed["params"], **money, "items": [item]}


@pytest.mark.parametrize("address", [{"first_name": "", "city": None}, {"country": "Atlantis"}, [{}], {"0": {}}])
def test_an_address_without_anything_hides_nobody_beside_it(address: Any) -> None:
    person = {"address": address, "city": "Bern", "country": "CH"}
    assert document(body={**ORDER, "user_data": person})["user_data"]["address"] == [{"city": "bern", "country": "CH"}]
