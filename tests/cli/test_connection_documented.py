"""The table of what is refused says what the code holds to."""

from __future__ import annotations

import re

from clients.ga4 import LONGEST_LINE, MOST_EVENTS, MOST_LINES, MOST_PARAMETERS
from container.cli import refusals
from container.cli.connection import MOST_AHEAD
from container.cli.crowd import MOST_CONNECTIONS, MOST_SPARE, Times, shares
from container.cli.refusals import Refused
from container.ga4.measurement_protocol import MOST_EVENTS as MOST_MP_EVENTS
from container.ga4.measurement_protocol_body import DEEPEST, LONGEST_NAME, LONGEST_TEXT, MOST_VALUES
from container.web.ingest import Limits
from tests.cli.processes import ROOT

PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## What is refused, and when\n")[1].split("\n## ")[0]
TABLES = [
    [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    for table in re.findall(r"(?:^\|.*\n)+", SECTION, re.MULTILINE)
]


def limits(rows: list[list[str]], column: int) -> list[int]:
    """The first number of each limit that there is."""
    found = (re.match(r"[\d,]+", row[column]) for row in rows)
    return [int(number[0].replace(",", "")) for number in found if number]


def test_the_limits_of_a_connection_are_the_ones_that_are_listed() -> None:
    given, times = Limits(), Times()
    assert limits(TABLES[0], 1) == [
        *(given.path_and_query_bytes, given.headers, given.header_bytes, given.body_bytes),
        *(times.head, times.body_pause, times.body, times.bytes_per_second),
        *(MOST_AHEAD, MOST_CONNECTIONS, shares(4096)[1]),
    ]
    assert f"after {times.waiting:.0f} seconds without a word" in SECTION
    assert f"after {times.proxy_waiting:.0f} seconds if" in re.sub(r"\s+", " ", SECTION)
    assert f"not read for {times.unread:.0f} seconds" in re.sub(r"\s+", " ", SECTION)
    assert f"{MOST_SPARE} more are read" in SECTION
    assert f"body after {times.slow_start:.0f} s" in SECTION
    assert f"for {times.farewell_pause:.0f} seconds, or" in SECTION
    assert f"up to {times.farewell:.0f} seconds and {given.discarded_bytes // 10**6} MB" in SECTION


def test_the_limits_of_clients_are_the_ones_that_are_listed() -> None:
    assert limits(TABLES[1], 2) == [
        *(MOST_EVENTS, MOST_LINES, MOST_PARAMETERS, LONGEST_LINE),
        *(MOST_MP_EVENTS, DEEPEST, MOST_VALUES, LONGEST_NAME, LONGEST_TEXT),
    ]


def test_every_answer_of_a_connection_is_listed_with_its_reason() -> None:
    said = {(str(each.status), each.reason) for each in vars(refusals).values() if isinstance(each, Refused)}
    assert {(status, reason.strip("`")) for _, _, status, reason in TABLES[0]} == said
