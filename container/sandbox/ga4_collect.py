"""What GA4 makes of a web hit, by its parameters as they were sent.

Google documents next to nothing here. Refused is what cannot be counted; all else is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from container.sandbox.fields import Finding, refused, remark
from container.sandbox.vendor import Incoming
from container.shape import number

LONGEST_QUERY, LONGEST_BODY, MOST_EVENTS, MOST_PARAMETERS, MOST_ITEMS = 16_384, 16_384, 20, 25, 200
LONGEST_NAME, LONGEST_VALUE = 40, 500
LONGEST_VALUES: Mapping[str, int] = {"dt": 300, "dr": 420, "dl": 1000}

MADE_BY_GOOGLE = ("first_visit", "session_start")
WITH_ORDER = ("purchase", "refund")

_NAME = re.compile(r"[^\W\d_]\w*")
_MEASUREMENT_ID = re.compile(r"(?:G|MC)-[A-Z0-9]{4,20}")
_STATES = re.compile(r"G1[01-]{2}")
_ALL_STATES = re.compile(r"1[0-9a-zA-Z]{5,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ITEM = re.compile(r"pr[0-9]{1,6}")
_EMAIL = re.compile(r"[^\s@/?&=]+@[^\s@/?&=]+\.[A-Za-z]{2,}")
_OF_EVENT = ("ep.", "epn.")
_NUMBERS = ("epn.", "upn.")

Parameters = Mapping[str, str]


def findings_of(incoming: Incoming, shared: Parameters, events: Sequence[Parameters]) -> Iterator[Finding]:
    """Everything that is wrong. `shared`: of the query; `events`: each with what it shares."""
    yield from _of_request(incoming, events)
    yield from _of_hit(shared, incoming.headers)
    for number_of_event, parameters in enumerate(events, start=1):
        before = f"event {number_of_event}: " if len(events) > 1 else ""
        yield from _of_event(parameters, before)


def never_one(measurement_id: str) -> str:
    """Why Google counts nothing for this id, empty where it may be one."""
    if measurement_id[:3].upper() == "UA-":
        return "An id of Universal Analytics, which is gone. GA4 has ids such as G-ABC123XYZ9."
    small = not _MEASUREMENT_ID.fullmatch(measurement_id) and _MEASUREMENT_ID.fullmatch(measurement_id.upper())
    return "In small letters it is nobody's: it is G- and capital letters, such as G-ABC123XYZ9." if small else ""


def _of_request(incoming: Incoming, events: Sequence[Parameters]) -> Iterator[Finding]:
    lines = [line for line in incoming.body.splitlines() if line.strip()]
    if incoming.method not in ("GET", "POST"):
        yield refused("", f"It is GET or POST, not {incoming.method[:20]}.")
    if len(incoming.query) > LONGEST_QUERY:
        yield refused("", f"The query is longer than {LONGEST_QUERY} characters. Send parameters in the body.")
    if not events:
        yield refused("en", "There is no event in it: none has a name.")
    elif len(lines) > len(events):
        yield refused("en", f"{len(lines) - len(events)} lines of the body have no event name.")
    if len(events) > MOST_EVENTS:
        yield remark("", f"More than {MOST_EVENTS} events in one request, which no browser sends.")
    if len(incoming.body) > LONGEST_BODY:
        yield remark("", f"The body is longer than {LONGEST_BODY} bytes, which no browser sends.")


def _of_hit(shared: Parameters, headers: Mapping[str, str]) -> Iterator[Finding]:
    if shared.get("v") != "2":
        yield refused("v", "It is 2 for GA4.")
    if not shared.get("tid"):
        yield refused("tid", "Missing: nobody knows whose event this is.")
    elif odd := never_one(shared["tid"]):
        yield refused("tid", odd)
    elif not _MEASUREMENT_ID.fullmatch(shared["tid"]):
        yield remark("tid", "Does not look like a measurement id, such as G-ABC123XYZ9.")
    if not shared.get("cid"):
        yield refused("cid", "Missing: an event belongs to a client.")
    if not shared.get("sid"):
        yield remark("sid", "Without a session id the event is in no session.")
    yield from _around(shared, headers)


def _around(shared: Parameters, headers: Mapping[str, str]) -> Iterator[Finding]:
    """What only a server can forget, or send too much of."""
    if not headers.get("user-agent"):
        yield remark("user-agent", "Without this header GA4 knows neither browser nor device.")
    if "_uip" not in shared:
        yield remark("_uip", "Without it GA4 places the visitor where this request comes from.")
    for name, form in (("gcs", _STATES), ("gcd", _ALL_STATES)):
        if name in shared and not form.fullmatch(shared[name]):
            yield remark(name, "Not a consent signal that Google writes.")
    if "richsstsse" in shared or any(name.startswith("sst.") for name in shared):
        yield remark("sst", "Meant for a server container. Google's own address takes no notice of it.")


def _of_event(parameters: Parameters, before: str) -> Iterator[Finding]:
    name = parameters.get("en", "")
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        yield refused(
            f"{before}en", f"A name begins with a letter, and has {LONGEST_NAME} letters, digits and _ at most."
        )
    if name in MADE_BY_GOOGLE:
        yield remark(f"{before}en", "GA4 makes this event itself, of _fv and _ss.")
    yield from _values(parameters, before)
    has_value = "epn.value" in parameters or "ep.value" in parameters
    if has_value and not (parameters.get("cu") or parameters.get("ep.currency")):
        yield remark(f"{before}cu", "A value without a currency counts for nothing.")
    if parameters.get("cu") and not _CURRENCY.fullmatch(parameters["cu"]):
        yield remark(f"{before}cu", "Usually three capital letters.")
    if name in WITH_ORDER and not (parameters.get("ep.transaction_id") or parameters.get("epn.transaction_id")):
        yield remark(f"{before}ep.transaction_id", "Without it GA4 counts the same order twice.")
    if name == "purchase" and not any(map(_ITEM.fullmatch, parameters)):
        yield remark(f"{before}pr1", "A purchase without items says nothing about products.")


def _values(parameters: Parameters, before: str) -> Iterator[Finding]:
    own = [name for name in parameters if name.startswith(_OF_EVENT)]
    if len(own) > MOST_PARAMETERS:
        yield remark(f"{before}ep", f"{len(own)} parameters: GA4 keeps {MOST_PARAMETERS}.")
    if sum(1 for name in parameters if _ITEM.fullmatch(name)) > MOST_ITEMS:
        yield remark(f"{before}pr", f"GA4 keeps {MOST_ITEMS} items.")
    for name, value in parameters.items():
        shown, bare = f"{before}{name[:100]}", name.partition(".")[2] if name.startswith(_OF_EVENT) else ""
        if bare.startswith("user_data"):
            yield remark(shown, "User data in the clear. Google takes it hashed, as em.")
        elif len(bare) > LONGEST_NAME:
            yield remark(shown, f"The name has more than {LONGEST_NAME} characters: GA4 drops it.")
        elif name.startswith(_NUMBERS) and number(value) is None:
            yield remark(shown, "Not a number.")
        elif _EMAIL.search(value[:2000]):
            yield remark(shown, "Looks like an e-mail address in the clear, which Google forbids.")
        elif (bare or name in LONGEST_VALUES) and len(value) > LONGEST_VALUES.get(name, LONGEST_VALUE):
            yield remark(shown, "The value is too long: GA4 cuts it.")
