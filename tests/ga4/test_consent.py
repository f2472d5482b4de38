"""Consent as a hit states it: `gcd` by its bits, then `gcs`, then `npa`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.event import CONSENT_TYPES
from container.ga4 import consent_of

GRANTED, DENIED, UNSET = "granted", "denied", "unset"
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


def states(**parameters: str) -> tuple[str, ...]:
    """ad_storage, analytics_storage, ad_user_data, ad_personalization."""
    found = consent_of(parameters)
    return tuple(found.state(name) for name in CONSENT_TYPES)


def sources(**parameters: str) -> tuple[str, ...]:
    found = consent_of(parameters)
    return tuple(found.source(name) for name in CONSENT_TYPES)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("3l", UNSET), ("1l", UNSET), ("2l", DENIED), ("0l", UNSET),
        ("3m", DENIED), ("3n", GRANTED), ("3p", DENIED), ("3q", DENIED), ("3r", GRANTED),
        ("3t", GRANTED), ("3u", DENIED), ("3v", GRANTED),
        ("3B", DENIED), ("3F", DENIED), ("3J", GRANTED), ("3R", GRANTED), ("3V", DENIED), ("3Z", GRANTED),
        ("3-", DENIED), ("3_", GRANTED),
        ("2t", GRANTED), ("2v", GRANTED), ("2r", GRANTED), ("30", UNSET),
    ],
)  # fmt: skip
def test_a_pair_of_gcd_says_its_latest_word(pair: str, expected: str) -> None:
    assert states(gcd=f"1{pair}3l3l3l5") == (expected, UNSET, UNSET, UNSET)


@given(st.sampled_from("0123"), st.sampled_from(ALPHABET))
def test_every_pair_of_gcd_is_read_by_its_bits(implicit: str, explicit: str) -> None:
    code = ALPHABET.index(explicit)
    words = [word for word in (code % 4, code // 4 % 4, code // 16) if word >= 2]
    expected = {2: DENIED, 3: GRANTED}[words[0]] if words else DENIED if implicit == "2" else UNSET
    assert states(gcd=f"13l{implicit}{explicit}3l3l5l1")[1] == expected


@pytest.mark.parametrize(
    ("gcd", "expected"),
    [
        ("13t3t3t3t5l1", (GRANTED,) * 4),
        ("13p3p3p3p5", (DENIED,) * 4),
        ("13l3l3l3l1l1", (UNSET,) * 4),
        ("11l1l1l1l1", (UNSET,) * 4),
        ("13l3l3l2l1", (UNSET, UNSET, UNSET, DENIED)),
        ("13t3p3r3u5", (GRANTED, DENIED, GRANTED, DENIED)),
        ("13t3t3t3t", (GRANTED,) * 4),
        ("13t3t3t3t5l1" + "l" * 100, (GRANTED,) * 4),
        ("13n3nPn2n5l1", (GRANTED,) * 4),
    ],
)
def test_gcd_knows_four_types(gcd: str, expected: tuple[str, ...]) -> None:
    assert states(gcd=gcd) == expected
    assert set(sources(gcd=gcd)) <= {"gcd", ""}


@pytest.mark.parametrize("gcd", ["", "1", "13t3t3t3", "G13t3t3t3t5", "23t3t3t3t5", "13t3t3t!t5", "13t3t3t3té", "1" * 8])
def test_an_unreadable_gcd_says_nothing_and_gcs_counts(gcd: str) -> None:
    assert states(gcd=gcd) == (UNSET,) * 4
    assert states(gcd=gcd, gcs="G101") == (DENIED, GRANTED, DENIED, DENIED)


@pytest.mark.parametrize(
    ("gcs", "ads", "analytics"),
    [
        ("G111", GRANTED, GRANTED),
        ("G110", GRANTED, DENIED),
        ("G101", DENIED, GRANTED),
        ("G100", DENIED, DENIED),
        ("G1--", UNSET, UNSET),
        ("G10-", DENIED, UNSET),
        ("G1-1", UNSET, GRANTED),
        ("G1110", GRANTED, GRANTED),
        ("G1", UNSET, UNSET),
        ("G11", GRANTED, UNSET),
        ("G2GD", GRANTED, DENIED),
        ("G2gd", UNSET, DENIED),
        ("G2dG", DENIED, GRANTED),
        ("g1--", UNSET, UNSET),
        ("G311", UNSET, UNSET),
        ("granted", UNSET, UNSET),
        ("", UNSET, UNSET),
    ],
)
def test_gcs_knows_two_types_and_the_newer_ones_follow_ad_storage(gcs: str, ads: str, analytics: str) -> None:
    assert states(gcs=gcs) == (ads, analytics, ads, ads)


def test_without_any_signal_nothing_is_set() -> None:
    assert states() == (UNSET,) * 4
    assert sources() == ("",) * 4


def test_where_gcd_and_gcs_disagree_denied_wins_and_its_source_is_named() -> None:
    assert states(gcd="13t3p3t3t5", gcs="G101") == (DENIED, DENIED, GRANTED, GRANTED)
    assert sources(gcd="13t3p3t3t5", gcs="G101") == ("gcs", "gcd", "gcd", "gcd")


def test_where_gcd_and_gcs_agree_the_source_is_gcd() -> None:
    assert sources(gcd="13t3p3t3t5", gcs="G110") == ("gcd", "gcd", "gcd", "gcd")


def test_types_that_gcd_leaves_unset_follow_the_ad_storage_of_gcs() -> None:
    assert states(gcd="13p3p3l3l5", gcs="G100") == (DENIED,) * 4
    assert sources(gcd="13p3p3l3l5", gcs="G100") == ("gcd", "gcd", "gcs", "gcs")


def test_the_ad_storage_of_gcd_alone_says_nothing_about_the_newer_types() -> None:
    assert states(gcd="13t3t3l3l5") == (GRANTED, GRANTED, UNSET, UNSET)


@pytest.mark.parametrize("parameters", [{"npa": "1"}, {"up._npa": "1"}])
def test_npa_denies_personalisation_only(parameters: dict[str, str]) -> None:
    assert states(**parameters) == (UNSET, UNSET, UNSET, DENIED)
    assert sources(**parameters) == ("", "", "", "npa")


@pytest.mark.parametrize("npa", ["0", "", "true", "2"])
def test_no_other_value_of_npa_says_anything(npa: str) -> None:
    assert states(npa=npa) == (UNSET,) * 4


def test_npa_wins_over_a_grant_but_not_over_the_source_of_a_denial() -> None:
    assert states(gcd="13t3t3t3t5", npa="1") == (GRANTED, GRANTED, GRANTED, DENIED)
    assert states(gcs="G111", npa="1") == (GRANTED, GRANTED, GRANTED, DENIED)
    assert sources(gcd="13t3t3t3p5", npa="1")[3] == "gcd"


@given(gcd=st.text() | st.text(ALPHABET), gcs=st.text() | st.text("G12gdDG01-"), npa=st.text())
def test_no_signal_is_too_odd(gcd: str, gcs: str, npa: str) -> None:
    assert set(states(gcd=gcd, gcs=gcs, npa=npa)) <= {GRANTED, DENIED, UNSET}


def test_the_copy_of_gcd_counts_where_there_is_no_gcd_and_where_it_denies() -> None:
    granted, denied = "13t3t3t3t5", "13p3l3l3t5"
    assert states(**{"sst.gcd": granted}) == (GRANTED,) * 4
    assert states(**{"gcd": granted, "sst.gcd": denied}) == (DENIED, GRANTED, GRANTED, GRANTED)
    assert states(**{"gcd": denied, "sst.gcd": granted}) == (DENIED, GRANTED, GRANTED, GRANTED)
    assert sources(**{"gcd": "garbage", "sst.gcd": denied}) == ("gcd", "", "", "gcd")


@given(gcd=st.text(ALPHABET, max_size=14), copy=st.text(ALPHABET, max_size=14), gcs=st.text("G12gdDG01-", max_size=4))
def test_no_further_signal_ever_takes_a_denial_back(gcd: str, copy: str, gcs: str) -> None:
    alone = states(gcd=gcd)
    together = states(**{"gcd": gcd, "sst.gcd": copy, "gcs": gcs, "npa": "1"})
    assert all(after == DENIED for before, after in zip(alone, together, strict=True) if before == DENIED)
