"""GA4's cookies, as browsers and servers keep them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.ga4.cookies import LONGEST, Session, browser_client_id, server_client_id, server_cookie, session_of

RESERVED = "abc/+=.1760000000"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("GA1.1.555.1760000001", "555.1760000001"),
        ("GA1.2.555.1760000001", "555.1760000001"),
        ("GA1.2-3.555.1760000001", "555.1760000001"),
        ("GA1.1.more.555.1760000001", "555.1760000001"),
        ("GA1.1.user-7", "user-7"),
        ("GA1.1.", None),
        ("GA1.x.555.1", None),
        ("GS1.1.555.1", None),
        ("555.1760000001", None),
        ("", None),
        ("GA1.1.a\x00b", None),
        ("GA1.1." + "9" * 257, None),
        ("GA1.1." + "9" * LONGEST, None),
    ],
)
def test_the_client_id_is_the_last_two_parts_of_the_browsers_cookie(value: str, expected: str | None) -> None:
    assert browser_client_id(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("FPID2.2.abc%2F%2B%3D.1760000000", RESERVED),
        ("FPID2.2.abc/+=.1760000000", RESERVED),
        ("FPID2%2E1%2Eabc", "abc"),
        ("FPID1.1.0b3f6a52-93f4-4c39-9d51-2f2a7b1ad6c1", "0b3f6a52-93f4-4c39-9d51-2f2a7b1ad6c1"),
        ("FPID2.2.", None),
        ("FPID2.abc", None),
        ("FPID2.2.a%0Ab", None),
        ("FPID2.2." + "9" * 257, None),
        ("FPID2.2." + "9" * LONGEST, None),
        ("GA1.1.1.2", None),
        ("", None),
    ],
)
def test_the_client_id_is_what_follows_in_the_servers_cookie(value: str, expected: str | None) -> None:
    assert server_client_id(value) == expected


@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40), st.integers(1, 9))
def test_what_the_server_writes_it_reads(client_id: str, depth: int) -> None:
    written = server_cookie(client_id, depth)
    assert written.isascii()
    assert server_client_id(written) == client_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("GS1.1.1763000000.4.1.1763000200.58.0.0", Session("1763000000", 4, "1", 1763000200)),
        ("GS1.1.1763000000.4.0.1763000200.60", Session("1763000000", 4, "0", 1763000200)),
        ("GS1.1.1763000000", Session("1763000000")),
        ("GS2.1.s1763000000$o4$g1$t1763000200$j58$l0$h0", Session("1763000000", 4, "1", 1763000200)),
        ("GS2.1.t1763000200$dAbC.x$g0$new$o12$s1763000000$", Session("1763000000", 12, "0", 1763000200)),
        ("GS2.1.s1763000000$g7$ox$t", Session("1763000000")),
        ("GS2.1.o4$g1", None),
        ("GS2.1.sabc$o4", None),
        ("GS1.1.abc.4.1.2", None),
        ("GS2.1.s" + "9" * 17, None),
        ("GS3.1.s1763000000", None),
        ("GS2.s1763000000", None),
        ("GS2.1." + "$" * LONGEST, None),
        ("", None),
    ],
)
def test_a_session_is_read_by_position_or_by_letter(value: str, expected: Session | None) -> None:
    assert session_of({"_ga_ABC": value, "_ga_XYZ": "GS1.1.1.1.1.1"}, "G-ABC") == expected


def test_each_property_has_a_session_of_its_own() -> None:
    cookies = {"_ga_ABC": "GS1.1.111", "_ga_XYZ": "GS1.1.222"}
    found = [session_of(cookies, name) for name in ("G-ABC", "G-XYZ", "G-ELSE", "", "ABC")]
    assert found == [Session("111"), Session("222"), None, None, None]


@given(st.text() | st.text("GAFPIDS12.$-s0%"))
def test_no_cookie_is_too_odd(value: str) -> None:
    for found in (browser_client_id(value), server_client_id(value)):
        assert found is None or (found and found.isprintable())
    session = session_of({"_ga_A": value}, "G-A")
    assert session is None or session.id.isdigit()


@given(st.text("$.so1gt0"), st.sampled_from("12"))
def test_no_session_is_too_odd(fields: str, version: str) -> None:
    session = session_of({"_ga_A": f"GS{version}.1.{fields}"}, "G-A")
    assert session is None or session.engaged in (None, "0", "1")
