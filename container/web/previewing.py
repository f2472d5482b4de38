"""Preview on the public listener: the link that puts a session's mark into a browser, and hits while a session is open.

While none is, ingest knows nothing of this, and `/_preview/` is an address like any other at which there is nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from container.effects import Reply, SetCookie
from container.event import Hit
from container.preview.marks import COOKIE, without_marks
from container.preview.recorder import Recorder
from container.preview.sessions import LONGEST_SECONDS, Mode, Session
from container.web.metrics import Metrics

LINK = "/_preview/"
"""What the link's path begins with; the code is the rest."""

_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    # The address holds a code, if only one that was used.
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-robots-tag", "noindex, nofollow"),
)
_SAID: Mapping[Mode, str] = {
    "dry": "They are recorded, and nothing of them is sent to anybody.",
    "test": "They are recorded. What a vendor has a test code for is sent as a test event, and nothing else.",
    "send": "They are recorded, <strong>and sent to the vendors as real events</strong>.",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Preview is on in this browser</title>
</head>
<body>
<h1>Preview is on in this browser</h1>
<p>From now on, the hits that this browser sends here belong to the preview. {said}</p>
<p>Go to your site and do what you want to see; the hits appear on the page on which preview was started.</p>
<p>It ends with the preview, or when you delete the cookie <code>{cookie}</code>. This link was good for one use.</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Previewing:
    """What `Ingest.preview` is while a session is open. `folder`: where a proxy mounted us, such as `/metrics`."""

    recorder: Recorder
    metrics: Metrics
    folder: str = ""

    async def take(self, hit: Hit, live: Callable[[Hit], Awaitable[Reply]]) -> Reply:
        """The reply to a hit: the link's, the draft's, or what `live` gives."""
        if hit.path.startswith(LINK) and hit.method == "GET":
            session = self._redeemed(hit)
            if session is not None:
                return self._welcome(hit, session)
        reply = await self.recorder.marked(hit)
        if reply is not None:
            return reply
        # A mark that is over, or another server's, is nobody's business either.
        hit = without_marks(hit)
        reply = await live(hit)
        self.recorder.beside(hit, reply)
        return reply

    def _redeemed(self, hit: Hit) -> Session | None:
        """The session of the link, `None` where it leads to none."""
        if _is_fetched_ahead(hit):
            return None
        code, recorder = hit.path.removeprefix(LINK), self.recorder
        session = recorder.sessions.redeem(code, recorder.clock(), hit.ip or "")
        self.metrics.preview_links["refused" if session is None else "opened"].inc()
        return session

    def _welcome(self, hit: Hit, session: Session) -> Reply:
        """The page, and the cookie. The host alone has it, and no script can read it."""
        cookie = SetCookie(
            COOKIE,
            session.mark,
            max_age=LONGEST_SECONDS,
            domain="",
            path=self.folder or "/",
            secure=_came_by_https(hit),
            http_only=True,
            same_site="lax",
        )
        body = _PAGE.format(said=_SAID[session.mode], cookie=COOKIE)
        return Reply(200, _HEADERS, body.encode(), (cookie,))


def _came_by_https(hit: Hit) -> bool:
    """By what a proxy of ours says: this server itself speaks no TLS, and what strangers say is no part of a hit."""
    return hit.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower() == "https"


def _is_fetched_ahead(hit: Hit) -> bool:
    """Whether a browser only guesses that somebody will go there: the code is for who does."""
    purpose = f"{hit.headers.get('sec-purpose', '')} {hit.headers.get('purpose', '')}"
    return "prefetch" in purpose or "preview" in purpose
