"""Where a name promises something harmless, only what can be that is shown."""

from __future__ import annotations

import pytest

from container.delivery.masking import masked_json, masked_pairs


@pytest.mark.parametrize(
    "value", ["Wilhelmina", "+31612340817", 31612340817, "ada@example.com", "12 34", "1" * 10, ["Ada"]]
)
def test_what_is_no_amount_is_masked_where_an_amount_belongs(value: object) -> None:
    shown = masked_json({"user_properties": {"name": {"value": value}}})
    assert shown["user_properties"]["name"]["value"] != value


@pytest.mark.parametrize("value", ["72.5", "-3", 72.5, 1234567.5, 999_999, "0"])
def test_an_amount_is_shown(value: object) -> None:
    assert masked_json({"value": value, "price": value}) == {"value": value, "price": value}


@pytest.mark.parametrize("value", [1_000_000, "1000000", "612345678", 612345678, "-612345678"])
def test_a_long_whole_number_is_shown_where_it_is_money_only(value: object) -> None:
    paid = {"value": value, "currency": "EUR", "items": [{"price": value}]}
    assert masked_json(paid) == paid
    for kept in ({"crm_id": {"value": value}}, {"value": value}, {"quantity": value, "currency": "EUR"}):
        assert str(value) not in str(masked_json(kept))
    beside = {"currency": "EUR", "user_properties": {"crm_id": {"value": value}}}
    assert str(value) not in str(masked_json(beside))
    assert masked_json({"currency": "points", "value": value})["value"] != value


def test_a_currency_counts_in_parameters_too() -> None:
    assert masked_pairs("cu=JPY&epn.value=1000000") == "cu=JPY&epn.value=1000000"
    assert masked_pairs("epn.value=612345678&uid=4711").startswith("epn.value=6…8/9&")


@pytest.mark.parametrize("value", ["Wilhelmina.Canary@visitor.example", "a%40b", "x" * 65])
def test_what_may_be_a_persons_is_masked_under_any_name(value: str) -> None:
    assert masked_json({"event": value}) != {"event": value}
