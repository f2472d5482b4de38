"""Preview on the public listener: the link that puts a session's mark into a browser, and hits while a session is open.

While none is, ingest knows nothing of this, and `/_preview/` is an address like any other at which there is nothing.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from container.effects import Reply, SetCookie
from container.event import Hit
from container.preview.evaluating import FullError
from container.preview.marks import COOKIE, may_be_marked, without_marks
from container.preview.recorder import Recorder
from container.preview.sessions import LONGEST_SECONDS, Mode, Session
from container.web.addresses import is_near
from container.web.ingest import RETRY_AFTER_SECONDS
from container.web.metrics import Metrics
from container.web.queue_api import is_from_here

logger = logging.getLogger("container.web")

LINK = "/_preview/"
"""What the link's path begins with; the code is the rest."""

_STYLE = """
body { max-width: 34em; margin: 3em auto; padding: 0 1em; overflow-wrap: anywhere; }
body, button { font: 17px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4em; line-height: 1.2; }
button { padding: .5em 1em; }
"""
_STYLE_ALONE = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""The page's own style is the only one that a browser takes, and no script is."""

_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_ALONE}'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_UNKEPT = (
    ("cache-control", "no-store"),
    # The address holds a code. With "no-referrer" a browser would hide the origin of the form from us, too.
    ("referrer-policy", "same-origin"),
)
_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    *_UNKEPT,
    ("content-security-policy", _POLICY),
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
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{text}</body>
</html>
"""
_OFFER = """\
<p>Press the button: from then on, the hits that this browser sends here belong to a preview. {said}</p>
<form method="post"><p><button>Switch preview on in this browser</button></p></form>
<p>The button works once, and until five minutes after this link was made.</p>
"""
_LEAVE = """\
<form method="post"><p><button name="leave" value="yes">Leave the preview</button></p></form>
"""
_INSIDE = """\
<p>The hits that this browser sends here belong to a preview. {said}</p>
<p>Go to your site and do what you want to see; the hits appear on the page on which preview was started.</p>
<p>It ends with the preview, or when you leave it here: keep this page, or come back to its address.</p>
"""
_LEFT = """\
<p>This browser is a visitor like any other again. A new link leads back into the preview.</p>
"""
_IS_ON, _IS_OFF = "Preview is on in this browser", "Preview is off in this browser"
_LEAVES = b"leave=yes"
"""What the button to leave sends."""
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
        if hit.path.startswith(LINK):
            answer = _ANSWERS.get(hit.method)
            reply = None if answer is None else await answer(self, hit, hit.path.removeprefix(LINK))
            # What leads nowhere is no hit of a preview either.
            return await live(without_marks(hit)) if reply is None else reply
        # Most hits concern no preview, and should not pay for one.
        if may_be_marked(hit):
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
        """A page with a button, `None` for a wrong code. Whoever is in a preview gets one to leave it with.

        The code stays good: messengers fetch a link before anybody opens it, and browsers guess that somebody will.
        """
        session = self._found(hit, code) if code else None
        if session is not None:
            return _page(200, "Preview", _OFFER, session.mode)
        session = self._inside(hit)
        return None if session is None else _page(200, _IS_ON, _INSIDE + _LEAVE, session.mode)

    async def redeemed(self, hit: Hit, code: str) -> Reply | None:
        """The button was pressed: the cookie, and the way to a page that can be loaded anew, as this cannot.

        The host alone has the cookie, and no script can read it.
        """
        leaves = hit.body == _LEAVES
        if not is_from_here(hit.headers):
            session = None if leaves else self._found(hit, code)
            return (
                None if session is None else _page(403, "Preview is not on in this browser", _ELSEWHERE, session.mode)
            )
        if leaves:
            session = self._inside(hit)
            return None if session is None else _page(200, _IS_OFF, _LEFT, session.mode, self._cookie(hit, "", 0))
        recorder, sender = self.recorder, _sender(hit)
        locked = self._locked(sender)
        session = self._counted(await recorder.sessions.redeemed(code, recorder.clock(), sender), locked=locked)
        if session is None:
            return None
        self.metrics.preview_links["opened"].inc()
        logger.info("preview.link_used session=%s", session.id)
        cookie = self._cookie(hit, session.mark, LONGEST_SECONDS)
        return Reply(303, (*_UNKEPT, ("location", "./")), b"", (cookie,))

    def _cookie(self, hit: Hit, mark: str, seconds: int) -> SetCookie:
        return SetCookie(
            COOKIE,
            mark,
            max_age=seconds,
            domain="",
            path=self.folder or "/",
            secure=_came_by_https(hit),
            http_only=True,
            same_site="lax",
        )

    def _inside(self, hit: Hit) -> Session | None:
        """The session whose cookie the browser has."""
        mark = hit.cookies.get(COOKIE)
        return self.recorder.sessions.marked(mark, self.recorder.clock()) if mark else None

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
    body = _PAGE.format(title=title, style=_STYLE, text=text.format(said=_SAID[mode]))
    return Reply(status, _HEADERS, body.encode(), cookies)


def _came_by_https(hit: Hit) -> bool:
    """By what a proxy of ours says: this server itself speaks no TLS, and what strangers say is no part of a hit."""
    return hit.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower() == "https"
