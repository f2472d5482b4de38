"""Whatever an event holds, the request goes where the container says, and holds no more than the container says."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from container.api import Event, Hit, Note, Request
from container.case import hit_from_json
from container.config.registry import discover
from container.delivery.frame import frame_for
from container.engine.coerce import Lacking
from container.engine.simulate import simulate
from container.testing import resolved
from tags.http_request import HttpRequest, http_request
from tests.containers_of import container_of

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20) | st.text("./%\\?#&=@:\r\n\0 \u2028é", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)

EXAMPLE = """
version: 1
container: {name: Example Shop, id: SHOP-1}
consent: {default: denied}
clients:
  GA4: {type: ga4, priority: 10}
variables:
  Order Value: {type: event_data, key: value, default: 0}
  Market:
    type: lookup_table
    input: "{{ Page Hostname }}"
    table:
      www.shop.example: {currency: EUR}
      us.shop.example: {currency: USD}
triggers:
  Real Purchase:
    events: purchase
    when:
      - {variable: Order Value, greater_than: 0}
      - {value: "{{ event.transaction_id }}", does_not_match_regex: "^TEST-"}
tags:
  Order hook:
    type: http_request
    triggers: [Real Purchase]
    consent: not_needed
    url: https://hooks.shop.example/orders
    headers: {Authorization: "Bearer ${secret:HOOK_TOKEN}"}
    json: {order: "{{ event.transaction_id }}", value: "{{ Order Value }}", currency: "{{ Market.currency }}"}
"""
PURCHASE = (
    "v=2&tid=G-ABC&cid=1.2&dl=https%3A%2F%2Fwww.shop.example%2Fcheckout&en=purchase&epn.value=20&cu=EUR"
    "&ep.transaction_id=T1&gcs=G111"
)


def sent(settings: dict[str, Any], **data: Any) -> Request | None:
    """What the tag sends for an event with this data; `None` when a value that is needed is missing."""
    event = Event("purchase", data, Hit(b"0" * 16, 0))
    made = resolved(HttpRequest, settings, event)
    if isinstance(made, Lacking):
        return None
    assert isinstance(made, HttpRequest)
    return next(effect for effect in http_request(made, event) if isinstance(effect, Request))


def test_the_order_hook_of_the_language_page_works_to_the_letter() -> None:
    container = container_of(EXAMPLE, discover(), {"HOOK_TOKEN": "t"}.get)
    outcome = simulate(container, hit_from_json({"path": "/g/collect", "query": PURCHASE}))
    (tag,) = outcome["events"][0]["tags"]
    assert tag["status"] == "fired"
    assert tag["requests"] == [
        {
            "method": "POST",
            "url": "https://hooks.shop.example/orders",
            "headers": {"Authorization": "Bearer ${secret:HOOK_TOKEN}", "Content-Type": "application/json"},
            "json": {"order": "T1", "value": 20, "currency": "EUR"},
        }
    ]


@given(JSON, JSON, JSON)
@example("..", ".", "%2e%2e")
@example("//evil.example/", "@evil.example", "\\evil.example")
@example(":80", "?x", "#y")
def test_a_value_changes_neither_origin_nor_path_nor_parameters(first: Any, second: Any, third: Any) -> None:
    request = sent(
        {
            "url": "https://hooks.shop.example:8443/a/{{ event.first }}/b-{{ event.second }}?x={{ event.third }}&y=1",
            "query": {"z": "{{ event.third }}"},
        },
        first=first,
        second=second,
        third=third,
    )
    if request is None:
        return
    assert isinstance(request.url, str)
    assert request.url.isascii()
    assert request.url.isprintable()
    parts = urlsplit(request.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "hooks.shop.example:8443", "")
    before, between, after = parts.path.partition("/b-")
    assert before.startswith("/a/")
    assert between
    assert parts.path.count("/") == 3
    assert not {unquote(segment) for segment in parts.path.split("/")} & {".", ".."}
    assert "/" not in after
    assert {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} <= {"x", "y", "z"}


@given(JSON, ANY_TEXT)
@example("a\r\nX-Admin: 1", "\n")
def test_a_value_never_adds_a_header(value: Any, text: str) -> None:
    request = sent(
        {
            "url": "https://hooks.shop.example/",
            "headers": {"X-A": "{{ event.value }}", "X-B": "b {{ event.text }}", "X-C": "${secret:C}{{ event.text }}"},
        },
        value=value,
        text=text,
    )
    assert request is not None
    assert request.headers.keys() <= {"X-A", "X-B", "X-C"}
    for line in map(str, request.headers.values()):
        assert line.isascii()
        assert line.isprintable()
    frame_for("http_request", 1, request)


@given(JSON, ANY_TEXT)
def test_a_value_never_adds_a_field_to_a_form(value: Any, text: str) -> None:
    request = sent(
        {"url": "https://hooks.shop.example/", "form": {"a": "{{ event.value }}", "b": "{{ event.text }}"}},
        value=value,
        text=text,
    )
    assert request is not None
    fields = parse_qsl(str(request.body or ""), keep_blank_values=True)
    assert {name for name, _ in fields} <= {"a", "b"}
    assert [found for name, found in fields if name == "b"] == ([text.encode("utf-8", "replace").decode()] * bool(text))


def test_what_is_shown_is_what_is_sent() -> None:
    request = sent(
        {
            "url": "https://hooks.shop.example/ü/{{ event.text }}",
            "headers": {"X-A": "{{ event.text }}"},
            "query": {"a": "{{ event.text }}"},
        },
        text="é /",
    )
    assert request is not None
    frame = frame_for("http_request", 1, request)
    assert frame.url.data.decode() == request.url == "https://hooks.shop.example/%C3%BC/%C3%A9%20%2F?a=%C3%A9%20%2F"
    assert frame.headers[0][1].data.decode() == request.headers["X-A"]


def test_a_secret_is_encoded_as_its_body_is() -> None:
    bodies: dict[str, dict[str, Any]] = {
        "form": {"form": {"key": "${secret:KEY}"}},
        "json": {"json": {"key": "${secret:KEY}"}},
        "raw": {"text": "key ${secret:KEY}"},
    }
    for escape, body in bodies.items():
        request = sent({"url": "https://hooks.shop.example/", **body})
        assert request is not None
        assert frame_for("http_request", 1, request).escape == escape


def test_a_note_never_holds_the_value() -> None:
    event = Event("purchase", {"value": "ada@example.com\n1"}, Hit(b"0" * 16, 0))
    made = resolved(HttpRequest, {"url": "https://hooks.shop.example/", "headers": {"X-A": "{{ event.value }}"}}, event)
    assert isinstance(made, HttpRequest)
    (note,) = [effect for effect in http_request(made, event) if isinstance(effect, Note)]
    assert "ada" not in note.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.shop.example/orders",
        "ftp://hooks.shop.example/",
        "//hooks.shop.example/",
        "https://",
        "https:///orders",
        "https://user:pass@hooks.shop.example/",
        "https://hooks shop.example/",
        "https://müller.example/",
        "https://hooks.shop.example:port/",
        "https://hooks.shop.example:0/",
        "https://127.1/",
        "https://2130706433/",
        "https://[127.0.0.1]/",
        "https://hooks..example/",
        "https://hooks.shop.example:65536/",
        "https://hooks.shop.example/#top",
        "https://hooks.shop.example/{{ event.a }}#top",
        "https://hooks.shop.example/../orders",
        "https://hooks.shop.example/%2e%2E/orders",
        "https://hooks.shop.example/{{ event.a }}/../orders",
        "https://hooks.shop.example/${secret:A}",
        "https://hooks.shop.example/{{ event.a }}/${secret:A}",
        "${secret:A}/orders",
        "${secret:A}",
        "{{ event.a }}",
        "{{ event.a }}://hooks.shop.example/",
        "https://{{ event.a }}/",
        "https://hooks.{{ event.a }}/",
        "https://hooks.shop.example{{ event.a }}",
        "https://hooks.shop.example:{{ event.a }}/",
        "https://hooks.shop.example:80{{ event.a }}/",
        "https://$${HOST}{{ event.a }}/",
        "$${SCHEME}://{{ event.a }}/",
        "https://hooks.shop.example/{{ event.a }}/%2e./x?{{ event.a }}/y",
        {"start": "{{ event.a }}"},
        {"start": "https://hooks.shop.example/"},
        {"start": "https://hooks.shop.example", "parts": [{"value": "{{ event.a }}"}]},
        7,
    ],
)
def test_an_address_that_is_none_is_refused_at_load(url: Any) -> None:
    with pytest.raises(ValidationError):
        resolved(HttpRequest, {"url": url}, Event("purchase", {"a": "evil.example"}, Hit(b"0" * 16, 0)))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "HTTPS://hooks.shop.example",
        "https://hooks.shop.example?x=1",
        "https://[::1]:8080/orders",
        "https://hooks.shop.example/a..b/.well-known/%7B",
        "$${HOOK_URL}",
        "$${HOOK_URL}/orders",
        "https://$${HOST}.example:8443/orders",
        "https://$${SHOP}$${DOMAIN}/orders",
    ],
)
def test_an_address_is_taken_as_it_is_written(url: str) -> None:
    request = sent({"url": url})
    assert request is not None
    assert request.url == url.replace("$$", "$")


@pytest.mark.parametrize("value", ["", None, []])
def test_an_empty_value_in_the_path_is_named_by_its_reference(value: Any) -> None:
    address = "https://hooks.shop.example/{{ Event Name }}/{{ event.user_id }}?again={{ event.user_id }}"
    event = Event("purchase", {"user_id": value}, Hit(b"0" * 16, 0))
    made = resolved(HttpRequest, {"url": address}, event)
    assert isinstance(made, Lacking)
    assert [(lack.field, lack.where) for lack in made.lacks] == [("url", "{{ event.user_id }}")]


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("https://hooks.shop.example/a?file={{ event.a }}/../y", "https://hooks.shop.example/a?file=1%2F2/../y"),
        (
            "https://hooks.shop.example/{{ event.a }}?x={{ event.a }}/./y",
            "https://hooks.shop.example/1%2F2?x=1%2F2/./y",
        ),
        ("https://hooks.shop.example?{{ event.a }}/..", "https://hooks.shop.example?1%2F2/.."),
        (
            "https://hooks.shop.example/a?x={{ event.none }}/..?{{ event.a }}",
            "https://hooks.shop.example/a?x=/..?1%2F2",
        ),
    ],
)
def test_dots_in_the_query_lead_nowhere(url: str, sent_to: str) -> None:
    made = resolved(HttpRequest, {"url": url}, Event("purchase", {"a": "1/2"}, Hit(b"0" * 16, 0)))
    assert isinstance(made, HttpRequest)
    assert made.url.url == sent_to
