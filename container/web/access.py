"""Who may see the pages of the admin listener, and whether it is a page of ours that asks to change something.

The admin token comes as the password of HTTP's basic authentication (the user's name does not matter), or as a bearer
token. A browser sends it along by itself, also with what another site's page asks of it. So a form holds a token of
its own, which only our pages know, and its request has to come from this origin.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from container.web.ingest import Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FORM_SECONDS = 12 * 3600
"""A form can be sent for so long at least, and for twice as long at most."""

LARGEST_FORM, MOST_FIELDS = 64 * 1024, 1000

GUARDED: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With "no-referrer" a browser would hide the origin of our own forms from us, too.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""Headers of everything that the admin listener answers."""

_CHALLENGE = {"www-authenticate": 'Basic realm="tag-container: the admin token is the password", charset="UTF-8"'}
_CLOSED = """\
This page is closed, because there is no admin token yet.

Set one of 16 characters or more in the environment, and start again:

  export TAG_CONTAINER_ADMIN_TOKEN="$(openssl rand -hex 32)"

It is then the password that your browser asks for here.
"""

Refused = Literal["foreign", "stale", "unreadable"]
"""Why a form is not carried out: it comes from elsewhere; its token is old or none; it is too large, or no form."""


class Form:
    """The fields of a form that was sent, each with its values in order."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def one(self, name: str) -> str:
        """The first value, empty when there is none."""
        return next((value for key, value in self._pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]


def authorised(header: str, token: str) -> bool:
    """Whether an `Authorization` header shows the token, in constant time. Without a token nobody is authorised."""
    scheme, _, shown = header.partition(" ")
    match scheme.lower():
        case "bearer":
            candidate = shown.strip().encode()
        case "basic":
            candidate = _password(shown.strip())
        case _:
            return False
    return bool(token) and hmac.compare_digest(_digest(candidate), _digest(token.encode()))


def refusal(request: Request, token: str) -> Response | None:
    """What somebody without the token gets, `None` for somebody who has it."""
    if authorised(request.headers.get("authorization", ""), token):
        return None
    return needed() if token else Response(_CLOSED, 403, GUARDED, "text/plain")


def needed() -> Response:
    """The answer that makes a browser ask for the token."""
    return Response("The admin token is needed.\n", 401, {**GUARDED, **_CHALLENGE}, "text/plain")


def guarded(application: Application) -> Application:
    """The application, with our headers on each of its answers."""
    lines = [(name.encode(), value.encode()) for name, value in GUARDED.items()]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                message = {**message, "headers": [*headers, *(line for line in lines if line[0] not in there)]}
            await send(message)

        await application(scope, receive, sent)

    return answer


def form_token(token: str, now: float) -> str:
    """What a form of ours holds. `token`: the admin token; `now`: Unix time in seconds."""
    return _signed(token, int(now // FORM_SECONDS))


async def sent_form(request: Request, token: str, now: float) -> Form | Refused:
    """The form of a request that may change something, or why it may not."""
    if not same_origin(request.headers):
        return "foreign"
    form = await _read(request)
    if form is None:
        return "unreadable"
    return form if is_form_token(form.one("token"), token, now) else "stale"


def is_form_token(shown: str, token: str, now: float) -> bool:
    """Whether it is what a page of ours holds, of this period or the one before."""
    stated, period = shown.encode(errors="replace"), int(now // FORM_SECONDS)
    known = [hmac.compare_digest(stated, _signed(token, each).encode()) for each in (period, period - 1)]
    return any(known)


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a page of this origin sent the request, or no browser at all.

    The scheme of `Origin` does not count, since a proxy may speak TLS in front of us.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is None:
        return True
    try:
        return bool(headers.get("host")) and urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    except ValueError:
        return False


def _signed(token: str, period: int) -> str:
    return hmac.new(token.encode(), f"form {period}".encode(), hashlib.sha256).hexdigest()


async def _read(request: Request) -> Form | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_FORM:
                return None
    except ClientDisconnect:
        return None
    try:
        # Browsers write a form in ASCII, with everything else escaped.
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    return Form(pairs)


def _password(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
