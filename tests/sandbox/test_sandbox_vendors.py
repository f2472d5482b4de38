"""All stand-ins in one sandbox: each fails in its own words, keeps no secret, and stands on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from container.sandbox.faults import FaultError, parse_fault
from container.sandbox.ga4 import COLLECT, DEBUG, PROTOCOL
from container.sandbox.meta_faults import CODES
from container.sandbox.vendors import vendors
from tests.sandbox.meta_parts import PATH, PURCHASE
from tests.sandbox.parts import Sandbox

HIT = f"{COLLECT}?v=2&tid=G-ABC123XYZ9&cid=1.2&en=purchase"
SECRET = "a-very-secret-token"

OF_META: list[tuple[dict[str, Any], int, dict[str, Any]]] = [
    ({"error": 190, "subcode": 460}, 401, {"code": 190, "error_subcode": 460, "is_transient": False}),
    ({"error": 4}, 403, {"code": 4, "is_transient": True}),
    ({"error": 80004}, 400, {"code": 80004, "is_transient": True}),
    ({"error": 2}, 503, {"code": 2, "message": "Service temporarily unavailable", "is_transient": True}),
    ({"error": 2635}, 400, {"code": 2635}),
    ({"error": 100, "subcode": 33}, 400, {"type": "GraphMethodException"}),
    ({"error": 100, "message": "Unknown", "transient": True}, 400, {"message": "Unknown", "is_transient": True}),
    ({"error": 77}, 400, {"code": 77, "message": "Unknown error"}),
    *(({"error": code}, known.status, {"code": code, "message": known.message}) for code, known in CODES.items()),
]


@pytest.mark.parametrize(("written", "status", "error"), OF_META, ids=[json.dumps(row[0]) for row in OF_META])
def test_meta_fails_in_its_own_words(written: Mapping[str, Any], status: int, error: Mapping[str, Any]) -> None:
    sandbox = Sandbox()
    sandbox.fault(written)
    answer = sandbox.post(PATH, PURCHASE)
    assert answer.status_code == status
    assert error.items() <= answer.json()["error"].items()
    assert answer.json()["error"]["fbtrace_id"]
    assert sandbox.received()[0]["verdict"] == "faulted"


def test_meta_may_receive_fewer_than_were_sent() -> None:
    sandbox = Sandbox()
    sandbox.fault({"events_received": 0})
    answer = sandbox.post(PATH, PURCHASE)
    assert (answer.status_code, answer.json()["events_received"]) == (200, 0)


@pytest.mark.parametrize("status", [404, 413, 429, 500, 502, 503])
def test_google_fails_with_a_page(status: int) -> None:
    sandbox = Sandbox()
    sandbox.fault({"page": status})
    answer = sandbox.call("POST", HIT)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert f"<b>{status}.</b>" in answer.text


def test_google_may_lose_a_hit_without_a_word() -> None:
    sandbox = Sandbox()
    sandbox.fault({"lost": True})
    assert sandbox.call("POST", HIT).status_code == 204
    assert sandbox.received()[0]["verdict"] == "faulted"


WRONG: list[Any] = [
    *({"error": code} for code in ("190", True, -1, 10_000_000)),
    *({"error": 190, "subcode": code} for code in ("460", True, -1)),
    *({"error": 190, "message": 5}, {"error": 190, "transient": "yes"}, {"error": 190, "status": 503}),
    *({"events_received": number} for number in ("0", -1, True, 1001)),
    *({"page": status} for status in (200, "503", None)),
    *({"lost": False}, {"error": 190, "vendor": "ga4"}, {"page": 503, "vendor": "meta"}),
]


@pytest.mark.parametrize("written", WRONG, ids=json.dumps)
def test_a_fault_that_cannot_be_meant_is_explained(written: Any) -> None:
    with pytest.raises(FaultError, match=r"\.$"):
        parse_fault(written, vendors())


@pytest.mark.parametrize("vendor", vendors(), ids=[each.name for each in vendors()])
def test_every_button_of_a_vendor_is_a_fault_of_it(vendor: Any) -> None:
    for button in (*vendor.buttons, *vendor.menu):
        assert parse_fault({**button.fault, "vendor": vendor.name}, vendors()).vendor == vendor.name


def test_a_fault_of_one_vendor_leaves_the_others_alone() -> None:
    sandbox = Sandbox()
    sandbox.fault([{"error": 190}, {"page": 503}, {"code": 40100}])
    assert sandbox.track().json()["code"] == 40100
    assert sandbox.post(PATH, PURCHASE).json()["error"]["code"] == 190
    assert sandbox.call("POST", HIT).status_code == 503
    assert sandbox.call("GET", "/faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, PURCHASE),
        (PATH, {**PURCHASE, "appsecret_proof": SECRET}),
        (PATH, {**PURCHASE, "access_token": [SECRET]}),
        (PATH, f"data=[]&access_token={SECRET}".encode()),
        (f"{PATH}?access_token={SECRET}", {"data": PURCHASE["data"]}),
        (f"{PROTOCOL}?measurement_id=G-A&api_secret={SECRET}", {"client_id": "1.2", "events": []}),
        (f"{DEBUG}?measurement_id=G-A&api_secret={SECRET}", b"{"),
    ],
)
def test_no_secret_is_kept(path: str, body: Any) -> None:
    sandbox = Sandbox()
    sandbox.post(path, body)
    assert len(sandbox.received()) == 1
    assert SECRET not in sandbox.call("GET", "/received").text


def test_a_token_in_a_body_shows_that_it_was_there() -> None:
    sandbox = Sandbox()
    sandbox.post(PATH, PURCHASE)
    [kept] = sandbox.received()
    assert kept["body"]["access_token"].startswith("(19 characters, sha256 ")
    assert kept["body"]["data"] == PURCHASE["data"]


def test_a_hit_is_kept_with_its_parameters() -> None:
    sandbox = Sandbox()
    sandbox.call("POST", HIT, content=b"ep.a=b\n", headers={"cookie": "FPID=secret"})
    [kept] = sandbox.received()
    assert (kept["vendor"], kept["verdict"], kept["status"], kept["account"]) == (
        "ga4",
        "accepted",
        204,
        "G-ABC123XYZ9",
    )
    assert kept["body"]["events"] == [{"ep.a": "b"}]
    assert kept["headers"]["cookie"].startswith("(11 characters")


def test_an_order_that_came_before_is_named_with_the_request_that_had_it() -> None:
    sandbox = Sandbox()
    for _ in range(2):
        sandbox.call("POST", f"{HIT}&ep.transaction_id=T-1")
        sandbox.call("POST", HIT.replace("purchase", "page_view"))
    assert [kept["copies"] for kept in sandbox.received()] == [{}, {}, {"0": 1}, {}]


def test_the_page_has_every_vendor_with_its_address_and_its_faults() -> None:
    page = Sandbox().call("GET", "/").text
    for vendor in vendors():
        assert f"<dt>{vendor.title}</dt>" in page
        assert f'data-path="{vendor.address}"' in page
        assert all(f">{button.label}</button>" in page for button in vendor.buttons)
