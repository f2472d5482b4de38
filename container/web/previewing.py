"""Preview on the public listener: the link that puts a session's mark into a browser, and hits while a session is open.

While none is, ingest knows nothing of this, and `/_preview/` is an address like any other at which there is nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from container.effects import Reply, SetCookie
from container.event import Hit
from container.preview.evaluating import FullError
from container.preview.marks import COOKIE, without_marks
from container.preview.recorder import Recorder
from container.preview.sessions import LONGEST_SECONDS, Mode, Session
from container.web.addresses import is_near
from container.web.ingest import RETRY_AFTER_SECONDS
from container.web.metrics import Metrics
from container.web.queue_api import is_from_here

logger = logging.getLogger("container.web")

LINK = "/_preview/"
"""What the link's path begins with; the code is the rest."""

_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    # The address holds a code. With "no-referrer" a browser would hide the origin of the form from us, too.
    ("referrer-policy", "same-origin"),
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
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{text}</body>
</html>
"""
_OFFER = """\
<p>From then on, the hits that this browser sends here belong to a preview. {said}</p>
<form method="post"><p><button>Switch preview on in this browser</button></p></form>
<p>The button works once, and until five minutes after this link was made.</p>
"""
_WELCOME = """\
<p>From now on, the hits that this browser sends here belong to the preview. {said}</p>
<p>Go to your site and do what you want to see; the hits appear on the page on which preview was started.</p>
<p>It ends with the preview, or when you delete the cookie <code>{cookie}</code>. This link was good for one use.</p>
"""
_ELSEWHERE = """\
<p>Another site's page asked for it, so nothing was done. Open the link itself, and press the button there.</p>
"""


@dataclass(frozen=True, slots=True)
class Previewing:
    """What `Ingest.preview` is while a session is open. `folder`: where a proxy mounted us, such as `/metrics`."""

    recorder: Recorder
    metrics: Metrics
    folder: str = ""

    async def take(self, hit: Hit, live: Callable[[Hit], Awaitable[Reply]]) -> Reply:
        """The reply to a hit: the link's, the draft's, or what `live` gives."""
        if hit.path.startswith(LINK) and hit.method in _ANSWERS:
            reply = await _ANSWERS[hit.method](self, hit, hit.path.removeprefix(LINK))
            if reply is not None:
                return reply
        try:
            reply = await self.recorder.marked(hit)
        except FullError:
            return Reply(503, (("retry-after", str(RETRY_AFTER_SECONDS)),))
        if reply is not None:
            return reply
        # A mark that is over, or another server's, is nobody's business either.
        hit = without_marks(hit)
        reply = await live(hit)
        self.recorder.beside(hit, reply)
        return reply

    async def offered(self, hit: Hit, code: str) -> Reply | None:
        """A page with a button, `None` for a wrong code.

        The code stays good: messengers fetch a link before anybody opens it, and browsers guess that somebody will.
        """
        session = self._found(hit, code)
        return None if session is None else _page(200, "Preview", _OFFER, session.mode)

    async def redeemed(self, hit: Hit, code: str) -> Reply | None:
        """The button was pressed: a page, and the cookie. The host alone has it, and no script can read it."""
        if not is_from_here(hit.headers):
            session = self._found(hit, code)
            return (
                None if session is None else _page(403, "Preview is not on in this browser", _ELSEWHERE, session.mode)
            )
        recorder, sender = self.recorder, _sender(hit)
        locked = self._locked(sender)
        session = self._counted(await recorder.sessions.redeemed(code, recorder.clock(), sender), locked=locked)
        if session is None:
            return None
        self.metrics.preview_links["opened"].inc()
        logger.info("preview.link_used session=%s", session.id)
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
        return _page(200, "Preview is on in this browser", _WELCOME, session.mode, cookie)

    def _found(self, hit: Hit, code: str) -> Session | None:
        """The session that a link leads to, which stays good."""
        recorder, sender = self.recorder, _sender(hit)
        locked = self._locked(sender)
        return self._counted(recorder.sessions.leads_to(code, recorder.clock(), sender), locked=locked)

    def _locked(self, sender: str) -> bool:
        return self.recorder.sessions.lock.holds(sender, self.recorder.clock())

    def _counted(self, session: Session | None, *, locked: bool) -> Session | None:
        """The same. A wrong link is counted, however it is tried, and each of a sender that is locked out."""
        if session is None:
            self.metrics.preview_links["locked" if locked else "refused"].inc()
        return session


_ANSWERS: Mapping[str, Callable[[Previewing, Hit, str], Awaitable[Reply | None]]] = {
    "GET": Previewing.offered,
    "HEAD": Previewing.offered,
    "POST": Previewing.redeemed,
}


def _sender(hit: Hit) -> str:
    """Whose wrong codes are counted; nobody's where it may be everybody, behind a proxy that does not name them."""
    return "" if hit.ip is None or is_near(hit.ip) else hit.ip


def _page(status: int, title: str, text: str, mode: Mode, *cookies: SetCookie) -> Reply:
    body = _PAGE.format(title=title, text=text.format(said=_SAID[mode], cookie=COOKIE))
    return Reply(status, _HEADERS, body.encode(), cookies)


def _came_by_https(hit: Hit) -> bool:
    """By what a proxy of ours says: this server itself speaks no TLS, and what strangers say is no part of a hit."""
    return hit.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower() == "https"
