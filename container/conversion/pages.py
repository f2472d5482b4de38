"""Where it happened: the page and the one before."""

from __future__ import annotations

import re
from typing import NamedTuple

from container import normalise
from container.conversion.texts import told_text
from container.event import Event

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]", re.ASCII)


class Page(NamedTuple):
    """The full addresses of the page, and of the page before."""

    url: str | None
    referrer: str | None


def page(
    url: str | None, referrer: str | None, event: Event, notes: list[str], *, vendor: str, place: str = "page"
) -> Page:
    """Where it happened.

    Without a setting, the page is what the browser names as the sender of the hit: better a shortened address than
    none. `place`: how the settings are called, for notes.
    """
    before = normalise.plain(referrer)
    if referrer and before is None:
        told_text(f"{place}.referrer", referrer, notes)
    found = _url(url, event, notes, place)
    if found is None and not normalise.plain(url):
        notes.append(f'"{place}.url" is missing: {vendor} wants it for events of websites')
    return Page(found, before)


def _url(given: str | None, event: Event, notes: list[str], place: str) -> str | None:
    stated = normalise.plain(given)
    if stated is not None:
        if _ADDRESS.match(stated):
            return stated
        notes.append(f'"{place}.url" is left out: it is no full address')
    elif given:
        told_text(f"{place}.url", given, notes)
    sender = normalise.plain(event.hit.headers.get("referer"))
    return sender if sender and sender.startswith(("https://", "http://")) else None
