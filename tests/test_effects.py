"""What components give back: bodies in their envelopes, and vendors' answers that are read whatever they are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.effects import (
    LONGEST_WAIT_SECONDS,
    SHORTEST_WAIT_SECONDS,
    Batch,
    Claim,
    Request,
    Response,
    by_status,
    retry_after,
    splice,
)

NOW = 1_763_640_000_000
"""2025-11-20 12:00:00 UTC in milliseconds."""

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def waiting(stated: str) -> float | None:
    return retry_after(Response(503, {"retry-after": stated}, received=NOW))


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Etc/GMT+12")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_without_a_batch_the_document_is_the_json() -> None:
    assert Request("POST", "https://vendor.example/", json={"a": 1}).document == {"a": 1}


@pytest.mark.parametrize(
    ("stated", "kept"), [(None, None), (1.5, 1.5), (0, 0.0), (-3, 0.0), (60, 5.0), (float("nan"), 0.0)]
)
def test_a_reply_waits_for_cookies_no_longer_than_it_may(stated: float | None, kept: float | None) -> None:
    request = Request("GET", "https://relay.example/", reply_cookies=stated)
    assert request.reply_cookies == kept
    assert replace(request, account="other").reply_cookies == kept


def test_what_is_no_number_of_seconds_is_the_tags_mistake() -> None:
    soon: Any = "soon"
    with pytest.raises(ValueError, match="soon"):
        Request("GET", "https://relay.example/", reply_cookies=soon)


def test_with_a_batch_the_document_is_the_item_in_its_envelope() -> None:
    envelope = {"source": "web", "data": []}
    request = Request(
        "POST", "https://vendor.example/", json=envelope, item={"event": "Purchase"}, batch=Batch("data", 10)
    )
    assert request.document == {"source": "web", "data": [{"event": "Purchase"}]}
    assert envelope == {"source": "web", "data": []}


@pytest.mark.parametrize(
    ("envelope", "path", "expected"),
    [
        ({}, "data", {"data": [1, 2]}),
        ({"data": "placeholder", "a": 0}, "data", {"data": [1, 2], "a": 0}),
        ({"a": 0}, "body.events", {"a": 0, "body": {"events": [1, 2]}}),
        ({"body": {"b": 0}}, "body.inner.events", {"body": {"b": 0, "inner": {"events": [1, 2]}}}),
    ],
)
def test_items_become_the_list_at_the_path(envelope: Mapping[str, Any], path: str, expected: Mapping[str, Any]) -> None:
    assert splice(envelope, path, (1, 2)) == expected


def test_a_claim_answers_204_with_no_events_unless_it_says_more() -> None:
    assert (Claim().events, Claim().reply.status, Claim().reply.body) == ((), 204, b"")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":0}', {"code": 0}),
        (b"null", None),
        (b"", None),
        (b"<html>", None),
        (b'{"code":', None),
        (b"\xff", None),
    ],
)
def test_the_body_of_an_answer_is_json_or_none(body: bytes, expected: object) -> None:
    assert Response(200, body=body).json() == expected


@given(st.binary() | st.builds(lambda depth: b"[" * depth, st.integers(0, 5000)))
def test_any_body_is_read(body: bytes) -> None:
    found = Response(200, body=body).json()
    assert found is None or orjson.loads(body) == found


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "delivered") for status in (200, 201, 202, 204, 299)),
        *((status, "credential") for status in (401, 403)),
        *((status, "refused") for status in (400, 409, 411, 412, 413, 414, 415, 416, 417, 422, 431)),
        # Of these none says anything about the event.
        *((status, "retry") for status in (300, 301, 302, 304, 307, 308, 399)),
        *((status, "retry") for status in (402, 404, 405, 406, 407, 410, 421, 426, 451, 499)),
        *((status, "retry") for status in (408, 425, 429)),
        *((status, "retry") for status in (500, 501, 502, 503, 504, 505, 507, 520, 529, 599)),
        *((status, "retry") for status in (0, 100, 101, 199, 600, 999)),
    ],
)
def test_a_status_has_one_meaning(status: int, kind: str) -> None:
    assert by_status(Response(status)).kind == kind


@given(st.integers(-1000, 100_000))
def test_only_a_2xx_is_a_delivery(status: int) -> None:
    verdict = by_status(Response(status))
    assert (verdict.kind == "delivered") == (200 <= status < 300)
    assert (verdict.kind == "delivered") or str(status) in verdict.reason


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_retry_waits_as_long_as_the_vendor_asks(status: int) -> None:
    assert by_status(Response(status, {"retry-after": "120"})).after == 120.0


@pytest.mark.parametrize("status", [200, 400, 401, 403, 422])
def test_other_verdicts_wait_for_nothing(status: int) -> None:
    assert by_status(Response(status, {"retry-after": "120"})).after is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", SHORTEST_WAIT_SECONDS),
        ("3600", 3600.0),
        ("3601", LONGEST_WAIT_SECONDS),
        ("9" * 100_000, LONGEST_WAIT_SECONDS),
        ("Thu, 20 Nov 2025 12:05:00 GMT", 300.0),
        ("Thu, 20 Nov 2025 13:05:00 +0100", 300.0),
        ("Thursday, 20-Nov-25 12:05:00 GMT", 300.0),
        ("Thu Nov 20 12:05:00 2025", 300.0),
        ("Thu, 20 Nov 2025 11:00:00 GMT", SHORTEST_WAIT_SECONDS),
        ("Fri, 21 Nov 2025 12:00:00 GMT", LONGEST_WAIT_SECONDS),
        ("10, 40", 40.0),
        ("40,10", 40.0),
        ("soon, 40", 40.0),
        ("10, Thu, 20 Nov 2025 12:05:00 GMT", 300.0),
        ("Thu, 20 Nov 2025 12:05:00 GMT, 400", 400.0),
        ("Thu, 20 Nov 2025 12:05:00 GMT, Thu, 20 Nov 2025 12:10:00 GMT", 600.0),
    ],
)
def test_a_wait_is_read_from_seconds_or_a_date_and_kept_within_limits(stated: str, expected: float) -> None:
    assert waiting(stated) == expected


@pytest.mark.parametrize("stated", ["Thu, 20 Nov 2025 12:05:00 -0000", "Thu, 20 Nov 2025 12:05:00"])
@pytest.mark.usefixtures("far_from_greenwich")
def test_a_date_without_a_zone_is_utc_wherever_this_runs(stated: str) -> None:
    assert time.timezone != 0
    assert waiting(stated) == 300.0


@pytest.mark.parametrize(
    "stated",
    ["", " ", "soon", "-5", "1.5", "1e3", "٣", "²", ",", ":::", "Thu, 99 Nov 2025 12:05:00 GMT", "5 Jan\ud800"],
)
def test_a_wait_that_cannot_be_read_is_none(stated: str) -> None:
    assert waiting(stated) is None


def test_without_the_header_there_is_no_wait() -> None:
    assert retry_after(Response(503)) is None


DATE_LIKE = st.lists(
    st.sampled_from(
        ["Thu", ",", " ", "20", "Nov", "2025", "12", ":", "05", "GMT", "+9999", "-", "99999999999", "0", "é"]
    )
).map("".join)


@given(ANY_TEXT | DATE_LIKE | st.from_regex(r"[A-Z][a-z]{2}, \d{1,5} [A-Z][a-z]{2} \d{1,6} [\d:]{0,12} .{0,6}"))
def test_any_header_gives_a_wait_within_limits_or_none(stated: str) -> None:
    found = waiting(stated)
    assert found is None or SHORTEST_WAIT_SECONDS <= found <= LONGEST_WAIT_SECONDS


@given(st.integers(1, 3600))
def test_a_date_asks_for_the_same_wait_as_its_distance_in_seconds(seconds: int) -> None:
    date = datetime.fromtimestamp(NOW / 1000 + seconds, UTC)
    assert waiting(format_datetime(date, usegmt=True)) == waiting(str(seconds)) == seconds
