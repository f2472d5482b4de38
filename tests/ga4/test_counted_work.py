"""Work is counted, not timed: lines of ours that run, however busy the machine is.

What one line leaves to C is not counted; `test_linear_time.py` is for that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from clients.ga4 import Ga4, ga4
from container.address import canonical_address
from container.event import Hit
from container.ga4.client_hints import full_version_list
from container.ga4.consent import consent_of
from container.ga4.cookies import browser_client_id, server_client_id, session_of
from container.ga4.hashed import hashed_user_data
from container.ga4.items import item
from container.ga4.linker import unsealed
from container.ga4.user_data import nested
from container.ga4.values import location, number_or_text
from container.place import location_of

SMALL, LARGE = 50, 16_000
MOST_AT_ALL, MOST_EACH = 1_000, 150
"""Lines that any input may cost, and lines for each of its parts."""

SERVER = Ga4.model_validate({"identification": "server"})


def _hit(query: str = "", body: str = "", **headers: str) -> Hit:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hit(b"0" * 16, 1, "POST", "/g/collect", f"v=2&tid=G-A&en=e&{query}", named, body.encode())


WORK: dict[str, Callable[[int], object]] = {
    "query": lambda n: ga4(SERVER, _hit("&".join(f"ep.a{i}=1&x{i}=2" for i in range(n)))),
    "query of separators": lambda n: ga4(SERVER, _hit("&=" * n)),
    "body lines": lambda n: ga4(SERVER, _hit("", "ep.a=1\n" * min(n, 90))),
    "cookies": lambda n: ga4(SERVER, _hit(cookie=";".join(f"_ga{i}=GA1.1.2.3" for i in range(n)))),
    "cookies of one name": lambda n: ga4(SERVER, _hit(cookie="FPID=x;" * n)),
    "headers": lambda n: ga4(SERVER, _hit(cf_ipcountry="CH", cf_ipcity="%" * n, sec_ch_ua='"A";v="1",' * n)),
    "items": lambda n: ga4(SERVER, _hit("&".join(f"pr{i}=idA~nmB" for i in range(n)))),
    "an item": lambda n: item("k0a~v0b~" * n),
    "an item of tildes": lambda n: item("~" * n),
    "user data": lambda n: nested({f"address.{i}.city": "x" for i in range(n)}),
    "a deep path": lambda n: nested({"a." * n: "x"}),
    "hashed user data": lambda n: hashed_user_data("em.e0~" * n),
    "hashed user data of dots": lambda n: hashed_user_data("~." * n),
    "gcd": lambda n: consent_of({"gcd": "1" + "3t" * n, "sst.gcd": "1" + "3u" * n}),
    "gcs": lambda n: consent_of({"gcs": "G" + "1" * n}),
    "sst": lambda n: ga4(SERVER, _hit("&".join(f"sst.a{i}=1" for i in range(n)))),
    "timestamps": lambda n: number_or_text("9" * n),
    "brands": lambda n: full_version_list("A;1|" * n),
    "a browser's cookie": lambda n: browser_client_id("GA1.1" + ".1" * n),
    "a server's cookie": lambda n: server_client_id("FPID2.2." + "%2" * n),
    "a session of version 1": lambda n: session_of({"_ga_A": "GS1.1" + ".1" * n}, "G-A"),
    "a session of version 2": lambda n: session_of({"_ga_A": "GS2.1." + "s1$" * n}, "G-A"),
    "a linker token": lambda n: unsealed(b"k", "A" * n, 1),
    "a region": lambda n: location("a-" * n),
    "an address": lambda n: canonical_address("1." * n),
    "a place": lambda n: location_of({"cf-ipcountry": "C" * n, "cf-ipcity": "x" * n}),
}


def lines_run(work: Callable[[int], object], size: int) -> int:
    """How many lines of this project run."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        nonlocal count
        if not frame.f_globals.get("__name__", "").startswith(("container.", "clients.")):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(size)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("name", WORK)
def test_no_part_of_the_input_costs_more_because_of_the_rest(name: str, size: int) -> None:
    assert lines_run(WORK[name], size) <= MOST_AT_ALL + MOST_EACH * size
