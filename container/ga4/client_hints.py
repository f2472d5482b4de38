"""User-agent client hints: brands with their versions, from a parameter and from headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from container.ga4.values import flag_or_text

LONGEST = 1024
"""Real lists have some hundred characters; longer ones are cut, which bounds time and memory."""

_BRAND = re.compile(r'"((?:[^"\\]|\\.)*)"\s*;\s*v="([^"]*)"')
_ESCAPED = re.compile(r"\\(.)")


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
