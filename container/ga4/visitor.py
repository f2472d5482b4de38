"""Who the visitor is: the client id that the browser keeps, or the one that the server keeps in a cookie of its own."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from container.effects import SetCookie
from container.event import Hit
from container.ga4.cookies import browser_client_id, server_client_id, server_cookie, session_of
from container.ga4.linker import VALID_SECONDS, sealed, unsealed
from container.shape import missing, text
from container.url import host_name, registrable_domain

BROWSER_COOKIE, LINKER_COOKIE = "_ga", "FPLC"
JS_CLIENT_ID = "x-ga-js_client_id"
WANTED = "0"
"""What `_fplc` says when the browser has no linker cookie and would like one."""

SESSION_SECONDS = 30 * 60
"""After so long without activity Google's library starts another session."""


_SECONDS = re.compile(r"\d{10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ServerCookie:
    """The cookie in which the server keeps the client id. `linker_key` empty: there is no linker cookie."""

    name: str
    domain: str
    max_age: int
    same_site: Literal["lax", "strict", "none"]
    migrate: bool
    linker_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What cookies add: the event data of each event, and the cookies to set."""

    data: Sequence[Mapping[str, Any]]
    cookies: Sequence[SetCookie] = ()


def from_browser(hit: Hit, events: Sequence[Mapping[str, Any]]) -> Recognised:
    """Client id and session where a hit does not state them itself, from the cookies that the browser keeps."""
    return Recognised([_completed(hit, data) for data in events])


def from_server(hit: Hit, events: Sequence[Mapping[str, Any]], cookie: ServerCookie, *, linked: str) -> Recognised:
    """The client id that the server keeps, for all events; the browser's own stays as `x-ga-js_client_id`.

    In this order: the id that a link from another site brought (`linked`, the parameter `_fplc`), that of the cookie,
    one that is made from the browser's id (with `migrate`), a new one. The cookie is set anew on each hit.
    """
    completed = from_browser(hit, events).data
    browser_ids = [text(data.get("client_id")) for data in completed]
    now = hit.received // 1000
    key = cookie.linker_key
    client_id = (
        (unsealed(key, linked, now) if key and linked != WANTED else None)
        or server_client_id(hit.cookies.get(cookie.name, ""))
        or _made(hit, next(filter(None, browser_ids), "") if cookie.migrate else "")
    )
    cookies = [_cookie(hit, cookie, client_id)]
    if key and linked == WANTED:
        cookies.append(_linker_cookie(cookie, sealed(key, client_id, now)))
    recognised = [
        {**data, "client_id": client_id, JS_CLIENT_ID: own}
        if own not in ("", client_id)
        else {**data, "client_id": client_id}
        for data, own in zip(completed, browser_ids, strict=True)
    ]
    return Recognised(recognised, cookies)


def _completed(hit: Hit, data: Mapping[str, Any]) -> Mapping[str, Any]:
    if data.get("client_id") and data.get("ga_session_id"):
        return data
    added: dict[str, Any] = {}
    if missing(data.get("client_id")):
        added["client_id"] = browser_client_id(hit.cookies.get(BROWSER_COOKIE, ""))
    if missing(data.get("ga_session_id")):
        session = session_of(hit.cookies, text(data.get("x-ga-measurement_id")))
        if session is not None and _is_current(hit, session.last_active):
            found = {"ga_session_number": session.number, "x-ga-mp2-seg": session.engaged}
            added["ga_session_id"] = session.id
            added |= {name: value for name, value in found.items() if missing(data.get(name))}
    known = {name: value for name, value in added.items() if value is not None}
    return {**data, **known} if known else data


def _is_current(hit: Hit, last_active: int | None) -> bool:
    return last_active is not None and hit.received // 1000 - last_active <= SESSION_SECONDS


def _made(hit: Hit, browser_id: str) -> str:
    """A client id of ours: 32 bytes and the first visit's time in seconds.

    From a browser's id always the same one, so that hits which are under way together do not make two visitors of one,
    and with its time. Without one it is as random as the hit.
    """
    stated = browser_id.rpartition(".")[2]
    first_visit = stated if _SECONDS.fullmatch(stated) else str(hit.received // 1000)
    if browser_id:
        made = hmac.digest(b"client id", browser_id.encode("utf-8", "replace"), hashlib.sha256)
    else:
        made = hit.random("client id")
    return f"{b64encode(made).decode()}.{first_visit}"


def _cookie(hit: Hit, cookie: ServerCookie, client_id: str) -> SetCookie:
    host = hit.headers.get("host", "")
    domain = (registrable_domain(host) or "") if cookie.domain == "auto" else (cookie.domain or host_name(host))
    return SetCookie(
        cookie.name,
        server_cookie(client_id, domain.strip(".").count(".") + 1),
        max_age=cookie.max_age,
        domain=cookie.domain,
        http_only=True,
        same_site=cookie.same_site,
        encoded=True,
    )


def _linker_cookie(cookie: ServerCookie, token: str) -> SetCookie:
    """For the page's own scripts to read: they put it into links."""
    return SetCookie(
        LINKER_COOKIE,
        quote(token, safe=""),
        max_age=VALID_SECONDS,
        domain=cookie.domain,
        same_site=cookie.same_site,
        encoded=True,
    )
