"""A reason shows what the same page shows in clear elsewhere, or it hides the mistake that it is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from container.preview.masking import masked
from tests import canaries


def _reasons(query: str, *said: str, **data: Any) -> list[str]:
    """What is shown of sentences beside a hit with this query."""
    event = {"name": data.get("event_name", ""), "data": data, "tags": [{"why": each} for each in said]}
    shown = masked({"hit": {"query": query}, "told": {"events": [event]}})
    return [each["why"] for each in shown["told"]["events"][0]["tags"]]


@pytest.mark.parametrize("name", ["Purchase", "Completed Order", "ViewContent", "page-view"])
def test_a_reason_shows_the_name_of_an_event_as_the_list_does(name: str) -> None:
    said = f'trigger does not hear "{name}", only "purchase"'
    assert _reasons(f"en={name}", said, event_name=name) == [said]


def test_but_the_name_of_an_event_that_is_a_visitors_is_masked_in_both() -> None:
    data = {"event_name": canaries.LAST_NAME, "user_data": canaries.USER_DATA}
    event = {"name": canaries.LAST_NAME, "data": data, "tags": [{"why": f'does not hear "{canaries.LAST_NAME}"'}]}
    assert canaries.LAST_NAME not in json.dumps(masked({"told": {"events": [event]}}), ensure_ascii=False)


@pytest.mark.parametrize("parameter", ["v=1", "v=11", "en=Purchase", "tid=UA-1234567-1", "tid=G-ABC123", "gcs=G100"])
def test_a_reason_shows_the_protocols_own_parameters_as_the_query_does(parameter: str) -> None:
    name, _, value = parameter.partition("=")
    said = f'{name} is "{value}" in the query, where GA4 has another one'
    # Others have the same digit in every hit.
    assert _reasons(f"{parameter}&_s=1&sct=1&seg=1", said) == [said]


def test_an_amount_of_many_digits_is_shown_in_a_reason_and_another_number_is_not() -> None:
    said = ("Order Value is 1299.95, which is not greater than 2000", "Number is 1299.96, which is none")
    assert _reasons("", *said, value=1299.95, number=1299.96) == [said[0], "Number is 1…6/7, which is none"]
    assert _reasons("", said[0], value=1299.95, user_id="1299.95") == [said[0].replace("1299.95", "1…5/7")]
    assert _reasons("", "Order Value is 1250000, so", value=1250000.0, currency="EUR") == ["Order Value is 1250000, so"]


def test_one_letter_that_is_shown_somewhere_shows_nobodys_sex() -> None:
    assert _reasons("", 'sex is "F"', 'v is "1"', sex="F", type="F", v="1") == ['sex is "…/1"', 'v is "1"']


@pytest.mark.parametrize("text", ["NaN", "undefined", "null", "[object Object]"])
def test_what_a_script_writes_for_no_amount_is_shown_and_other_text_is_not(text: str) -> None:
    said = (f'Order Value is "{text}" (text, and no number)', 'Order Value is "Abc" (text, and no number)')
    assert _reasons(f"epn.value={text}&ep.tax=Abc", *said, value=text, tax="Abc") == [
        said[0],
        'Order Value is "…/3" (text, and no number)',
    ]
