"""The settings of the tag, each to the letter: names, ids, times, and which fields each event source gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from container.component import component_of
from container.effects import Note, Request, Skip
from container.event import Hit
from container.testing import Case, cases_in, run_case
from tags.tiktok_events_api import tiktok_events_api
from tags.tiktok_events_api.insight import pixel
from tags.tiktok_events_api.names import APP, APP_STANDARD, CURRENT, RETIRED, WEB_STANDARD
from tags.tiktok_events_api.surroundings import OFFLINE_AGE_MS
from tests.tags.tiktok_events_api.anything import effects_of

NOW = 1_767_261_600_000
EVENT = {
    "event_id": "e1",
    "page_location": "https://shop.example.com/",
    "page_referrer": "https://a.example/",
    "user_id": "4711",
    "language": "de",
    "ip_override": "81.2.69.142",
    "user_agent": "agent",
    "ttclid": "E.C.P.1",
    "ttp": "t1",
    "idfa": "A",
    "idfv": "B",
    "gaid": "C",
    "att_status": "DENIED",
    "app_id": "1",
    "app_name": "Shop",
    "app_version": "2",
    "lead_id": "7",
    "lead_event_source": "HubSpot",
    "value": 5,
    "currency": "EUR",
    "user_data": {
        "email": "ada@example.com",
        "phone_number": "+491713920012",
        "address": {
            "first_name": "Ada",
            "last_name": "King",
            "city": "Köln",
            "region": "NW",
            "postal_code": "50667",
            "country": "DE",
        },
    },
}
PERSON = {"email", "phone", "first_name", "last_name", "city", "state", "country", "zip_code"}
CONNECTION = {"ip", "user_agent", "locale"}

NAMES = [
    # GA4's name, the current name, the one from before May 2025 (the same where there is none).
    ("page_view", "Pageview", "Pageview"),
    ("view_item", "ViewContent", "ViewContent"),
    ("search", "Search", "Search"),
    ("view_search_results", "Search", "Search"),
    ("add_to_cart", "AddToCart", "AddToCart"),
    ("add_to_wishlist", "AddToWishlist", "AddToWishlist"),
    ("begin_checkout", "InitiateCheckout", "InitiateCheckout"),
    ("add_payment_info", "AddPaymentInfo", "AddPaymentInfo"),
    ("purchase", "Purchase", "CompletePayment"),
    ("sign_up", "CompleteRegistration", "CompleteRegistration"),
    ("generate_lead", "Lead", "SubmitForm"),
    ("subscribe", "Subscribe", "Subscribe"),
    ("start_trial", "StartTrial", "StartTrial"),
    ("contact", "Contact", "Contact"),
    ("schedule", "Schedule", "Schedule"),
    ("find_location", "FindLocation", "FindLocation"),
    ("customize_product", "CustomizeProduct", "CustomizeProduct"),
    ("file_download", "Download", "Download"),
    ("submit_application", "SubmitApplication", "SubmitApplication"),
    ("application_approval", "ApplicationApproval", "ApplicationApproval"),
    ("select_item", "select_item", "select_item"),
]


def sent(name: str = "purchase", data: Mapping[str, Any] = EVENT, **stated: Any) -> dict[str, Any]:
    effects = effects_of(name, data, Hit(bytes(16), NOW), **stated)
    assert isinstance(effects, list), effects
    assert isinstance(effects[0], Request)
    found: dict[str, Any] = effects[0].document["data"][0]
    return found


def notes_of(name: str = "purchase", data: Mapping[str, Any] = EVENT, **stated: Any) -> list[str]:
    effects = effects_of(name, data, Hit(bytes(16), NOW), **stated)
    assert isinstance(effects, list)
    return [effect.text for effect in effects if isinstance(effect, Note)]


@pytest.mark.parametrize(("ga4", "current", "legacy"), NAMES)
def test_the_built_in_map_in_both_styles(ga4: str, current: str, legacy: str) -> None:
    assert sent(ga4)["event"] == current
    assert sent(ga4, browser={"event_names": "current"})["event"] == current
    assert sent(ga4, browser={"event_names": "legacy"})["event"] == legacy


def test_no_name_of_the_map_is_untested() -> None:
    assert {name for name, _, _ in NAMES} == {*CURRENT, "select_item"}


@pytest.mark.parametrize("name", sorted(WEB_STANDARD))
def test_tiktoks_own_names_stay_as_they_are(name: str) -> None:
    assert sent(name, unmapped="skip")["event"] == name
    assert sent(name, browser={"event_names": "legacy"}, unmapped="skip")["event"] == name


@pytest.mark.parametrize(("ga4", "tiktok"), sorted(APP.items()))
def test_apps_have_names_of_their_own(ga4: str, tiktok: str) -> None:
    assert sent(ga4, event_source="app")["event"] == tiktok
    assert sent(tiktok, event_source="app", unmapped="skip")["event"] == tiktok
    assert tiktok in APP_STANDARD


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"event": "A", "event_map": {"purchase": "B"}, "browser": {"events": {"purchase": "C"}}}, "A"),
        ({"event_map": {"purchase": "B"}, "browser": {"events": {"purchase": "C"}}}, "B"),
        ({"browser": {"events": {"purchase": "C"}, "event_names": "legacy"}}, "C"),
        ({"browser": {"events": {"other": "C"}, "event_names": "legacy"}}, "CompletePayment"),
        ({"event_map": {"other": "B"}}, "Purchase"),
        # What is no name is none, and the next has its turn.
        ({"event": " ", "event_map": {"purchase": "B"}}, "B"),
        ({"event": "{{ event.not_there }}", "event_map": {"purchase": "B"}}, "B"),
        ({"event": "undefined", "event_map": {"purchase": ""}, "browser": {"events": {"purchase": "C"}}}, "C"),
        ({"event": "{{ event.user_agent }}"}, "agent"),
    ],
)
def test_who_names_an_event(stated: dict[str, Any], expected: str) -> None:
    assert sent(**stated)["event"] == expected


@pytest.mark.parametrize(
    "name",
    [
        *("session_start", "first_visit", "user_engagement", "scroll", "click", "form_start", "form_submit"),
        *("video_start", "video_progress", "video_complete", "video_", "refund"),
    ],
)
def test_automatic_events_and_refunds_are_skipped_unless_named(name: str) -> None:
    assert isinstance(effects_of(name, EVENT, Hit(bytes(16), NOW)), Skip)
    assert sent(name, event_map={name: "Named"})["event"] == "Named"
    assert sent(name, browser={"events": {name: "Named"}})["event"] == "Named"
    assert sent(name, event="Named", unmapped="skip")["event"] == "Named"


@pytest.mark.parametrize("source", ["app", "crm"])
def test_a_download_is_an_automatic_event_where_tiktok_has_none(source: str) -> None:
    effects = effects_of("file_download", EVENT, Hit(bytes(16), NOW), event_source=source)
    assert isinstance(effects, Skip) == (source == "app")


def test_unmapped_skip_skips_every_name_that_no_map_has() -> None:
    skipped = effects_of("article_read", EVENT, Hit(bytes(16), NOW), unmapped="skip")
    assert isinstance(skipped, Skip)
    assert "article_read" in skipped.reason
    assert sent("article_read")["event"] == "article_read"


@pytest.mark.parametrize("source", ["web", "app", "offline", "crm"])
@pytest.mark.parametrize("browser", [None, {"pixel": True}, {"pixel": False}])
def test_a_missing_event_id_is_made_where_no_pixel_has_another(source: str, browser: dict[str, bool] | None) -> None:
    data = {**EVENT, "event_id": ""}
    stated = {"event_source": source} if browser is None else {"event_source": source, "browser": browser}
    made = sent(data=data, **stated).get("event_id")
    expected = source != "web" or browser == {"pixel": False}
    assert (made is not None) == expected
    assert not expected or (len(str(made)) == 32 and made == sent(data=data, **stated)["event_id"])
    assert sent(**stated)["event_id"] == "e1"
    assert sent(data=data, **stated, event_id="{{ event.user_id }}")["event_id"] == "4711"


@pytest.mark.parametrize("wrong", [["e1"], {"a": 1}, True, "x" * 4097, "\ud800"])
def test_an_event_id_that_is_none_is_left_out_with_a_note(wrong: object) -> None:
    data = {**EVENT, "event_id": wrong}
    assert "event_id" not in sent(data=data)
    assert any('"event_id" is left out' in note for note in notes_of(data=data))


@pytest.mark.parametrize(
    "time",
    [
        *(1767261000, "1767261000", 1767261000.4, 1767261000123, 1767261000123456),
        *("2026-01-01T10:50:00+01:00", "2026-01-01T09:50:00Z", "2026-01-01T09:50:00"),
    ],
)
def test_a_time_in_any_usual_form_is_sent_in_seconds(time: object) -> None:
    assert sent(data={**EVENT, "event_time": time})["event_time"] == 1767261000
    assert sent(event_time="{{ event.when }}", data={**EVENT, "when": time})["event_time"] == 1767261000


@pytest.mark.parametrize(
    ("source", "user", "others"),
    [
        ("web", {*PERSON, *CONNECTION, "external_id", "ttclid", "ttp"}, {"page"}),
        ("app", {*PERSON, *CONNECTION, "idfa", "idfv", "gaid", "att_status"}, {"app", "ad"}),
        ("offline", PERSON, set()),
        ("crm", {*PERSON, "external_id"}, {"lead"}),
    ],
)
def test_each_source_gets_the_fields_that_tiktok_documents_for_it(
    source: str, user: set[str], others: set[str]
) -> None:
    found = sent(event_source=source, limited_data_use=True, ad={"callback": "c"})
    assert set(found["user"]) == user
    common = {"event", "event_time", "event_id", "user", "properties"}
    assert set(found) - common == others | ({"limited_data_use"} if source in ("web", "app") else set())


@pytest.mark.parametrize(
    ("source", "field", "key"), [("app", "app.app_id", "app_id"), ("crm", "lead.lead_id", "lead_id")]
)
def test_an_event_without_what_tiktok_demands_is_held_back(source: str, field: str, key: str) -> None:
    data = {name: value for name, value in EVENT.items() if name != key}
    skipped = effects_of("purchase", data, Hit(bytes(16), NOW), event_source=source)
    assert isinstance(skipped, Skip)
    assert field in skipped.reason
    place, name = field.split(".")
    stated: dict[str, Any] = {place: {name: "9"}}
    assert sent(data=data, event_source=source, **stated)[place][name] == "9"


@pytest.mark.parametrize("source", ["web", "app", "offline", "crm"])
def test_events_of_shops_have_an_age_that_others_have_not(source: str) -> None:
    old = (NOW - OFFLINE_AGE_MS) // 1000
    effects = effects_of("purchase", {**EVENT, "event_time": old}, Hit(bytes(16), NOW), event_source=source)
    assert isinstance(effects, list)
    assert isinstance(effects[0], Request)
    assert effects[0].expires == (old * 1000 + OFFLINE_AGE_MS if source == "offline" else None)
    older = effects_of("purchase", {**EVENT, "event_time": old - 1}, Hit(bytes(16), NOW), event_source=source)
    assert isinstance(older, Skip) == (source == "offline")


@pytest.mark.parametrize("name", sorted({*WEB_STANDARD, "Pageview"} - RETIRED))
def test_shops_get_standard_events_only(name: str) -> None:
    effects = effects_of(name, EVENT, Hit(bytes(16), NOW), event_source="offline")
    assert isinstance(effects, Skip) == (name == "Pageview")


NAMES_OF_EXAMPLES = (
    *("example_1_full_purchase", "page_view_click_id_in_url", "add_to_cart_without_value"),
    *("example_2_lead_national_phone", "free_order_legacy_names", "search_limited_data_use_test_event"),
    *("offline_purchase", "example_3_crm_lead"),
)
EXAMPLES = [case for case in cases_in(Path(__file__).parent) if case.path.stem in NAMES_OF_EXAMPLES]


@pytest.mark.parametrize("case", EXAMPLES, ids=[case.path.stem for case in EXAMPLES])
def test_an_example_is_exact(case: Case) -> None:
    component = component_of(tiktok_events_api)
    assert component is not None
    assert run_case(component, case) == []
    [request] = case.expect["requests"]
    other = {**request, "json": {**request["json"], "data": [{**request["json"]["data"][0], "more": 1}]}}
    expect = {**case.expect, "requests": [other]}
    assert run_case(component, Case(case.path, case.about, case.given, expect)) != []


def test_there_are_eight_examples() -> None:
    assert len(EXAMPLES) == 8


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (
            {"event": "Purchase", "event_id": "e1", "properties": {"value": 5, "order_id": "T1", "currency": "</"}},
            'ttq.track("Purchase", {"value":5,"currency":"\\u003c/"}, {"event_id":"e1"});',
        ),
        ({"event": "Lead", "event_id": 5, "properties": "…"}, 'ttq.track("Lead", {});'),
        ({"event": 5}, ""),
        ({}, ""),
    ],
)
def test_the_pixels_line_is_made_of_anything(item: dict[str, Any], line: str) -> None:
    assert pixel(item) == line
