"""What each of TikTok's answers means for the delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.effects import Response, Verdict
from container.sandbox.tiktok import CODES
from tags.tiktok_events_api.judge import judge

MEANINGS: list[tuple[int, str]] = [
    # Accepted; 20001 without a list of events too.
    *((0, "delivered"), (20001, "delivered"), (40050, "delivered")),
    # The content is bad: the named event, else the batch is searched for it.
    *((40000, "refused"), (40002, "refused"), (40061, "refused"), (40062, "refused")),
    # Account and permission.
    *((40001, "credential"), (40003, "credential"), (40300, "credential"), (40301, "credential")),
    (41000, "credential"),
    # Token and app.
    *((code, "credential") for code in range(40101, 40108)),
    *((code, "credential") for code in (40110, 40113, 40115, 40116, 40117, 40118, 40119, 40124, 40125, 40130, 40131)),
    # Address and form of all requests.
    *((code, "credential") for code in (40006, 40007, 40008, 40010, 40051, 40063, 40400, 41001, 41002)),
    # Event or account, nobody says.
    *((40016, "retry"), (40700, "retry")),
    # In a while.
    *((40100, "retry"), (40132, "retry"), (40201, "retry"), (40202, "retry"), (61000, "retry")),
    *((50000, "retry"), (50002, "retry"), (51000, "retry"), (51010, "retry"), (51012, "retry"), (51099, "retry")),
    *((52000, "retry"), (52001, "retry"), (52002, "retry"), (52003, "retry"), (60001, "retry")),
    # Unknown to everybody.
    *((code, "retry") for code in (49999, 40004, 42000, 99999, 1, -1, 20002, 30000)),
]
RETRY_CODES = [10**30, *(code for code, kind in MEANINGS if kind == "retry")]


def answer(body: Any, *, status: int = 200, items: int = 1, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, json.dumps(body).encode(), items=items)


@pytest.mark.parametrize(("code", "kind"), MEANINGS)
def test_a_code_has_one_meaning(code: int, kind: str) -> None:
    verdict = judge(answer({"code": code, "message": "m", "request_id": "r", "data": {}}, items=2))
    assert (verdict.kind, verdict.index, verdict.refused) == (kind, None, ())
    assert not code or str(code) in verdict.reason


def test_the_sandbox_can_give_each_answer() -> None:
    assert {code for code in CODES if code not in dict(MEANINGS)} == set()


@pytest.mark.parametrize("data", [{}, None])
def test_code_0_is_delivered(data: object) -> None:
    assert judge(answer({"code": 0, "message": "OK", "request_id": "r", "data": data})) == Verdict("delivered")


@pytest.mark.parametrize("code", [40001, 40003, 40007, 40016, 40105, 40300, 40400, 40700, 41002, 49999])
def test_a_code_that_says_nothing_about_the_event_never_condemns_it(code: int) -> None:
    for status in (200, 400, 401, 403, 404, 410, 413, 422, 429, 500):
        assert judge(answer({"code": code, "message": "m"}, status=status)).kind in ("credential", "retry")


def test_a_batch_of_one_never_has_a_wrong_size() -> None:
    assert judge(answer({"code": 40061, "message": "m"}, items=1)).kind == "retry"


@pytest.mark.parametrize(("code", "too_large"), [(40061, True), (40002, False)])
def test_a_batch_of_a_wrong_size_is_too_large(code: int, too_large: bool) -> None:
    assert judge(answer({"code": code, "message": "m"}, items=3)).too_large is too_large


@pytest.mark.parametrize("code", [40016, 40700, 49999])
def test_an_unclear_code_that_names_an_event_is_about_that_event(code: int) -> None:
    verdict = judge(answer({"code": code, "message": "Batch.1.event: no"}, items=3))
    assert (verdict.kind, verdict.index) == ("refused", 1)


@pytest.mark.parametrize("code", RETRY_CODES)
def test_a_temporary_or_unknown_code_is_tried_again(code: int) -> None:
    assert judge(answer({"code": code, "message": "m"}, retry_after="7")) == Verdict(
        "retry", judge(answer({"code": code})).reason, after=7.0
    )


@pytest.mark.parametrize("message", ["Access token is invalid", "auth failed", "no authorization"])
def test_40100_about_the_token_is_a_matter_of_the_key(message: str) -> None:
    assert judge(answer({"code": 40100, "message": message})).kind == "credential"


def test_40100_about_frequency_is_tried_again() -> None:
    assert judge(answer({"code": 40100, "message": "Requests made too frequently"})).kind == "retry"


def test_the_offender_of_a_batch_is_named() -> None:
    message = "Batch.1.event_time: jane@example.com is no integer"
    verdict = judge(answer({"code": 40002, "message": message, "request_id": "2026-r"}, items=3))
    assert verdict == Verdict(
        "refused", "code 40002: a parameter is wrong, request 2026-r, at Batch.1.event_time", index=1
    )


def test_an_offender_deep_in_an_event_is_named_with_its_place() -> None:
    verdict = judge(answer({"code": 40002, "message": "Batch.0.properties.contents.0.content_id: Not a valid string"}))
    assert verdict.index == 0
    assert verdict.reason.endswith("at Batch.0.properties.contents.0.content_id")


def test_an_offender_beyond_the_batch_is_nobody() -> None:
    assert judge(answer({"code": 40002, "message": "Batch.3.event"}, items=3)).index is None


def test_an_offender_is_named_with_status_400_too() -> None:
    verdict = judge(answer({"code": 40002, "message": "Batch.1.event"}, status=400, items=2))
    assert (verdict.kind, verdict.index) == ("refused", 1)


def test_an_offender_does_not_turn_a_retry_into_a_refusal() -> None:
    assert judge(answer({"code": 50000, "message": "Batch.0.event"})).kind == "retry"
    assert judge(answer({"code": 40002, "message": "Batch.0.event"}, status=503)).kind == "retry"


def test_the_message_never_gets_into_a_reason() -> None:
    for code in (40000, 40002, 40001, 40100, 50000, 20001, 7):
        body = {"code": code, "message": "token of jane@example.com", "request_id": "jane@example.com\n"}
        assert "jane" not in judge(answer(body)).reason


@pytest.mark.parametrize(
    "failed",
    [
        [{"order": 0}, {"order": 2, "reason": "jane@example.com"}],
        [{"order_in_batch": 2}, {"index": 0}, {"order": 0}],
        [2, 0],
    ],
)
def test_the_named_events_of_a_batch_taken_in_part_are_refused_and_no_others(failed: list[Any]) -> None:
    verdict = judge(answer({"code": 20001, "data": {"failed_events": failed}}, items=3))
    assert verdict == Verdict("delivered", "code 20001: taken in part, 2 of 3 events failed", refused=(0, 2))


@pytest.mark.parametrize("failed", [[{"order": 3}], [{"order": -1}], [{"order": "1"}], [{"order": True}], [{}], [None]])
def test_an_event_that_cannot_be_placed_condemns_nobody(failed: list[Any]) -> None:
    verdict = judge(answer({"code": 20001, "data": {"failed_events": [{"order": 1}, *failed]}}, items=3))
    told = "code 20001: taken in part, 2 of 3 events failed, and nobody can say which"
    assert verdict == Verdict("delivered", told)


def test_a_partial_answer_without_a_list_is_delivered() -> None:
    for data in (dict[str, int](), None, {"failed_events": 3}, list[int](), {"failed_events": list[int]()}):
        verdict = judge(answer({"code": 20001, "data": data}, items=2))
        assert verdict == Verdict("delivered", "code 20001: taken in part, and no event is named")


def test_a_single_event_that_is_listed_as_failed_is_refused() -> None:
    verdict = judge(answer({"code": 20001, "data": {"failed_events": [{"order": 0}]}}))
    assert (verdict.kind, verdict.index) == ("refused", 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"0", b"null", b'{"code": "0"}', b'{"code": true}', b'{"code": null}', b"{}", b"\xff"],
)
def test_an_answer_without_a_code_is_tried_again(body: bytes) -> None:
    verdict = judge(Response(200, {"retry-after": "3"}, body))
    assert verdict == Verdict("retry", "unknown_reply: no JSON with a code", after=3.0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((201, "delivered"), (400, "refused"), (409, "refused"), (413, "refused"), (422, "refused")),
        *((status, "credential") for status in (401, 403)),
        *((status, "credential") for status in (300, 301, 302, 304, 307, 308, 404, 405, 410, 501, 505)),
        *((status, "retry") for status in (402, 406, 408, 421, 425, 426, 429, 451)),
        *((status, "retry") for status in (500, 502, 503, 504, 520)),
    ],
)
def test_another_status_than_200_decides(status: int, kind: str) -> None:
    assert judge(answer({"code": 0}, status=status)).kind == kind
    assert judge(Response(status, {}, b"<html>")).kind == ("retry" if status == 201 else kind)


@pytest.mark.parametrize(("code", "kind"), [(40105, "credential"), (40001, "credential"), (50000, "retry")])
def test_a_status_400_with_a_code_means_what_the_code_means(code: int, kind: str) -> None:
    assert judge(answer({"code": code, "message": "m"}, status=400)).kind == kind


@pytest.mark.parametrize("code", [0, 20001, 40050])
def test_a_status_400_is_never_a_delivery(code: int) -> None:
    assert judge(answer({"code": code, "data": {"failed_events": [0]}}, status=400)).kind == "refused"


def test_429_waits_as_long_as_it_says() -> None:
    assert judge(answer({"code": 40100}, status=429, retry_after="30")).after == 30


@given(st.integers(100, 599), st.binary(max_size=200), st.integers(1, 500))
def test_no_bytes_make_it_raise(status: int, body: bytes, items: int) -> None:
    assert isinstance(judge(Response(status, {}, body, items=items)), Verdict)


@given(
    code=st.integers() | st.floats(allow_nan=False) | st.none() | st.text(),
    message=st.none() | st.text() | st.integers(0, 10**9).map("Batch.{}.a".format),
    data=st.none()
    | st.lists(st.integers())
    | st.dictionaries(st.just("failed_events"), st.none() | st.lists(st.none() | st.integers(-1, 4))),
    items=st.integers(1, 3),
)
def test_no_answer_makes_it_raise_or_name_a_stranger(code: Any, message: Any, data: Any, items: int) -> None:
    body = {"code": code, "message": message, "data": data, "request_id": message}
    verdict = judge(answer(body, items=items))
    assert verdict.index is None or verdict.index < items
    assert all(place < items for place in verdict.refused)
    assert (verdict.kind == "delivered") == (type(code) is int and code in (0, 40050, 20001) and verdict.index is None)
