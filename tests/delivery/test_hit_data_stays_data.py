"""What looks like a reference, a secret or a program, and came with a hit, arrives as the text it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import orjson
import pytest

from container.event import Hit
from tests.delivery.harness import NOW, SECRETS, run
from tests.delivery.raw_sink import OK, sending, sink
from tests.delivery.whole_way import deliver, hook, read

VALUES = [
    "{{7*7}}",
    "{{ Secret }}",
    "{{ Word }}",
    "{{ event.other }}",
    "{{{{ event.other }}}}",
    "${env:HOME}",
    "${HOME}",
    "${HOME:-x}",
    "$${HOME}",
    "${secret:TIKTOK_TOKEN}",
    "$${secret:TIKTOK_TOKEN}",
    "${file:/etc/passwd}",
    "{0.__class__}",
    "{0.__class__.__init__.__globals__}",
    "{}",
    "{value}",
    "%(x)s",
    "%s%n%x",
    "%d",
    "{% for x in (1).__class__.__mro__ %}{{ x }}{% endfor %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ config }}",
    "{# a #}",
    "#{7*7}",
    "<%= 7*7 %>",
    "${7*7}",
    "@(7*7)",
    "$1",
    "$0 $9",
    "\\1 \\g<0>",
    "`id`",
    "$(id)",
    "${jndi:ldap://127.0.0.1/a}",
    "__import__('os').system('id')",
    "<script>alert(1)</script>",
    "' or 1=1 --",
    "=HYPERLINK(1)",
    "@import",
    "!!python/object/apply:os.system [id]",
    "*anchor",
    "&anchor",
    "- a: b",
    "null",
    "\u0001\u0002",
    '","injected":"',
]

OWN = """
  Hook:
    type: http_request
    triggers: [Everything]
    consent: not_needed
    url: http://127.0.0.1:PORT/p/{{ event.word }}/end?q={{ event.word }}
    query: {r: "{{ Joined }}"}
    headers: {X-Word: "{{ event.word }}", Authorization: "Bearer ${secret:TIKTOK_TOKEN}"}
    json:
      whole: "{{ event.word }}"
      inside: "a {{ event.word }} z"
      declared: "{{ Word }}"
      joined: "{{ Joined }}"
      captured: "{{ Captured }}"
      looked_up: "{{ Looked Up }}"
      first: "{{ First }}"
      cookie: "{{ cookie.word }}"
      header: "{{ header.x-word }}"
      of_query: "{{ request_query.word }}"
      items: "{{ event.items }}"
      name: "{{ Event Name }}"
      own: "${secret:OTHER}"
variables:
  Word: {type: event_data, key: word}
  Joined: {type: template, text: "{{ Word }}|{{ event.word }}"}
  Captured: {type: regex_table, input: "{{ Word }}", rows: [{pattern: "(?s)^(.*)$", value: "<$1>"}]}
  Looked Up: {type: lookup_table, input: "{{ Word }}", table: {never: x}, default: "{{ Word }}"}
  First: {type: first_of, values: ["{{ event.nothing }}", "{{ Joined }}"]}
"""


def came(value: str) -> Hit:
    params = {"word": value, "items": [{"item_name": value, "price": 1}], "value": 1, "currency": "EUR"}
    params["page_location"] = "https://shop.example/"
    body = {"client_id": "1.2", "events": [{"name": "purchase", "params": params}]}
    # A cookie holds no such signs, and a header none of the control.
    header = value if value.isprintable() else ""
    cookie = "" if set(value) & set(';, "\\') else header
    return Hit(
        bytes(16),
        NOW,
        "POST",
        "/mp/collect",
        f"word={quote(value)}",
        headers={"x-word": header, "cookie": f"word={cookie}", "user-agent": header or "A"},
        body=orjson.dumps(body),
        ip="198.51.100.7",
    )


async def body_sent(folder: Path, text: str, hit: Hit) -> tuple[bytes, dict[str, Any]]:
    async with sink(sending(OK)) as vendor:
        loaded = read(text.replace("PORT", str(vendor.port)))
        arrived = await deliver(folder, loaded, hit)
        assert [lane.waiting for lane in arrived.lanes] in ([0], [1]), arrived
        [raw] = vendor.requests
        head, _, body = raw.partition(b"\r\n\r\n")
        return head, orjson.loads(body)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_a_hit_arrives_as_it_came(tmp_path: Path, value: str) -> None:
    hit = came(value)
    text = hook().partition("tags:")[0] + "tags:" + OWN
    head, body = run(body_sent(tmp_path, text, hit))
    joined = f"{value}|{value}"
    assert body == {
        "whole": value,
        "inside": f"a {value} z",
        "declared": value,
        "joined": joined,
        "captured": f"<{value}>",
        "looked_up": value,
        "first": joined,
        "of_query": value,
        "items": [{"item_name": value, "price": 1}],
        "name": "purchase",
        "own": SECRETS["OTHER"],
        **({"cookie": hit.cookies["word"]} if hit.cookies.get("word") else {"cookie": ""}),
        "header": hit.headers["x-word"],
    }
    assert hit.cookies.get("word", "") in (value, "")
    target = head.split(b" ")[1].decode()
    path, _, query = target.partition("?")
    assert [unquote(segment) for segment in path.split("/")] == ["", "p", value, "end"]
    assert parse_qsl(query, keep_blank_values=True) == [("q", value), ("r", joined)]
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    headers = {name.lower(): line for name, line in lines}
    assert headers["authorization"] == f"Bearer {SECRETS['TIKTOK_TOKEN']}"
    assert headers.get("x-word", value) == value
    # The one token stands where the analyst put it, and nowhere else.
    assert (head + orjson.dumps(body)).count(SECRETS["TIKTOK_TOKEN"].encode()) == 1


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_a_hit_arrives_at_a_vendor_as_it_came(tmp_path: Path, value: str) -> None:
    own = {"pixel_id": "CTESTPIXEL0123456789", "access_token": "${secret:TIKTOK_TOKEN}"}
    text = hook(type="tiktok_events_api", endpoint="http://127.0.0.1:PORT/track/", **own)
    head, body = run(body_sent(tmp_path, text, came(value)))
    [event] = body["data"]
    names = [content.get("content_name") for content in event["properties"].get("contents", [])]
    assert names in ([value], [None], [])
    assert value not in ("{{7*7}}", "${secret:TIKTOK_TOKEN}", "{0.__class__}", "%(x)s") or names == [value]
    assert (head + orjson.dumps(body)).count(SECRETS["TIKTOK_TOKEN"].encode()) == 1
    assert b"49" not in orjson.dumps(event["properties"])
