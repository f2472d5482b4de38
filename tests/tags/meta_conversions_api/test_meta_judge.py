"""What each of Meta's answers means for the delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.effects import Response, Verdict
from tags.meta_conversions_api.codes import ADDRESS, CREDENTIAL, SUBCODES, TEMPORARY
from tags.meta_conversions_api.judge import judge

MEANINGS: list[tuple[int, str]] = [
    # Token and permission.
    *((code, "credential") for code in (3, 10, 102, 104, 190, 200, 210, 294, 299, 368, 2500)),
    # The address, and the version in it.
    *((code, "credential") for code in (12, 803, 2635)),
    # In a while.
    *((code, "retry") for code in (1, 2, 4, 17, 32, 341, 613, 80000, 80004, 80014)),
    # One event is bad, and all are refused.
    (100, "refused"),
    # Unknown to everybody.
    *((code, "retry") for code in (-1, 0, 5, 99, 101, 300, 400, 2804010, 79999, 80015)),
]


def failing(code: Any, *, status: int = 400, items: int = 1, headers: dict[str, str] | None = None, **more: Any) -> Any:
    error = {"message": "m", "type": "OAuthException", "code": code, "fbtrace_id": "AbC_-1", **more}
    return Response(status, headers or {}, json.dumps({"error": error}).encode(), items=items)


def received(number: Any, *, items: int = 1, status: int = 200) -> Response:
    body = {"events_received": number, "messages": [], "fbtrace_id": "AbC"}
    return Response(status, {}, json.dumps(body).encode(), items=items)


@pytest.mark.parametrize(("code", "kind"), MEANINGS)
def test_a_code_has_one_meaning(code: int, kind: str) -> None:
    verdict = judge(failing(code, items=2))
    assert (verdict.kind, verdict.index, verdict.refused) == (kind, None, ())
    assert f"code {code}" in verdict.reason
    assert verdict.reason.endswith(", trace AbC_-1")


def test_every_code_of_the_tables_has_its_meaning() -> None:
    assert {judge(failing(code)).kind for code in (*CREDENTIAL, *ADDRESS)} == {"credential"}
    assert {judge(failing(code)).about for code in CREDENTIAL} == {"key"}
    assert {judge(failing(code)).about for code in ADDRESS} == {"address"}
    assert {judge(failing(code)).kind for code in TEMPORARY} == {"retry"}


@pytest.mark.parametrize("items", [1, 2, 500])
def test_what_was_received_whole_is_delivered(items: int) -> None:
    assert judge(received(items, items=items)) == Verdict("delivered")


@pytest.mark.parametrize(("number", "items"), [(0, 1), (1, 2), (499, 500)])
def test_a_request_of_which_events_are_missing_goes_again(number: int, items: int) -> None:
    verdict = judge(received(number, items=items))
    told = f"{number} of {items} events were taken, and nobody can say which, trace AbC"
    assert verdict == Verdict("retry", told)


@pytest.mark.parametrize("number", [None, "1", True, [], 1.5])
def test_an_answer_that_counts_nothing_goes_again(number: object) -> None:
    assert judge(received(number)).kind == "retry"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"0", b"null", b"{}", b'{"error": "no"}', b"\xff"])
def test_an_answer_that_is_none_goes_again(body: bytes) -> None:
    verdict = judge(Response(200, {"retry-after": "3"}, body))
    assert verdict == Verdict("retry", "unknown_reply: no JSON with events_received", after=3.0)


@pytest.mark.parametrize("status", [200, 400, 422, 409])
def test_a_bad_event_is_searched_for_in_its_batch(status: int) -> None:
    verdict = judge(failing(100, status=status, items=3, error_subcode=2804010))
    told = "code 100, subcode 2804010: a purchase has no currency, trace AbC_-1"
    assert verdict == Verdict("refused", told)


@pytest.mark.parametrize("subcode", [*SUBCODES, 7, None, "33", True])
def test_a_subcode_tells_more_where_it_is_known(subcode: Any) -> None:
    assert judge(failing(100, error_subcode=subcode)).kind == "refused"


def test_a_pixel_that_does_not_exist_condemns_no_event() -> None:
    verdict = judge(failing(100, error_subcode=33))
    assert (verdict.kind, verdict.about) == ("credential", "key")


@pytest.mark.parametrize(
    "message",
    [
        "API calls from the server require an appsecret_proof argument",
        "Invalid appsecret_proof provided in the argument",
    ],
)
def test_a_missing_or_wrong_proof_condemns_no_event(message: str) -> None:
    assert judge(failing(100, message=message)).kind == "credential"


def test_what_will_pass_goes_again() -> None:
    verdict = judge(failing(100, is_transient=True, headers={"retry-after": "7"}))
    assert (verdict.kind, verdict.after) == ("retry", 7.0)
    assert judge(failing(99, is_transient=True)).reason == "code 99: Meta says that it will pass, trace AbC_-1"


@pytest.mark.parametrize("code", [190, 10, 2635])
def test_a_refused_token_does_not_pass_by_itself(code: int) -> None:
    assert judge(failing(code, is_transient=True)).kind == "credential"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "refused") for status in (400, 409, 413, 422)),
        *((status, "credential") for status in (401, 403)),
        *((status, "credential") for status in (300, 301, 302, 304, 307, 308, 404, 405, 410, 501, 505)),
        *((status, "retry") for status in (402, 406, 408, 425, 429, 451, 500, 502, 503, 504)),
    ],
)
def test_without_a_code_the_status_decides(status: int, kind: str) -> None:
    assert judge(Response(status, {}, b"<html>")).kind == kind
    assert judge(received(1, status=status)).kind == kind


@pytest.mark.parametrize(
    ("status", "kind", "about"),
    [
        (401, "credential", "key"),
        (403, "credential", "key"),
        (404, "credential", "address"),
        (302, "credential", "address"),
        (500, "retry", "key"),
        (503, "retry", "key"),
        (429, "retry", "key"),
    ],
)
def test_a_status_about_key_or_address_is_believed_beside_a_code_that_says_less(
    status: int, kind: str, about: str
) -> None:
    for code in (100, 99):
        verdict = judge(failing(code, status=status))
        assert (verdict.kind, verdict.about) == (kind, about)
        assert f"code {code}" in verdict.reason


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_code_about_the_rate_is_believed_whatever_the_status(status: int) -> None:
    assert judge(failing(80004, status=status)).kind == "retry"


def test_a_request_that_is_too_large_says_so() -> None:
    assert judge(failing(100, status=413, items=3)).too_large is True
    assert judge(failing(100, status=400, items=3)).too_large is False


@pytest.mark.parametrize("code", ["190", 190.0, True, None, [190]])
def test_a_code_that_is_no_whole_number_is_none(code: object) -> None:
    assert judge(failing(code, status=400)).kind == "refused"
    assert judge(failing(code, status=503)).kind == "retry"


def test_nothing_that_meta_quotes_gets_into_a_reason() -> None:
    quoted = "jane@example.com"
    for code in (100, 190, 4, 7, 2635):
        more: dict[str, Any] = {
            "error_user_msg": quoted,
            "error_user_title": quoted,
            "fbtrace_id": f"{quoted}\n",
            "message": quoted,
        }
        assert "jane" not in judge(failing(code, **more)).reason


@given(st.integers(100, 599), st.binary(max_size=200), st.integers(1, 500))
def test_no_bytes_make_it_raise(status: int, body: bytes, items: int) -> None:
    assert isinstance(judge(Response(status, {}, body, items=items)), Verdict)


_ANY = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)


@given(
    error=_ANY
    | st.dictionaries(st.sampled_from(["code", "error_subcode", "message", "is_transient", "fbtrace_id"]), _ANY),
    number=_ANY,
    status=st.sampled_from([200, 400, 401, 404, 429, 500]),
    items=st.integers(1, 3),
)
def test_no_answer_makes_it_raise_or_lose_an_event(error: Any, number: Any, status: int, items: int) -> None:
    body = {"error": error, "events_received": number, "fbtrace_id": number}
    verdict = judge(Response(status, {}, json.dumps(body).encode(), items=items))
    assert verdict.index is None
    assert verdict.refused == ()
    if verdict.kind == "delivered":
        assert status == 200
        assert type(number) is int
        assert number >= items
