"""What is shown without asking for more says what happened, and shows a visitor nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from container.preview import masking
from container.preview.configured import SENT
from container.preview.hidden import Hidden
from container.preview.masking import masked
from tests import canaries
from tests.preview import records

CANARIES = (
    *(canaries.EMAIL, canaries.PHONE, canaries.FIRST_NAME, canaries.LAST_NAME, canaries.STREET, canaries.CITY),
    *(canaries.POSTAL_CODE, canaries.IP, canaries.IP6, canaries.USER_AGENT, canaries.COOKIE, canaries.CLIENT_ID),
    *(canaries.USER_ID, canaries.CLICK_ID, canaries.PAGE, canaries.SEARCH),
)
VISITOR = canaries.Search(CANARIES)


def _found(shown: Any) -> list[str]:
    return VISITOR.within(json.dumps(shown, ensure_ascii=False)) + VISITOR.within(json.dumps(shown))


def test_a_record_shows_what_happened() -> None:
    shown = masked(records.record())
    event = shown["told"]["events"][0]
    tag = event["tags"][0]
    outgoing = shown["outgoing"][0]
    assert (shown["number"], shown["at"], shown["source"], shown["mode"]) == (7, 1_700_000_000_000, "marked", "dry")
    assert (shown["hit"]["method"], shown["hit"]["path"]) == ("POST", "/g/collect")
    assert (event["name"], event["data"]["value"], event["data"]["currency"]) == ("purchase", 19.95, "EUR")
    assert event["consent"] == {"ad_storage": {"granted": True, "source": "gcd"}}
    assert (tag["tag"], tag["status"], tag["type"]) == (records.TAG, "fired", "tiktok_events_api")
    assert tag["why"] == f'trigger "{records.TRIGGER}" fired: user_data.email_address "W…e/33" is set'
    assert [each["value"] for each in tag["settings"]] == ["C0FFEE47TCODE", "W…e/33"]
    assert tag["settings"][1]["written"] == "{{ Mail of the visitor }}"
    assert tag["triggers"][0]["conditions"][0]["text"] == 'page_location contains "/account"'
    assert tag["requests"][0]["headers"] == {"Authorization": "Bearer ${secret:TIKTOK}"}
    assert tag["requests"][1]["body"] == "mail=W…e/33&currency=EUR"
    assert tag["view"]["transformations"][0]["changes"][0]["key"] == "page_location"
    assert event["variables"][0]["from"] == 'event data "user_data.email_address"'
    assert event["variables"][1]["value"] == "purchase"
    assert outgoing["url"].startswith("https://vendor.example/v1/events/W…")
    assert outgoing["answer"]["status"] == 200
    assert outgoing["answer"]["seconds"] == 0.25
    assert outgoing["answer"]["headers"][0] == ["set-cookie", "sid=c…c/20; Path=/"]
    assert shown["told"]["reply"]["cookies"][0]["max_age"] == 63_072_000
    assert shown["told"]["id"] == "0f" * 16


def test_names_of_fields_headers_and_cookies_stay() -> None:
    shown = masked(records.record())
    data = records.record()["told"]["events"][0]["data"]
    assert shown["told"]["events"][0]["data"].keys() == data.keys()
    assert [name for name, _ in shown["hit"]["headers"]] == list(canaries.HEADERS)
    cookie = dict(map(tuple, shown["hit"]["headers"]))["cookie"]
    assert [each.partition("=")[0] for each in cookie.split("; ")] == ["_ga", "_ttp", "mail"]
    assert shown["hit"]["query"].startswith("ep.email=W…e/33&ep.phone=")


def test_no_place_of_a_whole_record_shows_the_visitor() -> None:
    assert _found(records.record())
    assert not _found(masked(records.record()))


def _as_body(value: str, kind: str) -> str:
    return {
        "text": f"somebody wrote {value}\nand {value}",
        "json": json.dumps({"a": [value], "value": {"currency": value}, value: value}),
        "urlencoded": urlencode({"en": value, "mail": value, "cu": "EUR"}),
        "lines": f"en=scroll&ep.x={value}\r\nen=purchase&{urlencode({'uid': value})}",
        "cut": json.dumps({"a": value, "b": value})[:-3] + "…",
        "alone": value,
    }[kind]


@pytest.mark.parametrize("kind", ["text", "json", "urlencoded", "lines", "cut", "alone"])
@pytest.mark.parametrize("value", CANARIES)
def test_no_body_of_any_kind_shows_the_visitor(kind: str, value: str) -> None:
    assert not _found(masked(records.record(_as_body(value, kind))))


@pytest.mark.parametrize("value", CANARIES)
def test_no_sentence_that_quotes_a_value_shows_it(value: str) -> None:
    assert not _found(masked(records.record(said=value)))


@pytest.mark.parametrize("value", CANARIES)
def test_the_name_of_an_event_shows_nobody(value: str) -> None:
    assert not _found(masked(records.record(name=value)))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
@pytest.mark.parametrize("value", CANARIES)
def test_a_body_with_its_kind_shows_nobody(kind: str, value: str) -> None:
    for headers in ([["Content-Type", kind]], {"Content-Type": kind}):
        for how in ("text", "json", "urlencoded", "lines", "alone"):
            shown = masked({"hit": {"headers": headers, "body": _as_body(value, how)}, "outgoing": records.record()})
            assert not _found(shown)


PLACES = st.sampled_from(
    (
        *("hit", "told", "outgoing", "reply", "console", "headers", "cookies", "body", "data", "json", "url", "path"),
        *(
            "query",
            "value",
            "before",
            "after",
            "expected",
            "ip",
            "sender_id",
            "notes",
            "why",
            "reason",
            "excerpt",
            "answer",
            "cut",
        ),
        *("events", "tags", "variables", "conditions", "settings", "changes", "requests", "view", "name", "key"),
        *("event", "event_name", "currency", "type_of", "content_type", "method", "status", "time", "timestamp", "v"),
        *("item_id", "item_name", "content_ids", "transaction_id", "order_id", "page_location", "dl", "pr1", "referer"),
        *("event_id", "message", "request_id", "payment_type", "user-agent", "protocol_version", "discount", "detail"),
        *("id", "kind", "source", "verdict", "items", "price", "quantity", "error", "body_base64", "identifiers", "0"),
    )
)
PARTS = ("tags", "triggers", "exceptions", "variables", "transformations")
LEAVES = st.sampled_from(CANARIES) | st.sampled_from((*CANARIES,)).map(lambda value: f'said "{value}", and no more')
SMALL = st.none() | st.booleans() | st.integers(0, 999) | st.sampled_from(("purchase", "EUR", "fired", ""))
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES | SMALL,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(PLACES | st.sampled_from(CANARIES), inner, max_size=5)
        | st.lists(st.tuples(PLACES | st.sampled_from(CANARIES), LEAVES).map(list), max_size=3)
        | st.fixed_dictionaries({"headers": st.dictionaries(PLACES, LEAVES, max_size=2), "body": LEAVES})
    ),
    max_leaves=25,
)


def _numbered(held: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each under a name that says nothing."""
    return [(f"field_{number}", value) for number, value in enumerate(held)]


def _names_of_parts(value: Any, within: str = "") -> Iterator[str]:
    """Names and types of tags, triggers and the like: of the analyst's file, whatever they are."""
    for member in value if isinstance(value, list) else ():
        yield from _names_of_parts(member, within)
    for key, member in value.items() if isinstance(value, dict) else ():
        if isinstance(member, str) and key in ("name", "type") and within in PARTS:
            yield member
        yield from _names_of_parts(member, key)


@given(st.dictionaries(PLACES, TREES, max_size=6))
@settings(max_examples=300, deadline=None)
def test_wherever_a_visitor_stands_in_a_record_nothing_shows(tree: dict[str, Any]) -> None:
    # No visitor gives a tag its name.
    assume(not any(canary in name for name in _names_of_parts(tree) for canary in CANARIES))
    # The data of the event is what sentences and names are held against.
    shown = masked({**tree, "known": {"data": dict(_numbered(CANARIES))}})
    assert not _found(shown)


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "body": TREES.map(json.dumps) | LEAVES,
        "reason": LEAVES,
        "headers": st.lists(st.tuples(st.sampled_from(("x-request-id", "x-tt-logid", "etag")), LEAVES).map(list)),
        "detail": TREES,
    },
)


@given(ANSWERS, st.sampled_from(CANARIES), st.sampled_from(("event_id", "x", "user_id")))
@settings(max_examples=200, deadline=None)
def test_whatever_a_vendor_answers_nothing_shows_that_was_sent(answer: Any, value: str, name: str) -> None:
    held = dict(_numbered(CANARIES)) | {name: value}
    literals = {"Purchase", canaries.EMAIL, canaries.IP, canaries.PHONE, canaries.CLIENT_ID, canaries.USER_ID}
    shown = masked({"known": {"data": held}, "outgoing": [{"answer": answer}]}, literals=literals)
    assert not _found(shown)


@given(st.dictionaries(PLACES, TREES, max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_is_shown_is_shown_again_as_it_is(tree: dict[str, Any]) -> None:
    assert json.dumps(masked(tree)) == json.dumps(masked(tree))
    json.loads(json.dumps(masked(tree)))


ADDRESSES = (canaries.EMAIL, canaries.PHONE, canaries.IP, canaries.IP6, canaries.PAGE, canaries.CLIENT_ID)


@pytest.mark.parametrize("value", [*ADDRESSES, canaries.USER_ID, canaries.SEARCH, canaries.STREET, canaries.USER_AGENT])
def test_a_name_that_reads_as_a_value_is_masked_though_nothing_else_holds_it(value: str) -> None:
    shown = masked({"told": {"data": {value: 1}}, "hit": {"headers": [[value, "x"], ["cookie", f"{value}=1"]]}})
    assert not _found(shown)


@pytest.mark.parametrize("value", [*ADDRESSES, canaries.USER_ID])
def test_a_sentence_shows_no_address_though_nothing_else_holds_it(value: str) -> None:
    assert not _found(masked({"why": f"the value is {value}, so", "console": [value, f'"{value}"']}))


def test_a_sentence_names_secrets_and_shows_what_stands_beside_them_masked() -> None:
    said = f"the header is Bearer ${{secret:TIKTOK_TOKEN_4711081515}} of {canaries.PHONE}"
    shown = masked({"why": said, "notes": ['"${secret:KEY}" is missing']})
    assert shown["why"] == "the header is Bearer ${secret:TIKTOK_TOKEN_4711081515} of +…7/12"
    assert shown["notes"] == ['"${secret:KEY}" is missing']


def test_letters_that_are_longer_when_small_hide_nothing() -> None:
    # This capital I has two characters when it is small, so that places in the text are others.
    shown = masked({"data": {"x": canaries.LAST_NAME}, "why": f"İİİ says {canaries.LAST_NAME}", "notes": ["İ says no"]})
    assert not _found(shown)
    assert shown["notes"] == ["İ says no"]


def test_cookies_in_every_form_keep_their_names_alone() -> None:
    cookie = {"name": "sid", "value": canaries.COOKIE, "path": "/", "secure": True, "note": canaries.EMAIL}
    value = f"sid={canaries.COOKIE}; Path=/; {canaries.USER_ID}; note={canaries.EMAIL}"
    shown = masked(
        {
            "hit": {
                "cookies": {"sid": canaries.COOKIE, "empty": ""},
                "headers": [["cookie", f"{canaries.EMAIL}; ; a="]],
            },
            "reply": {"cookies": [cookie, canaries.COOKIE], "headers": [["Set-Cookie", value], ["bad"]]},
            "told": {"reply": {"cookies": canaries.COOKIE, "headers": canaries.COOKIE}},
            "data": {"u": canaries.USER_ID},
        }
    )
    assert not _found(shown)
    assert shown["hit"]["cookies"] == {"sid": "c…c/20", "empty": ""}
    assert shown["hit"]["headers"] == [["cookie", "W…e/33; ; a="]]
    assert shown["reply"]["cookies"][0] == {
        "name": "sid",
        "value": "c…c/20",
        "path": "/",
        "secure": True,
        "note": "W…e/33",
    }
    assert shown["reply"]["headers"] == [["Set-Cookie", "sid=c…c/20; Path=/; c…5/20; note=W…e/33"]]


@pytest.mark.parametrize("odd", [None, 7, 47110815, True, ["x"], {"x": canaries.EMAIL}, [[canaries.EMAIL]]])
@pytest.mark.parametrize("place", sorted(SENT))
def test_a_part_that_is_not_what_it_should_be_breaks_nothing_and_shows_nobody(place: str, odd: object) -> None:
    assert not _found(masked({place: odd, "hit": {place: odd}, "data": {"x": canaries.EMAIL}}))


def test_two_names_that_look_alike_stay_two() -> None:
    shown = masked({"data": {"ada@one.example": 1, "axa@one.example": 2, "aba@one.example": 3}})
    assert shown["data"] == {"a…e/15": 1, "a…e/15 (2)": 2, "a…e/15 (3)": 3}


def test_paths_of_clients_are_shown_where_they_are_known() -> None:
    hit = {"hit": {"path": "/metrics-7f3a91/in", "method": "POST"}}
    assert masked(hit)["hit"]["path"] == "/m…1/14/in"
    assert masked(hit, known={"/metrics-7f3a91/in"})["hit"]["path"] == "/metrics-7f3a91/in"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://vendor.example:8443/v1.3/events", "https://vendor.example:8443/v1.3/events"),
        ("https://ada:secret@vendor.example/v1", "https://a…e/25/v1"),
        ("https://vendor.example/v1/${secret:KEY}?key=${secret:KEY}#part", None),
        ("not an address", "n…s/14"),
        ("", ""),
    ],
)
def test_an_address_shows_its_host_plain_words_and_secrets_by_name(url: str, shown: str | None) -> None:
    expected = "https://vendor.example/v1/${secret:KEY}?key=${secret:KEY}#…/4" if shown is None else shown
    assert masked({"url": url})["url"] == expected


def test_amounts_and_times_are_shown_and_ids_are_not() -> None:
    data = {
        "value": 1234567.5,
        "price": 47110815,
        "quantity": 2,
        "currency": "EUR",
        "event_time": 1700000000,
        "order_id": 47110815,
        "timestamp": "31612340817",
    }
    shown = masked({"data": data})["data"]
    assert [shown[each] for each in ("value", "price", "quantity", "event_time")] == [
        1234567.5,
        47110815,
        2,
        1700000000,
    ]
    assert (shown["order_id"], shown["timestamp"]) == ("4…5/8", "3…7/11")


def test_a_word_that_is_shown_somewhere_is_not_hidden_elsewhere() -> None:
    shown = masked(
        {
            "told": {"events": [{"name": "purchase", "data": {"page_type": "purchase"}}]},
            "why": 'the event is "purchase" and not "generate_lead"',
        }
    )
    assert shown["told"]["events"][0] == {"name": "purchase", "data": {"page_type": "p…e/8"}}
    assert shown["why"] == 'the event is "purchase" and not "generate_lead"'


def test_a_word_that_a_visitor_sent_is_not_quoted() -> None:
    shown = masked({"data": {"first_name": "wilhelmina"}, "why": 'first_name "wilhelmina" is not "ada"'})
    assert shown["why"] == 'first_name "w…a/10" is not "ada"'


def test_what_is_sent_is_listed_once() -> None:
    assert set(masking._PARTS) == SENT


def test_a_setting_that_no_hit_changes_is_shown_also_where_it_is_sent() -> None:
    fixed = {"field": "pixel_id", "written": None, "from": "", "value": "C1PIXEL00000"}
    kept = {"a": ["Kept-4711"], "b": 1}
    nested = {"field": "map", "written": kept, "from": "", "value": kept}
    sent = {"field": "properties.colour", "written": None, "from": "{{ event.colour }}", "value": "C2PIXEL00000"}
    body = {"pixel_id": "C1PIXEL00000", "a": "Kept-4711", "colour": "C2PIXEL00000"}
    tag = {"settings": [fixed, nested, sent], "requests": [{"json": body}]}
    shown = masked({"told": {"events": [{"tags": [tag]}]}})["told"]["events"][0]["tags"][0]
    assert shown["requests"][0]["json"] == {"pixel_id": "C1PIXEL00000", "a": "Kept-4711", "colour": "C…0/12"}
    assert [each["value"] for each in shown["settings"]] == ["C1PIXEL00000", {"a": ["Kept-4711"], "b": 1}, "C…0/12"]


@pytest.mark.parametrize("written", [None, {"customer": "{{ event.email }}"}])
def test_a_setting_with_references_inside_of_it_is_a_visitors(written: object) -> None:
    setting = {"field": "json", "written": written, "from": "", "value": {"customer": canaries.EMAIL}}
    assert not _found(masked({"settings": [setting], "data": {"x": canaries.EMAIL}}))


def _conditions(value: str) -> dict[str, Any]:
    """A visitor of this address, and a condition on others."""
    condition = {
        "text": 'IP Address is in network "198.51.100.0/24" or "203.0.113.177"',
        "holds": False,
        "value": value,
        "expected": ["198.51.100.0/24", "203.0.113.177", 7],
    }
    return {
        "why": f'IP Address is "{value}" (is in network "198.51.100.0/24" or "203.0.113.177")',
        "conditions": [condition],
    }


def test_a_sentence_shows_what_a_condition_compares_with() -> None:
    shown = masked(_conditions("192.0.2.44"))
    assert shown["why"] == 'IP Address is "1…4/10" (is in network "198.51.100.0/24" or "203.0.113.177")'
    assert shown["conditions"][0]["expected"] == ["198.51.100.0/24", "203.0.113.177", 7]


def test_but_not_where_the_visitor_is_just_that() -> None:
    assert not _found(masked(_conditions(canaries.IP)))


def test_currencies_and_settings_in_groups_are_shown_by_their_last_name() -> None:
    setting = {"field": "properties.currency", "from": "{{ event.currency }}", "value": "EUR"}
    shown = masked({"data": {"currency": "EUR", "shown_in": "EUR"}, "settings": [setting]})
    assert (shown["data"]["currency"], shown["settings"][0]["value"]) == ("EUR", "EUR")


def test_a_large_record_is_masked_in_a_moment() -> None:
    data = {f"field_{number}": f"Value {number} of somebody {number * 7919}" for number in range(3000)}
    told = [f'"{value}" is no number' for value in data.values()]
    shown = masked({"data": data, "notes": told})
    assert len(shown["notes"]) == 3000
    assert "somebody" not in json.dumps(shown)


def test_nesting_without_end_breaks_nothing() -> None:
    deep: Any = canaries.EMAIL
    for _ in range(100):
        deep = {"in": [deep]}
    assert not _found(masked({"data": deep}))


GOODS = {
    "transaction_id": "T-1001",
    "page_location": "https://www.shop.example/p/trail-shoe-42/thanks?ttclid=E.C.P.1&currency=EUR",
    "page_hostname": "www.shop.example",
    "items": [{"item_id": "4006381333931", "item_name": "Trail Shoe (blue) – 42,5", "item_brand": "Señor & Söhne"}],
}


def test_goods_orders_and_the_words_of_a_page_are_shown() -> None:
    shown = masked({"data": {**GOODS, "contents": [{"content_id": "SKU-1", "content_name": "Trail Shoe"}]}})["data"]
    assert shown["items"] == GOODS["items"]
    assert shown["contents"] == [{"content_id": "SKU-1", "content_name": "Trail Shoe"}]
    assert (shown["transaction_id"], shown["page_hostname"]) == ("T-1001", "www.shop.example")
    assert shown["page_location"] == "https://www.shop.example/p/trail-shoe-42/thanks?ttclid=E…1/7&currency=EUR"


def test_a_query_as_it_came_shows_the_same() -> None:
    query = urlencode(
        {
            "dl": GOODS["page_location"],
            "ep.transaction_id": "T-1001",
            "pr1": "idSKU-1~nmTrail ~~ Shoe & Co~brAcme~pr30~qt2~k0owner~v0Ada L.",
        }
    )
    assert masked({"query": query})["query"] == (
        "dl=https://www.shop.example/p/trail-shoe-42/thanks?ttclid=E…1/7%26currency=EUR"
        "&ep.transaction_id=T-1001&pr1=idSKU-1~nmTrail ~~ Shoe %26 Co~brAcme~pr30~qt2~k…r/7~v…./8"
    )


def test_a_sentence_a_condition_and_a_setting_show_what_they_were_made_of() -> None:
    order = {"name": "Order", "type": "event_data", "value": "T-1001", "from": 'event data "transaction_id"'}
    tag = {
        "why": 'Order is "T-1001", which matches regex "^T", on "https://www.shop.example/thanks?mail=x"',
        "triggers": [{"conditions": [{"text": 'Order matches regex "^T"', "value": "T-1001"}]}],
        "settings": [
            {"field": "number", "from": "{{ Order }}", "value": "T-1001"},
            {"field": "order_id", "from": "{{ event.user_id }}", "value": "U-4711"},
        ],
    }
    data = {"transaction_id": "T-1001", "page_location": "https://www.shop.example/thanks?mail=x"}
    event = masked({"told": {"events": [{"data": data, "variables": [order], "tags": [tag]}]}})["told"]["events"][0]
    shown = event["tags"][0]
    assert event["variables"][0]["value"] == "T-1001"
    assert shown["why"] == 'Order is "T-1001", which matches regex "^T", on "https://www.shop.example/thanks?mail=…/1"'
    assert shown["triggers"][0]["conditions"][0]["value"] == "T-1001"
    assert [each["value"] for each in shown["settings"]] == ["T-1001", "U…1/6"]


@pytest.mark.parametrize("name", ["item_name", "item_id", "content_ids", "transaction_id", "page_location", "brand"])
@pytest.mark.parametrize("value", [*ADDRESSES, canaries.CLICK_ID, "86e0b9e56c17cc4d12387e1949b85053", "0031612340817"])
def test_what_reads_as_somebody_is_masked_also_where_goods_belong(name: str, value: str) -> None:
    assert value not in json.dumps(masked({"data": {name: value}}))


@pytest.mark.parametrize("name", ["item_name", "item_id", "transaction_id", "coupon"])
@pytest.mark.parametrize("value", [canaries.USER_ID, canaries.LAST_NAME, canaries.CITY, canaries.POSTAL_CODE])
def test_what_a_visitor_is_known_by_is_no_product(name: str, value: str) -> None:
    assert not _found(masked({"data": {name: value, "x": value}}))


@pytest.mark.parametrize(
    "path",
    ["/account/wilhelmina", "/u/wilhelmina/orders", "/p/Wilhelmina", "/p/ada1985", "/reset/tokenword", "/s/cage"],
)
def test_a_part_of_a_path_that_may_be_somebodys_is_masked(path: str) -> None:
    shown = masked({"data": {"page_location": f"https://www.shop.example{path}"}})["data"]["page_location"]
    assert shown.startswith("https://www.shop.example/")
    assert path.split("/")[2] not in shown


def test_a_word_of_a_path_that_is_a_visitors_name_is_masked() -> None:
    data = {"page_path": "/gifts/for-wilhelmina", "user_data": {"first_name": "Wilhelmina"}}
    assert masked({"data": data})["data"]["page_path"] == "/gifts/f…a/14"


def test_the_consent_string_is_shown() -> None:
    assert masked({"data": {"gcd": "13l3l3l3l1l1"}})["data"]["gcd"] == "13l3l3l3l1l1"


def test_a_first_name_in_the_place_of_goods_is_masked_where_the_whole_name_is_hidden() -> None:
    whole = f"{canaries.FIRST_NAME} {canaries.LAST_NAME}"
    query = f"up.name={whole}&pr1=idSKU-1~nm{canaries.FIRST_NAME}"
    shown = masked({"hit": {"query": query}, "data": {"item_name": canaries.FIRST_NAME, "item_brand": "Zeno"}})
    assert not _found(shown)
    assert shown["data"] == {"item_name": "W…a/10", "item_brand": "Zeno"}


ALIKE = [f"aaaaaaa{number}" for number in range(5_000)]


@pytest.mark.parametrize("sign", ["a", "b"])
def test_a_long_header_over_many_values_that_are_alike_is_masked_at_once(sign: str) -> None:
    record = {"hit": {"headers": [["accept", sign * 30_000]]}, "data": {"x": ALIKE}}
    begun = time.process_time()
    [[_, shown]] = masked(record)["hit"]["headers"]
    assert shown == f"{sign}…{sign}/30000"
    # A few tenths of a second; before they were looked for in one order, half a minute.
    assert time.process_time() - begun < 5


@given(
    # With a capital: a word in small letters may be one of any sentence, and is not looked for inside of others.
    st.lists(st.text("aAbé", min_size=5, max_size=11).map("A".__add__), max_size=12),
    st.text("aAbé", max_size=40),
)
def test_the_longest_value_that_stands_in_a_text_is_found_at_each_place(values: list[str], text: str) -> None:
    hidden, small = Hidden(), text.casefold()
    for each in values:
        hidden.hide("x", each)
    hidden.settle()
    for place in range(len(small)):
        longest = max((len(each) for each in values if small.startswith(each.casefold(), place)), default=0)
        assert hidden._at(small, place) == longest


def _answered(message: str, **sent: Any) -> dict[str, Any]:
    body = json.dumps({"code": 40002, "message": message, "request_id": "2026010112000001ABCDEF", "data": "hello"})
    answer = {"status": 200, "headers": [["x-tt-logid", "2026010112000001AB"]], "body": body}
    record = {"hit": {"body": json.dumps(sent)}, "outgoing": [{"answer": {**answer, "reason": f"refused: {message}"}}]}
    shown = masked(record)["outgoing"][0]["answer"]
    return {**shown, "body": json.loads(shown["body"])}


def test_what_a_vendor_says_is_shown_with_its_ids_of_the_request() -> None:
    said = "Batch.0.user.email: PII not hashed"
    shown = _answered(said, user_id="U-4711", city="Ede")
    assert shown["body"] == {"code": 40002, "message": said, "request_id": "2026010112000001ABCDEF", "data": "h…o/5"}
    assert shown["reason"] == f"refused: {said}"
    assert shown["headers"] == [["x-tt-logid", "2026010112000001AB"]]


@pytest.mark.parametrize(
    ("said", "without"),
    [
        ("no Ede here", "no * here"),
        ("unknown U-4711", "unknown *"),
        ("call +31612340817", "call *"),
        ("for a@b.example", "for *"),
        ("Ada is odd", "* is odd"),
    ],
)
def test_but_not_what_it_quotes_of_what_was_sent_or_of_somebody(said: str, without: str) -> None:
    shown = _answered(said, user_id="U-4711", city="Ede", name="Ada Lo")
    assert (shown["body"]["message"], shown["reason"]) == (without, f"refused: {without}")


def test_a_code_of_meta_is_shown_whose_number_nobody_sent() -> None:
    def answered(*sent: int) -> tuple[Any, str]:
        body, reason = {"error": {"code": 100, "error_subcode": 2804050}}, "code 100, subcode 2804050: no"
        answer = {"body": json.dumps(body), "reason": reason}
        shown = masked({"hit": {"body": json.dumps({"id": sent})}, "outgoing": [{"answer": answer}]})
        found = shown["outgoing"][0]["answer"]
        return json.loads(found["body"])["error"]["error_subcode"], found["reason"]

    assert answered() == (2804050, "code 100, subcode 2804050: no")
    assert answered(2804050) == ("2…0/7", "code 100, subcode *: no")


@pytest.mark.parametrize("body", ['The "api_secret" is wrong.', '{"reason": "The \\"api_secret\\" is wrong."}'])
def test_what_a_client_answers_is_shown_without_what_was_sent(body: str) -> None:
    why = f'client "Ada" read no event and answered 401: {body}'
    for sent, shown in (("other", body), ("wrong", body.replace("wrong", "*"))):
        record = {"hit": {"query": f"api_secret={sent}"}, "told": {"why": why, "reply": {"body": body}, "events": []}}
        told = masked(record, known=["Ada"])["told"]
        assert told["why"] == why.replace(body, shown)
        assert told["reply"]["body"].replace(":", ": ") == shown


def test_a_vendor_that_checks_names_the_field_and_not_the_name_that_was_sent() -> None:
    said = {"fieldPath": "events.0.name", "description": "invalid name [1buy]", "validationCode": "NAME_INVALID"}
    hit = {"body": json.dumps({"events": [{"name": "1buy"}], "events.0.name": "x"})}
    shown = masked({"hit": hit, "outgoing": [{"answer": {"body": json.dumps({"validationMessages": [said]})}}]})
    [found] = json.loads(shown["outgoing"][0]["answer"]["body"])["validationMessages"]
    assert found == {**said, "description": "invalid name [*]"}


def test_what_a_page_knows_a_record_by_keeps_its_name_whoever_sent_the_same() -> None:
    hit = {"body": json.dumps({"x": ["events", "tags", "outgoing"]})}
    shown = masked({"hit": hit, "outgoing": [], "told": {"events": []}})
    assert shown.keys() == {"hit", "outgoing", "told"}
    assert shown["told"] == {"events": []}


def test_nothing_is_said_of_a_record_that_was_cut_or_of_more_than_a_few_answers() -> None:
    answers = [{"answer": {"body": json.dumps({"message": f"said {number}"})}} for number in range(60)]
    shown = [each["answer"]["body"] for each in masked({"outgoing": answers})["outgoing"]]
    assert (shown[0], shown[-1]) == ('{"message":"said 0"}', '{"message":"s…9/7"}')
    cut = masked({"outgoing": answers, "cut": ["hit.body"]})["outgoing"]
    assert cut[0]["answer"]["body"] == '{"message":"s…0/6"}'


@pytest.mark.parametrize(
    ("identifier", "data", "is_shown"),
    [
        ("T-1001.1", {}, True),
        ("order_1001", {}, True),
        ("100234567", {"transaction_id": "100234567"}, True),
        ("purchase-100234567.1", {"transaction_id": "100234567"}, True),
        ("100234567", {}, False),
        ("U-4711.1", {"user_id": "U-4711"}, False),
        ("order-471.1", {"user_id": "471"}, False),
        ("4711081515.1700047110", {}, False),
        ("4711081515.1700047110.purchase", {"client_id": "4711081515.1700047110"}, False),
        ("203.0.113.177", {}, False),
        ("86e0b9e56c17cc4d12387e1949b85053", {}, False),
        ("T-1001." + "x1." * 30, {"transaction_id": "T-1001"}, False),
    ],
)
def test_an_event_id_of_words_or_of_an_order_is_shown(identifier: str, data: dict[str, Any], *, is_shown: bool) -> None:
    event = {"data": {"event_id": identifier, **data}, "sender_id": identifier, "tags": [{"why": f'ID "{identifier}"'}]}
    shown = masked({"told": {"events": [event]}})["told"]["events"][0]
    for found in (shown["data"]["event_id"], shown["sender_id"], shown["tags"][0]["why"].split('"')[1]):
        assert (found == identifier) is is_shown


def _literal(value: str, literals: set[str]) -> dict[str, Any]:
    condition = {"text": f'Kind equals "{value}"', "value": value, "expected": value}
    variable = {"name": "Kind", "type": "event_data", "value": value, "from": 'event data "kind"'}
    tag = {
        "why": f'trigger "Orders" does not hear "{value}", only "Purchase" or "/^Order/"',
        "exceptions": [{"name": "Staff", "conditions": [condition]}],
    }
    event = {"data": {"kind": value, "page_type": "PURCHASE"}, "variables": [variable], "tags": [tag]}
    shown: dict[str, Any] = masked({"told": {"events": [event]}}, literals=literals)["told"]["events"][0]
    return shown


def test_what_stands_in_the_file_is_masked_in_no_sentence_condition_or_variable() -> None:
    shown = _literal("Staff 1", {"Staff 1", "Orders", "Purchase", "/^Order/"})
    [tag] = shown["tags"]
    assert tag["why"] == 'trigger "Orders" does not hear "Staff 1", only "Purchase" or "/^Order/"'
    assert tag["exceptions"][0]["conditions"] == [
        {"text": 'Kind equals "Staff 1"', "value": "Staff 1", "expected": "Staff 1"}
    ]
    assert shown["variables"][0]["value"] == "Staff 1"
    # In the data it stays what it is: a visitor's.
    assert shown["data"] == {"kind": "S…1/7", "page_type": "P…E/8"}


@pytest.mark.parametrize("value", [canaries.EMAIL, canaries.PHONE, canaries.IP, canaries.CLIENT_ID, canaries.USER_ID])
def test_but_a_literal_that_is_somebodys_is_masked_where_the_visitor_is_just_that(value: str) -> None:
    assert not _found(_literal(value, {value, "Purchase"}))


@pytest.mark.parametrize("text", ["59,80", "1.234,50 EUR", "€ 12", "12.5", "0", "999 999,99", "USD 5"])
@pytest.mark.parametrize("name", ["value", "epn.value", "price", "tax", "discount"])
def test_an_amount_as_people_write_it_is_shown_also_in_a_sentence(name: str, text: str) -> None:
    condition = {"text": f"{{{{ event.{name} }}}} is greater than 11", "value": text}
    tag = {"why": f'it is "{text}", which is not more', "triggers": [{"conditions": [condition]}]}
    shown = masked({"told": {"events": [{"data": {name: text}, "tags": [tag]}]}})["told"]["events"][0]
    assert shown["data"][name] == text
    assert shown["tags"][0]["why"] == tag["why"]


@pytest.mark.parametrize(
    "text", ["abc", "0612345678", "31.612.340.817", "10.0.0.1", "Ede 12", "2001:db8::1", "1234567"]
)
def test_other_text_under_an_amounts_name_is_not(text: str) -> None:
    assert masked({"data": {"value": text}})["data"]["value"] != text


def test_what_says_how_and_not_who_is_shown() -> None:
    data = {"payment_type": "Card", "x-ga-protocol_version": "2", "x-ga-gcs": "G111"}
    assert masked({"data": data})["data"] == data
    headers = [["user-agent", "tag-container"], ["host", "business-api.tiktok.com"]]
    assert masked({"outgoing": [{"headers": headers}]})["outgoing"][0]["headers"] == headers


WIRE = (
    "en=purchase&ep.transaction_id=T-1001&ep.event_id=T-1001.1&pr1=idSKU-1~nmTrail Shoe&dl=https://www.shop.example/p"
)


@pytest.mark.parametrize("query", [WIRE, f"{WIRE}&ep.user_data.email={canaries.EMAIL}&uid={canaries.USER_ID}"])
def test_the_address_of_a_request_hides_no_order_and_no_goods(query: str) -> None:
    data = {"transaction_id": "T-1001", "event_id": "T-1001.1", "page_location": "https://www.shop.example/p"}
    data["items"] = [{"item_id": "SKU-1", "item_name": "Trail Shoe"}]  # type: ignore[assignment]  # as events have it
    request = {"method": "POST", "url": f"https://www.google-analytics.com/g/collect?{query}"}
    event = {"name": "purchase", "data": data, "tags": [{"tag": "GA4", "requests": [request]}]}
    shown = masked({"told": {"events": [event]}, "outgoing": [request]})
    assert shown["told"]["events"][0]["data"] == data
    for each in (shown["outgoing"][0], shown["told"]["events"][0]["tags"][0]["requests"][0]):
        assert each["url"].startswith(f"https://www.google-analytics.com/g/collect?{WIRE}")
    assert not _found(shown)


def test_the_address_of_a_page_still_shows_no_order() -> None:
    shown = masked({"told": {"events": [{"data": {"page_location": "https://www.shop.example/p?order_id=T-1001"}}]}})
    assert shown["told"]["events"][0]["data"] == {"page_location": "https://www.shop.example/p?order_id=T…1/6"}


def test_the_name_of_an_event_of_the_measurement_protocol_is_shown_and_no_other_name_is() -> None:
    document = {"events": [{"name": "purchase", "params": {"name": "Jo"}}], "name": "Ada"}
    shown = {"events": [{"name": "purchase", "params": {"name": "…/2"}}], "name": "…/3"}
    assert masked({"outgoing": [{"json": document, "body": json.dumps(document)}]})["outgoing"] == [
        {"json": shown, "body": json.dumps(shown, separators=(",", ":"), ensure_ascii=False)}
    ]
