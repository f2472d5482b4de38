"""What an analyst wrote, of all places of a file where a value of a hit may be held against it."""

from __future__ import annotations

from container.config.literals import literals_of
from tests.preview.page_parts import live

FILE = """\
version: 1
container: {name: Shop}
clients:
  GA4: {type: ga4}
variables:
  Market: {type: lookup_table, input: "{{ Page Hostname }}", table: {us.shop.example: USD}, default: EUR}
  Group: {type: regex_table, input: "{{ Page Path }}", rows: [{pattern: "^/c/", value: Category}]}
  Key: {type: constant, value: "${secret:TIKTOK_TOKEN}"}
triggers:
  Orders:
    events: [Purchase]
    events_matching: ["^Order"]
    when:
      - {variable: Market, equals: Dutch}
      - any:
          - {value: "{{ event.value }}", greater_than: 11}
          - {value: "{{ event.kind }}", is_one_of: [staff, "{{ Market }}"]}
          - {value: "{{ event.kind }}", matches_regex: "^test"}
transformations:
  Clean: {type: exclude_parameters, parameters: [x], when: [{variable: Market, equals: Belgian}]}
"""


def test_literals_are_what_was_written_and_no_secret() -> None:
    found = set(literals_of(live(FILE).model))
    assert {"GA4", "Market", "Group", "Key", "Orders", "Clean"} <= found
    assert {"us.shop.example", "USD", "EUR", "^/c/", "Category"} <= found
    assert {"Purchase", "/^Order/", "Dutch", "staff", "^test", "Belgian"} <= found
    assert not any("secret" in each or "{{" in each for each in found)
