"""Hits to send by hand: one for each event of GA4's e-commerce and a few more, as Google's library writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

_PAGE = "https://www.shop.example/p/trail-shoe?ttclid=E.C.P.example"
_ITEM = "idSKU-1~nmTrail Shoe~brAcme~caShoes~pr30~qt2"
_SALE: Mapping[str, str] = {"ep.transaction_id": "T-1001", "ep.tax": "5", "ep.shipping": "4.5"}
_LIST: Mapping[str, str] = {"ep.item_list_id": "shoes", "ep.item_list_name": "Shoes"}
_OFFER: Mapping[str, str] = {"ep.promotion_id": "P-1", "ep.promotion_name": "Summer Sale"}

_SHOPPING: Mapping[str, Mapping[str, str]] = {
    "view_item_list": _LIST,
    "select_item": _LIST,
    "view_item": {},
    "add_to_wishlist": {},
    "add_to_cart": {},
    "remove_from_cart": {},
    "view_cart": {},
    "begin_checkout": {"ep.coupon": "SUMMER"},
    "add_shipping_info": {"ep.shipping_tier": "Ground"},
    "add_payment_info": {"ep.payment_type": "Card"},
    "purchase": _SALE,
    "refund": _SALE,
    "view_promotion": _OFFER,
    "select_promotion": _OFFER,
}
_OTHERS: Mapping[str, Mapping[str, str]] = {
    "page_view": {},
    "search": {"ep.search_term": "trail shoe"},
    "generate_lead": {"epn.value": "10", "cu": "EUR"},
    "sign_up": {"ep.method": "email"},
    "login": {"ep.method": "email"},
}
_WITHOUT_VALUE = frozenset({"view_item_list", "select_item", "view_promotion", "select_promotion"})


def presets() -> list[dict[str, Any]]:
    """By name of the event: the hit, with a granted consent and an id that a pixel could share."""
    return [{"name": name, "hit": hit} for name, hit in _hits()]


def _hits() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, more in _SHOPPING.items():
        money = {} if name in _WITHOUT_VALUE else {"cu": "EUR", "epn.value": "60"}
        yield name, _hit(name, {**money, **more, "pr1": _ITEM})
    for name, more in _OTHERS.items():
        yield name, _hit(name, more)


def _hit(name: str, more: Mapping[str, str]) -> dict[str, Any]:
    pairs = {
        "v": "2",
        "tid": "G-EXAMPLE01",
        "cid": "1234567890.1700000000",
        "gcs": "G111",
        "dl": _PAGE,
        "dt": "Trail Shoe",
        "en": name,
        "ep.event_id": f"{name}-1001",
        **more,
    }
    query = "&".join(f"{key}={quote(value, safe='~')}" for key, value in pairs.items())
    headers = [["user-agent", "Mozilla/5.0 (preview)"], ["cookie", "_ttp=example.browser.id"]]
    return {"method": "POST", "path": "/g/collect", "query": query, "headers": headers, "body": ""}
