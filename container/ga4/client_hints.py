"""User-agent client hints: brands with their versions, from a parameter and from headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from container.ga4.values import flag_or_text

LONGEST = 1024
"""Real lists have some hundred characters; longer ones are cut, which bounds time and memory."""

_BRAND = re.compile(r'"((?:[^"\\]|\\.)*)"\s*;\s*v="([^"]*)"')
_ESCAPED = re.compile(r"\\(.)")
_OF_HEADERS = frozenset({"brands", "mobile", "platform"})
_AS_THEY_ARE = "!*'()"
"""Signs that JavaScript encodes no more than it does letters."""


def full_version_list(value: str) -> list[dict[str, str]]:
    """`uafvl` after the query's own decoding: brand and version, encoded a second time, `;` between, `|` around."""
    return _full_version_list(value[:LONGEST])


def add_header_hints(hints: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Adds what the `Sec-CH-UA` headers say: `brands`, and `mobile` and `platform` where no parameter said it.

    The platform keeps the quotes of its header, as in GTM's server container.
    """
    brands = headers.get("sec-ch-ua")
    if brands is None and "sec-ch-ua-mobile" not in headers and "sec-ch-ua-platform" not in headers:
        return
    if brands is not None:
        hints["brands"] = _brands(brands[:LONGEST])
    if "mobile" not in hints and "sec-ch-ua-mobile" in headers:
        hints["mobile"] = flag_or_text(headers["sec-ch-ua-mobile"].strip().removeprefix("?"))
    if "platform" not in hints and "sec-ch-ua-platform" in headers:
        hints["platform"] = headers["sec-ch-ua-platform"]


def written_brands(value: object) -> str | None:
    """`uafvl` before the query's own encoding; `None` for what is no list of brands and versions.

    Brands that would go beyond the longest list that is read again are left out.
    """
    if not isinstance(value, (list, tuple)):
        return None
    pairs = _pairs(value)
    return _written_brands(pairs) if len(pairs) == len(value) else None


def header_hints(hints: Mapping[str, Any]) -> dict[str, str]:
    """The `Sec-CH-UA` headers that a browser with these hints sends, as far as they are known."""
    headers: dict[str, str] = {}
    if brands := _pairs(hints.get("brands")):
        headers["Sec-CH-UA"] = _in_header(brands)
    mobile, platform = hints.get("mobile"), hints.get("platform")
    if isinstance(mobile, bool):
        headers["Sec-CH-UA-Mobile"] = "?1" if mobile else "?0"
    if isinstance(platform, str) and platform:
        headers["Sec-CH-UA-Platform"] = platform if _is_of_header(platform) else f'"{_escaped(platform)}"'
    return headers


def only_of_headers(hints: Mapping[str, Any]) -> bool:
    """Whether all of the hints came as headers, so that no parameter has to state them."""
    platform, mobile = hints.get("platform", '"'), hints.get("mobile", False)
    told = isinstance(mobile, bool) and isinstance(platform, str) and _is_of_header(platform)
    return told and hints.keys() <= _OF_HEADERS


def _is_of_header(platform: str) -> bool:
    """Whether a platform stands in the quotes of its header."""
    return platform.startswith('"')


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    listed = value if isinstance(value, (list, tuple)) else ()
    found = [(each.get("brand"), each.get("version")) for each in listed if isinstance(each, Mapping)]
    return tuple([(brand, version) for brand, version in found if isinstance(brand, str) and isinstance(version, str)])


@lru_cache(maxsize=256)
def _written_brands(pairs: tuple[tuple[str, str], ...]) -> str:
    encoded = [f"{quote(brand, safe=_AS_THEY_ARE)};{quote(version, safe=_AS_THEY_ARE)}" for brand, version in pairs]
    written = "|".join(encoded)
    return written if len(written) <= LONGEST else written[:LONGEST].rpartition("|")[0]


@lru_cache(maxsize=256)
def _in_header(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join([f'"{_escaped(brand)}";v="{version}"' for brand, version in pairs])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


# A handful of lists covers nearly all browsers; event data is shared and never changed, so the lists may be too.
@lru_cache(maxsize=256)
def _full_version_list(value: str) -> list[dict[str, str]]:
    if ";" not in value:
        # Some senders encode the whole list once more. A list that is written correctly has its `;` in the clear.
        value = unquote(value)
    pairs = (part.partition(";") for part in value.split("|") if part)
    return [{"brand": unquote(brand), "version": unquote(version)} for brand, _, version in pairs]


@lru_cache(maxsize=256)
def _brands(value: str) -> list[dict[str, str]]:
    found = _BRAND.findall(value)
    return [{"brand": _ESCAPED.sub(r"\1", brand), "version": version} for brand, version in found]
