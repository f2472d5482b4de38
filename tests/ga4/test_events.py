"""From the wire to event data: every row of the mapping, how the rows meet, and how a hit becomes events."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.event import Hit
from container.ga4 import consent_of, events_of
from container.ga4.events import LONGEST_REMEMBERED, MOST_REMEMBERED, PLACES
from container.ga4.keys import FIELDS, PREFIXES
from container.shape import at

ARRIVAL = 1_763_640_001_410
ABSENT = object()


def hit(query: str = "", body: str | bytes = b"", *, ip: str | None = None, **headers: str) -> Hit:
    raw = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hit(b"0" * 16, ARRIVAL, "POST", "/g/collect", query, named, raw, ip)


def data_of(query: str, **more: Any) -> dict[str, Any]:
    """The event data of a hit with one event, called `e`."""
    [(_, data)] = events_of(hit(f"en=e&{query}", **more))
    return data


ROWS: list[tuple[str, tuple[str, ...], Any]] = [
    ("en=purchase", ("event_name",), "purchase"),
    ("cid=12.34", ("client_id",), "12.34"),
    ("uid=crm-1", ("user_id",), "crm-1"),
    ("v=2", ("x-ga-protocol_version",), "2"),
    ("tid=G-ABC", ("x-ga-measurement_id",), "G-ABC"),
    ("gtm=45je", ("x-ga-gtm_version",), "45je"),
    ("_p=1763640000123", ("x-ga-page_id",), 1763640000123),
    ("_s=3", ("x-ga-request_count",), 3),
    ("sid=1763640000", ("ga_session_id",), "1763640000"),
    ("sct=4", ("ga_session_number",), 4),
    ("seg=1", ("x-ga-mp2-seg",), "1"),
    ("_et=812", ("engagement_time_msec",), 812),
    ("ul=en-us", ("language",), "en-us"),
    ("sr=390x844", ("screen_resolution",), "390x844"),
    ("dl=https%3A%2F%2Fshop.example%2F%3Fa%3Db%26c", ("page_location",), "https://shop.example/?a=b&c"),
    ("dr=https%3A%2F%2Fsearch.example%2F", ("page_referrer",), "https://search.example/"),
    ("dt=Shoes%20%E2%80%93%20Shop", ("page_title",), "Shoes – Shop"),
    ("dh=shop.example", ("page_hostname",), "shop.example"),
    ("dp=%2Fshoes", ("page_path",), "/shoes"),
    ("de=UTF-8", ("page_encoding",), "UTF-8"),
    ("vp=390x700", ("viewport_size",), "390x700"),
    ("cu=EUR", ("currency",), "EUR"),
    ("ep.content_group=a", ("content_group",), "a"),
    ("ep.value=9.90", ("value",), "9.90"),
    ("ep.debug_mode=true", ("debug_mode",), "true"),
    ("ep.transaction_id=00123", ("transaction_id",), "00123"),
    ("ep.nested.b.c=x", ("nested.b.c",), "x"),
    ("ep.coupon=", ("coupon",), ""),
    ("epn.value=192.3", ("value",), 192.3),
    ("epn.user_id=12345", ("user_id",), 12345),
    ("ep.user_data._tag_mode=CODE", ("user_data", "_tag_mode"), "CODE"),
    ("ep.user_data.email.0=a%40b.c", ("user_data", "email"), ["a@b.c"]),
    ("ep.user_data.address.0.city=Bern", ("user_data", "address"), [{"city": "Bern"}]),
    ("epn.user_data.phone_number=41", ("user_data", "phone_number"), 41),
    ("pr1=idA~pr7.5~qt2~k0size~v012", ("items",), [{"item_id": "A", "price": 7.5, "quantity": 2, "size": "12"}]),
    ("up.membership=gold", ("x-ga-mp2-user_properties", "membership"), "gold"),
    ("up._npa=1", ("x-ga-mp2-user_properties", "_npa"), "1"),
    ("up.user_data.x=1", ("x-ga-mp2-user_properties", "user_data.x"), "1"),
    ("upn.orders=7", ("x-ga-mp2-user_properties", "orders"), 7),
    ("uaa=arm", ("client_hints", "architecture"), "arm"),
    ("uab=64", ("client_hints", "bitness"), "64"),
    ("uam=Pixel%208", ("client_hints", "model"), "Pixel 8"),
    ("uap=macOS", ("client_hints", "platform"), "macOS"),
    ("uapv=15.7.1", ("client_hints", "platform_version"), "15.7.1"),
    ("uamb=1", ("client_hints", "mobile"), True),
    ("uamb=", ("client_hints", "mobile"), ""),
    ("uaw=0", ("client_hints", "wow64"), False),
    ("uafvl=Chromium%3B142.0", ("client_hints", "full_version_list"), [{"brand": "Chromium", "version": "142.0"}]),
    ("uafvl=", ("client_hints", "full_version_list"), []),
    ("gcs=G111", ("x-ga-gcs",), "G111"),
    ("gcd=13t3t3t3t5l1", ("x-ga-gcd",), "13t3t3t3t5l1"),
    ("gcu=1", ("x-ga-gcu",), "1"),
    ("dma=0", ("x-ga-dma",), "0"),
    ("dma_cps=syphamo", ("x-ga-dma_cps",), "syphamo"),
    ("npa=0", ("x-ga-npa",), "0"),
    ("pscdl=noapi", ("x-ga-pscdl",), "noapi"),
    ("are=1", ("x-ga-are",), "1"),
    ("frm=0", ("x-ga-mp2-frm",), "0"),
    ("tag_exp=1~2", ("x-ga-mp2-tag_exp",), "1~2"),
    ("tt=internal", ("x-ga-mp2-tt",), "internal"),
    ("ir=1", ("x-ga-mp2-ir",), "1"),
    ("richsstsse", ("x-ga-mp2-richsstsse",), ""),
    ("ecid=605", ("x-ga-ecid",), "605"),
    ("em=tv.1~em.e0", ("x-ga-em",), "tv.1~em.e0"),
    ("gdid=a", ("x-ga-gdid",), "a"),
    ("edid=b", ("x-ga-edid",), "b"),
    ("did=c", ("x-ga-did",), "c"),
    ("tfd=1287", ("x-ga-tfd",), 1287),
    ("lps=1", ("x-ga-lps",), True),
    ("ur=US-CA", ("event_location",), {"country": "US", "region": "CA"}),
    ("ur=US", ("event_location",), {"country": "US"}),
    ("ur=", ("event_location",), ABSENT),
    ("cs=partner", ("campaign_source",), "partner"),
    ("cm=affiliate", ("campaign_medium",), "affiliate"),
    ("cn=autumn", ("campaign_name",), "autumn"),
    ("cc=banner", ("campaign_content",), "banner"),
    ("ck=shoes", ("campaign_term",), "shoes"),
    ("ci=c1", ("campaign_id",), "c1"),
    ("ccf=video", ("campaign_creative_format",), "video"),
    ("cmt=prospecting", ("campaign_marketing_tactic",), "prospecting"),
    ("_uip=203.0.113.9", ("ip_override",), "203.0.113.9"),
    ("_dbg=1", ("x-ga-system_properties", "dbg"), "1"),
    ("_fv=1", ("x-ga-system_properties", "fv"), "1"),
    ("_ss=2", ("x-ga-system_properties", "ss"), "2"),
    ("_c=1", ("x-ga-system_properties", "c"), "1"),
    ("_ee=1", ("x-ga-system_properties", "ee"), True),
    ("_eu=AEA", ("x-ga-system_properties", "eu"), "AEA"),
    ("_tu=CA", ("x-ga-system_properties", "tu"), "CA"),
    ("_z=ccd.v9B", ("x-ga-system_properties", "z"), "ccd.v9B"),
    ("_fid=f", ("x-ga-system_properties", "fid"), "f"),
    ("_nsi=1", ("x-ga-system_properties", "nsi"), "1"),
    ("_gaz=1", ("x-ga-system_properties", "gaz"), "1"),
    ("__x=1", ("x-ga-system_properties", "_x"), "1"),
    ("_fplc=0", ("x-ga-system_properties", "fplc"), ABSENT),
    ("sst.uc=US", ("x-sst-system_properties", "uc"), "US"),
    ("", ("x-sst-system_properties", "request_start_time_ms"), ARRIVAL),
    ("tcfd=10000", ("x-ga-mp2-tcfd",), "10000"),
    ("gap.plf=1", ("x-ga-mp2-gap.plf",), "1"),
    ("amount=100", ("x-ga-mp2-amount",), "100"),
    ("prx=1", ("x-ga-mp2-prx",), "1"),
    ("pr=1", ("x-ga-mp2-pr",), "1"),
    ("pr%C2%B2=1", ("x-ga-mp2-pr²",), "1"),
    ("pr1234567=idA", ("x-ga-mp2-pr1234567",), "idA"),
    ("ep=1", ("x-ga-mp2-ep",), "1"),
    ("ep.=1", ("x-ga-mp2-ep.",), "1"),
    ("_=1", ("x-ga-mp2-_",), "1"),
    ("ep.user_data=none", ("user_data",), "none"),
    ("ep.user_data.=none", ("user_data.",), "none"),
    ("=nameless", ("x-ga-mp2-",), ABSENT),
    ("%FF=1", ("x-ga-mp2-\ufffd",), "1"),
    ("x" * 100 + "=1", ("x-ga-mp2-" + "x" * 100,), "1"),
]


@pytest.mark.parametrize(("query", "place", "expected"), ROWS, ids=[row[0][:40] or "arrival" for row in ROWS])
def test_a_parameter_has_its_place_in_event_data(query: str, place: tuple[str, ...], expected: Any) -> None:
    found: Any = data_of(query)
    for step in place:
        found = found.get(step, ABSENT) if isinstance(found, dict) else ABSENT
    assert found == expected
    assert type(found) is type(expected)


def test_every_parameter_with_a_name_of_its_own_has_a_row() -> None:
    keys = {row[0].partition("=")[0] for row in ROWS}
    assert keys >= FIELDS.keys()
    assert {key.partition(".")[0] for key in keys} >= PREFIXES.keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        ("0", 0),
        ("-1", -1),
        ("12.5", 12.5),
        ("1e-7", 1e-7),
        ("1e%2B21", 1e21),
        ("1234567890123456", 1234567890123456),
        ("123456789012345678901234567890", 1.2345678901234568e29),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("true", "true"),
        ("00123", "00123"),
        ("1_000", "1_000"),
        ("1e999", "1e999"),
        ("0x10", "0x10"),
        ("%D9%A3", "\u0663"),
        ("%C2%B2", "²"),
        ("", ""),
    ],
)
@pytest.mark.parametrize(("key", "path"), [("epn.n", "n"), ("_et", "engagement_time_msec"), ("tfd", "x-ga-tfd")])
def test_a_number_is_what_json_calls_one(key: str, path: str, text: str, expected: Any) -> None:
    found = data_of(f"{key}={text}")[path]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "query",
    ["ep.page_title=ours&dt=wire", "dt=wire&ep.page_title=ours", "epn.page_title=7&dt=wire"],
)
def test_a_parameter_of_the_protocol_wins_over_an_event_parameter(query: str) -> None:
    assert data_of(query)["page_title"] == "wire"


@pytest.mark.parametrize("prefix", ["ep", "up", "ep.user_data"])
def test_a_number_wins_over_a_text_of_the_same_name(prefix: str) -> None:
    place = {"ep": "x", "up": "x-ga-mp2-user_properties.x", "ep.user_data": "user_data.x"}[prefix]
    numbers = prefix.replace("ep", "epn").replace("up", "upn")
    assert at(data_of(f"{prefix}.x=text&{numbers}.x=1"), place) == 1
    assert at(data_of(f"{numbers}.x=1&{prefix}.x=text"), place) == 1


def test_items_and_nested_user_data_win_over_event_parameters_of_their_name() -> None:
    found = data_of("pr1=idA&ep.user_data.email=a&ep.items=text&ep.user_data=text&ep.event_location=x&ur=US")
    assert found["items"] == [{"item_id": "A"}]
    assert found["user_data"] == {"email": "a"}
    assert found["event_location"] == {"country": "US"}


def test_items_are_in_the_order_of_their_numbers_and_gaps_are_closed() -> None:
    found = data_of("pr10=idD&pr2=idB&pr07=idC&pr0=idA&pr3=&pr4=~")
    assert [one["item_id"] for one in found["items"]] == ["A", "B", "C", "D"]


def test_of_a_repeated_parameter_the_last_one_counts() -> None:
    assert data_of("ep.a=1&ep.a=2&cu=EUR&cu=CHF") | {"a": "2", "currency": "CHF"} == data_of("ep.a=2&cu=CHF")


def test_the_request_adds_address_and_user_agent() -> None:
    found = data_of("", ip="203.0.113.7", user_agent="Mozilla/5.0")
    assert (found["ip_override"], found["user_agent"]) == ("203.0.113.7", "Mozilla/5.0")


def test_what_the_request_does_not_know_is_absent() -> None:
    assert data_of("").keys() == {"event_name", "x-sst-system_properties"}


def test_the_address_that_a_sender_states_wins_if_it_is_one() -> None:
    assert data_of("_uip=2001:db8::1", ip="203.0.113.7")["ip_override"] == "2001:db8::1"
    assert data_of("_uip=::", ip="203.0.113.7")["ip_override"] == "::"
    assert data_of("_uip=", ip="203.0.113.7")["ip_override"] == "203.0.113.7"
    assert data_of("_uip=home", ip="203.0.113.7")["ip_override"] == "203.0.113.7"


@pytest.mark.parametrize("name", ["_uip", "ep.ip_override"])
def test_an_address_has_one_form_and_no_free_text(name: str) -> None:
    assert data_of(f"{name}=::ffff:203.0.113.9")["ip_override"] == "203.0.113.9"
    assert data_of(f"{name}=2001:DB8:0::1")["ip_override"] == "2001:db8::1"
    for stated in ("fe80::1%25<script>", "<script>", "home", ""):
        assert "ip_override" not in data_of(f"{name}={stated}&epn.ip_override=7")
        assert data_of(f"{name}={stated}", ip="203.0.113.7")["ip_override"] == "203.0.113.7"


def test_nobody_can_state_the_arrival() -> None:
    found = data_of("sst.request_start_time_ms=1&ep.x-sst-system_properties=x")
    assert found["x-sst-system_properties"] == {"request_start_time_ms": ARRIVAL}


def test_headers_complete_the_client_hints() -> None:
    found = data_of("uaa=arm&uamb=0", sec_ch_ua='"A";v="1"', sec_ch_ua_mobile="?1", sec_ch_ua_platform='"macOS"')
    assert found["client_hints"] == {
        "architecture": "arm",
        "mobile": False,
        "brands": [{"brand": "A", "version": "1"}],
        "platform": '"macOS"',
    }


@pytest.mark.parametrize("body", ["", "\n", "\r\n \r\n\t"])
def test_without_a_line_the_query_alone_is_the_event(body: str) -> None:
    [(parameters, data)] = events_of(hit("en=page_view&ep.a=1", body))
    assert parameters == {"en": "page_view", "ep.a": "1"}
    assert data["a"] == "1"


def test_each_line_is_laid_over_the_query() -> None:
    events = list(
        events_of(hit("cid=1&ep.a=query&ep.user_data.x=q", "en=one&ep.a=line\r\n\r\nen=two&ep.user_data.y=l"))
    )
    assert [parameters["en"] for parameters, _ in events] == ["one", "two"]
    assert [data["a"] for _, data in events] == ["line", "query"]
    assert [data["user_data"] for _, data in events] == [{"x": "q"}, {"x": "q", "y": "l"}]


def test_no_line_leaks_into_the_next_one() -> None:
    first, second = (data for _, data in events_of(hit("cid=1", "en=a&ep.x=1&pr1=idA&_dbg=1&uap=b&up.u=1\nen=a")))
    assert first.keys() - second.keys() == {"x", "items", "x-ga-system_properties", "client_hints"} | {
        "x-ga-mp2-user_properties"
    }


def test_lines_without_a_name_are_no_events() -> None:
    assert [data["event_name"] for _, data in events_of(hit("cid=1", "ep.a=1\nen=\nen=x\ngarbage"))] == ["x"]
    assert list(events_of(hit("cid=1"))) == []


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    [(_, data)] = events_of(hit("", b"en=caf\xff&ep.a=%FF\xc3"))
    assert (data["event_name"], data["a"]) == ("caf\ufffd", "\ufffd\ufffd")


def test_only_so_many_names_are_remembered_and_no_long_ones() -> None:
    names = [f"ep.{number}" for number in range(MOST_REMEMBERED + 1)]
    for name in (*names, "ep." + "x" * LONGEST_REMEMBERED, "ep.first"):
        assert data_of(f"{name}=1")[name[3:]] == "1"
    assert len(PLACES) <= MOST_REMEMBERED
    assert max(map(len, PLACES)) <= LONGEST_REMEMBERED
    assert "ep.first" in PLACES


def test_events_of_one_hit_share_nothing_that_is_added_to_them() -> None:
    query = "ep.user_data.email=a&pr1=idA&uap=b&up.u=1&_dbg=1&ur=US&sst.a=1"
    first, second = (data for _, data in events_of(hit(query, "en=a&uaa=arm\nen=b&ep.x=1", sec_ch_ua_mobile="?1")))
    assert first["client_hints"] == {"platform": "b", "architecture": "arm", "mobile": True}
    assert second["client_hints"] == {"platform": "b", "mobile": True}
    assert first["user_data"] == second["user_data"] == {"email": "a"}
    assert "x" not in first
    for name in ("client_hints", "user_data", "x-ga-system_properties", "x-sst-system_properties", "event_location"):
        assert first[name] is not second[name]


ODD_QUERY = st.text(st.characters(exclude_categories=())) | st.lists(
    st.tuples(
        st.sampled_from(
            [*FIELDS, "ep.a", "epn.a", "pr1", "pr2", "up.a", "upn.a", "ep.user_data.a.0", "sst.a", "_x", "gcd"]
        ),
        st.text() | st.text("~%;|-.0123456789"),
    )
).map(lambda pairs: "en=e&" + "&".join(f"{key}={value}" for key, value in pairs))


@given(query=ODD_QUERY, body=st.binary() | ODD_QUERY.map(lambda text: text.encode("utf-8", "replace")), agent=st.text())
def test_no_hit_is_too_odd_and_its_events_are_json(query: str, body: bytes, agent: str) -> None:
    odd = hit(query, body, cookie=agent, user_agent=agent, sec_ch_ua=agent, sec_ch_ua_mobile=agent)
    assert isinstance(odd.cookies, object)
    for parameters, data in events_of(odd):
        assert orjson.loads(orjson.dumps(data))["event_name"] == parameters["en"]
        assert consent_of(parameters).state("ad_storage") in ("granted", "denied", "unset")
