"""Where other implementations are weak, this one is not: an index from each weakness to what shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

JUDGE, DELIVERY, TAG, SETTINGS, CORPUS = (
    *("test_meta_judge", "test_meta_delivery", "test_meta_tag", "test_meta_settings", "test_meta_corpus"),
)

SHOWN: dict[str, dict[str, str]] = {
    "all or most": {
        "events_received is not looked at": f"{JUDGE}.test_a_request_of_which_events_are_missing_goes_again",
        "the token stands in the address": f"{TAG}.test_the_tokens_travel_in_the_body_and_never_in_the_address",
        "one bad event takes its batch along": f"{DELIVERY}.test_of_a_batch_with_a_bad_event_all_others_are_delivered",
        "nothing is held back that will be refused": "everything_missing_is_named",
        "nothing is tried again": f"{JUDGE}.test_what_will_pass_goes_again",
        "no content_ids, content_type and num_items": "many_items",
        "private addresses are sent": "private_address",
        "no age limit": "older_than_seven_days",
        "a note of nothing that is left out": "wrong_kinds",
    },
    "official template": {
        "a price of 0 is lost": "zero_value",
        "a value that came as text stays text": "value_as_text",
        "only the first sign goes from a phone number": f"{SETTINGS}.test_a_phone_number_is_digits_with_a_calling_code",
        "an interface of years ago, and none can be chosen": "everything_given",
        "the id of an item falls back to its name": "item_without_id",
        "hashed keys are not read": "hashed_input",
        "upper-case hashes are passed on": "hashed_input",
        "external_id only of a parameter of its own": "external_id_without_blanks",
        "blanks stay in cities": f"{SETTINGS}.test_a_city_is_letters",
        "blanks stay in postal codes, punctuation in names": "example_purchase",
        "contacts, trials and others have no name": f"{SETTINGS}.test_the_built_in_map",
        "empty objects are sent": "minimum",
        "no cookie is written": "fbc_of_the_page",
    },
    "Stape": {
        "a value of 0 becomes a text": "zero_value",
        "US dollars by default": "purchase_without_currency",
        "the sum of one item only": "many_items",
        "upper-case hashes are passed on": "hashed_input",
        "a browser id is made unasked": "fbp_not_made",
        "the event id falls back to the order": "event_id_is_never_the_order",
        "the name of the first item is that of the event": "nothing_of_the_rest_is_passed",
        "false is dropped": f"{SETTINGS}.test_opting_out_is_sent_as_it_is_said",
    },
    "Segment": {
        "the time is a text": "time_in_milliseconds",
        "no order number": "value_as_text",
        "no click id of the page": "fbc_of_the_page",
        "no page before": "example_purchase",
        "lines are counted as pieces": "many_items",
        "a hash that was made with the plus sign": "hash_of_a_phone_with_plus",
        "an item without quantity": "zero_value",
    },
    "RudderStack": {
        "every property is passed on, personal ones too": "nothing_of_the_rest_is_passed",
        "US dollars by default": "purchase_without_currency",
        "the category is the id": "item_without_id",
        "click ids of any form": "fbc_of_the_wrong_form",
        "0 for a product without a price": f"{CORPUS}.test_every_difference_from_a_single_peer_is_in_the_table",
    },
    "walkerOS": {
        "custom data beside the event": "example_purchase",
        "times that are divided twice": "time_in_milliseconds",
        "no external id, no normalisation": "example_purchase",
    },
    "Meta's own libraries": {
        "the hash of nothing": "hash_of_nothing",
        "a click id in lower case": "fbc_other_case_in_the_cookie",
        "the creation time changes with each page": "fbc_same_click_in_the_cookie",
        "a fifth part is cut off": "fbc_same_click_with_appendix",
        "the depth of the domain is always 1": "fbc_deep_domain",
    },
}
ROWS = [(who, weakness, proof) for who, rows in SHOWN.items() for weakness, proof in rows.items()]


@pytest.mark.parametrize(("who", "weakness", "proof"), ROWS, ids=[f"{who}: {weakness}" for who, weakness, _ in ROWS])
def test_a_weakness_has_something_that_shows_its_absence(who: str, weakness: str, proof: str) -> None:
    module, dot, function = proof.partition(".")
    if not dot:
        assert (HERE / f"{proof}.yaml").is_file()
    else:
        assert function in set(functions_of(HERE / f"{module}.py"))


def functions_of(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
