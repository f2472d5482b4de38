"""How TikTok recognises a click (`ttclid`) and a browser (`_ttp`), and the cookies that keep them."""

from __future__ import annotations

from container.api import Event, Hit, SetCookie, conversion
from tags.tiktok_events_api.settings import TikTokEventsApi

CLICK_COOKIE, BROWSER_COOKIE = "ttclid", "_ttp"
CLICK_SECONDS = 30 * 24 * 3600
"""The longest click-through window of an account is 28 days."""

BROWSER_SECONDS = 34_190_000
"""Thirteen months, as long as the pixel keeps its own."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def recognised(settings: TikTokEventsApi, event: Event, notes: list[str]) -> tuple[dict[str, str], list[SetCookie]]:
    """The fields `ttclid` and `ttp` of the user object, and the cookies that the visitor's browser should get."""
    if settings.event_source != "web":
        return {}, []
    given, page = settings.user, settings.page
    click = conversion.click_id(
        event, given=given.ttclid, url=page.url, referrer=page.referrer, parameter="ttclid", cookie=CLICK_COOKIE
    )
    browser = conversion.browser_id(event, given=given.ttp, cookie=BROWSER_COOKIE, keys=("ttp", BROWSER_COOKIE))
    cookies, found = [], {}
    if click:
        found["ttclid"] = click
        if settings.cookies.ttclid:
            kept = conversion.kept_click(CLICK_COOKIE, click, event, notes, seconds=CLICK_SECONDS)
            cookies += [kept] if kept else []
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
