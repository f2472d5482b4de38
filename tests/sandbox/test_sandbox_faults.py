"""Every fault of the sandbox answers exactly as it was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.sandbox.faults import FaultError, parse_fault
from container.sandbox.tiktok import CODES, tiktok
from tests.sandbox.parts import LEAD, PURCHASE, Sandbox

FAULTS: list[tuple[dict[str, Any], int, Any, dict[str, str]]] = [
    ({"code": 0}, 200, {"code": 0, "message": "OK", "data": {}}, {}),
    ({"code": 0, "data": None}, 200, {"code": 0, "message": "OK", "data": None}, {}),
    ({"code": 40002, "message": "Batch.1.event_time: x"}, 200, {"code": 40002, "message": "Batch.1.event_time: x"}, {}),
    ({"partial": True}, 200, {"code": 20001}, {}),
    ({"body": {"code": 51010}}, 200, {"code": 51010}, {}),
    ({"status": 200, "body": "plain"}, 200, "plain", {}),
    ({"html": True}, 200, "<html>", {"content-type": "text/html"}),
    ({"empty": True}, 200, "", {"content-length": "0"}),
    ({"redirect": "https://elsewhere.example/"}, 302, "", {"location": "https://elsewhere.example/"}),
    *(
        ({"status": status}, status, None, {})
        for status in (302, 400, 401, 403, 404, 408, 425, 500, 502, 503, 504, 599)
    ),
    ({"status": 204, "body": "never sent"}, 204, "", {}),
    ({"status": 429, "retry_after": 2}, 429, "Too Many Requests", {"retry-after": "2"}),
    ({"status": 429, "retry_after": 0.5}, 429, None, {"retry-after": "0.5"}),
    (
        {"status": 503, "retry_after": "Thu, 01 Jan 2026 10:05:00 GMT", "body": {"a": 1}},
        503,
        {"a": 1},
        {"retry-after": "Thu, 01 Jan 2026 10:05:00 GMT"},
    ),
    *(({"code": code}, 200, {"code": code, "message": message}, {}) for code, message in CODES.items()),
]


@pytest.mark.parametrize(("written", "status", "body", "headers"), FAULTS, ids=[json.dumps(row[0]) for row in FAULTS])
def test_a_fault_answers_exactly_as_asked(
    written: dict[str, Any], status: int, body: Any, headers: dict[str, str]
) -> None:
    sandbox = Sandbox()
    assert sandbox.fault(written).json() == {"faults": [{**written, "times": 1}]}
    answer = sandbox.track()
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in headers} == headers
    if isinstance(body, dict):
        assert {name: answer.json()[name] for name in body} == body
    elif body is not None:
        assert answer.text.startswith(body)
        assert bool(answer.text) is bool(body)
    assert sandbox.received()[0]["verdict"] == "faulted"
    assert sandbox.received()[0]["fault"] == written


def test_a_code_answers_404_only_for_a_wrong_address() -> None:
    sandbox = Sandbox()
    sandbox.fault({"code": 40400})
    assert sandbox.track().status_code == 200


def test_a_partial_success_names_the_failed_events() -> None:
    sandbox = Sandbox()
    sandbox.fault({"partial": [0, 3]})
    assert [failed["order"] for failed in sandbox.track().json()["data"]["failed_events"]] == [0, 3]


def test_a_slow_answer_is_the_true_one_after_a_while() -> None:
    sandbox = Sandbox()
    sandbox.fault({"slow": 2.5})
    assert sandbox.track().json()["code"] == 0
    assert sandbox.slept == [2.5]
    assert sandbox.received()[0]["verdict"] == "accepted"


def test_slow_goes_with_another_fault() -> None:
    sandbox = Sandbox()
    sandbox.fault({"slow": 1, "status": 504})
    assert sandbox.track().status_code == 504
    assert sandbox.slept == [1]


def test_a_broken_connection_has_no_answer() -> None:
    sandbox = Sandbox()
    sandbox.fault({"close": True})
    with pytest.raises(ConnectionAbortedError):
        sandbox.track()
    assert sandbox.received()[0]["status"] is None


def test_faults_come_in_their_order_and_as_often_as_asked() -> None:
    sandbox = Sandbox()
    sandbox.fault([{"code": 50000, "times": 2}, {"status": 503}])
    answers = [sandbox.track() for _ in range(4)]
    assert [(answer.status_code, answer.text[:13]) for answer in answers] == [
        (200, '{"code": 5000'),
        (200, '{"code": 5000'),
        (503, "Service Unava"),
        (200, '{"code": 0, "'),
    ]
    assert sandbox.call("GET", "/faults").json() == {"faults": []}


def test_a_fault_for_an_event_waits_for_that_event() -> None:
    sandbox = Sandbox()
    sandbox.fault({"code": 50000, "event": "Lead"})
    assert [sandbox.track(body).json()["code"] for body in (PURCHASE, LEAD, LEAD)] == [0, 50000, 0]


def test_a_fault_for_always_stays_until_it_is_taken_away() -> None:
    sandbox = Sandbox()
    sandbox.fault({"status": 503, "times": "always"})
    assert [sandbox.track().status_code for _ in range(3)] == [503] * 3
    sandbox.call("DELETE", "/faults")
    assert sandbox.track().status_code == 200


def test_a_faulted_request_keeps_what_the_check_would_have_said() -> None:
    sandbox = Sandbox()
    sandbox.fault({"status": 503})
    sandbox.track({**PURCHASE, "data": [{}]})
    assert sandbox.received()[0]["reasons"][0].startswith("Batch.0.event: Missing")


def test_a_fault_may_be_written_as_a_query() -> None:
    sandbox = Sandbox()
    assert sandbox.call("POST", "/faults?code=40100&times=3&event=Purchase").json() == {
        "faults": [{"code": 40100, "event": "Purchase", "times": 3}]
    }


WRONG_FAULTS: list[Any] = [
    *([], "x", 5, None, {}, {"times": 1}, {"teapot": True}),
    *({"code": code} for code in ("40100", True, -1, 100_000, 1.5)),
    *({"status": status} for status in (99, 100, 199, 600, "503", True)),
    *({"status": 503, "times": times} for times in (0, -1, 1.5, "3", True, None, 1_000_001)),
    *({"slow": seconds} for seconds in (-1, 601, "5", True, None)),
    *({"status": 429, "retry_after": wait} for wait in (-1, True, "a\r\nx: y", "é")),
    *({"redirect": address} for address in ("", 5, "a\nb", True)),
    *({"html": False}, {"empty": 1}, {"close": "yes"}, {"partial": False}, {"partial": ["x"]}, {"partial": [-1]}),
    *({"status": 503, "code": 40100}, {"html": True, "empty": True}, {"code": 1, "message": 5}),
    *({"status": 503, "event": 5}, {"status": 503, "vendor": "nobody"}, {"status": 503, "vendor": 5}),
]


@pytest.mark.parametrize("written", WRONG_FAULTS, ids=json.dumps)
def test_a_fault_that_cannot_be_meant_is_explained(written: Any) -> None:
    with pytest.raises(FaultError, match=r"\.$"):
        parse_fault(written, [tiktok()])


@pytest.mark.parametrize("content", [b"{", b'[{"status": 503}, {"status": 1}]'])
def test_nothing_of_a_wrong_script_is_taken(content: bytes) -> None:
    sandbox = Sandbox()
    answer = sandbox.call("POST", "/faults", content=content)
    assert answer.status_code == 400
    assert answer.json()["problem"]
    assert sandbox.call("GET", "/faults").json() == {"faults": []}


def test_a_script_has_an_end() -> None:
    sandbox = Sandbox()
    assert sandbox.fault([{"status": 503}] * 1000).status_code == 200
    assert sandbox.fault({"status": 503}).status_code == 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["code", "status", "body", "slow", "times", "event", "partial", "redirect", "retry_after", "x"]
            ),
            inner,
        ),
        max_leaves=6,
    )
)
def test_any_fault_is_taken_or_explained(written: Any) -> None:
    answer = Sandbox().call("POST", "/faults", content=json.dumps([written]).encode())
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["problem"].endswith(".")
