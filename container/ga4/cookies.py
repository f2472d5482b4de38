"""Cookies of GA4: `_ga` (the browser's client id), `_ga_<id>` (its session) and the server's own, `FPID`.

They come from outside like everything else: what cannot be read is `None`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

LONGEST = 512
"""Real values have some fifty characters; longer ones are not read."""

LONGEST_ID = 256

_BROWSER = re.compile(r"GA\d\.\d{1,3}(?:-\d{1,3})?\.(.+)", re.ASCII)
_SERVER = re.compile(r"FPID\d{1,2}\.\d{1,3}\.(.+)", re.ASCII)
_SESSION = re.compile(r"GS([12])\.\d{1,3}\.(.+)", re.ASCII)
_NUMBER = re.compile(r"\d{1,16}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9.+/=]*")
_POSITIONS = "sogt"
"""The first fields of version 1, by the letters that version 2 gives them."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as the browser keeps it.

    `number`: how many this visitor had. `engaged`: "1" or "0", as on the wire. `last_active`: Unix time in seconds.
    """

    id: str
    number: int | None = None
    engaged: str | None = None
    last_active: int | None = None


def browser_client_id(value: str) -> str | None:
    """The client id in a `_ga` cookie (`GA1.1.1234567890.1760000000`): its last two parts."""
    found = _BROWSER.fullmatch(value) if len(value) <= LONGEST else None
    return None if found is None else _id(".".join(found[1].split(".")[-2:]))


def server_client_id(value: str) -> str | None:
    """The client id in a cookie that a server set (`FPID2.2.abc%3D.1760000000`), decoded."""
    found = _SERVER.fullmatch(unquote(value)) if len(value) <= LONGEST else None
    return None if found is None else _id(found[1])


def server_cookie(client_id: str, depth: int) -> str:
    """The value of the server's cookie, encoded. `depth`: of how many labels its domain is made."""
    if _PLAIN.fullmatch(client_id):
        encoded = client_id.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    else:
        encoded = quote(client_id, safe="")
    return f"FPID2.{depth}.{encoded}"


def session_of(cookies: Mapping[str, str], measurement_id: str) -> Session | None:
    """The session in the cookie of a measurement id: `_ga_ABC123` for `G-ABC123`.

    Version 1 goes by position, version 2 by letter: there fields may be missing, new, or in any order.
    """
    value = cookies.get(f"_ga_{measurement_id.partition('-')[2]}", "")
    found = _SESSION.fullmatch(value) if len(value) <= LONGEST else None
    if found is None:
        return None
    if found[1] == "1":
        fields = dict(zip(_POSITIONS, found[2].split("."), strict=False))
    else:
        fields = {part[0]: part[1:] for part in found[2].split("$") if part}
    fields = {letter: text for letter, text in fields.items() if _NUMBER.fullmatch(text)}
    if "s" not in fields:
        return None
    number, engaged, last_active = (fields.get(letter) for letter in _POSITIONS[1:])
    return Session(
        id=fields["s"],
        number=None if number is None else int(number),
        engaged=engaged if engaged in ("0", "1") else None,
        last_active=None if last_active is None else int(last_active),
    )


def _id(text: str) -> str | None:
    return text if text.isprintable() and len(text) <= LONGEST_ID else None
