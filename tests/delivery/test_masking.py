"""Of a row people see what happened, and not to whom."""

from __future__ import annotations

import json

import pytest

from container.delivery.masking import masked, masked_body, masked_headers, masked_pairs, masked_url
from tests import canaries


@pytest.mark.parametrize(("value", "shown"), [("ada@shop.example", "a…e/16"), ("four", "…/4"), ("", "…/0")])
def test_a_value_is_its_ends_and_its_length(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_the_name_of_an_event_of_the_measurement_protocol_says_what_happened() -> None:
    body = {"events": [{"name": "purchase", "params": {"name": "Ada"}}], "name": "Ada"}
    shown = {"events": [{"name": "purchase", "params": {"name": "…/3"}}], "name": "…/3"}
    assert json.loads(masked_body(json.dumps(body), "application/json")) == shown


def test_json_keeps_its_names_and_what_happened() -> None:
    body = {
        "event": "Purchase",
        "value": 1234567.5,
        "quantity": 2,
        "ok": True,
        "none": None,
        "user": {"email": canaries.EMAIL, "ids": [canaries.USER_ID]},
        "order": 47110815,
        canaries.EMAIL: 1,
    }
    shown = json.loads(masked_body(json.dumps(body), "application/json"))
    assert (shown["event"], shown["value"], shown["quantity"], shown["ok"]) == ("Purchase", 1234567.5, 2, True)
    assert shown["user"] == {"email": masked(canaries.EMAIL), "ids": [masked(canaries.USER_ID)]}
    assert shown["order"] == "4…5/8"
    assert canaries.EMAIL not in shown


def test_forms_lines_and_queries_keep_their_names() -> None:
    assert masked_body("order=T-4711&currency=EUR", "application/x-www-form-urlencoded") == "order=T…1/6&currency=EUR"
    assert masked_body("en=purchase&epn.value=20\r\nen=scroll", "text/plain").startswith("en=purchase&epn.value=20")
    assert masked_pairs("v=2&uid=somebody&flag&en=x%40y.example") == "v=2&uid=s…y/8&…/4&en=x…e/11"


def test_other_text_is_masked_line_by_line() -> None:
    assert masked_body("some text\nmore", "text/plain") == "s…t/9\n…/4"


def test_headers_keep_their_names_and_secrets_theirs() -> None:
    shown = dict(
        masked_headers(
            [
                ("Authorization", "Bearer ${secret:TOKEN}"),
                ("Content-Type", "application/json"),
                ("cookie", "_ga=GA1.1.2.3; flag"),
                ("X-User", "somebody"),
            ]
        )
    )
    assert shown == {
        "Authorization": "Bearer ${secret:TOKEN}",
        "Content-Type": "application/json",
        "cookie": "_ga=G…3/9; flag",
        "X-User": "s…y/8",
    }


def test_an_address_shows_its_host_and_the_path_of_a_vendor() -> None:
    url = "https://vendor.example/v1/somebody?key=${secret:KEY}&mail=somebody"
    assert masked_url(url, with_path=True) == "https://vendor.example/v1/somebody?key=${secret:KEY}&mail=s…y/8"
    assert masked_url(url, with_path=False).startswith("https://vendor.example/…/2/s…y/8?")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    "body", [canaries.QUERY, json.dumps(canaries.USER_DATA), canaries.EMAIL, json.dumps([canaries.PAGE])]
)
def test_no_body_shows_a_person(kind: str, body: str) -> None:
    assert not canaries.EVERYTHING.within(masked_body(body, kind))


def test_no_header_shows_a_person() -> None:
    assert not canaries.EVERYTHING.within(repr(masked_headers(canaries.HEADERS.items())))
