"""Where a name promises something harmless, only what can be that is shown."""

from __future__ import annotations

import pytest

from container.delivery.masking import masked_json


@pytest.mark.parametrize(
    "value", ["Wilhelmina", "+31612340817", 31612340817, "ada@example.com", "12 34", "1" * 10, ["Ada"]]
)
def test_what_is_no_amount_is_masked_where_an_amount_belongs(value: object) -> None:
    shown = masked_json({"user_properties": {"name": {"value": value}}})
    assert shown["user_properties"]["name"]["value"] != value


@pytest.mark.parametrize("value", ["72.5", "-3", 72.5, 1_000_000, "0"])
def test_an_amount_is_shown(value: object) -> None:
    assert masked_json({"value": value, "price": value}) == {"value": value, "price": value}


@pytest.mark.parametrize("value", ["Wilhelmina.Canary@visitor.example", "a%40b", "x" * 65])
def test_what_may_be_a_persons_is_masked_under_any_name(value: str) -> None:
    assert masked_json({"event": value}) != {"event": value}
