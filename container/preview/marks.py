"""The mark by which a hit says that it belongs to a preview: a cookie in a browser, a header from everything else.

No draft sees the mark, and no vendor gets it: whoever has it can look into the session's hits.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from container.event import Hit

COOKIE, HEADER = "tc_preview", "x-gtm-server-preview"
"""The header has Google Tag Manager's name."""


def marks_of(hit: Hit) -> Iterator[str]:
    """What may be a mark; most hits have none."""
    shown = hit.headers.get(HEADER)
    if shown:
        yield shown.strip()
    # Most hits have cookies, and taking them apart costs more than all the rest of this.
    if COOKIE in hit.headers.get("cookie", ""):
        found = hit.cookies.get(COOKIE)
        if found:
            yield found


def without_marks(hit: Hit) -> Hit:
    """The same hit as it would be without preview; itself where there is nothing of preview in it."""
    if HEADER not in hit.headers and COOKIE not in hit.headers.get("cookie", ""):
        return hit
    headers = {name: value for name, value in hit.headers.items() if name != HEADER}
    kept = [pair for pair in headers.pop("cookie", "").split(";") if pair.partition("=")[0].strip() != COOKIE]
    cookies = ";".join(kept).strip()
    if cookies:
        headers["cookie"] = cookies
    read_only = MappingProxyType(headers)
    return Hit(hit.id, hit.received, hit.method, hit.path, hit.query, read_only, hit.body, hit.ip)
