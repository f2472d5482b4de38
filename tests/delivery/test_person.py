"""A person is found however they are spelled, and nobody else is."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.delivery.person import NobodyError, Person, person
from container.delivery.texts import values

EMAIL, PHONE, USER, CLIENT = "Ada.Lovelace@shop.example", "+31 6 1234 0817", "customer-4711", "4711081515.1700047110"
ADA = person(email=EMAIL, phone=PHONE, user_id=USER, client_id=CLIENT)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def found(who: Person, text: str, name: str = "") -> bool:
    return who.within([(name, text)])


@pytest.mark.parametrize(
    "text",
    [
        EMAIL,
        EMAIL.upper(),
        sha256(EMAIL.lower()),
        sha256(EMAIL.lower()).upper(),
        sha256(EMAIL),
        hashlib.md5(EMAIL.lower().encode()).hexdigest(),  # noqa: S324 - some vendors want it
        base64.b64encode(hashlib.sha256(EMAIL.lower().encode()).digest()).decode(),
        json.dumps({"user": {"email": EMAIL}}),
        json.dumps({"data": [{"em": [sha256(EMAIL.lower())]}]}),
        json.dumps({EMAIL: 1}),
        json.dumps({"page": "https://www.shop.example/?mail=" + quote(EMAIL, safe="")}),
        f"a=1&ep.email={quote(EMAIL, safe='')}&b=2",
        f"v=2&dl={quote('https://www.shop.example/thanks?mail=' + quote(EMAIL, safe=''), safe='')}",
        f"en=purchase&ep.email={quote(EMAIL, safe='')}\r\nen=scroll",
        f"_ga=GA1.1.1.2; mail={quote(EMAIL, safe='')}",
        base64.b64encode(EMAIL.encode()).decode(),
        base64.urlsafe_b64encode(json.dumps({"mail": EMAIL}).encode()).decode(),
        f"Order of {EMAIL}, paid.",
        f"mailto:{EMAIL}",
        f"<{EMAIL}>",
        json.dumps({"text": f"to {EMAIL}."}),
        "+31612340817",
        "31612340817",
        "0031612340817",
        json.dumps({"phone": "06-1234 08 17"}),
        json.dumps({"phone": 31612340817}),
        "ep.phone=%2B31612340817&x=1",
        sha256("+31612340817"),
        sha256("31612340817"),
        USER,
        sha256(USER),
        f"{USER};20.0",
        json.dumps({"customer": USER}),
        CLIENT,
        f"_ga=GA1.1.{CLIENT}; other=1",
        f"cid={CLIENT}&v=2",
    ],
)
def test_every_spelling_is_found(text: str) -> None:
    assert found(ADA, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lovelace@shop.example",
        "x." + EMAIL,
        "x" + EMAIL,
        EMAIL + ".au",
        EMAIL.replace(".", ""),
        "Order of x-" + EMAIL,
        sha256("lovelace@shop.example"),
        sha256(EMAIL.lower())[:-1],
        "+31612340818",
        "131612340817",
        "06-1234 08 17",
        USER + "5",
        "old-" + USER,
        f"{CLIENT}1",
        f"1{CLIENT}",
        json.dumps({"email": "x" + EMAIL, "value": 4711, "id": "4711"}),
    ],
)
def test_nobody_else_is(text: str) -> None:
    assert not found(ADA, text)


def test_a_short_id_is_looked_for_under_names_of_ids_only() -> None:
    who = person(user_id="42")
    assert found(who, '{"user_id": "42"}')
    assert found(who, "uid=42&v=2")
    assert found(who, f'{{"anything": "{sha256("42")}"}}')
    assert not found(who, '{"quantity": 42, "value": "42"}')
    assert not found(who, "42 things")


NUMBER, ICELANDER = person(user_id="104233"), person(phone="+354 555 1234")


@pytest.mark.parametrize(
    "text",
    [
        '{"user_id": "104233"}',
        '{"user": {"id": 104233}}',
        '{"userId": 104233}',
        '{"id": "104233"}',
        '{"crm_id": {"value": "104233"}}',
        '{"attributes": [{"name": "crm_id", "value": {"int_value": 104233}}]}',
        '{"customer": {"number": "104233"}}',
        '{"Kundennummer": "104233"}',
        '{"shop_user_id": "104233", "transaction_id": "1"}',
        '{"users": {"104233": {}}}',
        "v=2&uid=104233&ep.x=1",
        "v=2&up.crm_id=104233&en=page_view",
        "theme=dark; uid=104233",
        "v=2&dl=" + quote("https://shop.example/account/104233?tab=orders", safe=""),
        "v=2&dl=" + quote("https://shop.example/?customer=104233", safe=""),
        '{"truncated": {"user_id": "104233", "x',
        "Order of customer 104233, paid.",
        json.dumps({"anything": sha256("104233")}),
        f"Order of {sha256('104233')}.",
    ],
)
def test_an_id_of_digits_is_found_under_names_of_persons(text: str) -> None:
    assert found(NUMBER, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "purchase", "transaction_id": "104233", "user": {"email": "other@x.example"}}',
        '{"transactionId": 104233, "user_id": "7"}',
        '{"order": {"id": "104233", "number": "104233"}}',
        '{"user_order_id": "104233", "customer": {"order_number": "104233"}}',
        '{"items": [{"id": "104233", "item_id": "104233"}], "value": 104233}',
        '{"event_id": "104233", "ad_account_id": "104233", "contents": [{"id": 104233}]}',
        '{"customer_lifetime_value": 104233, "anything": "104233"}',
        "v=2&ep.transaction_id=104233&pr1=id104233~nmFoo",
        "v=2&dl=" + quote("https://shop.example/product?id=104233", safe=""),
        "v=2&dl=" + quote("https://shop.example/account/orders/104233", safe=""),
        "Order no. 104233 is paid",
        "104233",
        '{"user_id": "1042330"}',
        '{"user_id": "104233.5"}',
    ],
)
def test_an_id_of_digits_is_not_somebody_elses_order(text: str) -> None:
    assert not found(NUMBER, text)


def test_an_events_id_of_digits_is_found_under_names_of_events() -> None:
    who = person(event_id="104233")
    for text in (
        '{"event_id": 104233}',
        "v=2&ep.event_id=104233",
        '{"event": {"id": "104233"}}',
        '{"dedup_id": "104233"}',
    ):
        assert found(who, text), text
    for text in ('{"user_id": 104233}', "ep.transaction_id=104233", '{"order": {"id": "104233"}}', "104233"):
        assert not found(who, text), text
    assert found(who, "About event 104233.")


@pytest.mark.parametrize(
    "text",
    [
        '{"phone_number": "555 1234"}',
        '{"user_properties": {"tel": {"value": "5551234"}}}',
        "ep.phone=05551234",
        '{"ph": ["3545551234"]}',
        '{"user_id": "3545551234"}',
        '{"note": "call +3545551234 now", "transaction_id": "1"}',
        '{"note": "call 3545551234 now"}',
        '{"order_phone": "3545551234"}',
        '{"transaction_id": "+3545551234"}',
        json.dumps({"anything": sha256("5551234")}),
    ],
)
def test_a_phone_number_is_found_where_phone_numbers_stand(text: str) -> None:
    assert found(ICELANDER, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"transaction_id": "5551234"}',
        '{"transaction_id": 5551234, "value": 5551234}',
        '{"transaction_id": "3545551234"}',
        '{"event_id": "003545551234", "items": [{"gtin": "003545551234"}]}',
        '{"user_id": "5551234", "anything": "555-1234"}',
        '{"note": "order 5551234 is paid", "phone_note": "call 555 1234 or 5551234 now"}',
        "5551234",
    ],
)
def test_a_phone_number_is_not_somebody_elses_order(text: str) -> None:
    assert not found(ICELANDER, text)


def test_what_once_per_may_have_counted_by_goes_by_how_its_key_is_written() -> None:
    assert {"104233", sha256("104233")} <= {*NUMBER.keys("{{ User ID }}")}
    assert "104233" not in NUMBER.keys("{{ event.transaction_id }}")
    assert sha256("104233") in NUMBER.keys("{{ event.transaction_id }}")
    assert {"5551234", "3545551234", "+3545551234"} <= {*ICELANDER.keys("{{ event.phone }}")}
    assert not {"5551234", "3545551234"} & {*ICELANDER.keys("{{ event.order }}")}


def test_a_hash_stands_for_whoever_it_is_of() -> None:
    who = person(email=sha256(EMAIL.lower()).upper())
    assert found(who, json.dumps({"email": sha256(EMAIL.lower())}))
    assert not found(who, EMAIL)


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({}, "Say who"),
        ({"email": " "}, "e-mail address is empty"),
        ({"email": "ada"}, "is none"),
        ({"phone": "06 12340817"}, "needs its country"),
        ({"user_id": ""}, "user id is empty"),
    ],
)
def test_what_is_nobodys_is_refused(stated: dict[str, str], told: str) -> None:
    with pytest.raises(NobodyError, match=told):
        person(**stated)


def test_layers_of_encoding_come_to_an_end() -> None:
    text = "a=b&c=d"
    for _ in range(40):
        text = f"x={quote(text, safe='')}&y={quote(text[:50], safe='')}"
    assert sum(1 for _ in values("", text)) < 1000


def test_a_document_may_be_as_deep_as_it_likes() -> None:
    assert found(ADA, "[" * 1000 + f'"{EMAIL}"' + "]" * 1000)


@given(some.text())
def test_any_text_is_read(text: str) -> None:
    assert ("n", text) in list(values("n", text))
    found(ADA, text)
