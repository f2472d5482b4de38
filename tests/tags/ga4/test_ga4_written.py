"""Fixed values that GA4 takes are no trouble: what the tag's own cases write, and names that event data has."""

from __future__ import annotations

import pytest

from tags.ga4.settings import Ga4Tag
from tags.ga4.written import FORMS

GOOD = [
    ("measurement_id", "G-ABC123XYZ9"),
    ("protocol", "web"),
    ("event", "purchase"),
    ("parameters", "x-ga-gcs"),
    ("parameters", "user_data"),
    ("parameters", "membership_2"),
    ("user_properties", "membership"),
    ("drop_parameters", "user_id"),
    ("drop_parameters", "x-ga-mp2-tt"),
    ("drop_parameters", "own.key"),
    ("drop_user_properties", "membership"),
]


@pytest.mark.parametrize(("path", "written"), GOOD)
def test_what_ga4_takes_has_its_form(path: str, written: str) -> None:
    assert all(form.fits(written, Ga4Tag()) for form in FORMS if form.path == path)


def test_another_container_takes_names_that_google_does_not() -> None:
    relay = Ga4Tag(relay=True, endpoint="https://sgtm.shop.example")
    names = [form for form in FORMS if form.path in ("parameters", "user_properties")]
    assert all(form.fits("bad name", relay) for form in names)
    assert not any(form.fits("bad name", Ga4Tag()) for form in names)
