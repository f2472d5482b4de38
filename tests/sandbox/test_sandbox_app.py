"""The sandbox as an application: what it keeps of what it receives."""

from __future__ import annotations

import pytest

from container.sandbox.app import LARGEST_BODY
from container.sandbox.tiktok import TRACK
from tests.sandbox.parts import HEADERS, LEAD, PURCHASE, Sandbox


def test_an_accepted_request_is_kept_with_its_events() -> None:
    sandbox = Sandbox()
    sandbox.track()
    (kept,) = sandbox.received()
    assert (kept["number"], kept["time"], kept["vendor"]) == (1, 1_767_261_700_250, "tiktok")
    assert (kept["verdict"], kept["status"], kept["answer"]["code"]) == ("accepted", 200, 0)
    assert kept["account"] == "CTESTPIXEL0123456789"
    assert kept["events"][0]["name"] == "Purchase"
    assert kept["body"] == PURCHASE


def test_a_refused_request_is_kept_with_its_reasons() -> None:
    sandbox = Sandbox()
    sandbox.track({**PURCHASE, "data": [{"event": "Purchase"}]})
    (kept,) = sandbox.received()
    assert kept["verdict"] == "refused"
    assert kept["reasons"][0] == "Batch.0.event_time: Missing data for required field."


def test_a_body_that_is_not_json_is_kept_as_text() -> None:
    sandbox = Sandbox()
    sandbox.track(b"{oops \xff")
    (kept,) = sandbox.received()
    assert (kept["body"], kept["text"]) == (None, "{oops \ufffd")


def test_halves_of_surrogate_pairs_are_shown_as_they_came() -> None:
    sandbox = Sandbox()
    sandbox.track(b'{"event_source": "web", "event_source_id": "\\ud800", "data": [{"event": "\\udfff"}]}')
    assert '"account": "\\ud800"' in sandbox.call("GET", "/received").text


def test_the_token_is_never_kept() -> None:
    sandbox = Sandbox()
    sandbox.track()
    assert "a-very-secret-token" not in sandbox.call("GET", "/received").text
    assert sandbox.received()[0]["headers"]["access-token"].startswith("(19 characters, sha256 ")


def test_since_leaves_out_what_was_seen() -> None:
    sandbox = Sandbox()
    sandbox.track()
    sandbox.track(LEAD)
    assert [kept["number"] for kept in sandbox.received("?since=1")] == [2]
    assert sandbox.received("?since=2") == []


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 30])
def test_since_that_is_no_number_is_a_problem(since: str) -> None:
    assert Sandbox().call("GET", f"/received?since={since}").status_code == 400


def test_only_the_last_requests_are_kept() -> None:
    sandbox = Sandbox(keep=2)
    for _ in range(4):
        sandbox.track()
    assert [kept["number"] for kept in sandbox.received()] == [3, 4]


def test_numbers_go_on_after_clearing() -> None:
    sandbox = Sandbox()
    sandbox.track()
    sandbox.call("DELETE", "/received")
    assert sandbox.received() == []
    sandbox.track()
    assert [kept["number"] for kept in sandbox.received()] == [2]


def test_a_repeated_event_names_the_request_that_had_it_first() -> None:
    sandbox = Sandbox()
    sandbox.track(LEAD)
    sandbox.track({**PURCHASE, "data": [PURCHASE["data"][0], LEAD["data"][0]]})
    assert [kept["copies"] for kept in sandbox.received()] == [{}, {"1": 1}]


def test_an_event_that_was_not_accepted_is_no_first_copy() -> None:
    sandbox = Sandbox()
    sandbox.fault({"status": 503})
    sandbox.track()
    sandbox.track()
    assert sandbox.received()[1]["copies"] == {}


def test_a_forgotten_request_is_no_first_copy() -> None:
    sandbox = Sandbox(keep=1)
    for body in (LEAD, PURCHASE, LEAD):
        sandbox.track(body)
    assert sandbox.received()[0]["copies"] == {}


def test_a_missing_trailing_slash_is_no_route_and_is_kept() -> None:
    sandbox = Sandbox()
    answer = sandbox.call("POST", TRACK[:-1], json=PURCHASE, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (404, 40400)
    assert sandbox.received()[0]["reasons"][0].startswith("Route not found: POST /open_api/v1.3/event/track.")


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    sandbox = Sandbox()
    assert sandbox.track(b" " * (LARGEST_BODY + 1)).status_code == 413
    assert sandbox.received() == []
