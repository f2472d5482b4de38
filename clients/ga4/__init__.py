"""Read the hits that GA4's browser library sends."""

from collections.abc import Mapping
from dataclasses import replace

from clients.ga4.answer import answer, preflight, too_large
from clients.ga4.settings import Cookie, Ga4
from container.api import (
    Claim,
    Event,
    Ga4Recognised,
    Ga4ServerCookie,
    Hit,
    client,
    ga4_consent,
    ga4_events,
    ga4_from_browser,
    ga4_from_server,
    query_parameters,
    without_addresses,
    without_parameters,
)

__all__ = ["LONGEST_LINE", "MOST_EVENTS", "MOST_LINES", "MOST_PARAMETERS", "Cookie", "Ga4", "ga4"]

MOST_EVENTS, MOST_LINES = 100, 1000
"""Google's library sends 20 at most. Hits with more are refused whole, so that nothing is answered and not taken."""

MOST_PARAMETERS = 1000
"""In the query, and in each line. The largest hit that Google's library can make, with 200 items, has half of them."""

LONGEST_LINE = 131_072
"""In bytes. Google's library writes a hit of 16 kB at most, and Google's servers take 130 kB of a request."""

COOKIES_NEED = "analytics_storage"
"""The consent without which no cookie is read or set."""


_ADDRESSES = ("_uip", "ep.ip_override", "epn.ip_override")
"""The parameters in which a sender states the visitor's address."""


@client("ga4")
def ga4(settings: Ga4, hit: Hit) -> Claim | None:
    """Takes the hits of a site's GA4 tag: page views, purchases and everything else it sends.

    A hit is one of its own when it is sent with GET or POST and has `v=2`, a measurement ID (`tid`) and the name of an
    event (`en`). Event parameters keep the kind that GA4 sends them as: `ep.name` is text, whatever it looks like
    (`ep.is_new=true` is the text `true`), and `epn.name` is a number. Take `format: {as: boolean}` of a variable where
    another kind is wanted.
    """
    if hit.method == "OPTIONS":
        return preflight(settings, hit)
    if hit.method not in ("GET", "POST"):
        return None
    if hit.body.count(b"\n") > MOST_LINES or _is_too_much(hit):
        return too_large(settings, hit) if _is_ours(settings, query_parameters(hit.query)) else None
    seen = _without_address(hit) if settings.redact_ip else hit
    events: list[Event] = []
    wants_messages, linked = False, ""
    for parameters, data in ga4_events(seen):
        if not _is_ours(settings, parameters):
            continue
        if len(events) == MOST_EVENTS:
            return too_large(settings, hit)
        events.append(
            Event(name=parameters["en"], data=data, hit=seen, consent=ga4_consent(parameters), index=len(events))
        )
        wants_messages = "richsstsse" in parameters
        linked = parameters.get("_fplc", "")
    if not events:
        return None
    return _recognised(settings, Claim(events, answer(settings, hit, wants_messages=wants_messages)), linked)


def _is_too_much(hit: Hit) -> bool:
    """Whether an event would be larger than any real one. Each has the parameters of the query too."""
    if hit.query.count("&") >= MOST_PARAMETERS:
        return True
    if len(hit.body) <= LONGEST_LINE and hit.body.count(b"&") < MOST_PARAMETERS:
        return False
    return any(len(line) > LONGEST_LINE or line.count(b"&") >= MOST_PARAMETERS for line in hit.body.split(b"\n"))


def _is_ours(settings: Ga4, parameters: Mapping[str, str]) -> bool:
    measurement_id = parameters.get("tid")
    if parameters.get("v") != "2" or not measurement_id:
        return False
    return not settings.measurement_ids or measurement_id in settings.measurement_ids


def _without_address(hit: Hit) -> Hit:
    """The hit as if nobody had said where the visitor's device is: no proxy, and not the sender itself."""
    # Bytes that are no UTF-8 stay what they are.
    lines = hit.body.decode("utf-8", "surrogateescape").split("\n")
    body = "\n".join(without_parameters(line.strip(), _ADDRESSES) for line in lines)
    return replace(
        hit,
        ip=None,
        headers=without_addresses(hit.headers),
        query=without_parameters(hit.query, _ADDRESSES),
        body=body.encode("utf-8", "surrogateescape"),
    )


def _recognised(settings: Ga4, plain: Claim, linked: str) -> Claim:
    """The claim with what cookies say about the visitor, as far as consent lets them be read."""
    states = {event.consent.state(COOKIES_NEED) for event in plain.events}
    if "denied" in states:
        return plain
    found = _visitor(settings, plain, linked)
    data = zip(plain.events, found.data, strict=True)
    if not found.cookies and all(event.data is recognised for event, recognised in data):
        return plain
    events = [replace(event, data=known) for event, known in zip(plain.events, found.data, strict=True)]
    claim = Claim(events, replace(plain.reply, cookies=found.cookies))
    # Where the hit says nothing about consent, the container's default decides.
    return replace(claim, consent=COOKIES_NEED, otherwise=plain) if "unset" in states else claim


def _visitor(settings: Ga4, plain: Claim, linked: str) -> Ga4Recognised:
    hit, data = plain.events[0].hit, [event.data for event in plain.events]
    if settings.identification == "javascript" or not settings.cookie.name:
        return ga4_from_browser(hit, data)
    return ga4_from_server(hit, data, _server_cookie(settings.cookie), linked=linked)


def _server_cookie(cookie: Cookie) -> Ga4ServerCookie:
    secret = cookie.linker_secret
    return Ga4ServerCookie(
        name=cookie.name,
        domain=cookie.domain,
        max_age=cookie.max_age,
        same_site=cookie.same_site,
        migrate=cookie.migrate,
        linker_key=b"" if secret is None else secret.digest,
    )
