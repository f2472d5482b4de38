"""The small things that conversion tags share: names, items, money, page, ids, clicks, size."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container import conversion
from container.effects import SetCookie, Skip
from tests.conversion.events import NOW, event
from tests.tags.tiktok_events_api.anything import ANYTHING

NAMES = conversion.EventNames({"purchase": "Buy", "click": "Tap"}, own=frozenset({"Buy", "Tap", "Look"}))
SHOE = {"item_id": "S", "item_name": "Shoe", "price": 30, "quantity": 2}


@pytest.mark.parametrize(
    ("name", "stated", "expected"),
    [
        ("purchase", {}, "Buy"),
        ("purchase", {"browser_events": {"purchase": "Pixel"}}, "Pixel"),
        ("purchase", {"browser_events": {"purchase": "Pixel"}, "event_map": {"purchase": "Mapped"}}, "Mapped"),
        ("purchase", {"event_map": {"purchase": "Mapped"}, "given": " Given "}, "Given"),
        ("purchase", {"event_map": {"purchase": " "}, "given": ""}, "Buy"),
        ("Look", {}, "Look"),
        ("click", {}, "Tap"),
        ("own_event", {}, "own_event"),
        ("own_event", {"unmapped": "skip"}, Skip('no map names "own_event", and unmapped is "skip"')),
        ("purchase", {"unmapped": "skip"}, "Buy"),
        ("scroll", {}, Skip('"scroll" is an automatic event of GA4; event_map can name it')),
        ("video_start", {}, Skip('"video_start" is an automatic event of GA4; event_map can name it')),
        ("refund", {}, Skip("Ours has no event for refunds; event_map can name one")),
        ("refund", {"event_map": {"refund": "Back"}}, "Back"),
        (" ", {}, Skip("the event has no usable name")),
    ],
)
def test_the_first_that_names_an_event_counts(name: str, stated: dict[str, Any], expected: str | Skip) -> None:
    asked: dict[str, Any] = {"given": None, "event_map": {}, **stated}
    assert conversion.event_name(NAMES, event(name), vendor="Ours", **asked) == expected


def test_items_are_read_whatever_their_keys_are_called() -> None:
    notes: list[str] = []
    written = [
        {**SHOE, "item_brand": "Acme", "item_category": "Shoes", "item_category2": "Trail"},
        {"sku": 7, "content_name": "Sock", "brand": "Wool", "category": "Socks", "price": "1.5"},
        {"content_id": "C", "item_category3": "Third"},
        {"content_id": "D", "item_category2": [1], "item_category3": [1], "content_category": "Other"},
    ]
    found = conversion.lines(conversion.items_of(written, notes, field="items"), notes, field="items")
    assert [line[:6] for line in found] == [
        ("S", "Shoe", "Shoes > Trail", "Acme", 30, 2),
        ("7", "Sock", "Socks", "Wool", 1.5, 1),
        ("C", None, "Third", None, None, 1),
        ("D", None, "Other", None, None, 1),
    ]
    assert [line.item for line in found] == written
    assert conversion.ids(None, found, notes, field="ids") == ["S", "7", "C", "D"]
    assert conversion.num_items(None, found) == 5
    assert conversion.value(None, found) == 61.5
    assert len(notes) == 2


def test_what_is_no_item_is_told() -> None:
    notes: list[str] = []
    assert conversion.items_of("x", notes, field="custom.items") == []
    assert conversion.items_of([], notes, field="custom.items") == []
    items = conversion.items_of([SHOE, 3, {}], notes, field="custom.items")
    assert len(conversion.lines(items, notes, field="custom.items")) == 1
    assert notes == [
        '"custom.items" is left out: it is no list of items',
        'entries of "custom.items" are left out: they are no items',
        'an entry of "custom.items" is left out: nothing in it is known',
    ]


@pytest.mark.parametrize(
    ("stated", "items", "expected"),
    [
        (0, [SHOE], 0),
        ("12.50", [SHOE], 12.5),
        (None, [], None),
        (None, [SHOE], 60),
        ("many", [SHOE], 60),
        (None, [{**SHOE, "price": 1.1, "quantity": 3}], 3.3),
        (None, [{"item_id": "S"}], None),
        (None, [SHOE, {"item_id": "X", "price": "?"}], None),
    ],
)
def test_the_value_is_the_stated_one_else_the_sum_without_gaps(stated: Any, items: list[Any], expected: Any) -> None:
    assert conversion.value(stated, conversion.lines(items, [], field="items")) == expected


@pytest.mark.parametrize(
    ("stated", "items", "expected", "told"),
    [
        ("EUR", [], "EUR", None),
        ("eur", [], "EUR", None),
        (None, [SHOE, {"currency": "sek"}], "SEK", None),
        ("Euro", [], None, '"currency" is left out: it is no currency in three letters, such as EUR'),
        ("XAU", [], "XAU", 'Ours does not list the currency "XAU"'),
        (None, [], None, None),
    ],
)
def test_a_currency_is_the_stated_one_else_an_items(stated: Any, items: Any, expected: Any, told: str | None) -> None:
    notes: list[str] = []
    listed = ("EUR", "SEK")
    assert conversion.currency(stated, items, notes, field="currency", listed=listed, vendor="Ours") == expected
    assert notes == ([told] if told else [])
    assert conversion.currency(stated, items, [], field="currency") == expected


def test_ids_and_pieces_are_the_stated_ones_if_they_are_of_use() -> None:
    lines = conversion.lines([SHOE], [], field="items")
    notes: list[str] = []
    assert conversion.ids(["A", 1, {}], lines, notes, field="ids") == ["A", "1"]
    assert conversion.ids([{"x": 1}], lines, notes, field="ids") == ["S"]
    assert notes == ['"ids" is left out: it is no text, or too long for one']
    assert (conversion.num_items("3", lines), conversion.num_items(0.5, lines)) == (3, None)
    assert conversion.num_items(None, []) is None


def test_a_content_type_is_one_that_the_vendor_knows() -> None:
    notes: list[str] = []
    types = ("product", "hotel")

    def kind(given: str | None, *items: dict[str, Any]) -> str | None:
        return conversion.content_type(given, items, notes, field="custom.type", types=types)

    assert kind("hotel") == "hotel"
    assert kind(None, SHOE, {"content_type": "product"}) == "product"
    assert kind(None, {"content_type": "ship"}, {"content_type": "product"}) is None
    assert kind(None, SHOE) is None
    assert notes == []
    assert kind("ship") is None
    assert notes == ['"custom.type" is left out: it is neither "product" nor "hotel"']


@pytest.mark.parametrize(
    ("url", "referrer", "sender", "expected", "notes"),
    [
        ("https://a.example/x", "https://b.example/", None, ("https://a.example/x", "https://b.example/"), 0),
        (None, None, "https://a.example/", ("https://a.example/", None), 0),
        (None, None, "app://x", (None, None), 1),
        ("/x", None, None, (None, None), 1),
        ("x" * 5000, "x" * 5000, "https://a.example/", ("https://a.example/", None), 2),
        ("undefined", "", None, (None, None), 1),
    ],
)
def test_a_page_is_a_full_address(url: Any, referrer: Any, sender: Any, expected: Any, notes: int) -> None:
    told: list[str] = []
    here = event(headers={"referer": sender} if sender else {})
    assert conversion.page(url, referrer, here, told, vendor="Ours", place="where") == expected
    assert len(told) == notes
    assert all('"where.' in note for note in told)


def test_a_time_is_the_settings_the_senders_or_the_arrival() -> None:
    notes: list[str] = []
    assert conversion.event_time("2026-01-01T10:00:00Z", event(event_time=1), notes) == 1_767_261_600_000
    assert conversion.event_time(None, event(event_time=1_767_261_600), notes) == 1_767_261_600_000
    assert conversion.event_time(None, event(), notes) == NOW
    assert notes == []
    assert conversion.event_time("tomorrow", event(), notes) == NOW
    assert len(notes) == 1


def test_an_id_is_the_settings_the_senders_or_made() -> None:
    def identity(given: str | None, *, made: bool = False, **data: Any) -> tuple[str | None, list[str]]:
        notes: list[str] = []
        return conversion.event_id(given, event(**data), notes, made=made, without="none"), notes

    assert identity(" A ", event_id="B") == ("A", [])
    assert identity(None, event_id=7) == ("7", [])
    assert identity(None) == (None, ["none"])
    made, notes = identity(None, made=True)
    assert made == identity("undefined", made=True)[0]
    assert (len(made or ""), notes) == (32, [])


CLICKS: list[tuple[dict[str, Any], str | None]] = [
    ({"given": " S ", "url": "https://a.example/?cid=U"}, "S"),
    ({"url": "https://a.example/?cid=U%20x", "data": {"cid": "D"}}, "U x"),
    ({"url": "https://a.example/", "referrer": "https://b.a.example/?cid=R"}, "R"),
    ({"url": "https://a.example/", "referrer": "https://b.example/?cid=R", "data": {"cid": "D"}}, "D"),
    ({"url": "https://a.example/?acid=1", "referrer": "https://a.example/?acid=R", "cookie": "clk=C"}, "C"),
    ({"referrer": "https://a.example/?cid=R", "data": {"common_cookie": {"clk": "K"}}}, "K"),
    ({}, None),
]


@pytest.mark.parametrize(("stated", "expected"), CLICKS)
def test_a_click_is_looked_for_where_it_is_newest(stated: dict[str, Any], expected: str | None) -> None:
    here = event(headers={"cookie": stated.pop("cookie", "")}, **stated.pop("data", {}))
    asked: dict[str, Any] = {"given": None, "url": None, "referrer": None, **stated}
    assert conversion.click_id(here, parameter="cid", cookie="clk", **asked) == expected


def test_a_browsers_id_is_the_settings_the_cookies_or_the_events() -> None:
    def browser(given: str | None = None, cookie: str = "", **data: Any) -> str | None:
        here = event(headers={"cookie": cookie}, **data)
        return conversion.browser_id(here, given=given, cookie="bid", keys=("bid", "b"))

    assert browser("S", "bid=C") == "S"
    assert browser(None, "bid=C", common_cookie={"bid": "K"}, b="D") == "C"
    assert browser(common_cookie={"bid": "K"}, b="D") == "K"
    assert browser(bid={}, b="D") == "D"
    assert browser() is None


def test_a_click_is_kept_once_and_only_if_a_cookie_can_hold_it() -> None:
    notes: list[str] = []
    assert conversion.kept_click("clk", "A", event(headers={"cookie": "clk=A"}), notes, seconds=9) is None
    assert conversion.kept_click("clk", "B", event(headers={"cookie": "clk=A"}), notes, seconds=9) == SetCookie(
        "clk", "B", max_age=9
    )
    assert notes == []
    assert conversion.kept_click("clk", "a;b", event(), notes, seconds=9) is None
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("custom", "kept", "notes"),
    [
        ({"value": 1, "lines": ["x" * 50]}, {"value": 1, "lines": ["x" * 50]}, 0),
        ({"value": 1, "lines": ["x" * 500]}, {"value": 1}, 1),
        ({"value": 1, "lines": ["x" * 500], "more": "x" * 500}, {"value": 1}, 1),
        ({"value": 2**70}, {"value": 2**70}, 0),
        ({"value": "ü\ud800" * 200}, {"value": "ü\ud800" * 200}, 1),
    ],
)
def test_an_event_that_is_too_large_loses_items_first(custom: dict[str, Any], kept: Any, notes: int) -> None:
    told: list[str] = []
    fit = conversion.fitting({"custom": custom}, told, place="custom", bulky=("lines",), own={"value"}, largest=200)
    assert (fit, len(told)) == ({"custom": kept}, notes)


def test_passed_values_are_those_that_no_field_has() -> None:
    data = {"a": {"b": [1, float("nan"), "x"]}, "value": 3}
    assert conversion.passed(["a.b", "value", "none"], data, own={"value"}) == {"a.b": [1, "x"]}


def test_texts_of_settings_go_before_those_of_the_event() -> None:
    notes: list[str] = []
    found = conversion.told_texts(
        "app",
        {"id": " S ", "name": None},
        {"id": "D", "name": "N", "os": {}, "v": {"x": 1}},
        notes,
        fields=("id", "name", "os", "v", "none"),
    )
    assert found == {"id": "S", "name": "N"}
    assert notes == ['"app.v" is left out: it is no text, or too long for one']


@given(value=ANYTHING, other=ANYTHING)
def test_nothing_makes_any_of_it_raise(value: Any, other: Any) -> None:
    notes: list[str] = []
    items = conversion.items_of(value, notes, field="items")
    lines = conversion.lines([*items, {"price": value, "quantity": other, "item_id": other}], notes, field="items")
    conversion.value(other, lines)
    conversion.num_items(other, lines)
    conversion.ids(other, lines, notes, field="ids")
    conversion.currency(None, [{"currency": value}, *items], notes, field="currency")
    conversion.event_time(value, event(event_time=other), notes)
    conversion.event_id(None, event(event_id=value), notes, made=False, without="none")
    conversion.told_texts("app", {"a": value}, {"a": other, "b": value}, notes, fields=("a", "b"))
    conversion.browser_id(event(bid=value, common_cookie=other), given=None, cookie="bid", keys=("bid",))
    conversion.passed(["a", "a.b"], {"a": value}, own=())
    assert all(isinstance(note, str) for note in notes)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_address_makes_the_search_for_a_click_raise(url: str, referrer: str) -> None:
    conversion.click_of_page("cid", f"https://{url}cid=1", f"https://{referrer}?cid=1")
    conversion.page(url, referrer, event(), [], vendor="Ours")
