"""How a click on an ad and a browser are recognised: ids in addresses, event data and cookies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from container import normalise
from container.effects import SetCookie
from container.event import Event
from container.shape import at
from container.url import registrable_domain, url_parts

_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]{1,3800}", re.ASCII)


def click_id(
    event: Event, *, given: str | None, url: str | None, referrer: str | None, parameter: str, cookie: str
) -> str | None:
    """The click id, unchanged: the setting, the page, a page of the same site before it, event data, the cookie."""
    data, plain = event.data, normalise.plain
    return (
        (given and plain(given))
        or click_of_page(parameter, url, referrer)
        or (parameter in data and plain(data[parameter]))
        or kept_in(event, cookie)
    )


def click_of_page(parameter: str, url: str | None, referrer: str | None) -> str | None:
    """The parameter in the address of the page, else in that of a page of the same site before it."""
    # Most addresses have none, and looking is cheaper than parsing.
    return (url and parameter in url and _parameter_of(url, parameter)) or (
        (referrer and parameter in referrer and _of_referrer(url, referrer, parameter)) or None
    )


def browser_id(event: Event, *, given: str | None, cookie: str, keys: Iterable[str]) -> str | None:
    """The pixel's id of the browser, unchanged and whole: the setting, the cookie, the keys of event data."""
    data, plain = event.data, normalise.plain
    if found := (given and plain(given)) or kept_in(event, cookie):
        return found
    for key in keys:
        if key in data and (found := plain(data[key])):
            return found
    return None


def kept_in(event: Event, cookie: str) -> str | None:
    """What the browser keeps in a cookie: its own, else the one that came along as event data."""
    return normalise.plain(event.hit.cookies.get(cookie)) or brought_along(event, cookie)


def brought_along(event: Event, cookie: str) -> str | None:
    """What came along as event data of a cookie that another host may read."""
    return normalise.plain(at(event.data, f"common_cookie.{cookie}")) if "common_cookie" in event.data else None


def kept_click(cookie: str, click: str, event: Event, notes: list[str], *, seconds: int) -> SetCookie | None:
    """The cookie that keeps a click id, `None` where the browser has it already.

    Only a new value is written: writing the same again would make an old click immortal.
    """
    if click == event.hit.cookies.get(cookie):
        return None
    if _COOKIE_VALUE.fullmatch(click):
        return SetCookie(cookie, click, max_age=seconds)
    notes.append("the click id is not kept: it is too long for a cookie, or has signs that a cookie cannot hold")
    return None


def _parameter_of(url: str, parameter: str) -> str | None:
    return normalise.plain(url_parts(url).parameters.get(parameter))


def _of_referrer(url: str | None, referrer: str, parameter: str) -> str | None:
    found = _parameter_of(referrer, parameter)
    if not found or not url:
        return None
    site = _site(url)
    return found if site and site == _site(referrer) else None


def _site(url: str) -> str:
    hostname = url_parts(url).hostname
    return registrable_domain(hostname) or hostname
