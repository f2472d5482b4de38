"""How Meta recognises a click (`fbc`) and a browser (`fbp`), and the cookies that keep them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from container.api import Event, SetCookie, conversion, normalise, registrable_domain, url_parts
from tags.meta_conversions_api.settings import MetaConversionsApi

PARAMETER, CLICK_COOKIE, BROWSER_COOKIE = "fbclid", "_fbc", "_fbp"
COOKIE_SECONDS = 90 * 24 * 3600
"""As long as the pixel keeps them."""

CLICK_KEYS, BROWSER_KEYS = ("fbc", "_fbc", "x-fb-ck-fbc"), ("fbp", "_fbp", "x-fb-ck-fbp")
"""Where event data may have them; the last are the names of Meta's own tags."""

_FORM = re.compile(r"fb\.[0-9]{1,2}\.([0-9]{1,16})\.([!-~]+)", re.ASCII)
_APPENDIX = re.compile(r"\.(?:[A-Za-z0-9_-]{2}|[A-Za-z0-9_-]{8})", re.ASCII)
_MS_DIGITS = 13
_LARGEST_RANDOM = 2**31 - 1


def recognised(settings: MetaConversionsApi, event: Event, notes: list[str]) -> tuple[dict[str, str], list[SetCookie]]:
    """The fields `fbc` and `fbp` of the user data, and the cookies that the visitor's browser should get."""
    click, browser = _click(settings, event, notes), _browser(settings, event, notes)
    of_website, cookies, found = settings.action_source == "website", [], {}
    if click:
        found["fbc"] = click
        if of_website and settings.cookies.fbc and _is_newer(click, event.hit.cookies.get(CLICK_COOKIE), event):
            kept = conversion.kept_click(CLICK_COOKIE, click, event, notes, seconds=COOKIE_SECONDS)
            cookies += [] if kept is None else [kept]
    # What the pixel keeps is the pixel's, in whatever form.
    if not browser and of_website and settings.cookies.fbp and not any(_in_cookies(event, BROWSER_COOKIE)):
        browser = _written(_random(event), settings, event)
        cookies.append(SetCookie(BROWSER_COOKIE, browser, max_age=COOKIE_SECONDS))
    if browser:
        found["fbp"] = browser
    return found, cookies


def _click(settings: MetaConversionsApi, event: Event, notes: list[str]) -> str | None:
    """The setting; a click that the page, or one of the same site before it, tells of; event data; the cookie.

    A click that the cookie holds keeps the time at which it was made there, and what a library of Meta's put behind it.
    An older one of event data does not take the place of the cookie's. What has not Meta's form is passed over.
    """
    if given := _formed("fbc", settings.user.fbc, notes):
        return given
    stored = _first_formed("fbc", _in_cookies(event, CLICK_COOKIE), notes)
    told = _first_formed("fbc", _in_data(event, CLICK_KEYS), notes)
    if clicked := conversion.click_of_page(PARAMETER, settings.page.url, settings.page.referrer):
        same = [known for known in (stored, told) if known and _is_click(known, clicked)]
        if found := same[0] if same else _formed("fbc", _written(clicked, settings, event), notes):
            return found
    if found := told if told and _is_newer(told, stored, event) else stored:
        return found
    clicked = normalise.plain(event.data.get(PARAMETER))
    return _formed("fbc", _written(clicked, settings, event), notes) if clicked else None


def _browser(settings: MetaConversionsApi, event: Event, notes: list[str]) -> str | None:
    """The pixel's id of the browser, unchanged and whole: the setting, the cookie, event data."""
    return (
        _formed("fbp", settings.user.fbp, notes)
        or _first_formed("fbp", _in_cookies(event, BROWSER_COOKIE), notes)
        or _first_formed("fbp", _in_data(event, BROWSER_KEYS), notes)
    )


def _in_cookies(event: Event, cookie: str) -> Iterator[object]:
    yield event.hit.cookies.get(cookie)
    yield conversion.brought_along(event, cookie)


def _in_data(event: Event, keys: Iterable[str]) -> Iterator[object]:
    return (event.data[key] for key in keys if key in event.data)


def _first_formed(field: str, stated: Iterable[object], notes: list[str]) -> str | None:
    """The first that has Meta's form: one that is broken does not hide another."""
    return next((found for each in stated if (found := _formed(field, each, notes))), None)


def _formed(field: str, stated: object, notes: list[str]) -> str | None:
    """The id if it has Meta's form: four parts, or five."""
    if stated is None:
        return None
    found = normalise.plain(stated)
    if found is None or _FORM.fullmatch(found):
        return found
    notes.append(f'"user.{field}" is left out: it has not the form fb.1.time.id')
    return None


def _is_newer(click: str, stored: str | None, event: Event) -> bool:
    """Whether it is another click than the stored one, and none from before it."""
    # Most often it is the same, to the letter.
    if not stored or click == stored:
        return not stored
    kept, found = _FORM.fullmatch(stored), _FORM.fullmatch(click)
    if kept is None or found is None:
        return True
    # The clock of a browser may be ahead.
    since = min(_made_at(kept), event.hit.received)
    return not _is_click(kept[0], found[2]) and not _is_click(found[0], kept[2]) and _made_at(found) >= since


def _made_at(found: re.Match[str]) -> int:
    """When it was made, in Unix milliseconds, of which some senders leave the last digits away."""
    return int(found[1][:_MS_DIGITS].ljust(_MS_DIGITS, "0"))


def _is_click(stored: str, clicked: str) -> bool:
    """Whether the cookie holds this click. Its letters count."""
    found = _FORM.fullmatch(stored)
    rest = found[2] if found else ""
    return rest == clicked or (rest.startswith(clicked) and _APPENDIX.fullmatch(rest[len(clicked) :]) is not None)


def _written(identifier: str, settings: MetaConversionsApi, event: Event) -> str:
    """An id in the pixel's form: how deep the cookie's domain is, when it was made, and what it is."""
    return f"fb.{_depth(settings.page.url, event)}.{event.hit.received}.{identifier}"


def _depth(url: str | None, event: Event) -> int:
    """How many dots the domain of the cookie has: 1 for `example.com`, 2 for `example.co.uk`."""
    host = url_parts(url).hostname if url else ""
    domain = registrable_domain(host) or registrable_domain(event.hit.headers.get("host", ""))
    return domain.count(".") if domain else 1


def _random(event: Event) -> str:
    """The same for all events of a hit."""
    return str(1 + int.from_bytes(event.hit.random(BROWSER_COOKIE)[:8], "big") % _LARGEST_RANDOM)
