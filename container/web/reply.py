"""What leaves towards the browser: header lines and cookies, built so that no value can add a line or an attribute."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from container.effects import Reply, SetCookie
from container.header import OF_THE_CONNECTION, is_token
from container.url import host_name, registrable_domain

Headers = list[tuple[bytes, bytes]]

LONGEST_COOKIE_AGE_SECONDS = 400 * 24 * 60 * 60
"""Browsers keep no cookie for longer (RFC 6265bis)."""

LONGEST_COOKIE_BYTES = 4096
"""Name and value together; browsers drop what is longer (RFC 6265bis)."""

# RFC 9110, section 5.5 (field values); RFC 6265, section 4.1.1 (path-value, cookie-octet).
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_COOKIE_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_PREFIX = re.compile(r"__(host|secure)-", re.IGNORECASE)
_COOKIE_OCTETS = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_NEEDS_NO_ENCODING = re.compile(r"[!#$&-+\--:<-\[\]-~]*")

# What the connection needs is said by us and the server, once.
_OURS = OF_THE_CONNECTION | {"server"}
_LONGEST_REMEMBERED = 256
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}


def header_lines(reply: Reply, host: str) -> Headers:
    """The reply's headers and cookies as bytes, for a request to `host` (a `Host` header).

    What cannot be written without risk is left out: the visitor always gets the rest of the reply.
    """
    lines: Headers = []
    for name, value in reply.headers:
        line = (_header_line if len(name) + len(value) <= _LONGEST_REMEMBERED else _find_header_line)(name, value)
        if line is not None:
            lines.append(line)
    for cookie in reply.cookies:
        written = cookie_line(cookie, host)
        if written is not None:
            lines.append((b"set-cookie", written))
    if carries_body(reply.status):
        lines.append((b"content-length", b"%d" % len(reply.body)))
    return lines


def carries_body(status: int) -> bool:
    """Whether an answer of this status may have a body (RFC 9110, section 6.4.1)."""
    return status >= 200 and status not in (204, 304)


def _find_header_line(name: str, value: str) -> tuple[bytes, bytes] | None:
    lowered = name.lower()
    if lowered in _OURS or not is_token(name) or not _FIELD_VALUE.fullmatch(value):
        return None
    return lowered.encode("ascii"), value.encode("latin-1")


# Answers differ in little but the origin of the page.
_header_line = lru_cache(maxsize=1024)(_find_header_line)


def cookie_line(cookie: SetCookie, host: str) -> bytes | None:
    """The value of a `Set-Cookie` header, `None` for a cookie that cannot be written.

    Control characters anywhere refuse the cookie; other characters that a value may not hold are percent-encoded.
    Domain "auto" becomes the registrable domain of `host`; an address, `localhost` and a public suffix have none, so
    that the cookie is the host's alone. What the name promises is kept, since browsers drop the cookie otherwise.
    """
    prefix = _NAME_PREFIX.match(cookie.name)
    path = "/" if prefix is not None and prefix[1].lower() == "host" else cookie.path
    value = _cookie_value(cookie)
    if value is None or not is_token(cookie.name) or not _COOKIE_PATH.fullmatch(path):
        return None
    domain = _domain(cookie, host)
    if domain is None:
        return None
    pair = f"{cookie.name}={value}"
    if len(pair) > LONGEST_COOKIE_BYTES:
        return None
    line = f"{pair}; Path={path}"
    if domain:
        line += f"; Domain={domain}"
    if cookie.max_age is not None:
        line += f"; Max-Age={min(max(cookie.max_age, 0), LONGEST_COOKIE_AGE_SECONDS)}"
    # Browsers refuse `SameSite=None` without `Secure`, and accept `Secure` from http://localhost.
    if cookie.secure or cookie.same_site == "none" or prefix is not None:
        line += "; Secure"
    if cookie.http_only:
        line += "; HttpOnly"
    return f"{line}; SameSite={_SAME_SITE[cookie.same_site]}".encode("ascii")


def _cookie_value(cookie: SetCookie) -> str | None:
    """The value as it is written, `None` for one with a control character. Most need no encoding."""
    value = cookie.value
    if _NEEDS_NO_ENCODING.fullmatch(value):
        return value
    if _CONTROL.search(value):
        return None
    return quote(value, safe=f"{_COOKIE_OCTETS}%" if cookie.encoded else _COOKIE_OCTETS, errors="replace")


def _domain(cookie: SetCookie, host: str) -> str | None:
    """The domain to write, "" for none, `None` if what the cookie states is no domain."""
    if cookie.name.lower().startswith("__host-"):
        return ""
    if cookie.domain == "auto":
        found = registrable_domain(host) or ""
        return found if _DOMAIN.fullmatch(found) else ""
    stated = host_name(cookie.domain).lstrip(".")
    if stated and not _DOMAIN.fullmatch(stated):
        return None
    # A public suffix, an address and a single label are nobody's to share: browsers would drop the cookie.
    return stated if registrable_domain(stated) else ""
