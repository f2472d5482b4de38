"""Query strings, the parts of a URL, registrable domains, and the paths that clients listen on.

Everything here comes from outside, so nothing raises: what cannot be read is empty, and bytes that are no UTF-8
become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson
import yarl
from publicsuffixlist import PublicSuffixList

LONGEST_HOST = 253
"""What DNS allows for a name, in characters."""

_LONGEST_REMEMBERED = 2048
_LONGEST_LABEL = 63
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ENCODED_BYTE = re.compile("%[89A-Fa-f]")
_PUBLIC_SUFFIXES = PublicSuffixList()

# An origin as browsers write it (RFC 6454, section 6.2): lower case, no user, no path, no dot at the end.
_ORIGIN = re.compile(r"https?://((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")

# What nearly all pages have for an address, and what the standard library's splitting leaves as it is.
_of_a_page = re.compile(
    r"(https?)://([a-z0-9.-]+)(?::([0-9]+))?(/[^?#\t\r\n]*)?(?:\?([^#\t\r\n]*))?(?:#([^\t\r\n]*))?"
).fullmatch


@dataclass(frozen=True)
class UrlParts:
    """The parts of a URL as GTM names them, raw (nothing is percent-decoded), each empty when it is absent.

    `protocol` and `hostname` are in lower case, an IPv6 address without its brackets; `port` is the stated one, else
    the protocol's own; with a host the `path` is at least `/`; `query` and `fragment` are without `?` and `#`.
    """

    full: str = ""
    protocol: str = ""
    hostname: str = ""
    port: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""

    @property
    def extension(self) -> str:
        """What follows the last dot of the path's last segment: `pdf` for `/files/terms.pdf`."""
        _, dot, extension = self.path.rpartition("/")[2].rpartition(".")
        return extension if dot else ""

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of the query, decoded."""
        return MappingProxyType(query_parameters(self.query))


def query_parameters(raw: str) -> dict[str, str]:
    """The parameters of a query string or a form-encoded line: the last of one name wins, blank ones are kept.

    `+` is a space. Surrogates, which no UTF-8 can hold, are replaced like invalid bytes.
    """
    if not raw:
        return {}
    if raw.count("=") != raw.count("&") + 1:
        raw = _with_equals_signs(raw)
    if not raw.isascii():
        return dict(yarl.query_to_pairs(_without_surrogates(raw)))
    found = _read_as_json(raw)
    return dict(yarl.query_to_pairs(raw)) if found is None else found


def without_parameters(raw: str, names: Container[str]) -> str:
    """The query string or form-encoded line without the parameters of these names, the rest as it was."""
    return "&".join(pair for pair in raw.split("&") if _name(pair) not in names)


def url_parts(text: str) -> UrlParts:
    """The parts of a URL. A text without protocol and host is a path; one that cannot be split has only `full`."""
    # Several components ask about the page of one event.
    return _url_parts(text) if len(text) <= _LONGEST_REMEMBERED else _url_parts.__wrapped__(text)


@lru_cache(maxsize=64)
def _url_parts(text: str) -> UrlParts:
    found = _of_a_page(text)
    if found is not None:
        protocol, hostname, port, path, query, fragment = found.groups("")
        return UrlParts(text, protocol, hostname, port or _DEFAULT_PORTS[protocol], path or "/", query, fragment)
    try:
        split = urlsplit(text)
        hostname = split.hostname or ""
    except ValueError:
        return UrlParts(full=text)
    if not hostname:
        return UrlParts(text, split.scheme, "", "", split.path, split.query, split.fragment)
    # Not `split.port`, which raises for a port that is none. The host may hold colons itself: [::1]:8080.
    stated = split.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    port = stated if stated.isdigit() else _DEFAULT_PORTS.get(split.scheme, "")
    return UrlParts(text, split.scheme, hostname, port, split.path or "/", split.query, split.fragment)


def registrable_domain(host: str) -> str | None:
    """The domain under which cookies can be shared: `example.co.uk` of `sgtm.shop.example.co.uk`, in lower case.

    `host` may end in a dot and carry a port. `None` for an address, a single label such as `localhost`, a public
    suffix itself, and what is no host name.
    """
    name = host_name(host)
    return _registrable(name) if 0 < len(name) <= LONGEST_HOST else None


def host_name(host: str) -> str:
    """The name or address in a `Host` header: lower case, without port, brackets and final dot."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    # More than one colon is an address without brackets, not a port.
    return (name.partition(":")[0] if name.count(":") == 1 else name).removesuffix(".")


def ascii_host(name: str) -> str:
    """The name as browsers send it, `xn--mbel-5qa.example` for `möbel.example`; empty where there is no such name."""
    try:
        return yarl.URL.build(scheme="https", host=name).raw_host or ""
    except ValueError:
        return ""


def is_host(text: str) -> bool:
    """Whether a host is a name, or an address in its usual form (without brackets).

    `127.1`, `0x7f.1` and `2130706433` are none: some programs take them for names, others for addresses.
    """
    labels = text.removesuffix(".").split(".")
    if ":" in text or _NUMBER.fullmatch(labels[-1]):
        return _is_address(text)
    return len(text) <= LONGEST_HOST and all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def same_site(origin: str, host: str) -> bool:
    """Whether a page of this origin (`https://www.shop.example`) is on the site of this `Host`.

    That is: under the same registrable domain, or on the same host where there is none (`localhost`, an address). What
    no browser would send as an origin is on no site.
    """
    return len(origin) + len(host) <= 2 * LONGEST_HOST and _same_site(origin, host)


def path_matches(paths: Iterable[str], path: str) -> bool:
    """Whether the path ends in one of the paths, at a segment's border: `/metrics/g/collect` in `/g/collect`."""
    return path.endswith(tuple([listened if listened[:1] == "/" else f"/{listened}" for listened in paths]))


def longer_paths(path: str, others: Iterable[str]) -> list[str]:
    """Those of the others that end in the path and say more: `/mp/collect` for `/collect`."""
    return [other for other in others if len(other) > len(path) and path_matches((path,), other)]


def _with_equals_signs(raw: str) -> str:
    """The same parameters, each with an equals sign. GA4's library ends many a hit with a name that has none."""
    last = raw.rpartition("&")[2]
    if last and "=" not in last and raw.count("=") == raw.count("&"):
        return f"{raw}="
    return "&".join([pair if "=" in pair else f"{pair}=" for pair in raw.split("&") if pair])


def _read_as_json(raw: str) -> dict[str, str] | None:
    """The parameters, in half the time, if each has one equals sign and all percent signs are followed by digits.

    A few replacements make JSON of a query string: `%2F` is `\\u002F` there. Its quotes and backslashes are all ours,
    so what is anything but one name and one value, or a wrong escape, is no JSON.
    """
    if '"' in raw or "\\" in raw:
        return None
    members = raw.replace("+", " ").replace("%", "\\u00").replace("=", '":"').replace("&", '","')
    try:
        found: dict[str, str] = orjson.loads(f'{{"{members}"}}')
    except orjson.JSONDecodeError:
        return None
    if _ENCODED_BYTE.search(raw):
        # So far each byte of UTF-8 is a character.
        if not "".join(found).isascii():
            return None
        for name, value in found.items():
            if not value.isascii():
                found[name] = value.encode("latin-1").decode("utf-8", "replace")
    return found


def _name(pair: str) -> str:
    """The decoded name of a parameter. Most need no decoding, and that is most of the work."""
    raw = pair.partition("=")[0]
    return next(iter(query_parameters(raw)), "") if "%" in raw or "+" in raw else raw


@lru_cache(maxsize=1024)
def _registrable(name: str) -> str | None:
    if _is_address(name) or not all(name.split(".")):
        return None
    found = _PUBLIC_SUFFIXES.privatesuffix(name)
    return found if isinstance(found, str) else None


@lru_cache(maxsize=1024)
def _same_site(origin: str, host: str) -> bool:
    page = _ORIGIN.fullmatch(origin)
    if page is None:
        return False
    domain = registrable_domain(host)
    if domain is None:
        return host_name(page[1]) == host_name(host)
    return registrable_domain(page[1]) == domain


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
