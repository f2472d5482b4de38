"""The tables of names can be read backwards, as a tag that sends to GA4 has to."""

from __future__ import annotations

from container.ga4.keys import FIELDS, ITEM_FIELDS


def test_no_two_parameters_share_a_place() -> None:
    places = [(field.place, field.name) for field in FIELDS.values()]
    assert len(set(places)) == len(places)


def test_no_two_item_keys_share_a_name_and_all_have_two_characters() -> None:
    assert len({field.name for field in ITEM_FIELDS.values()}) == len(ITEM_FIELDS)
    assert {len(key) for key in ITEM_FIELDS} == {2}
