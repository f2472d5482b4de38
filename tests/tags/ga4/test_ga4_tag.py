"""The tag, decision by decision: which protocol, where to, in which pieces, at which time, for whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from container.component import component_of
from container.delivery.frame import frame_for
from container.effects import Note, Request, Skip, by_status
from container.event import Consent, Event, Hit, Signal
from container.secret import Secret, SecretText
from container.testing import resolved
from tags.ga4 import ga4
from tags.ga4.insight import STANDARD_EVENTS
from tags.ga4.server import BATCH
from tags.ga4.settings import Ga4Tag
from tags.ga4.view import speaks_web
from tags.ga4.web import LONGEST_ADDRESS
from tests.tags.ga4.sending import NOW, RELAY, SECRET, effects_of, events_in, hit_of, notes_of, parameters_of, sent

DATA = {"client_id": "1.2", "x-ga-measurement_id": "G-ABC123XYZ9", "ga_session_id": "1767261500"}
WEB = Hit(bytes(16), NOW, "POST", "/g/collect", "v=2&tid=G-ABC123XYZ9&en=e")
SERVER = Hit(bytes(16), NOW, "POST", "/mp/collect", "measurement_id=G-ABC123XYZ9", body=b"{}")


NO_CONSENT = Consent()


def web_event(hit: Any = WEB, consent: Any = NO_CONSENT, **data: Any) -> Event:
    return Event("purchase", {**DATA, **data}, hit, consent)


def server_event(name: Any = "purchase", hit: Any = SERVER, **data: Any) -> Event:
    return Event(name, {**DATA, **data}, hit)


def document(event: Event, **stated: Any) -> Any:
    return sent(event, api_secret=SECRET, **stated).document


def consent(**states: bool) -> Consent:
    return Consent({name: Signal(granted, "test") for name, granted in states.items()})


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("v=2&tid=G-1", b"", True),
        ("tid=G-1&v=2", b"", True),
        ("tid=G-1", b"en=a&v=2\r\nen=b", True),
        ("tid=G-1", b"en=a\nv=2&en=b", True),
        ("tid=G-1&xv=2&v=20", b"", False),
        ("measurement_id=G-1", b'{"page": "https://a.example/?a=b&v=2&c=d"}', False),
        ("measurement_id=G-1", b' \n{"page": "&v=2&"}', False),
        ("", b"", False),
    ],
)
def test_a_hit_of_googles_library_says_so(query: str, body: bytes, expected: bool) -> None:
    assert speaks_web(Hit(bytes(16), NOW, query=query, body=body)) is expected


@pytest.mark.parametrize(
    ("stated", "web", "server"),
    [
        ({}, "https://www.google-analytics.com/g/collect", "https://www.google-analytics.com/mp/collect"),
        (
            {"region": "eu"},
            "https://region1.google-analytics.com/g/collect",
            "https://region1.google-analytics.com/mp/collect",
        ),
        *(
            (
                {"endpoint": f"https://a.example{end}", "region": "eu"},
                "https://a.example/g/collect",
                "https://a.example/mp/collect",
            )
            for end in ("", "/", "/g/collect", "/mp/collect", "/mp/collect/", "/g/collect?x=y")
        ),
        (
            {"endpoint": "https://a.example/debug/mp/collect"},
            "https://a.example/g/collect",
            "https://a.example/debug/mp/collect",
        ),
        (
            {"endpoint": "http://127.0.0.1:8082/ga4"},
            "http://127.0.0.1:8082/ga4/g/collect",
            "http://127.0.0.1:8082/ga4/mp/collect",
        ),
    ],
)
def test_the_protocol_decides_the_path(stated: dict[str, Any], web: str, server: str) -> None:
    assert str(sent(web_event(), **stated).url).partition("?")[0] == web
    assert str(sent(server_event(), api_secret=SECRET, **stated).url).partition("?")[0] == server


@pytest.mark.parametrize("path", ["", "/mp/collect", "/g/collect"])
def test_the_query_of_an_endpoint_stays(path: str) -> None:
    stated = {"endpoint": f"https://a.example{path}?key=abc"}
    assert str(sent(web_event(), **stated).url).startswith("https://a.example/g/collect?key=abc&en=purchase&")
    server = sent(server_event(), api_secret=SECRET, **stated).url
    assert isinstance(server, SecretText)
    assert server.parts[0] == "https://a.example/mp/collect?key=abc&measurement_id=G-ABC123XYZ9&api_secret="
    long = sent(web_event(note="x" * LONGEST_ADDRESS), endpoint=f"https://a.example{path}?key={'k' * 1000}")
    assert len(str(long.url)) <= LONGEST_ADDRESS


def test_a_relay_needs_an_endpoint() -> None:
    with pytest.raises(ValidationError, match="other server container"):
        Ga4Tag.model_validate({"relay": True})


def test_only_a_relayed_hit_of_a_browser_waits_for_cookies() -> None:
    assert sent(web_event(), **RELAY).reply_cookies == 1.0
    assert sent(web_event()).reply_cookies is None
    assert sent(server_event(), **RELAY).reply_cookies is None
    assert sent(server_event(), protocol="web", **RELAY).reply_cookies is None


def test_a_relay_hands_on_what_the_browser_said() -> None:
    headers = {"cookie": "_ga=1; tc_preview=mark; _fbp=2", "referer": "https://shop.example/", "accept": "*/*"}
    event = web_event(replace(WEB, headers=headers), ip_override="203.0.113.7", user_agent="Mozilla/5.0")
    assert sent(event, **RELAY).headers == {
        "Content-Type": "text/plain;charset=UTF-8",
        "User-Agent": "Mozilla/5.0",
        "X-Forwarded-For": "203.0.113.7",
        "Cookie": "_ga=1; _fbp=2",
        "Referer": "https://shop.example/",
    }
    assert set(sent(event).headers) == {"Content-Type", "User-Agent"}
    assert "X-Forwarded-For" not in sent(event, redact_ip=True, **RELAY).headers
    assert set(sent(replace(event, hit=SERVER), protocol="web", **RELAY).headers) == {"Content-Type", "User-Agent"}


COOKIES = "session=s; _ga=1; _ga_ABC=2; FPLC=3; _gcl_aw=4; ttclid=5; ttclid_kept=6; cart=c; tc_preview=mark"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, "_ga=1; _ga_ABC=2; FPLC=3; _gcl_aw=4; ttclid=5"),
        ({"relay_cookies": ["_ga", "cart"]}, "_ga=1; cart=c"),
        ({"relay_cookies": "tt*"}, "ttclid=5; ttclid_kept=6"),
        ({"relay_cookies": ["*", "tc_preview"]}, COOKIES.removesuffix("; tc_preview=mark")),
        ({"relay_cookies": []}, None),
    ],
)
def test_a_relay_hands_on_the_cookies_that_it_names_and_no_others(stated: dict[str, Any], expected: str | None) -> None:
    event = web_event(replace(WEB, headers={"cookie": COOKIES}))
    assert sent(event, **RELAY, **stated).headers.get("Cookie") == expected


def test_a_relay_hands_on_no_cookies_where_analytics_storage_is_denied() -> None:
    hit = replace(WEB, headers={"cookie": COOKIES})
    denied = web_event(hit, consent(analytics_storage=False))
    assert "Cookie" not in sent(denied, **RELAY).headers
    assert notes_of(denied, **RELAY) == ["the visitor's cookies are left out: consent for analytics_storage is denied"]
    none_named = web_event(replace(WEB, headers={"cookie": "session=s"}), consent(analytics_storage=False))
    assert notes_of(none_named, **RELAY) == []


@pytest.mark.parametrize("name", ["", "a b", "a=b", "*_ga", "_g*a", "_ga**"])
def test_a_relay_names_cookies_that_can_be(name: str) -> None:
    with pytest.raises(ValidationError, match="relay_cookies"):
        Ga4Tag.model_validate({"relay_cookies": [name]})


@pytest.mark.parametrize("stated", [{}, RELAY])
@pytest.mark.parametrize("address", ["10.0.0.5", "::1", "192.168.1.7", "unknown", [7]])
def test_an_address_that_is_nobodys_is_left_out(stated: dict[str, Any], address: Any) -> None:
    event = web_event(ip_override=address)
    request = sent(event, **stated)
    assert "_uip" not in parameters_of(request)
    assert "X-Forwarded-For" not in request.headers
    assert notes_of(event, **stated) == ['"ip_override" is left out: it is no public address']
    assert parameters_of(sent(event, redact_ip=True, **stated))["_uip"] == "::"
    assert notes_of(event, redact_ip=True, **stated) == []


def test_a_relay_of_a_visitor_without_cookies_has_none() -> None:
    only_ours = replace(WEB, headers={"cookie": "tc_preview=mark"})
    assert "Cookie" not in sent(web_event(only_ours), **RELAY).headers
    assert "Cookie" not in sent(web_event(), **RELAY).headers


def test_a_relay_hands_on_what_only_containers_read() -> None:
    query = f"{WEB.query}&_fplc=0"
    event = web_event(
        replace(WEB, query=query), **{"x-sst-system_properties": {"uc": "DE", "request_start_time_ms": 1}}
    )
    relayed, forwarded = parameters_of(sent(event, **RELAY)), parameters_of(sent(event))
    assert (relayed["sst.uc"], relayed["_fplc"]) == ("DE", "0")
    assert not {"sst.uc", "_fplc", "sst.request_start_time_ms"} & forwarded.keys()
    assert "_fplc" not in parameters_of(sent(web_event(), **RELAY))
    assert "_fplc" not in parameters_of(sent(web_event(replace(WEB, query=f"{WEB.query}&_fplc=")), **RELAY))


def test_the_event_moves_into_the_body_where_the_address_would_be_too_long() -> None:
    short, long = sent(web_event(note="x")), sent(web_event(note="x" * LONGEST_ADDRESS))
    assert short.body is None
    assert isinstance(long.body, str)
    assert long.body.startswith("en=purchase&ep.note=xxx")
    assert "sid=1767261500" in str(long.url)
    assert len(str(long.url)) < LONGEST_ADDRESS


def test_the_page_moves_too_where_the_address_would_still_be_too_long() -> None:
    request = sent(web_event(page_location="https://shop.example/?" + "x" * LONGEST_ADDRESS))
    assert "dl=" not in str(request.url)
    assert str(request.body).partition("&sid=")[0] == "en=purchase"
    assert parameters_of(request)["dl"].startswith("https://shop.example/?xxx")


def test_what_every_hit_shares_stays_in_the_address() -> None:
    event = Event("e", {"client_id": "c" * LONGEST_ADDRESS, "x-ga-measurement_id": "G-1"}, WEB)
    assert sent(event).body == "en=e"


def test_user_data_in_the_clear_is_never_part_of_an_address() -> None:
    request = sent(web_event(user_data={"email": "ada@example.com"}), **RELAY)
    assert "ada" not in str(request.url)
    assert request.body == "en=purchase&ep.user_data.email=ada@example.com"


def test_the_sender_decides_whether_a_number_is_a_users_id() -> None:
    [event] = events_in(query="v=2&tid=G-1&cid=1.2&en=e&epn.user_id=12345")
    assert parameters_of(sent(event))["epn.user_id"] == "12345"
    [event] = events_in(query="v=2&tid=G-1&cid=1.2", body="en=e\r\nen=f&epn.user_id=12345")[1:]
    assert parameters_of(sent(event))["epn.user_id"] == "12345"
    assert parameters_of(sent(web_event(user_id=12345)))["uid"] == "12345"
    assert parameters_of(sent(server_event(user_id=12345), protocol="web"))["uid"] == "12345"
    assert parameters_of(sent(web_event(), user_id=12345))["uid"] == "12345"


@pytest.mark.parametrize(
    ("data", "states", "expected"),
    [
        ({"x-ga-gcs": "G111", "x-ga-gcd": "13t3t3t3t5"}, {"ad_storage": False}, {"gcs": "G111", "gcd": "13t3t3t3t5"}),
        ({"x-ga-gcd": "13t3t3t3t5"}, {"ad_storage": True}, {"gcd": "13t3t3t3t5"}),
        ({"x-sst-system_properties": {"gcd": "13p3p3p3p5"}}, {"ad_storage": False}, {"gcd": "13p3p3p3p5"}),
        ({}, {"ad_storage": False, "analytics_storage": True}, {"gcs": "G101"}),
        ({}, {"analytics_storage": True, "ad_personalization": False}, {"gcs": "G1-1", "npa": "1"}),
        ({"x-ga-npa": "0"}, {"ad_personalization": False}, {"npa": "0"}),
        ({}, {}, {}),
    ],
)
def test_consent_goes_as_it_came_and_else_as_it_is_known(
    data: dict[str, Any], states: dict[str, bool], expected: dict[str, str]
) -> None:
    found = parameters_of(sent(web_event(consent=consent(**states), **data)))
    assert {name: value for name, value in found.items() if name in ("gcs", "gcd", "npa")} == expected


def test_cookies_fill_in_who_it_was_where_consent_allows() -> None:
    hit = replace(SERVER, headers={"cookie": f"_ga=GA1.1.17.18; _ga_ABC123XYZ9=GS2.1.s7$o3$g1$t{NOW // 1000}"})
    event = Event("purchase", {}, hit)
    found = document(event, measurement_id="G-ABC123XYZ9")
    assert (found["client_id"], found["events"][0]["params"]["session_id"]) == ("17.18", "7")
    denied = replace(event, consent=consent(analytics_storage=False))
    assert isinstance(effects_of(denied, measurement_id="G-ABC123XYZ9", api_secret=SECRET), Skip)


def test_a_hit_without_a_client_goes_with_a_note() -> None:
    assert notes_of(Event("e", {"x-ga-measurement_id": "G-1"}, WEB)) == [
        "there is no client_id: GA4 counts no event without one"
    ]


def test_user_data_that_is_none_is_left_behind() -> None:
    assert "user_data" not in str(sent(web_event(user_data="nobody")).url)
    assert "em" not in parameters_of(sent(web_event(user_data={"_tag_mode": "CODE"})))


def test_a_relay_hands_on_user_data_where_the_visitor_allows() -> None:
    def event(allowed: bool) -> Event:
        about = {"user_data": {"email": "ada@example.com"}, "x-ga-em": "tv.1"}
        return web_event(consent=consent(ad_user_data=allowed), **about)

    found = parameters_of(sent(event(allowed=True), **RELAY))
    assert (found["ep.user_data.email"], found["em"]) == ("ada@example.com", "tv.1")
    assert "em" not in parameters_of(sent(event(allowed=True), user_data="drop", **RELAY))
    for stated in ({}, RELAY):
        assert not {"em", "ep.user_data.email"} & parameters_of(sent(event(allowed=False), **stated)).keys()
        assert notes_of(event(allowed=False), **stated) == [
            '"user_data" is left out: consent for ad_user_data is denied'
        ]
    by_server = Event("purchase", {**DATA, **event(allowed=False).data}, SERVER, consent(ad_user_data=False))
    assert "user_data" not in document(by_server, **RELAY)


def test_the_secret_stands_in_the_address_and_is_never_text() -> None:
    request = sent(server_event(), api_secret=SECRET)
    assert request.url == SecretText(
        (
            "https://www.google-analytics.com/mp/collect?measurement_id=G-ABC123XYZ9&api_secret=",
            Secret("GA4_API_SECRET"),
        )
    )


def test_a_time_stands_with_its_event() -> None:
    assert document(server_event())["events"][0]["timestamp_micros"] == NOW * 1000
    exact = (NOW - 5000) * 1000 + 123
    assert document(server_event(timestamp_micros=exact))["events"][0]["timestamp_micros"] == exact
    seconds = NOW // 1000 - 5
    assert document(server_event(timestamp_micros=seconds))["events"][0]["timestamp_micros"] == seconds * 1_000_000
    ahead = (NOW + 3_600_000) * 1000
    assert document(server_event(timestamp_micros=ahead))["events"][0]["timestamp_micros"] == NOW * 1000


def test_a_stated_event_time_stands_in_front() -> None:
    found = document(server_event(event_time=NOW // 1000 - 5))
    assert found["timestamp_micros"] == (NOW // 1000 - 5) * 1_000_000
    assert "timestamp_micros" not in found["events"][0]


def test_events_of_one_visitor_share_a_request_and_others_do_not() -> None:
    def group(event: Event) -> bytes:
        return frame_for("ga4", 1, sent(event, api_secret=SECRET)).group

    later = (NOW - 5000) * 1000
    assert group(server_event()) == group(server_event("refund", value=7, timestamp_micros=later))
    assert group(server_event()) != group(server_event(client_id="3.4"))
    assert (BATCH.path, BATCH.max_items) == ("events", 25)


def test_an_event_that_is_too_large_goes_without_its_items() -> None:
    names = {f"own_{number}": "x" * 100 for number in range(27)}
    items = [{"item_id": f"S{number}", **names} for number in range(200)]
    found = effects_of(server_event(items=items, value=5), api_secret=SECRET)
    assert isinstance(found, list)
    assert "items" not in found[0].item["params"]
    assert found[0].item["params"]["value"] == 5
    assert found[1:] == [Note('"items" is left out: the event is too large with it')]
    assert len(document(server_event(items=items), **RELAY)["events"][0]["params"]["items"]) == 200


def test_an_event_that_is_too_large_with_its_name_alone_is_skipped() -> None:
    effects = effects_of(server_event("n" * 130_000), api_secret=SECRET)
    assert isinstance(effects, Skip)
    assert "too large" in effects.reason


def test_money_that_is_none_goes_with_a_note() -> None:
    event = server_event(value="72,50", currency="euro", items=[{"item_id": "7", "price": "free", "quantity": True}])
    assert notes_of(event, api_secret=SECRET) == [
        'GA4 makes nothing of "value": it has to be a number, such as 72.50',
        'GA4 makes nothing of "currency": it has to be three letters, such as EUR',
        'GA4 makes nothing of "price": it has to be a number, such as 72.50',
    ]
    assert document(event)["events"][0]["params"]["value"] == "72,50"


def test_an_item_has_room_for_27_parameters_of_its_own() -> None:
    many = {f"own_{number}": number for number in range(28)}
    found = effects_of(server_event(items=[{"item_id": "A", "price": None, "list": [1], **many}]), api_secret=SECRET)
    assert isinstance(found, list)
    assert len(found[0].item["params"]["items"][0]) == 28
    assert len(found[1:]) == 2


def test_an_event_has_room_for_200_items_and_a_request_for_25_properties() -> None:
    properties = {f"own_{number}": number for number in range(26)}
    event = server_event(items=[{"item_id": "A"}] * 201, **{"x-ga-mp2-user_properties": properties})
    found = document(event)
    assert len(found["events"][0]["params"]["items"]) == 200
    assert len(found["user_properties"]) == 25
    assert len(notes_of(event, api_secret=SECRET)) == 2
    assert len(document(event, **RELAY)["user_properties"]) == 26


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"user_agent": "Mozilla/5.0 (X11)"}, {"user_agent": "Mozilla/5.0 (X11)"}),
        ({"user_agent": "curl/8"}, {}),
        ({"ip_override": "10.0.0.1"}, {}),
        (
            {"event_location": {"city": "Bern"}, "ip_override": "203.0.113.7"},
            {"ip_override": "203.0.113.7", "user_location": {"city": "Bern"}},
        ),
        ({"event_location": {"country": "CH"}, "ip_override": "203.0.113.7"}, {"ip_override": "203.0.113.7"}),
        (
            {"event_location": {"country": "CH", "region": "be"}},
            {"user_location": {"country_id": "CH", "region_id": "CH-BE"}},
        ),
        ({"event_location": {"country": 7, "region": "everywhere"}}, {}),
        ({"device": {"model": "Pixel", "n": 7, "x": []}}, {"device": {"model": "Pixel", "n": "7"}}),
        ({"user_id": "u" * 257}, {}),
    ],
)
def test_around_the_events_stands_what_google_can_use(data: dict[str, Any], expected: dict[str, Any]) -> None:
    found = document(server_event(**data))
    assert {name: value for name, value in found.items() if name not in ("client_id", "events")} == expected


def test_address_and_agent_of_the_hit_count_where_the_event_has_none() -> None:
    hit = Hit(bytes(16), NOW, headers={"user-agent": "Mozilla/5.0"}, ip="203.0.113.7")
    found = document(server_event(hit=hit))
    assert (found["ip_override"], found["user_agent"]) == ("203.0.113.7", "Mozilla/5.0")


@pytest.mark.parametrize(
    ("name", "skipped"), [("screen_view", True), ("user_engagement", True), ("größe", False), ("a b", False)]
)
def test_a_name_is_refused_only_if_google_keeps_it(name: str, skipped: bool) -> None:
    effects = effects_of(server_event(name), api_secret=SECRET)
    assert isinstance(effects, Skip) is skipped
    if isinstance(effects, list):
        assert effects[0].item["name"] == name
        assert len(effects) == 2


def test_what_is_no_text_is_left_out_with_a_note_that_can_be_shown() -> None:
    event = server_event(note="a\ud800", **{"größe\ud800": 1, "x-ga-mp2-user_properties": {"ü": "x"}})
    assert document(event)["events"][0]["params"].keys() == {"session_id", "engagement_time_msec"}
    assert notes_of(event, api_secret=SECRET) == [
        'user property "?" is left out: none of GA4 can be called so',
        '"note" is left out: it is no text',
        '"gr??e?" is left out: no parameter of GA4 can be called so',
    ]


def test_engagement_is_one_millisecond_at_least() -> None:
    def engagement(value: Any) -> Any:
        return document(server_event(engagement_time_msec=value))["events"][0]["params"]["engagement_time_msec"]

    assert [engagement(value) for value in (0, -3, 1200, "long", None)] == [1, 1, 1200, 1, 1]


def test_an_event_of_an_app_goes_to_the_stream_of_its_app() -> None:
    data = {"firebase_app_id": "1:2:android:3", "app_instance_id": "a" * 32}
    found = sent(Event("screen_view", data, SERVER), api_secret=SECRET)
    assert (found.account, found.json["app_instance_id"]) == ("1:2:android:3", "a" * 32)
    both = sent(server_event("login", **data), api_secret=SECRET)
    assert both.account == "1:2:android:3"
    website = sent(server_event("login", firebase_app_id="1:2:android:3"), api_secret=SECRET)
    assert website.account == "G-ABC123XYZ9"


def test_a_hit_shows_in_debugview_if_asked() -> None:
    found = parameters_of(sent(web_event(**{"x-ga-system_properties": {"c": "1"}}), debug_mode=True))
    assert (found["_dbg"], found["_c"], found["ep.debug_mode"]) == ("1", "1", "true")
    assert document(server_event(), debug_mode=True)["events"][0]["params"]["debug_mode"] == 1
    assert "_dbg" not in parameters_of(sent(web_event(), debug_mode=False))


def test_what_the_tag_declares() -> None:
    component = component_of(ga4)
    assert component is not None
    assert (component.judge, component.max_age_hours, component.consent) == (by_status, 72, ("analytics_storage",))
    assert len(STANDARD_EVENTS) == len(set(STANDARD_EVENTS))


def test_a_hit_of_several_events_goes_event_by_event() -> None:
    first, second = events_in(
        query="v=2&tid=G-1&cid=1.2&sid=7&_s=3", body="en=a&epn.value=1\r\nen=b&dl=https%3A%2F%2Fa.example%2F"
    )
    requests = [hit_of(sent(event)) for event in (first, second)]
    assert [request.query for request in requests] == [
        "en=a&v=2&tid=G-1&epn.value=1&cid=1.2&sid=7&_s=3",
        "en=b&v=2&tid=G-1&cid=1.2&sid=7&_s=3&dl=https://a.example/",
    ]


def test_settings_without_a_value_change_nothing() -> None:
    made = resolved(
        Ga4Tag, {"client_id": "{{ event.nothing }}", "parameters": {"coupon": "{{ event.nothing }}"}}, web_event()
    )
    assert isinstance(made, Ga4Tag)
    effects = ga4(made, web_event(coupon="A"))
    assert isinstance(effects, list)
    request = effects[0]
    assert isinstance(request, Request)
    assert "ep.coupon=A" in str(request.url)
