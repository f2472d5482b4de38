"""Origins, domains and names of cookies as browsers know them, and what was meant by those that they do not."""

from __future__ import annotations

import re

from container.config.unquoted import quoted
from container.url import ascii_host, is_host, registrable_domain

ORIGIN = "takes an origin as browsers send it: https:// and a host in lower case, with nothing behind it"
DOMAIN = "takes a domain alone, without scheme, port and path"
COOKIE_NAME = "takes the name of a cookie: letters, digits and signs such as - _ . but no blank, 64 at most"

COOKIE_NAMES = "takes the name of a cookie, with one * at its end for all that begin so"

FORMS = {
    r"^https?://[a-z0-9.\[\]:-]+$": ORIGIN,
    "^[A-Za-z0-9.-]*$": DOMAIN,
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,64}$": COOKIE_NAME,
    r"^[A-Za-z0-9!#$%&'+.^_`|~-]*[A-Za-z0-9!#$%&'*+.^_`|~-]$": COOKIE_NAMES,
}
"""Patterns of fields, in words."""

_BETWEEN = re.compile(r"[,;\s]+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/*")
_PORT = re.compile(r":([0-9]*)$")
_NO_NAME = re.compile(r"[^A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9_.-]+")
_BRACKETS = re.compile(r"\[[0-9a-f:.]+\]")
_USUAL = {"http": "80", "https": "443"}
_LAST_PORT = 65535


def for_form(detail: str, written: str) -> str:
    """What to write instead of a text that has none of these forms. `detail`: the form in words."""
    if detail == ORIGIN:
        return _for_origin(written)
    if detail == DOMAIN:
        found = domain_of(written)
        return f"write {found}" if found else "write a domain such as shop.example, or auto"
    if detail == COOKIE_NAME:
        name = _NO_NAME.sub("_", re.split("[=;]", written.strip())[0])[:64]
        return f"write {name}" if name.strip("_") else "write a name such as FPID"
    return ""


def origin_of(written: str) -> str:
    """The origin that is meant, as browsers send it; empty where that cannot be told."""
    written = written.strip()
    found = _SCHEME.match(written) if "://" in written else None
    netloc = _netloc(written if found is None else written[found.end() :])
    scheme = "http" if (found and found[1].lower() == "http") or (not found and netloc.startswith("local")) else "https"
    stated = _PORT.search(netloc)
    port = stated[1].lstrip("0") if stated else ""
    host = netloc[: stated.start()] if stated else netloc
    host = host if _BRACKETS.fullmatch(host) else _host(host)
    if not host or host == "null" or int(port or 0) > _LAST_PORT:
        return ""
    return f"{scheme}://{host}" + (f":{port}" if port and port != _USUAL[scheme] else "")


def domain_of(written: str) -> str:
    """The domain that is meant; empty where that cannot be told."""
    found = _SCHEME.match(written.strip()) if "://" in written else None
    netloc = _netloc(written.strip()[found.end() :] if found else written.strip())
    host = _host(_PORT.sub("", netloc).removeprefix("*.").strip("."))
    return host if is_domain(host) else ""


def is_domain(text: str) -> bool:
    """Whether it is the name of a host that can exist, letter by letter."""
    return all(_LABEL.fullmatch(label) for label in text.lower().split(".")) and is_host(text)


def takes_cookies(domain: str) -> bool:
    """Whether browsers keep a cookie for it: not for all shops below `com` at once."""
    return registrable_domain(domain.removeprefix(".")) is not None


def _for_origin(written: str) -> str:
    if "*" in written:
        return "name each origin, such as https://www.shop.example: there is no sign for several"
    parts = [part for part in _BETWEEN.split(written) if part]
    found = [origin_of(part) for part in parts]
    if not found or not all(found):
        return "write it like https://www.shop.example"
    if len(found) > 1:
        return f"write a list: [{', '.join(quoted(each) if '[' in each else each for each in found)}]"
    return f"write {found[0]}"


def _netloc(rest: str) -> str:
    """Host and port of what follows a scheme."""
    return re.split(r"[/?#\\]", rest.lstrip("/"))[0].rpartition("@")[2].lower()


def _host(name: str) -> str:
    """The name as a browser sends it; empty for one that is none."""
    host = ascii_host(name.removesuffix("."))
    return host if _HOST.fullmatch(host) and is_host(host) else ""
