"""What each of TikTok's answers means for the delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.effects import Response, Verdict
from tags.tiktok_events_api.judge import judge

CREDENTIAL_CODES = [40001, *range(40101, 40108), 40110, 40113, *range(40115, 40120), 40124, 40125, 40130, 40131]
REFUSED_CODES = [
    *(40000, 40002, 40003, 40006, 40007, 40008, 40010, 40016, 40051, 40061, 40062, 40063),
    *(40300, 40301, 40400, 40700, 41000, 41001, 41002, 49999),
]
RETRY_CODES = [
    *(40100, 40132, 40201, 40202, 50000, 50002, 51000, 51010, 51012, 51099, 52000, 52003, 60001, 61000),
    *(99999, 10**30, 1, -1, 20002, 30000),
]


def answer(body: Any, *, status: int = 200, items: int = 1, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, json.dumps(body).encode(), items=items)


@pytest.mark.parametrize("data", [{}, None])
def test_code_0_is_delivered(data: object) -> None:
    assert judge(answer({"code": 0, "message": "OK", "request_id": "r", "data": data})) == Verdict("delivered")


def test_a_duplicate_is_delivered() -> None:
    assert judge(answer({"code": 40050})).kind == "delivered"


@pytest.mark.parametrize("code", CREDENTIAL_CODES)
def test_a_refused_key_pauses_the_lane(code: int) -> None:
    assert judge(answer({"code": code, "message": "m"})).kind == "credential"


@pytest.mark.parametrize("code", REFUSED_CODES)
def test_a_200_with_a_permanent_code_is_refused(code: int) -> None:
    verdict = judge(answer({"code": code, "message": "m"}))
    assert (verdict.kind, verdict.index) == ("refused", None)
    assert str(code) in verdict.reason


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


def test_a_batch_taken_in_part_is_not_sent_again() -> None:
    verdict = judge(answer({"code": 20001, "data": {"failed_events": [{"order": 1}]}}, items=3))
    assert verdict == Verdict("delivered", "code 20001: taken in part, 1 of 3 reported as failed")


def test_a_partial_answer_without_a_list_is_delivered() -> None:
    for data in (dict[str, int](), None, {"failed_events": 3}, list[int]()):
        assert judge(answer({"code": 20001, "data": data})) == Verdict("delivered", "code 20001: taken in part")


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
        *((201, "delivered"), (301, "refused"), (302, "refused"), (307, "refused")),
        *((400, "refused"), (401, "credential"), (403, "credential"), (404, "refused"), (413, "refused")),
        *((408, "retry"), (425, "retry"), (429, "retry")),
        *((500, "retry"), (502, "retry"), (503, "retry"), (504, "retry"), (520, "retry"), (501, "refused")),
    ],
)
def test_another_status_than_200_decides(status: int, kind: str) -> None:
    assert judge(answer({"code": 0}, status=status)).kind == kind


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
    | st.dictionaries(st.just("failed_events"), st.none() | st.lists(st.none())),
    items=st.integers(1, 3),
)
def test_no_answer_makes_it_raise_or_name_a_stranger(code: Any, message: Any, data: Any, items: int) -> None:
    body = {"code": code, "message": message, "data": data, "request_id": message}
    verdict = judge(answer(body, items=items))
    assert verdict.index is None or verdict.index < items
    assert (verdict.kind == "delivered") == (type(code) is int and code in (0, 40050, 20001) and verdict.index is None)
