"""Cookies that another server sets: read from its `Set-Cookie` headers, and added to a reply of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Literal

from container.effects import Reply, SetCookie, http_date
from container.header import is_token

OUR_COOKIES = frozenset({"tc_preview"})
"""Cookies by which a browser speaks to us alone: no other server gets one or sets one."""

MOST_COOKIES = 20
"""So many of one answer are passed on; the rest is left out."""

LONGEST_BYTES = 4096
"""Name and value together; browsers drop what is longer (RFC 6265bis)."""

_LONGEST_ATTRIBUTE = 1024
_LONGEST_AGE = 10**9
# RFC 6265, sections 5.2 and 5.2.2: a control character spoils the cookie, an age that is no number is none.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_AGE = re.compile(r"-?[0-9]+")
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*")
_SAME_SITE: dict[str, Literal["lax", "strict", "none"]] = {"lax": "lax", "strict": "strict", "none": "none"}


def cookies_of(lines: Iterable[str], *, now: int) -> tuple[SetCookie, ...]:
    """What an answer sets, by its `Set-Cookie` headers. `now`: Unix milliseconds. Never raises.

    Domain and a missing path become what they are for cookies of our own, since the visitor knows no other host. Of
    several with one name the last counts, as in a browser, but none that takes away what another of them sets.
    """
    found: dict[str, SetCookie] = {}
    for cookie in islice(_read(lines, now), MOST_COOKIES):
        if cookie.name not in found or cookie.max_age != 0:
            found[cookie.name] = cookie
    return tuple(found.values())


def with_cookies(reply: Reply, answers: Iterable[Sequence[SetCookie]]) -> Reply:
    """The reply with what answers set, the first answer first. Of several with one name the first counts."""
    own = {cookie.name for cookie in reply.cookies}
    added: dict[str, SetCookie] = {}
    for cookie in chain.from_iterable(answers):
        if cookie.name not in own and len(added) < MOST_COOKIES:
            added.setdefault(cookie.name, cookie)
    return replace(reply, cookies=(*reply.cookies, *added.values())) if added else reply


def _read(lines: Iterable[str], now: int) -> Iterator[SetCookie]:
    for line in lines:
        cookie = _cookie(line, now)
        if cookie is not None:
            yield cookie


def _cookie(line: str, now: int) -> SetCookie | None:
    """`None` for what a browser would not keep either, for a name that is no token, and for a cookie that is ours."""
    pair, *stated = line.split(";")
    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
    if not equals or not is_token(name) or name in OUR_COOKIES or _CONTROL.search(line):
        return None
    if len(name) + len(value.encode(errors="replace")) > LONGEST_BYTES:
        return None
    attributes = _attributes(stated)
    same_site = _SAME_SITE.get(attributes.get("samesite", "").lower(), "lax")
    path = attributes.get("path", "")
    return SetCookie(
        name,
        # Whoever reads cookies takes a value in quotation marks for what is between them.
        value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value,
        max_age=_age(attributes, now),
        path=path if _PATH.fullmatch(path) else "/",
        secure="secure" in attributes,
        http_only="httponly" in attributes,
        same_site=same_site,
        encoded=True,
    )


def _attributes(stated: Sequence[str]) -> dict[str, str]:
    """By lower-case name; of several the last that says something."""
    found: dict[str, str] = {}
    for each in stated:
        name, _, value = (part.strip(" \t") for part in each.partition("="))
        if len(value) <= _LONGEST_ATTRIBUTE and not (name.lower() == "max-age" and not _AGE.fullmatch(value)):
            found[name.lower()] = value
    return found


def _age(attributes: dict[str, str], now: int) -> int | None:
    """Seconds, 0 for a cookie that is taken away, `None` for one of the session. `Max-Age` goes before `Expires`."""
    stated = attributes.get("max-age")
    if stated is not None:
        # Python refuses to read a number of thousands of digits.
        return 0 if stated.startswith("-") else min(int(stated.lstrip("0")[:10] or "0"), _LONGEST_AGE)
    until = http_date(attributes["expires"]) if "expires" in attributes else None
    return None if until is None else int(min(max(until - now / 1000, 0), _LONGEST_AGE))
