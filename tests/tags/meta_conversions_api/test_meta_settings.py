"""The settings of the tag, each to the letter: names, ids, times, forms of personal data, and what each source gets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from container.component import component_of
from container.effects import Skip
from container.event import Hit
from tags.meta_conversions_api import meta_conversions_api
from tags.meta_conversions_api.currencies import CURRENCIES
from tags.meta_conversions_api.forms import birthday, city, state
from tags.meta_conversions_api.insight import COMPLETENESS, pixel
from tags.meta_conversions_api.names import NAMES
from tags.meta_conversions_api.states import US_STATES
from tags.meta_conversions_api.surroundings import DAY_MS
from tests.tags.meta_conversions_api.anything import EXTINFO, HIT, NOW, SOURCES, effects_of, notes_in, request_in

EVENT = {
    "event_id": "e1",
    "page_location": "https://shop.example.com/",
    "page_referrer": "https://a.example/",
    "user_id": "4711",
    "ip_override": "81.2.69.142",
    "user_agent": "agent",
    "value": 5,
    "currency": "EUR",
    "extinfo": EXTINFO,
    "advertiser_tracking_enabled": True,
    "application_tracking_enabled": True,
}
MAP = [
    ("page_view", "PageView"),
    ("view_item", "ViewContent"),
    ("search", "Search"),
    ("view_search_results", "Search"),
    ("add_to_cart", "AddToCart"),
    ("add_to_wishlist", "AddToWishlist"),
    ("begin_checkout", "InitiateCheckout"),
    ("add_payment_info", "AddPaymentInfo"),
    ("purchase", "Purchase"),
    ("sign_up", "CompleteRegistration"),
    ("generate_lead", "Lead"),
    ("contact", "Contact"),
    ("find_location", "FindLocation"),
    ("schedule", "Schedule"),
    ("start_trial", "StartTrial"),
    ("submit_application", "SubmitApplication"),
    ("subscribe", "Subscribe"),
    ("customize_product", "CustomizeProduct"),
    ("donate", "Donate"),
    ("select_item", "select_item"),
]


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sent(name: str = "purchase", data: Mapping[str, Any] = EVENT, hit: Hit = HIT, **stated: Any) -> dict[str, Any]:
    effects = effects_of(name, data, hit, **{"messaging_channel": "messenger", **stated})
    request = request_in(effects)
    assert request is not None, effects
    found: dict[str, Any] = request.document["data"][0]
    return found


def user_of(**user_data: Any) -> dict[str, Any]:
    found: dict[str, Any] = sent(data={**EVENT, "user_data": user_data})["user_data"]
    return found


@pytest.mark.parametrize(("ga4", "meta"), MAP)
def test_the_built_in_map(ga4: str, meta: str) -> None:
    assert sent(ga4)["event_name"] == meta


def test_no_name_of_the_map_is_untested() -> None:
    assert {name for name, _ in MAP} == {*NAMES.standard, "select_item"}
    assert set(NAMES.standard.values()) == NAMES.own


@pytest.mark.parametrize("name", sorted(NAMES.own))
def test_metas_own_names_stay_as_they_are(name: str) -> None:
    assert sent(name, unmapped="skip")["event_name"] == name


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"event": "A", "event_map": {"purchase": "B"}, "browser": {"events": {"purchase": "C"}}}, "A"),
        ({"event_map": {"purchase": "B"}, "browser": {"events": {"purchase": "C"}}}, "B"),
        ({"browser": {"events": {"purchase": "C"}}}, "C"),
        ({"browser": {"events": {"other": "C"}}, "event_map": {"other": "B"}}, "Purchase"),
        # What is no name is none, and the next has its turn.
        ({"event": "{{ event.not_there }}", "event_map": {"purchase": "B"}}, "B"),
        ({"event": "{{ event.user_agent }}"}, "agent"),
    ],
)
def test_who_names_an_event(stated: dict[str, Any], expected: str) -> None:
    assert sent(**stated)["event_name"] == expected


@pytest.mark.parametrize(
    "name",
    [
        *("session_start", "first_visit", "user_engagement", "scroll", "click", "form_start", "form_submit"),
        *("file_download", "video_start", "video_", "refund"),
    ],
)
def test_automatic_events_and_refunds_are_skipped_unless_named(name: str) -> None:
    [skip] = effects_of(name, EVENT)
    assert isinstance(skip, Skip)
    assert skip.incomplete is False
    assert sent(name, event_map={name: "Named"})["event_name"] == "Named"
    assert sent(name, browser={"events": {name: "Named"}}, unmapped="skip")["event_name"] == "Named"


def test_a_purchase_under_another_name_needs_no_currency_and_another_event_under_its_name_does() -> None:
    data = {name: value for name, value in EVENT.items() if name != "currency"}
    assert "currency" not in sent(data=data, event="Order")["custom_data"]
    first, *_ = effects_of("order_paid", data, event_map={"order_paid": "Purchase"})
    assert isinstance(first, Skip)
    assert first.incomplete is True


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("browser", [None, {"pixel": True}, {"pixel": False}])
def test_a_missing_event_id_is_made_where_no_pixel_has_another(source: str, browser: dict[str, bool] | None) -> None:
    data = {**EVENT, "event_id": ""}
    stated = {"action_source": source} if browser is None else {"action_source": source, "browser": browser}
    made = sent(data=data, **stated).get("event_id")
    expected = source != "website" or browser == {"pixel": False}
    assert (made is not None) == expected
    assert not expected or (len(str(made)) == 32 and made == sent(data=data, **stated)["event_id"])
    assert sent(**stated)["event_id"] == "e1"
    assert sent(data=data, **stated, event_id="{{ event.user_id }}")["event_id"] == "4711"


@pytest.mark.parametrize("time", [1767261000, "1767261000", 1767261000123, "2026-01-01T10:50:00+01:00"])
def test_a_time_in_any_usual_form_is_sent_in_seconds(time: object) -> None:
    assert sent(data={**EVENT, "event_time": time})["event_time"] == 1767261000
    assert sent(event_time="{{ event.when }}", data={**EVENT, "when": time})["event_time"] == 1767261000


@pytest.mark.parametrize("ahead", [1, 599, 600, 601, 86400])
def test_no_time_lies_ahead(ahead: int) -> None:
    assert sent(data={**EVENT, "event_time": NOW // 1000 + ahead})["event_time"] == NOW // 1000


@pytest.mark.parametrize("source", SOURCES)
def test_an_event_is_given_up_when_meta_would_call_it_too_old(source: str) -> None:
    days = 62 if source == "physical_store" else 7
    stated: dict[str, Any] = {"action_source": source, "messaging_channel": "messenger"}
    oldest = NOW - days * DAY_MS
    effects = effects_of("purchase", {**EVENT, "event_time": oldest // 1000}, **stated)
    request = request_in(effects)
    assert request is not None
    assert request.expires == NOW
    [skip] = effects_of("purchase", {**EVENT, "event_time": oldest // 1000 - 1}, **stated)
    assert isinstance(skip, Skip)
    assert skip.incomplete is False


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_says_what_it_is_and_has_what_belongs_to_it_alone(source: str) -> None:
    found = sent(action_source=source)
    assert found["action_source"] == source
    assert ("app_data" in found) == (source == "app")
    assert ("messaging_channel" in found) == (source == "business_messaging")
    assert found["event_source_url"] == "https://shop.example.com/"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [(True, 1), (False, 0), (1, 1), (0, 0), ("1", 1), ("false", 0), (" True ", 1)],
)
def test_a_switch_of_an_app_is_a_one_or_a_zero(stated: object, expected: int) -> None:
    data = {**EVENT, "advertiser_tracking_enabled": stated}
    assert sent("add_to_cart", data, action_source="app")["app_data"]["advertiser_tracking_enabled"] == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"data_processing_options": ["LDU"]}, (["LDU"], 0, 0)),
        ({"data_processing_options": ["LDU", "LDU"]}, (["LDU"], 0, 0)),
        (
            {
                "data_processing_options": "LDU",
                "data_processing_options_country": 1,
                "data_processing_options_state": 1000,
            },
            (["LDU"], 1, 1000),
        ),
        ({"data_processing_options": "{{ event.limits }}"}, (["LDU"], 0, 0)),
        ({"data_processing_options": []}, ([], None, None)),
        ({"data_processing_options": ["ldu"]}, (["LDU"], 0, 0)),
        ({"data_processing_options_country": 1}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_limited_data_use(stated: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = sent(data={**EVENT, "limits": "LDU"}, **stated)
    names = ("data_processing_options", "data_processing_options_country", "data_processing_options_state")
    assert tuple(found.get(name) for name in names) == expected


@pytest.mark.parametrize("opt_out", [True, False])
def test_opting_out_is_sent_as_it_is_said(opt_out: bool) -> None:
    assert sent(opt_out=opt_out)["opt_out"] is opt_out
    assert "opt_out" not in sent()


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("+44 (0)20 7946 0958", "442079460958"),
        ("0049 171 3920012", "491713920012"),
        ("(+1)2133734253", "12133734253"),
        ("15550100123", "15550100123"),
        ("1-555-010-0123", "15550100123"),
        ("020 7946 0958", None),
        ("1234567", None),
        ("1234567890123456", None),
        ("call me", None),
    ],
)
def test_a_phone_number_is_digits_with_a_calling_code(written: str, form: str | None) -> None:
    assert user_of(phone_number=written).get("ph") == (None if form is None else [hashed(form)])


@pytest.mark.parametrize("written", ["15550100123", "1-555-010-0123"])
def test_a_number_of_which_nothing_tells_the_country_is_told(written: str) -> None:
    def told(**stated: Any) -> bool:
        data = {**EVENT, "user_data": {"phone_number": written}}
        return any("nothing tells the country" in note for note in notes_in(effects_of("contact", data, **stated)))

    assert told()
    assert not told(phone_region="US")
    assert told(user={"ph": [hashed("15550100123"), written]})
    assert not told(user={"ph": hashed("15550100123")}, phone_region="US")


@pytest.mark.parametrize(
    ("written", "form"),
    [("f", "f"), ("Female", "f"), ("M", "m"), ("male", "m"), ("d", None), ("", None), (1, None)],
)
def test_a_gender_is_one_letter(written: object, form: str | None) -> None:
    assert user_of(gender=written).get("ge") == (None if form is None else hashed(form))


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("1990-05-21", "19900521"),
        ("19900521", "19900521"),
        ("1990-05-21T00:00:00Z", "19900521"),
        ("1990-02-30", None),
        ("21.05.1990", None),
        ("0000-01-01", None),
        ("90", None),
    ],
)
def test_a_birthday_is_eight_digits(written: str, form: str | None) -> None:
    assert birthday(written) == form
    assert user_of(date_of_birth=written).get("db") == (None if form is None else hashed(form))


@pytest.mark.parametrize(
    ("written", "country", "form"),
    [
        ("California", "us", "ca"),
        ("california", None, "california"),
        ("ca", "us", "ca"),
        ("US-CA", "us", "ca"),
        ("US-CA", None, "ca"),
        ("US-CA", "de", "usca"),
        ("Nordrhein-Westfalen", "de", "nordrheinwestfalen"),
        ("Washington", "us", "wa"),
        ("Georgia", "ge", "georgia"),
        ("東京都", "jp", "東京都"),
        ("...", "us", None),
    ],
)
def test_a_state_is_two_letters_in_the_united_states(written: str, country: str | None, form: str | None) -> None:
    assert state(written, country) == form


def test_there_are_all_states() -> None:
    assert len(US_STATES) == len(set(US_STATES.values())) == 52
    assert all(len(short) == 2 for short in US_STATES.values())


@pytest.mark.parametrize(
    ("written", "form"),
    [("St. Albans", "stalbans"), ("São Paulo", "sãopaulo"), ("Paris 15e", "parise"), ("12", None), ("--", None)],
)
def test_a_city_is_letters(written: str, form: str | None) -> None:
    assert city(written) == form


@pytest.mark.parametrize("code", sorted(CURRENCIES))
def test_a_currency_is_three_capital_letters(code: str) -> None:
    assert len(code) == 3
    assert sent(data={**EVENT, "currency": f" {code.lower()} "})["custom_data"]["currency"] == code


def test_the_identifiers_are_declared_as_they_are_sent() -> None:
    mark = component_of(meta_conversions_api)
    assert mark is not None
    assert len(mark.identifiers) == len(set(mark.identifiers))
    assert {"em", "ph", "fbc", "fbp", "external_id", "madid", "lead_id"} <= set(mark.identifiers)
    assert (mark.time_fields, mark.standard_events) == (("event_time",), tuple(sorted(NAMES.own)))
    assert {wanted.path for wanted in COMPLETENESS} <= {
        *("event_id", "custom_data.contents", "custom_data.content_type", "custom_data.value"),
        *("custom_data.currency", "custom_data.order_id", "event_source_url"),
    }


def test_the_pixels_line_has_the_same_name_properties_and_id() -> None:
    item = sent(data={**EVENT, "transaction_id": "T1", "items": [{"item_id": "</script>"}]})
    assert pixel(item) == (
        'fbq("track", "Purchase", {"value":5,"currency":"EUR","contents":[{"id":"\\u003c/script>","quantity":1}],'
        '"content_ids":["\\u003c/script>"],"content_type":"product","num_items":1}, {"eventID":"e1"});'
    )


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ({"event_name": "Seen", "action_source": "website"}, 'fbq("trackCustom", "Seen", {});'),
        ({"event_name": "Lead", "action_source": "website", "custom_data": "…"}, 'fbq("track", "Lead", {});'),
        ({"event_name": "Lead", "action_source": "website", "event_id": 5}, 'fbq("track", "Lead", {});'),
        ({"event_name": "Lead", "action_source": "app"}, ""),
        ({"event_name": 5, "action_source": "website"}, ""),
        ({}, ""),
    ],
)
def test_the_pixels_line_is_made_of_anything(item: dict[str, Any], line: str) -> None:
    assert pixel(item) == line


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://graph.example", "https://graph.example/v25.0/1234567890123456/events"),
        ("https://graph.example/", "https://graph.example/v25.0/1234567890123456/events"),
        ("https://graph.example/a?b=c", "https://graph.example/a/v25.0/1234567890123456/events?b=c"),
        ("https://graph.example/v25.0/1/events", "https://graph.example/v25.0/1/events"),
        ("https://graph.example/x/events?b=c", "https://graph.example/x/events?b=c"),
    ],
)
def test_the_address_is_made_of_version_and_pixel_unless_it_is_whole(endpoint: str, url: str) -> None:
    request = request_in(effects_of("page_view", EVENT, endpoint=endpoint))
    assert request is not None
    assert request.url == url


@pytest.mark.parametrize("version", ["25.0", "v25", "v25.0/", "../v25.0", "v2500.0"])
def test_a_version_has_its_form(version: str) -> None:
    with pytest.raises(ValueError, match="api_version"):
        effects_of("page_view", EVENT, api_version=version)
