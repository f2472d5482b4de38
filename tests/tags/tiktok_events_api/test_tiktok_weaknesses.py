"""Where other implementations are weak, this one is not: an index from each weakness to what shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

JUDGE, DELIVERY, TAG = "test_tiktok_judge", "test_tiktok_delivery", "test_tiktok_tag"

SHOWN: dict[str, dict[str, str]] = {
    "all or most": {
        "a status 200 counts as success whatever the code": f"{JUDGE}.test_a_code_has_one_meaning",
        "phones are not E.164": "weakness_phone_not_international",
        "only the event names of before 2025": "weakness_names_of_before_2025",
        "nothing is tried again": f"{DELIVERY}.test_a_temporary_or_unclear_answer_is_tried_again",
        "private addresses are sent": "weakness_private_address",
        "numeric ids of items, events and users stay numbers": "weakness_numeric_ids",
        "no customer_type, content_ids and num_items": "weakness_no_customer_type",
        "data is dropped without a warning": "weakness_no_warnings",
    },
    "official template": {
        "a value or price of 0 is lost": "zero_value",
        "overrides of address, page and agent are never read": "weakness_page_overrides",
        "a numeric user id or a list of e-mails crashes it": "weakness_numeric_user_id_and_list_of_emails",
        "a hash with blanks is hashed again": "weakness_hash_with_blanks",
        "upper-case hashes are passed on": "free_order_legacy_names",
        "leads, subscriptions and others have no name": "weakness_events_without_a_name",
        "transaction_id is not used": "weakness_no_order_id",
        "the time of the event cannot be set": "weakness_time_cannot_be_set",
        "no test code but a fixed one": f"{TAG}.test_a_test_code_may_come_from_a_variable",
        "no limited data use": "search_limited_data_use_test_event",
        "no consent": f"{TAG}.test_the_tag_needs_consent_for_ads_and_for_their_user_data",
        "no names and addresses": "weakness_no_names_and_addresses",
        "contents that are no list are sent as text": "weakness_contents_as_text",
        "only some category keys are read": "weakness_categories_of_one_level",
        "empty objects are sent": "weakness_empty_objects",
        "a redirect is success": f"{JUDGE}.test_another_status_than_200_decides",
        "the log does not name the event": f"{DELIVERY}.test_the_log_of_a_loss_names_tag_and_reason",
        "content_type stands inside the contents": "weakness_content_type_in_each_content",
    },
    "Stape": {
        "0 is dropped for value, price and quantity": "weakness_app_price_of_zero",
        "a value stays text": "weakness_value_as_text",
        "no value or currency from the items": "weakness_no_value_from_the_items",
        "order_id not from transaction_id": "weakness_no_order_id",
        "search_term is ignored": "weakness_search_term_not_read",
        "language is ignored": "weakness_language_not_read",
        "several e-mails are hashed as one, objects crash": "weakness_list_of_emails_as_one_text",
        "e-mails at positions crash": "email_list_and_positions",
        "idfv is sent as idfa": "weakness_idfv_for_idfa",
        "address and agent are left out for apps": "weakness_app_without_address_and_agent",
        "no CRM, no lead": "weakness_no_crm",
        "sha256 keys are never read": "weakness_sha256_keys",
        "names and city beside the address are missed": "address_beside_user_data",
        "false is dropped": "weakness_false_is_dropped",
        "a time in milliseconds stays one": "weakness_time_in_milliseconds",
        "the page may be undefined": "weakness_page_undefined",
        "find_location becomes Search": "weakness_find_location",
        "submit_application becomes Subscribe": "weakness_submit_application",
        "other names than its own web tag": "browser_events",
        "an optimistic mode hides all errors": f"{DELIVERY}.test_a_single_event_that_is_not_taken_is_buried",
        "the cookie is set anew on every hit": "ttclid_cookie_not_rewritten",
    },
    "Segment": {
        "e-mails are not trimmed": "weakness_email_not_trimmed",
        "user ids are not trimmed": "weakness_user_id_not_trimmed",
        "a phone is cut": "weakness_phone_of_fifteen_digits",
        "empty texts and lists for missing user fields": "weakness_empty_objects",
        "cities beyond Latin are wiped": "weakness_non_latin_city",
        "an event id of its own": "weakness_event_id_of_ones_own",
        "PageView": "weakness_page_view_name",
        "an invalid date becomes null": "weakness_time_that_is_none",
        "the pixel's code for a CRM": "weakness_no_crm",
        "the retired address": f"{TAG}.test_the_address_is_that_of_the_current_interface",
        "the test code inside the event": "weakness_test_code_inside_the_event",
        "a price of 0 is dropped for apps": "weakness_app_price_of_zero",
        "the advertising id is hashed in lower case": "weakness_idfv_for_idfa",
    },
    "RudderStack": {
        "contents_ids, and num_items counts lines": "weakness_num_items_counts_pieces",
        "a complete order becomes PlaceAnOrder": "weakness_order_completed_as_place_an_order",
        "20001 is success": f"{DELIVERY}.test_of_a_batch_taken_in_part_exactly_the_named_events_are_buried",
        "unknown codes are errors with status 200": f"{JUDGE}.test_a_temporary_or_unknown_code_is_tried_again",
        "hashes are hashed again": "weakness_hash_of_a_hash",
        "several e-mails are joined": "weakness_list_of_emails_as_one_text",
        "undefined as an id": "weakness_undefined_texts",
        "no click id from page or cookie": "weakness_click_id_only_as_a_parameter",
        "one pixel code for every source": "weakness_one_account_for_every_source",
        "content_type only for the old name of a purchase": "weakness_content_type_of_old_names_only",
        "an external id only from a special mapping": "weakness_external_id_of_a_special_mapping",
        "shops on the retired address": f"{TAG}.test_the_address_is_that_of_the_current_interface",
        "idfa and gaid of one field": "weakness_idfa_and_gaid_of_one_field",
    },
    "walkerOS": {
        "an event of the older interface": "weakness_older_interface",
        "no normalisation": "example_1_full_purchase",
        "hashes are hashed again": "weakness_hash_of_a_hash",
    },
    "PostHog": {
        "empty texts are sent": "weakness_empty_objects",
        "US dollars by default": "weakness_currency_made_up",
        "currencies are relabelled": "weakness_currency_relabelled",
        "no quantity": "weakness_no_quantity",
        "e-mails are not trimmed, phones are raw": "example_2_lead_national_phone",
        "contents only when five properties are there": "weakness_content_type_of_old_names_only",
        "the city of the address": "weakness_city_of_the_address",
    },
    "Cloudflare": {
        "a page view becomes ViewContent": "weakness_page_view_name",
        "a random event id": "weakness_event_id_of_ones_own",
        "hiding the address hides the agent": "weakness_private_address",
        "custom events lose their parameters": "weakness_parameters_lost",
        "another pixel for one event never works": "weakness_account_of_one_event",
        "sent and forgotten": f"{DELIVERY}.test_a_wrong_address_costs_no_event_however_long_it_lasts",
        "hashes are hashed again": "weakness_hash_of_a_hash",
        "content_type is never set": "weakness_content_type_of_old_names_only",
    },
    "TikTok's library": {"only the older interface": "weakness_older_interface"},
}
ROWS = [(who, weakness, proof) for who, rows in SHOWN.items() for weakness, proof in rows.items()]


@pytest.mark.parametrize(("who", "weakness", "proof"), ROWS, ids=[f"{who}: {weakness}" for who, weakness, _ in ROWS])
def test_a_weakness_has_something_that_shows_its_absence(who: str, weakness: str, proof: str) -> None:
    module, dot, function = proof.partition(".")
    if not dot:
        assert (HERE / f"{proof}.yaml").is_file()
    else:
        assert function in set(functions_of(HERE / f"{module}.py"))


def test_every_case_of_a_weakness_is_in_the_index() -> None:
    listed = {proof for _, _, proof in ROWS}
    assert {path.stem for path in HERE.glob("weakness_*.yaml")} - listed == BEYOND


BEYOND = {
    "weakness_external_id_keeps_its_case",
    "weakness_hash_of_nothing",
    "weakness_limited_data_use_always_sent",
}
"""Weaknesses that are none of a list, but known."""


def functions_of(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
