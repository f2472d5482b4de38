"""Over a whole `serve`: who may see, change and join a preview, and who finds nothing there."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import orjson
import pytest

from container.preview.api import PreviewApi
from container.preview.lock import MOST_WRONG
from container.preview.pages import PreviewPages
from container.web.access import form_token
from tests import canaries
from tests.cli.previewed import BEARER, HIT, TOKEN, Previewed, Session, opened_in_a_browser, previewed
from tests.preview.page_parts import Workbench

pytestmark = pytest.mark.slow

BY_PROXY = ("--trusted-proxy", "127.0.0.1/32")
WRONG = "w" * len(TOKEN)
BASIC = "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
ELSEWHERE: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "https://www.shop.example"},
]
FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "")
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def routes() -> list[tuple[str, str]]:
    """Method and address of everything that preview has on the admin listener, files aside, as the code has them."""
    pages = PreviewPages(PreviewApi(Workbench(), TOKEN, lambda: 0.0))
    found = [(method, route.path) for route in pages.routes() for method in sorted(route.methods or ())]
    return [(method, path) for method, path in found if method != "HEAD" and not path.startswith("/static/")]


ROUTES = routes()
READING = [path for method, path in ROUTES if method == "GET"]
CHANGING = [(method, path) for method, path in ROUTES if method != "GET"]


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Previewed]:
    with previewed(tmp_path_factory.mktemp("strangers"), *BY_PROXY) as found:
        yield found


@pytest.fixture
def session(preview: Previewed) -> Iterator[Session]:
    """One with a record, which is over with the test."""
    found = preview.start()
    found.hit(cookie=f"_ttp={canaries.COOKIE}")
    yield found
    if found.record(1) is not None:
        found.end()


def filled(path: str, session: Session, **other: str) -> str:
    """The address, with what this session has in the places of its parameters."""
    known = {"id": session.id, "share": session.share, "number": "1", **other}
    return _PARAMETER.sub(lambda found: known[found[1]], path)


def asked(preview: Previewed, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
    """An answer of the admin listener, of which no more than the head is read: a stream has no end."""
    with preview.anybody.stream(method, f"{preview.served.admin}{path}", headers=headers, **more) as answer:
        if "event-stream" not in answer.headers.get("content-type", ""):
            answer.read()
        return answer


def unchanged(session: Session) -> bool:
    """Whether the session is as it was made, and goes on."""
    state = session.state()
    return (state["mode"], state["draft"], state["rules"]) == ("dry", False, []) and session.record(2) is None


def test_every_route_is_known() -> None:
    assert len(READING) >= 12
    assert len(CHANGING) >= 16
    assert {path for path in READING if "{share}" in path} >= {
        "/preview/shared/{share}",
        "/preview/shared/{share}/records/{number:int}",
    }
    assert ("POST", "/preview/{id}/reveal") in CHANGING


@pytest.mark.parametrize(
    "shown",
    ["", f"Bearer {WRONG}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", f"Token {TOKEN}", "share", "mark"],
)
def test_without_the_token_there_is_nothing_at_any_address(preview: Previewed, session: Session, shown: str) -> None:
    value = {"share": f"Bearer {session.share}", "mark": f"Bearer {session.mark}"}.get(shown, shown)
    headers = {"authorization": value} if value else {}
    nothing = asked(preview, "GET", "/nowhere", {})
    for method, path in ROUTES:
        if "{share}" in path:
            continue
        answer = asked(preview, method, filled(path, session), headers, json={} if method != "GET" else None)
        assert (answer.status_code, answer.content) == (404, nothing.content), (method, path)
        assert answer.headers.keys() == nothing.headers.keys()
    assert unchanged(session)


def test_with_the_token_there_is_something_at_each_of_them(preview: Previewed, session: Session) -> None:
    for path in READING:
        # Nothing was published, so that there is no version to be shown, which is said.
        expected = 409 if "/versions/" in path else 200
        assert asked(preview, "GET", filled(path, session), BEARER).status_code == expected, path


def test_with_a_wrong_share_token_there_is_nothing(preview: Previewed, session: Session) -> None:
    for path in (path for path in READING if "{share}" in path):
        for wrong in ("wrong", session.id, session.mark, "x" * 5000):
            answer = asked(preview, "GET", filled(path, session, share=wrong), {})
            # Not even the admin token makes it one.
            assert (
                answer.status_code,
                asked(preview, "GET", filled(path, session, share=wrong), BEARER).status_code,
            ) == (
                404,
                404,
            ), path


def test_a_share_link_changes_nothing_and_reveals_nothing(preview: Previewed, session: Session) -> None:
    share = session.share
    for method, path in CHANGING:
        name = path.rpartition("/")[2]
        for target in (f"/preview/shared/{share}/{name}", filled(path, session, id=share)):
            for headers in ({}, {"authorization": f"Bearer {share}"}, {"x-form-token": share}):
                answer = asked(preview, method, target, headers, json={"number": 1, "mode": "send"})
                assert answer.status_code in (404, 405), (method, target)
                assert not answer.headers.get("content-type", "").startswith("application/json")
    assert unchanged(session)


def test_a_share_link_shows_neither_the_mark_nor_what_is_personal(preview: Previewed, session: Session) -> None:
    share, masked = session.share, session.record(1)
    personal = (canaries.EMAIL, canaries.PHONE, canaries.COOKIE)
    whole = unquote(orjson.dumps(session.change("reveal", number=1)).decode())
    assert all(each in whole for each in personal)
    for path in ("", "/state", "/summary", "/records/1"):
        answer = asked(preview, "GET", f"/preview/shared/{share}{path}", {})
        assert answer.status_code == 200
        for secret in (session.mark, session.id, TOKEN, *personal):
            assert secret not in unquote(answer.text), path
    assert asked(preview, "GET", f"/preview/shared/{share}/records/1", {}).json() == masked


@pytest.mark.parametrize("elsewhere", ELSEWHERE, ids=lambda each: "-".join(each))
@pytest.mark.parametrize("shown", ["basic", "bearer"])
def test_a_page_of_another_site_changes_nothing(
    preview: Previewed, session: Session, elsewhere: dict[str, str], shown: str
) -> None:
    known = form_token(TOKEN, time.time())
    headers = {**({"authorization": BASIC} if shown == "basic" else BEARER), "x-form-token": known, **elsewhere}
    before = len(preview.admin.get("/preview").text)
    for method, path in CHANGING:
        if shown == "bearer" and path.startswith("/preview/sessions"):
            # No browser sends a bearer to them by itself, and no page of another site may: it would have to be let.
            assert asked(preview, "OPTIONS", filled(path, session), headers).status_code in (404, 405)
            continue
        stated: dict[str, Any] = {"json": {"mode": "send", "number": 1}}
        if path == "/preview/start":
            stated = {"data": {"token": known}}
        answer = asked(preview, method, filled(path, session), headers, **stated)
        assert answer.status_code in ((403, 404) if path.startswith("/preview/sessions") else (403,)), (method, path)
        assert "access-control-allow-origin" not in answer.headers
    assert unchanged(session)
    assert len(preview.admin.get("/preview").text) == before, "a session was started"


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_changes_nothing(preview: Previewed, session: Session, kind: str) -> None:
    headers = {"authorization": BASIC, **({"content-type": kind} if kind else {})}
    before = len(preview.admin.get("/preview").text)
    for method, path in CHANGING:
        answer = asked(preview, method, filled(path, session), headers, content=b'{"mode": "send", "number": 1}')
        assert 400 <= answer.status_code < 500, (method, path)
    assert unchanged(session)
    assert len(preview.admin.get("/preview").text) == before


def test_json_of_a_browser_needs_what_only_a_page_of_ours_knows(preview: Previewed, session: Session) -> None:
    for token in ("", "wrong", TOKEN, session.share):
        headers = {"authorization": BASIC, "sec-fetch-site": "same-origin", "x-form-token": token}
        for method, path in CHANGING:
            if "{id}" in path and not path.startswith("/preview/sessions"):
                answer = asked(preview, method, filled(path, session), headers, json={"mode": "send", "number": 1})
                assert answer.status_code == 403, (method, path)
                why = "was open for too long" if token else "or the admin token as a bearer"
                assert why in answer.json()["error"]
    assert unchanged(session)


def test_another_sites_page_reads_nothing_with_the_browsers_token(preview: Previewed, session: Session) -> None:
    for path in READING:
        if "{share}" in path or path in ("/preview", "/preview/{id}") or path.startswith("/preview/sessions"):
            continue
        headers = {"authorization": BASIC, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert asked(preview, "GET", filled(path, session), headers).status_code == 403, path


def test_nothing_of_it_is_on_the_public_listener(preview: Previewed, session: Session) -> None:
    nothing = preview.anybody.get(f"{preview.public}/nowhere")
    for method, path in ROUTES:
        answer = preview.anybody.request(method, f"{preview.public}{filled(path, session)}", headers=BEARER)
        assert (answer.status_code, answer.content) == (404, nothing.content), (method, path)


def test_guesses_from_one_address_are_refused_and_another_still_gets_in(preview: Previewed, session: Session) -> None:
    before = preview.metric('preview_links_total{result="refused"}')
    here, there = {"x_forwarded_for": "198.51.100.61"}, {"x_forwarded_for": "198.51.100.62"}
    for number in range(MOST_WRONG):
        answer = opened_in_a_browser(f"{preview.public}/_preview/{number}", **here)
        assert answer.status_code == 404
    link = preview.public + session.code()
    assert opened_in_a_browser(link, **here).status_code == 404
    answer = opened_in_a_browser(link, **there)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("tc_preview=")
    assert preview.metric('preview_links_total{result="refused"}') >= before + MOST_WRONG
    assert preview.metric('preview_links_total{result="locked"}') >= 1
    assert opened_in_a_browser(link, **there).status_code == 404


@pytest.mark.parametrize("proto", ["https", "http"])
def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(
    preview: Previewed, session: Session, proto: str
) -> None:
    headers = {"x_forwarded_for": "198.51.100.63", "x_forwarded_proto": proto, "host": "tags.shop.example"}
    answer = opened_in_a_browser(preview.public + session.code(), **headers)
    [line] = answer.headers.get_list("set-cookie")
    name, *attributes = line.split("; ")
    assert name == f"tc_preview={session.mark}"
    expected = {"Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax"} | ({"Secure"} if proto == "https" else set())
    assert {*attributes} == expected
    assert session.mark not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_what_a_stranger_says_of_the_scheme_means_nothing(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        link = preview.public + preview.start().code()
        answer = opened_in_a_browser(link, x_forwarded_proto="https")
        assert "Secure" not in answer.headers["set-cookie"]


def test_the_log_tells_of_marks_that_lead_nowhere_and_shows_none(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        over = preview.start()
        over.end()
        for _ in range(3):
            assert preview.hit(x_gtm_server_preview=over.mark).status_code == 204
        preview.served.wait_for(r"preview\.mark_ignored count=1")
        assert preview.metric('preview_hits_total{result="ignored"}') == 3
        lines = preview.served.lines
        assert sum("preview.mark_ignored" in line for line in lines) == 1
        assert not any(over.mark in line for line in lines)


def test_a_mark_that_is_over_is_ignored_and_counted_and_its_hit_delivered(preview: Previewed) -> None:
    over, open_still = preview.start(), preview.start()
    over.end()
    counted = 'preview_hits_total{result="ignored"}'
    ignored, taken, rows = preview.metric(counted), preview.metric("hits_accepted_total"), preview.rows()
    usual = preview.hit()
    shown: list[dict[str, Any]] = [{"x_gtm_server_preview": over.mark}, {"cookie": f"tc_preview={over.mark}"}]
    for order, headers in enumerate(shown):
        answer = preview.hit(HIT.replace("T1", f"T-{order}"), **headers)
        assert (answer.status_code, answer.content) == (usual.status_code, usual.content)
    assert preview.metric(counted) == ignored + 2
    assert preview.metric("hits_accepted_total") == taken + 3
    assert preview.rows() == rows + 3
    assert open_still.record(1) is None
    open_still.end()
