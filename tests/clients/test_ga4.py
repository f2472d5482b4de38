"""The client `ga4`: its cases, its settings, and hits that are too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from clients.ga4 import LONGEST_LINE, MOST_EVENTS, MOST_LINES, MOST_PARAMETERS, Ga4, ga4
from container.component import component_of
from container.event import Hit
from container.testing import Case, cases_in, run_case

CASES = cases_in(Path(__file__).parent / "ga4")
QUERY = "v=2&tid=G-ABC123XYZ9&cid=1.2"


@pytest.mark.parametrize("case", CASES, ids=[case.path.stem for case in CASES])
def test_a_case_comes_out_as_its_file_says(case: Case) -> None:
    component = component_of(ga4)
    assert component is not None
    assert run_case(component, case) == []


def hit(query: str = QUERY, body: bytes = b"", method: str = "POST") -> Hit:
    return Hit(b"0" * 16, 1_763_640_001_410, method, "/g/collect", query, body=body)


def test_events_are_counted_from_zero_within_their_hit() -> None:
    claim = ga4(Ga4(), hit(body=b"en=one\nnothing\nen=two"))
    assert claim is not None
    assert [(event.index, event.name) for event in claim.events] == [(0, "one"), (1, "two")]


def test_as_many_events_as_are_allowed_are_all_taken() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll\n" * MOST_EVENTS))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (MOST_EVENTS, 204)


def test_a_hit_with_more_events_is_refused_whole() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll\n" * (MOST_EVENTS + 1)))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (0, 413)


def test_a_hit_with_endless_lines_is_refused_without_reading_them() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll" + b"\n" * (MOST_LINES + 1)))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (0, 413)


def test_endless_lines_for_somebody_else_are_passed_on() -> None:
    assert ga4(Ga4(), hit(query="", body=b"\n" * (MOST_LINES + 1))) is None


def test_many_empty_lines_are_no_events() -> None:
    claim = ga4(Ga4(), hit(body=b"en=scroll" + b"\n" * MOST_LINES))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (1, 204)


@pytest.mark.parametrize(("beyond", "status"), [(-1, 204), (0, 204), (1, 413), (100 * MOST_PARAMETERS, 413)])
@pytest.mark.parametrize("place", ["query", "line", "second line"])
def test_so_many_parameters_are_taken_in_one_place(place: str, beyond: int, status: int) -> None:
    own = QUERY if place == "query" else "en=scroll"
    more = MOST_PARAMETERS + beyond - own.count("&") - 1
    full = own + "".join(f"&ep.p{number}=1" for number in range(more))
    bodies = {"query": "en=scroll", "line": full, "second line": f"en=scroll\n{full}"}
    claim = ga4(Ga4(), hit(full if place == "query" else QUERY, bodies[place].encode()))
    assert claim is not None
    assert claim.reply.status == status
    assert bool(claim.events) == (status == 204)


@pytest.mark.parametrize(("beyond", "status"), [(-1, 204), (0, 204), (1, 413), (100 * LONGEST_LINE, 413)])
def test_a_line_has_an_end(beyond: int, status: int) -> None:
    line = b"en=scroll&ep.long="
    line += b"x" * (LONGEST_LINE + beyond - len(line))
    claim = ga4(Ga4(), hit(body=b"en=page_view\n" + line))
    assert claim is not None
    assert claim.reply.status == status


def test_what_is_too_much_for_one_event_is_not_for_many() -> None:
    lines = b"en=scroll&ep.long=" + b"x" * 10_000 + b"&ep.a=1" * 50
    claim = ga4(Ga4(), hit(body=b"\n".join([lines] * 50)))
    assert claim is not None
    assert (len(claim.events), claim.reply.status) == (50, 204)


def test_by_default_it_listens_where_gtag_sends() -> None:
    assert Ga4().paths == ("/g/collect", "/collect")


@pytest.mark.parametrize("path", ["g/collect", "/", "/g/collect/", ""])
def test_a_path_starts_with_a_slash_and_does_not_end_with_one(path: str) -> None:
    with pytest.raises(ValidationError):
        Ga4.model_validate({"paths": path})


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/", "https://Shop.example", "*", "ftp://a.b", "null"]
)
def test_what_no_browser_sends_as_an_origin_is_no_setting(origin: str) -> None:
    with pytest.raises(ValidationError):
        Ga4.model_validate({"allow_origins": [origin]})


ADDRESSED = {
    "cf-connecting-ip": "203.0.113.7",
    "x-forwarded-for": "203.0.113.7, 10.0.0.1",
    "cf-ipcountry": "NL",
    "user-agent": "Mozilla/5.0",
}


def test_a_redacted_address_is_nowhere_behind_the_client() -> None:
    incoming = Hit(b"0" * 16, 1, "POST", "/g/collect", f"{QUERY}&en=a", ADDRESSED, b"en=b\nen=c", "203.0.113.7")
    claim = ga4(Ga4(redact_ip=True), incoming)
    assert claim is not None
    for event in claim.events:
        assert "203.0.113.7" not in repr(event)
        assert event.hit.headers.keys() == {"cf-ipcountry", "user-agent"}
        assert (event.data["event_location"], event.hit.id) == ({"country": "NL"}, incoming.id)


@pytest.mark.parametrize("name", ["_uip", "%5Fuip", "ep.ip_override", "epn.ip_override", "ep.ip%5Foverride"])
def test_a_redacted_address_that_the_sender_states_is_not_in_the_hit(name: str) -> None:
    query, body = f"{QUERY}&{name}=203.0.113.7&en=a", f" {name}=203.0.113.7&en=b&_et=1\r\n\nen=c&{name}=203.0.113.7"
    claim = ga4(Ga4(redact_ip=True), hit(query=query, body=body.encode() + b"&ep.x=%FF\xff"))
    assert claim is not None
    assert [event.name for event in claim.events] == ["b", "c"]
    for event in claim.events:
        assert "203.0.113.7" not in repr(event)
        assert event.hit.query == f"{QUERY}&en=a"
        assert event.hit.body == b"en=b&_et=1\n\nen=c&ep.x=%FF\xff"


def test_an_address_that_is_not_redacted_is_in_the_event() -> None:
    incoming = Hit(b"0" * 16, 1, "GET", "/g/collect", f"{QUERY}&en=a", ADDRESSED, ip="203.0.113.7")
    claim = ga4(Ga4(), incoming)
    assert claim is not None
    assert (claim.events[0].data["ip_override"], claim.events[0].hit) == ("203.0.113.7", incoming)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"sec-fetch-dest": "image"}, 200),
        ("GET", {"sec-fetch-dest": "empty", "accept": "image/png"}, 204),
        ("GET", {"accept": "image/webp,*/*"}, 200),
        ("GET", {"accept": "*/*"}, 204),
        ("GET", {"accept": "text/html,image/webp"}, 204),
        ("POST", {"sec-fetch-dest": "image"}, 204),
    ],
)
def test_only_an_image_element_gets_an_image(method: str, headers: dict[str, str], status: int) -> None:
    claim = ga4(Ga4(), Hit(b"0" * 16, 1, method, "/g/collect", f"{QUERY}&en=a", headers))
    assert claim is not None
    assert claim.reply.status == status
    image = claim.reply.body
    assert (image[:6], image[6:10], image[-1:]) == (
        (b"GIF89a", b"\1\0\1\0", b";") if status == 200 else (b"", b"", b"")
    )


@pytest.mark.parametrize(
    "cookie",
    [
        {"name": "a b"},
        {"name": "a;b"},
        {"name": "a=b"},
        {"domain": "shop.example; Secure"},
        {"max_age": 0},
        {"max_age": "60"},
        {"same_site": "Lax"},
        {"path": "/"},
        {"linker_secret": "literal"},
    ],
)
def test_what_no_cookie_may_have_is_no_setting(cookie: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Ga4.model_validate({"cookie": cookie})
