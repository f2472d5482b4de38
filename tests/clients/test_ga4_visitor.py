"""Who the visitor is: the browser's cookies, the server's own, consent, and what reaches the browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.ga4 import Ga4, ga4
from container.config.registry import discover
from container.effects import Claim, SetCookie
from container.engine.run import claim_hit
from container.event import Hit
from container.ga4.cookies import server_client_id
from container.secret import Secret, digest
from container.web.reply import header_lines
from tests.containers_of import container_of

NOW = 1_767_261_600
GRANTED, DENIED, SILENT = "&gcs=G111", "&gcs=G110", ""
SERVER = Ga4.model_validate({"identification": "server"})
OWN = "FPID2.2." + quote("q" * 43 + "=.1750000000", safe="")
MADE = re.compile(r"[A-Za-z0-9+/]{43}=\.\d{10}")


def hit(query: str = GRANTED, *, cookie: str = "", body: str = "", host: str = "data.shop.example", id: int = 0) -> Hit:
    named = "" if "en=" in body else "&en=page_view"
    headers = {"host": host, "cookie": cookie}
    query = f"v=2&tid=G-SHOP42&cid=77.1760000000{named}{query}"
    return Hit(id.to_bytes(16), NOW * 1000, "POST", "/g/collect", query, headers, body.encode())


def server(**cookie: Any) -> Ga4:
    return Ga4.model_validate({"identification": "server", "cookie": cookie})


def claimed(settings: Ga4, incoming: Hit) -> Claim:
    claim = ga4(settings, incoming)
    assert claim is not None
    return claim


def data_of(claim: Claim) -> Mapping[str, Any]:
    [event] = claim.events
    return event.data


def cookie_of(claim: Claim, name: str = "FPID") -> SetCookie | None:
    return next((each for each in claim.reply.cookies if each.name == name), None)


def id_in(claim: Claim) -> str | None:
    cookie = cookie_of(claim)
    return None if cookie is None else server_client_id(cookie.value)


def lines_of(claim: Claim, host: str) -> list[str]:
    return [value.decode() for name, value in header_lines(claim.reply, host) if name == b"set-cookie"]


def test_by_default_the_browser_keeps_the_client_id_and_nothing_is_set() -> None:
    claim = claimed(Ga4(), hit(cookie=f"FPID={OWN}; _ga=GA1.1.77.1760000000"))
    assert data_of(claim)["client_id"] == "77.1760000000"
    assert "x-ga-js_client_id" not in data_of(claim)
    assert claim.reply.cookies == ()
    assert claim.otherwise is None


def test_the_servers_cookie_is_the_client_id_and_lives_on() -> None:
    claim = claimed(SERVER, hit(cookie=f"FPID={OWN}"))
    assert data_of(claim)["client_id"] == "q" * 43 + "=.1750000000"
    assert data_of(claim)["x-ga-js_client_id"] == "77.1760000000"
    assert lines_of(claim, "data.shop.example") == [
        f"FPID={OWN}; Path=/; Domain=shop.example; Max-Age=34560000; Secure; HttpOnly; SameSite=Lax"
    ]
    cookie = cookie_of(claim)
    assert cookie is not None
    assert cookie.max_age == 63_072_000


def test_a_first_client_id_is_made_of_the_browsers_and_keeps_its_time() -> None:
    claim = claimed(SERVER, hit())
    made = data_of(claim)["client_id"]
    assert MADE.fullmatch(made)
    assert made.endswith(".1760000000")
    assert id_in(claim) == made
    assert data_of(claim)["x-ga-js_client_id"] == "77.1760000000"


def test_hits_that_are_under_way_together_make_one_visitor() -> None:
    assert len({id_in(claimed(SERVER, hit(id=number))) for number in range(5)}) == 1


def test_without_migration_a_first_client_id_is_new() -> None:
    made = {id_in(claimed(server(migrate=False), hit(id=number))) for number in range(5)}
    assert len(made) == 5
    assert all(one and MADE.fullmatch(one) and one.endswith(f".{NOW}") for one in made)


def test_the_same_hit_makes_the_same_client_id() -> None:
    assert len({id_in(claimed(server(migrate=False), hit(id=3))) for _ in range(3)}) == 1


def test_a_browser_id_without_a_time_gets_that_of_the_hit() -> None:
    made = id_in(claimed(SERVER, hit("&cid=user-7" + GRANTED)))
    assert made is not None
    assert made.endswith(f".{NOW}")


def test_a_hit_without_client_id_is_migrated_from_the_browsers_cookie() -> None:
    with_id = id_in(claimed(SERVER, hit()))
    claim = claimed(SERVER, hit("&cid=" + GRANTED, cookie="_ga=GA1.1.77.1760000000"))
    assert (id_in(claim), data_of(claim)["x-ga-js_client_id"]) == (with_id, "77.1760000000")


def test_a_hit_without_any_client_id_gets_a_new_one() -> None:
    claim = claimed(SERVER, hit("&cid=" + GRANTED))
    assert MADE.fullmatch(data_of(claim)["client_id"])
    assert "x-ga-js_client_id" not in data_of(claim)


@pytest.mark.parametrize("odd", ["", "FPID2.2.", "GA1.1.1.2", "FPID2.2.%00", "x" * 5000])
def test_a_cookie_that_cannot_be_read_is_replaced(odd: str) -> None:
    assert id_in(claimed(SERVER, hit(cookie=f"FPID={odd}"))) == id_in(claimed(SERVER, hit()))


def test_the_browsers_id_is_not_repeated_where_both_agree() -> None:
    claim = claimed(SERVER, hit(cookie="FPID=FPID2.2.77.1760000000"))
    assert data_of(claim)["client_id"] == "77.1760000000"
    assert "x-ga-js_client_id" not in data_of(claim)


def test_all_events_of_a_hit_are_one_visitors() -> None:
    claim = claimed(SERVER, hit(body="en=a\nen=b&cid=88.1760000001\nen=c"))
    assert len({event.data["client_id"] for event in claim.events}) == 1
    browsers = [event.data["x-ga-js_client_id"] for event in claim.events]
    assert browsers == ["77.1760000000", "88.1760000001", "77.1760000000"]
    assert len(claim.reply.cookies) == 1


@pytest.mark.parametrize(
    ("host", "cookie", "line"),
    [
        ("data.shop.example.co.uk", {}, "FPID2.3.{}; Path=/; Domain=example.co.uk; Max-Age=60; Secure; HttpOnly; Same"),
        ("localhost:8080", {}, "FPID2.1.{}; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"),
        ("192.0.2.7", {}, "FPID2.1.{}; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"),
        ("data.shop.example", {"domain": ""}, "FPID2.3.{}; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"),
        ("a.b.shop.example", {"domain": "b.shop.example"}, "FPID2.3.{}; Path=/; Domain=b.shop.example; Max-Age=60; S"),
        ("shop.example", {"same_site": "none"}, "FPID2.2.{}; Path=/; Domain=shop.example; Max-Age=60; Secure; HttpOnl"),
    ],
)
def test_the_cookie_is_for_the_widest_domain_or_the_stated_one(host: str, cookie: dict[str, str], line: str) -> None:
    claim = claimed(server(max_age=60, **cookie), hit(cookie="FPID=FPID2.2.me", host=host))
    [found] = lines_of(claim, host)
    assert found.startswith("FPID=" + line.format("me"))
    assert found.endswith("SameSite=" + cookie.get("same_site", "lax").title())


def test_the_cookie_may_have_another_name() -> None:
    claim = claimed(server(name="visitor"), hit(cookie=f"visitor={OWN}; FPID=FPID2.2.other"))
    assert [cookie.name for cookie in claim.reply.cookies] == ["visitor"]
    assert data_of(claim)["client_id"].startswith("qqq")


def test_a_cookie_without_a_name_is_neither_read_nor_set() -> None:
    claim = claimed(server(name=""), hit(cookie=f"FPID={OWN}; ={OWN}"))
    assert (claim.reply.cookies, data_of(claim)["client_id"]) == ((), "77.1760000000")


def test_denied_the_cookie_is_neither_read_nor_set() -> None:
    claim = claimed(SERVER, hit(DENIED, cookie=f"FPID={OWN}"))
    assert (claim.reply.cookies, data_of(claim)["client_id"], claim.otherwise) == ((), "77.1760000000", None)
    assert "x-ga-js_client_id" not in data_of(claim)


def test_one_event_that_denies_is_enough() -> None:
    claim = claimed(SERVER, hit(body="en=a\nen=b" + DENIED, cookie=f"FPID={OWN}"))
    assert claim.reply.cookies == ()


def test_where_the_hit_is_silent_the_claim_rests_on_consent() -> None:
    claim = claimed(SERVER, hit(SILENT, cookie=f"FPID={OWN}"))
    assert claim.consent == "analytics_storage"
    assert claim.reply.cookies
    assert claim.otherwise is not None
    assert claim.otherwise.reply.cookies == ()
    assert data_of(claim.otherwise)["client_id"] == "77.1760000000"


@pytest.mark.parametrize(
    ("consent", "own", "query", "kept"),
    [
        ("denied", None, SILENT, False),
        ("granted", None, SILENT, True),
        ("granted", "denied", SILENT, False),
        ("{ad_storage: granted}", None, SILENT, False),
        ("{analytics_storage: granted}", None, SILENT, True),
        ("'{{ Consent Of Page }}'", None, SILENT + "&dl=https%3A%2F%2Fshop.example%2F", True),
        ("'{{ Consent Of Page }}'", None, SILENT + "&dl=https%3A%2F%2Fshop.de%2F", False),
        ("denied", None, GRANTED, True),
        ("granted", None, DENIED, False),
    ],
)
def test_the_default_of_container_and_client_decides_about_a_silent_hit(
    consent: str, own: str | None, query: str, *, kept: bool
) -> None:
    client = "{type: ga4, identification: server" + (f", consent: {{default: {own}}}" if own else "") + "}"
    text = f"""
version: 1
consent: {{default: {consent}}}
clients: {{GA4: {client}}}
variables:
  Consent Of Page: {{type: lookup_table, input: "{{{{ Page Hostname }}}}", table: {{shop.example: granted}}}}
"""
    _, claim = claim_hit(container_of(text, discover()), hit(query, cookie=f"FPID={OWN}"))
    assert bool(claim.reply.cookies) is kept
    assert data_of(claim)["client_id"].startswith("qqq") is kept


# The browser's own cookies.

SESSION = f"GS2.1.s1767260000$o3$g1$t{NOW - 60}$j1$l0$h0"


def test_a_hit_without_ids_takes_them_from_the_browsers_cookies() -> None:
    claim = claimed(Ga4(), hit("&cid=" + GRANTED, cookie=f"_ga=GA1.1.5.6; _ga_SHOP42={SESSION}"))
    found = data_of(claim)
    assert (found["client_id"], found["ga_session_id"]) == ("5.6", "1767260000")
    assert (found["ga_session_number"], found["x-ga-mp2-seg"]) == (3, "1")


def test_what_a_hit_states_itself_counts() -> None:
    stated = hit("&sid=1&sct=2&seg=0" + GRANTED, cookie=f"_ga=GA1.1.5.6; _ga_SHOP42={SESSION}")
    found = data_of(claimed(Ga4(), stated))
    assert (found["client_id"], found["ga_session_id"], found["ga_session_number"]) == ("77.1760000000", "1", 2)
    partly = data_of(claimed(Ga4(), hit("&sct=9" + GRANTED, cookie=f"_ga_SHOP42={SESSION}")))
    assert (partly["ga_session_id"], partly["ga_session_number"], partly["x-ga-mp2-seg"]) == ("1767260000", 9, "1")


def test_a_session_that_the_hit_states_stays_where_only_the_client_id_is_missing() -> None:
    found = data_of(claimed(Ga4(), hit("&cid=&sid=1" + GRANTED, cookie=f"_ga=GA1.1.5.6; _ga_SHOP42={SESSION}")))
    assert (found["client_id"], found["ga_session_id"], "ga_session_number" in found) == ("5.6", "1", False)


@pytest.mark.parametrize(
    ("session", "found"),
    [
        (f"GS1.1.1767260000.3.0.{NOW - 1800}.0", "1767260000"),
        (f"GS1.1.1767260000.3.0.{NOW - 1801}.0", None),
        ("GS2.1.s1767260000$o3", None),
        ("nonsense", None),
    ],
)
def test_a_session_that_ended_is_not_taken_up(session: str, found: str | None) -> None:
    assert data_of(claimed(Ga4(), hit(cookie=f"_ga_SHOP42={session}"))).get("ga_session_id") == found


def test_without_consent_the_browsers_cookies_are_not_read_either() -> None:
    cookie = f"_ga=GA1.1.5.6; _ga_SHOP42={SESSION}"
    denied = data_of(claimed(Ga4(), hit("&cid=" + DENIED, cookie=cookie)))
    assert (denied["client_id"], "ga_session_id" in denied) == ("", False)
    silent = claimed(Ga4(), hit("&cid=" + SILENT, cookie=cookie))
    assert silent.otherwise is not None
    assert data_of(silent.otherwise)["client_id"] == ""


# Several sites.

KEY = Secret("LINKER", digest("a long random secret"))
LINKING = SERVER.model_copy(update={"cookie": SERVER.cookie.model_copy(update={"linker_secret": KEY})})


def token_of(claim: Claim) -> str:
    cookie = cookie_of(claim, "FPLC")
    assert cookie is not None
    return cookie.value


def test_a_visitor_keeps_the_id_on_the_other_site() -> None:
    here = claimed(LINKING, hit("&_fplc=0" + GRANTED, cookie=f"FPID={OWN}"))
    token = token_of(here)
    there = claimed(
        LINKING, hit(f"&_fplc={quote(token, safe='')}{GRANTED}", cookie="FPID=FPID2.2.me", host="b.example")
    )
    assert data_of(there)["client_id"] == data_of(here)["client_id"] == "q" * 43 + "=.1750000000"
    assert id_in(there) == data_of(here)["client_id"]
    assert cookie_of(there, "FPLC") is None


def test_scripts_may_read_the_linker_cookie_for_twenty_hours() -> None:
    claim = claimed(LINKING, hit("&_fplc=0" + GRANTED))
    [_, line] = lines_of(claim, "data.shop.example")
    assert re.fullmatch(r"FPLC=[A-Za-z0-9%]+; Path=/; Domain=shop\.example; Max-Age=72000; Secure; SameSite=Lax", line)


@pytest.mark.parametrize("linked", ["", "&_fplc=", "&_fplc=1", "&_fplc=forged%3D%3D"])
def test_nothing_is_linked_unasked_or_for_a_forged_token(linked: str) -> None:
    claim = claimed(LINKING, hit(linked + GRANTED, cookie="FPID=FPID2.2.me"))
    assert [cookie.name for cookie in claim.reply.cookies] == ["FPID"]
    assert data_of(claim)["client_id"] == "me"


def test_a_token_of_yesterday_does_not_count() -> None:
    token = token_of(claimed(LINKING, hit("&_fplc=0" + GRANTED)))
    later = replace(hit(f"&_fplc={quote(token, safe='')}{GRANTED}"), received=(NOW + 24 * 3600) * 1000)
    own = replace(later, headers={"host": "b.example", "cookie": "FPID=FPID2.2.me"})
    assert data_of(claimed(LINKING, own))["client_id"] == "me"


@pytest.mark.parametrize("secret", [None, Secret("LINKER"), Secret("LINKER", digest("another"))])
def test_without_the_secret_no_token_is_set_or_believed(secret: Secret | None) -> None:
    token = token_of(claimed(LINKING, hit("&_fplc=0" + GRANTED, cookie=f"FPID={OWN}")))
    cookie = SERVER.cookie.model_copy(update={"linker_secret": secret})
    settings = SERVER.model_copy(update={"cookie": cookie})
    claim = claimed(settings, hit(f"&_fplc={quote(token, safe='')}{GRANTED}", cookie="FPID=FPID2.2.me"))
    assert data_of(claim)["client_id"] == "me"
    if secret is None or not secret.digest:
        assert cookie_of(claimed(settings, hit("&_fplc=0" + GRANTED)), "FPLC") is None


@given(
    cookies=st.lists(st.tuples(st.sampled_from(["FPID", "_ga", "_ga_SHOP42", "FPLC"]), st.text(max_size=60))),
    query=st.text(max_size=40).map(lambda text: quote(text, safe="&=", errors="replace")),
    linked=st.text(max_size=60),
    host=st.text(max_size=40),
)
def test_no_visitor_is_too_odd(cookies: list[tuple[str, str]], query: str, linked: str, host: str) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in cookies)
    odd = hit(f"&_fplc={quote(linked, errors='replace')}{GRANTED}&{query}", cookie=cookie, host=host)
    claim = ga4(LINKING, odd)
    if claim is not None:
        assert all(line.isprintable() for line in lines_of(claim, host))
        assert all(isinstance(event.data["client_id"], str) for event in claim.events)
