"""How TikTok recognises a click (`ttclid`) and a browser (`_ttp`), and the cookies that keep them."""

from __future__ import annotations

import re

from container.api import (
    Event,
    Hit,
    SetCookie,
    at,
    normalise,
    registrable_domain,
    url_parts,
)
from tags.tiktok_events_api.settings import TikTokEventsApi

CLICK_COOKIE, BROWSER_COOKIE = "ttclid", "_ttp"
CLICK_SECONDS = 30 * 24 * 3600
"""The longest click-through window of an account is 28 days."""

BROWSER_SECONDS = 34_190_000
"""Thirteen months, as long as the pixel keeps its own."""

_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]{1,3800}", re.ASCII)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def recognised(settings: TikTokEventsApi, event: Event, notes: list[str]) -> tuple[dict[str, str], list[SetCookie]]:
    """The fields `ttclid` and `ttp` of the user object, and the cookies that the visitor's browser should get."""
    if settings.event_source != "web":
        return {}, []
    click, browser = _click_id(settings, event), _browser_id(settings, event)
    cookies, found = [], {}
    if click:
        found["ttclid"] = click
    if click and settings.cookies.ttclid and click != event.hit.cookies.get(CLICK_COOKIE):
        # Only a new value is written: writing the same again would make an old click immortal.
        if _COOKIE_VALUE.fullmatch(click):
            cookies.append(SetCookie(CLICK_COOKIE, click, max_age=CLICK_SECONDS))
        else:
            notes.append(
                "the click id is not kept: it is too long for a cookie, or has signs that a cookie cannot hold"
            )
    if browser is None and settings.cookies.ttp:
        browser = made_browser_id(event.hit)
        cookies.append(SetCookie(BROWSER_COOKIE, browser, max_age=BROWSER_SECONDS))
    if browser is not None:
        found["ttp"] = browser
    return found, cookies


def made_browser_id(hit: Hit) -> str:
    """A browser id in the pixel's form: a ULID of the hit's time and random bytes, the same for all of its events."""
    value = (hit.received & (1 << 48) - 1) << 80 | int.from_bytes(hit.random(BROWSER_COOKIE)[:10], "big")
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -5, -5)) + "_.tt.1"


def _click_id(settings: TikTokEventsApi, event: Event) -> str | None:
    """The click id, unchanged: the setting, the page, a page of the same site before it, event data, the cookie."""
    given, data, plain = settings.user.ttclid, event.data, normalise.plain
    url, referrer = settings.page.url, settings.page.referrer
    # Most addresses have none, and looking is cheaper than parsing.
    return (
        (given and plain(given))
        or (url and "ttclid" in url and _click_id_of(url))
        or (referrer and "ttclid" in referrer and _click_id_of_referrer(url, referrer))
        or ("ttclid" in data and plain(data["ttclid"]))
        or plain(event.hit.cookies.get(CLICK_COOKIE))
        or plain(at(data, "common_cookie.ttclid"))
    )


def _browser_id(settings: TikTokEventsApi, event: Event) -> str | None:
    """The pixel's id of the browser, unchanged and whole."""
    given, data, plain = settings.user.ttp, event.data, normalise.plain
    return (
        (given and plain(given))
        or plain(event.hit.cookies.get(BROWSER_COOKIE))
        or plain(at(data, "common_cookie._ttp"))
        or plain(data.get("ttp"))
        or plain(data.get(BROWSER_COOKIE))
    )


def _click_id_of(url: str) -> str | None:
    return normalise.plain(url_parts(url).parameters.get("ttclid"))


def _click_id_of_referrer(url: str | None, referrer: str) -> str | None:
    found = _click_id_of(referrer)
    if not found or not url:
        return None
    site = _site(url)
    return found if site and site == _site(referrer) else None


def _site(url: str) -> str:
    hostname = url_parts(url).hostname
    return registrable_domain(hostname) or hostname
