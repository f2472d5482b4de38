"""Items of the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.items import item
from container.ga4.keys import CUSTOM_ITEM_INDEXES, ITEM_FIELDS


@pytest.mark.parametrize("key", ITEM_FIELDS)
def test_each_key_has_its_long_name_and_its_kind(key: str) -> None:
    field = ITEM_FIELDS[key]
    assert item(f"{key}7") == {field.name: 7 if field.kind == "number" else "7"}


def test_the_numbers_of_an_item_are_price_quantity_discount_and_index() -> None:
    numbers = {field.name for field in ITEM_FIELDS.values() if field.kind == "number"}
    assert numbers == {"price", "quantity", "discount", "index"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("~", {}),
        ("va", {"item_variant": ""}),
        ("idA~1~nmB", {"item_id": "A", "item_name": "B"}),
        ("idA~~1~nmB", {"item_id": "A~1", "item_name": "B"}),
        ("idA~~~nmB", {"item_id": "A~", "item_name": "B"}),
        ("nmHo~~~~me~pr7~", {"item_name": "Ho~~me", "price": 7}),
        ("nm~~~~~~", {"item_name": "~~~"}),
        ("nm~~~~~idA", {"item_name": "~~", "item_id": "A"}),
        ("ca2Shoes~c2Running", {"item_category": "2Shoes", "item_category2": "Running"}),
        ("prfree~qt~ds00~lp1.5", {"price": "free", "quantity": "", "discount": "00", "index": 1.5}),
        ("zzkept~idA", {"zz": "kept", "item_id": "A"}),
        ("idA~idB", {"item_id": "B"}),
    ],
)
def test_pairs_end_at_a_single_tilde(text: str, expected: dict[str, Any]) -> None:
    assert item(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k0currency~v0EUR", {"currency": "EUR"}),
        ("v0EUR~k0currency", {"currency": "EUR"}),
        ("k0currency", {"currency": ""}),
        ("v0EUR", {}),
        ("k0~v0EUR", {}),
        ("k10size~v112", {"0size": "12"}),
        ("kQlast~vQ1", {"last": "1"}),
        ("k0a~~b~v0c~~d", {"a~b": "c~d"}),
        ("k0price~v0cheap~pr7", {"price": 7}),
        ("k0price~v0cheap", {"price": "cheap"}),
        ("kRnot custom~vRnot custom", {"kR": "not custom", "vR": "not custom"}),
    ],
)
def test_custom_parameters_are_paired_by_one_character(text: str, expected: dict[str, Any]) -> None:
    assert item(text) == expected


def test_there_is_room_for_27_custom_parameters() -> None:
    text = "~".join(f"v{index}value {index}~k{index}name {index}" for index in CUSTOM_ITEM_INDEXES)
    assert item(text) == {f"name {index}": f"value {index}" for index in CUSTOM_ITEM_INDEXES}
    assert len(CUSTOM_ITEM_INDEXES) == 27


NAMES = st.text(min_size=1).filter(lambda name: not {name} & {field.name for field in ITEM_FIELDS.values()})


@given(
    st.dictionaries(st.sampled_from(["id", "nm", "br", "va"]), st.text()),
    st.dictionaries(NAMES, st.text(), max_size=27),
)
def test_whatever_a_sender_escapes_comes_back(standard: dict[str, str], custom: dict[str, str]) -> None:
    pairs = [key + value.replace("~", "~~") for key, value in standard.items()]
    for index, (name, value) in zip(CUSTOM_ITEM_INDEXES, custom.items(), strict=False):
        pairs += [f"k{index}" + name.replace("~", "~~"), f"v{index}" + value.replace("~", "~~")]
    assert item("~".join(pairs)) == {ITEM_FIELDS[key].name: value for key, value in standard.items()} | custom


@given(st.text("~kvprid0Q1 é"))
def test_no_item_is_too_odd(text: str) -> None:
    assert all(isinstance(name, str) and len(name) >= 1 for name in item(text))
