"""User data that the browser hashed."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.hashed import LONGEST, hashed_user_data
from container.ga4.keys import ADDRESS_CODES, HASHED_CODES


def both(text: str) -> tuple[str, str]:
    """A hash as the browser writes it, and as vendors want it."""
    digest = hashlib.sha256(text.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("="), digest.hex()


MAIL, MAIL_HEX = both("kim@shop.example")
OTHER, OTHER_HEX = both("kim@home.example")
TEL, TEL_HEX = both("+41790000000")
FIRST, FIRST_HEX = both("kim")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"tv.1~em.{MAIL}", {"sha256_email_address": MAIL_HEX}),
        (f"em.{MAIL}", {"sha256_email_address": MAIL_HEX}),
        (f"tv.1~em.{MAIL_HEX.upper()}", {"sha256_email_address": MAIL_HEX}),
        (f"tv.1~em.{MAIL}~em.{OTHER}", {"sha256_email_address": [MAIL_HEX, OTHER_HEX]}),
        (f"tv.1~em.e0~em.{OTHER}", {"sha256_email_address": OTHER_HEX}),
        (f"tv.1~pn.{TEL}", {"sha256_phone_number": TEL_HEX}),
        (
            f"tv.1~em.{MAIL}~fn0.{FIRST}~ct0.Z%C3%BCrich~rg0.zh~pc0.8001~co0.ch",
            {
                "sha256_email_address": MAIL_HEX,
                "address": [
                    {
                        "sha256_first_name": FIRST_HEX,
                        "city": "Zürich",
                        "region": "zh",
                        "postal_code": "8001",
                        "country": "ch",
                    }
                ],
            },
        ),
        (
            f"tv.1~ct2.bern~fn0.{FIRST}~co2.ch",
            {"address": [{"sha256_first_name": FIRST_HEX}, {"city": "bern", "country": "ch"}]},
        ),
        (f"tv.1~fn.{FIRST}~ct.st.gallen", {"address": [{"sha256_first_name": FIRST_HEX, "city": "st.gallen"}]}),
        ("tv.1~fn0.e1~ct0.", {}),
        (f"tv.2~em.{MAIL}", {}),
        ("tv.1~em.e2~pn.e0~ec.e3", {}),
        ("tv.1~em.kim@shop.example", {}),
        (f"tv.1~em.{MAIL[:-1]}~pn.{TEL}x~zz.1~em~~.", {}),
        ("", {}),
        ("tv.1", {}),
    ],
)
def test_hashes_are_named_and_written_as_everywhere_else(value: str, expected: dict[str, Any]) -> None:
    assert hashed_user_data(value) == expected


def test_every_field_has_a_name() -> None:
    segments = [f"{code}.{MAIL}" for code in HASHED_CODES] + [f"{code}0.{MAIL}" for code in ADDRESS_CODES]
    found = hashed_user_data("~".join(["tv.1", *segments]))
    assert found.keys() == {*HASHED_CODES.values(), "address"}
    assert found["address"][0].keys() == set(ADDRESS_CODES.values())


def test_endless_user_data_is_cut() -> None:
    assert len(hashed_user_data(f"em.{MAIL}~" * 10_000)["sha256_email_address"]) == LONGEST // len(f"em.{MAIL}~")


@given(st.text() | st.text("tvempnfc01.~%eA") | st.lists(st.sampled_from([f"em.{MAIL}", "fn3.x", "tv.1", "co9.%"])))
def test_no_user_data_is_too_odd(value: str | list[str]) -> None:
    found = hashed_user_data(value if isinstance(value, str) else "~".join(value))
    assert orjson.loads(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS)) == found
