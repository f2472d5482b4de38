"""The client `ga4`: its cases, its settings, and hits that are too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from clients.ga4 import MOST_EVENTS, MOST_LINES, Ga4, ga4
from container.component import component_of
from container.event import Hit
from container.testing import Case, cases_in, run_case

CASES = cases_in(Path(__file__).parent / "ga4")
QUERY = "v=2&tid=G-ABC123XYZ9&cid=1.2"


@pytest.mark.parametrize("case", CASES, ids=[case.path.stem for case in CASES])
def test_a_case_comes_out_as_its_file_says(case: Case) -> None:
    component = component_of(ga4)
    assert component is not None
    assert run_case(component, case) == []


def hit(query: str = QUERY, body: bytes = b"", method: str = "POST") -> Hit:
    return Hit(b"0" * 16, 1_763_640_001_410, method, "/g/collect", query, body=body)


def test_events_are_counted_from_zero_within_their_hit() -> None:
    claim = ga4(Ga4(), hit(body=b"en=one\nnothing\nen=two"))
    assert claim is not None
    assert [(event.index, event.name) for event in claim.events] == [(0, "one"), (1, "two")]


def test_as_many_events_as_are_allowed_are_all_taken() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll\n" * MOST_EVENTS))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (MOST_EVENTS, 204)


def test_a_hit_with_more_events_is_refused_whole() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll\n" * (MOST_EVENTS + 1)))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (0, 413)


def test_a_hit_with_endless_lines_is_refused_without_reading_them() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll" + b"\n" * (MOST_LINES + 1)))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (0, 413)


def test_endless_lines_for_somebody_else_are_passed_on() -> None:
    assert ga4(Ga4(), hit(query="", body=b"\n" * (MOST_LINES + 1))) is None


def test_many_empty_lines_are_no_events() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll" + b"\n" * MOST_LINES))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (1, 204)


def test_by_default_it_listens_where_gtag_sends() -> None:
    assert Ga4().paths == ("/g/collect", "/collect")


@pytest.mark.parametrize("path", ["g/collect", "/", "/g/collect/", ""])
def test_a_path_starts_with_a_slash_and_does_not_end_with_one(path: str) -> None:
    with pytest.raises(ValidationError):
        Ga4.model_validate({"paths": path})


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/", "https://Shop.example", "*", "ftp://a.b"])
def test_what_no_browser_sends_as_an_origin_is_no_setting(origin: str) -> None:
    with pytest.raises(ValidationError):
        Ga4.model_validate({"allow_origins": [origin]})
