"""Rows: complete, the same bytes each time, and with secrets only where the configuration put them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.delivery.content import Content, json_content, text_content
from container.delivery.frame import frame_for, frame_of
from container.delivery.lane import Lane, lane_of
from container.delivery.row import Acceptance, acceptance, failed_hit, row_of, unpacked
from container.effects import Batch, Request
from container.engine.outcome import Failure
from container.event import Hit
from container.secret import Secret, SecretText
from tests.delivery.harness import HIT, NOW, TOKEN, item_request, outcome, planned, single_request

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def value(name: str) -> bytes:
    return b"<" + name.encode() + b">"


def whole(request: Request) -> bytes:
    """The body as the transport would send it alone, secrets as `<NAME>`."""
    row = row_of(planned(request=request), now=NOW)
    return b"".join(content.filled(value) for content in (row.frame.head, row.item, row.frame.tail))


def test_the_same_planned_request_gives_the_same_bytes() -> None:
    assert row_of(planned(), now=NOW).body == row_of(planned(), now=NOW + 5).body


def test_a_body_holds_everything_that_is_sent() -> None:
    row = row_of(planned(), now=NOW)
    held = unpacked(row.body)
    assert (held.frame, held.item, held.tag, held.event_name) == (row.frame, row.item, row.tag, row.event_name)


def test_a_value_of_a_secret_is_never_in_a_row() -> None:
    secret = Secret("TIKTOK_TOKEN", digest=b"digest-of-the-value")
    request = replace(single_request(), headers={"A": SecretText((secret,))}, json={"token": secret})
    body = row_of(planned(request=request), now=NOW).body
    assert b"TIKTOK_TOKEN" in body
    assert b"digest" not in body


def test_a_secret_stands_in_the_body_where_it_was_put() -> None:
    request = Request("POST", "https://a.example/", json={"a": TOKEN, "b": SecretText(('x"', TOKEN, "y")), "c": 1})
    assert whole(request) == b'{"a":"<TIKTOK_TOKEN>","b":"x\\"<TIKTOK_TOKEN>y","c":1}'


def test_secrets_stand_in_envelope_and_item() -> None:
    request = Request(
        "POST", "https://a.example/", json={"key": TOKEN, "list": [], "last": Secret("B")}, item=[Secret("C")],
        batch=Batch("list", 10),
    )  # fmt: skip
    assert whole(request) == b'{"key":"<TIKTOK_TOKEN>","list":[["<C>"]],"last":"<B>"}'


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_text_from_a_hit_is_never_taken_for_a_secret(data: dict[str, Any]) -> None:
    document = {**data, "odd": "${secret:TIKTOK_TOKEN} \0 \1 \u0000"}
    content = json_content({"item": document, "secret": TOKEN})
    assert content.names == {"TIKTOK_TOKEN"}
    assert orjson.loads(content.filled(value)) == {"item": document, "secret": "<TIKTOK_TOKEN>"}


@given(JSON, st.dictionaries(TEXT, JSON, max_size=3))
def test_an_item_alone_in_its_envelope_is_the_document(item: Any, envelope: dict[str, Any]) -> None:
    request = Request("POST", "https://a.example/", json=envelope, item=item, batch=Batch("list", 10))
    assert orjson.loads(whole(request)) == orjson.loads(orjson.dumps(request.document))


@given(st.lists(TEXT | st.sampled_from([Secret("A"), Secret("B")]), max_size=6))
def test_text_with_secrets_keeps_their_places(parts: list[str | Secret]) -> None:
    content = text_content(SecretText(tuple(parts)))
    expected = b"".join(value(part.name) if isinstance(part, Secret) else part.encode() for part in parts)
    assert content.filled(value) == expected


@given(st.binary(max_size=200))
def test_a_body_of_any_bytes_is_read_or_refused(body: bytes) -> None:
    try:
        unpacked(body)
    except ValueError:
        return
    assert len(body) >= 8


@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_damaged_body_is_read_or_refused(noise: bytes, position: int) -> None:
    body = bytearray(row_of(planned(), now=NOW).body)
    body[position : position + len(noise)] = noise
    try:
        unpacked(bytes(body))
    except ValueError:
        return


@given(TEXT, TEXT, TEXT, st.lists(TEXT).map(tuple), TEXT)
def test_a_lane_is_its_key(type: str, endpoint: str, account: str, secrets: tuple[str, ...], code: str) -> None:
    lane = Lane(type, endpoint, account, secrets, code)
    assert lane_of(lane.key) == lane


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"item": {"event": "other"}}, True),
        ({"account": "C2"}, False),
        ({"url": "https://vendor.example/v2/events"}, False),
        ({"url": "https://vendor.example/v1/events?debug=1"}, True),
        ({"headers": {"Access-Token": SecretText((Secret("OTHER"),))}}, False),
        ({"test_code": "TEST1"}, False),
    ],
)
def test_a_lane_is_what_fails_together(change: dict[str, Any], same: bool) -> None:
    first, second = (
        row_of(planned(request=found), now=NOW).lane for found in (item_request(), replace(item_request(), **change))
    )
    assert (first == second) is same


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"item": {"event": "other"}}, True),
        ({"url": "https://vendor.example/v1/events?debug=1"}, False),
        ({"headers": {"X": "1"}}, False),
        ({"json": {"source": "C2", "data": []}}, False),
        ({"method": "PUT"}, False),
    ],
)
def test_only_requests_of_one_frame_share_a_batch(change: dict[str, Any], same: bool) -> None:
    first, second = (frame_for("t", 1, found) for found in (item_request(), replace(item_request(), **change)))
    assert (first.group == second.group) is same


def test_what_is_equal_to_python_and_not_in_json_is_told_apart() -> None:
    sent = [
        bytes(row_of(planned(request=replace(item_request(), json={key: "b"})), now=NOW).frame.head.data)
        for key in (1, True, 1.0, "1")
    ]
    assert [head.partition(b":")[0] for head in sent] == [b'{"1"', b'{"true"', b'{"1.0"', b'{"1"']


def test_a_frame_is_its_encoding() -> None:
    frame = frame_for("t", 1, item_request())
    assert frame_of(frame.encoded) == frame


def test_a_path_is_no_part_of_the_lane_of_what_is_not_batched() -> None:
    request = replace(single_request(), url="https://user:pass@hook.example:8443/people/ada@example.com?x=1")
    assert row_of(planned(request=request), now=NOW).lane.endpoint == "https://hook.example:8443"


def test_a_test_code_is_never_batched() -> None:
    assert frame_for("t", 1, item_request(test_code="TEST1")).most_items == 1


def test_a_request_whose_cookies_are_waited_for_goes_alone_and_at_once() -> None:
    usual = row_of(planned(request=item_request()), now=NOW)
    alone = row_of(planned(request=replace(item_request(), reply_cookies=2.0)), now=NOW)
    assert (usual.frame.most_items, usual.due) == (500, NOW + 1000)
    assert (alone.frame.most_items, alone.due, alone.lane) == (1, NOW, usual.lane)


def test_a_batch_waits_for_company_and_a_single_request_does_not() -> None:
    batched, single = (row_of(planned(request=found), now=NOW) for found in (item_request(), single_request()))
    assert (batched.due, single.due) == (NOW + 1000, NOW)


def test_a_row_expires_when_the_vendor_calls_its_event_too_old() -> None:
    row = row_of(planned(event_time=NOW - 5, max_age_hours=2), now=NOW)
    assert row.expire == NOW - 5 + 2 * 3600 * 1000
    assert row.give_up == NOW + 48 * 3600 * 1000
    assert row_of(planned(), now=NOW).expire is None


def test_a_request_may_expire_earlier_than_others_of_its_type() -> None:
    for hours, expires, expected in ((None, NOW + 7, NOW + 7), (1, NOW + 7, NOW + 7), (1, NOW * 2, NOW + 3_600_000)):
        request = replace(item_request(), expires=expires)
        assert row_of(planned(1, request, max_age_hours=hours), now=NOW).expire == expected


def test_what_the_tag_says_about_its_deliveries_counts() -> None:
    row = row_of(planned(request=item_request(), linger=5000, give_up_after=60_000), now=NOW)
    assert (row.due, row.give_up) == (NOW + 5000, NOW + 60_000)
    at_once = row_of(planned(request=item_request(), linger=0), now=NOW)
    assert at_once.due == NOW


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\0b", "\u2028", "naïve", "\x7f"])
def test_a_header_never_holds_more_than_visible_ascii(text: str) -> None:
    frame = frame_for("t", 1, replace(single_request(), headers={"X": text}))
    [shown] = [content.data for name, content in frame.headers if name == "X"]
    assert all(0x20 <= byte < 0x7F for byte in shown)


def test_what_is_encoded_in_an_address_stays_so() -> None:
    frame = frame_for("t", 1, replace(single_request(), url="https://a.example/a%2Fb/ü x?q=%20&r=\n"))
    assert frame.url.data == b"https://a.example/a%2Fb/%C3%BC%20x?q=%20&r=%0A"


def test_headers_of_the_connection_are_the_transports() -> None:
    headers = {"Content-Length": "1", "transfer-encoding": "chunked", "Accept-Encoding": "br", "X": "1"}
    frame = frame_for("t", 1, replace(single_request(), headers=headers))
    assert [name for name, _ in frame.headers] == ["X", "Content-Type"]


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/no/host", json={}),
        Request("POST", "ftp://a.example/", json={}),
        Request("POST", "https:///path", json={}),
        Request("POST", "https://[::1", json={}),
        Request("PO ST", "https://a.example/", json={}),
        Request("POST", SecretText((TOKEN,)), json={}),
        Request("POST", "https://a.example/", headers={"a b": "1"}, json={}),
        Request("POST", "https://a.example/", json={"a": "\ud800"}),
        Request("POST", "https://a.example/", json={"a": 2**70}),
        Request("POST", "https://a.example/", json={"a": object()}),
        Request("POST", "https://a.example/", body="\ud800"),
        Request("POST", "https://a.example/", json=None, item={}, batch=Batch("a", 1)),
        Request("POST", "https://a.example/", json={}, account="\ud800"),
    ],
)
def test_a_request_that_no_row_can_hold_becomes_a_letter_with_its_hit(request_: Request) -> None:
    found = acceptance(outcome(planned(request=request_)), now=NOW)
    assert not found.rows
    [letter] = found.letters
    assert letter.reason == "unsendable"
    assert failed_hit(letter.body).hit == HIT


def test_a_tag_that_raised_becomes_a_letter_that_can_be_run_again() -> None:
    odd = Hit(bytes(16), NOW, path="/\ud800", headers={"cookie": "a=\udcff"}, body=b"\xff\0", ip="203.0.113.9")
    failure = Failure("Tag", "tiktok_events_api", 3, "purchase", "raised ValueError")
    [letter] = acceptance(outcome(failures=[failure])._replace(hit=odd), now=NOW).letters
    held = failed_hit(letter.body)
    assert (held.hit, held.tag, held.event_index, letter.reason) == (odd, "Tag", 3, "tag_failed")


@given(st.binary(max_size=50))
def test_any_bytes_are_a_failed_hit_or_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="no hit"):
        failed_hit(body)


def test_the_note_of_a_letter_can_be_written_whatever_the_tag_said() -> None:
    failure = Failure("Tag", "t", 0, "purchase", "odd \ud800 text of ada@example.com")
    [letter] = acceptance(outcome(failures=[failure]), now=NOW).letters
    assert letter.note == "odd text of *"


def test_an_outcome_without_deliveries_has_nothing_to_write() -> None:
    assert acceptance(outcome(), now=NOW).empty
    assert not Acceptance(NOW, [row_of(planned(), now=NOW)]).empty


def test_several_secrets_may_share_a_place() -> None:
    assert Content(b"ab", ((1, "A"), (1, "B"))).filled(value) == b"a<A><B>b"
