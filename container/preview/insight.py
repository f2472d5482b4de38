"""What an analyst asks of a conversion: can the vendor match it, is it complete, and does it count once?

Read from what was planned to be sent, so that it holds for masked records and for whole ones alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container.component import Component, Once, Wanted
from container.shape import at, missing
from container.shape import text as as_text
from container.url import query_parameters

Json = Mapping[str, Any]

DEEPEST = 12


REDACTS = "redact_ip"
LEFT_OUT = f"The tag leaves it out: {REDACTS} says so."


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to recognise a visitor. `fields`: what vendors call it; `how`: how to get it.

    `left_out_by`: the setting of a tag that has it left out on purpose.
    """

    name: str
    fields: frozenset[str]
    how: str
    left_out_by: str = ""


KINDS: Sequence[Kind] = (
    Kind(
        "Click id",
        frozenset({"ttclid", "fbc", "gclid", "gbraid", "wbraid", "msclkid", "callback"}),
        "It is in the address of the page that an ad leads to. Send page_location with its query, or keep the click id "
        "in a first-party cookie.",
    ),
    Kind(
        "Browser id",
        frozenset({"ttp", "fbp", "client_id", "cid", "app_instance_id"}),
        "The vendor's pixel sets it as a first-party cookie. It comes along when this server shares the shop's domain.",
    ),
    Kind(
        "E-mail",
        frozenset({"email", "email_address", "em", "sha256_email_address"}),
        "Send user_data.email with the event. It is hashed before it leaves.",
    ),
    Kind(
        "Phone",
        frozenset({"phone", "phone_number", "ph", "sha256_phone_number"}),
        "Send user_data.phone_number with its country code. It is hashed before it leaves.",
    ),
    Kind(
        "External id",
        frozenset({"external_id", "user_id", "uid"}),
        "Send user_id: the shop's own number of the customer.",
    ),
    Kind(
        "Address",
        frozenset(
            (
                *("first_name", "last_name", "city", "state", "country", "zip_code", "fn", "ln", "ct", "st", "zp"),
                *("sha256_first_name", "sha256_last_name", "postal_code", "region"),
            )
        ),
        "Send user_data.address with the event: name, city, region, postal code and country.",
    ),
    Kind(
        "IP address",
        frozenset({"ip", "client_ip_address", "ip_address", "ip_override", "_uip"}),
        "Name the proxy in --trusted-proxy, so that the visitor's address is known.",
        left_out_by=REDACTS,
    ),
    Kind(
        "User agent",
        frozenset({"user_agent", "client_user_agent", "ua"}),
        "It comes with each hit of a browser; a server has to pass it on as user_agent.",
    ),
)

IDENTIFIERS = frozenset(field for kind in KINDS for field in kind.fields)
"""All of these fields."""

NAMES, IDS = ("event", "event_name", "name", "en"), ("event_id", "ep.event_id", "params.event_id")
"""What vendors call the event's name in an item, and the id by which they count it once."""

IN_CLEAR = ".user_data."
"""In the name of a parameter of GA4: what stands behind it is the name of a member."""

NOBODYS = ("::", "tv.1")
"""What GA4 gets in place of an address, and of the visitor's data, where there is none."""

LISTS = ("data", "events")
"""Where vendors have the items of a request."""

Components = Callable[[str], Component | None]
"""Gives the tag type of a name, `None` where it is not installed."""


def insights(event: Json, components: Components) -> list[dict[str, Any]]:
    """The three boxes of each tag that planned something for the event. `event`: as it was traced."""
    return [found for tag in event.get("tags", ()) for found in _of_tag(tag, event, components)]


def _of_tag(tag: Json, event: Json, components: Components) -> Iterator[dict[str, Any]]:
    component = components(str(tag.get("type", "")))
    for request in tag.get("requests", ()):
        for item in _items(request, tag.get("identifiers", ())):
            yield {
                "tag": tag.get("tag", ""),
                "type": tag.get("type", ""),
                "match": _match(tag, item),
                "complete": [_told(each, item) for each in _wanted(component, item)],
                "once": _once(component, item, event),
            }


def _items(request: Json, identifiers: Sequence[str]) -> list[Json]:
    """The conversions of a request: those of a batch, each with what holds for all of them, or the body itself.

    Where a vendor takes parameters instead of JSON, they are those of the address and of a line of the body, and the
    browser is told of by a header.
    """
    document = request.get("json")
    if isinstance(document, Mapping):
        return _batched(document) or [document]
    if not identifiers or not isinstance(url := request.get("url"), str):
        return []
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    about, body = {"user_agent": headers.get("user-agent")}, request.get("body")
    shared = {**about, **query_parameters(url.partition("?")[2])}
    lines = body.splitlines() if isinstance(body, str) else []
    return [{**shared, **query_parameters(line)} for line in lines or [""]]


def _batched(document: Json) -> list[Json]:
    for name in LISTS:
        listed = document.get(name)
        if isinstance(listed, list) and any(isinstance(each, Mapping) for each in listed):
            shared = {key: value for key, value in document.items() if key != name}
            return [{**shared, **each} for each in listed if isinstance(each, Mapping)]
    return []


def _match(tag: Json, item: Json) -> list[dict[str, Any]]:
    """Each way that the vendor knows: the fields that it gets, and how to get what is missing."""
    there, known = frozenset(_names(item)), frozenset(tag.get("identifiers", ()))
    found = []
    for kind in KINDS:
        ways = kind.fields & known
        if ways:
            got = sorted(ways & there)
            found.append({"kind": kind.name, "has": bool(got), "fields": got, "lacks": sorted(ways - there)})
            found[-1]["how"] = "" if got else _how(kind, tag)
    return found


def _how(kind: Kind, tag: Json) -> str:
    by_setting = any(each["value"] is True for each in tag.get("settings", ()) if each["field"] == kind.left_out_by)
    return LEFT_OUT if by_setting else kind.how


def _wanted(component: Component | None, item: Json) -> Iterator[Wanted]:
    for each in component.completeness if component else ():
        if each.where is None or at(item, each.where[0]) == each.where[1]:
            yield each


def _told(wanted: Wanted, item: Json) -> dict[str, Any]:
    """Whether it is there, and what to do when it is not."""
    found = {path: at(item, path) for path in (wanted.path, *wanted.also)}
    path = next((path for path, value in found.items() if _is_whole(value, wanted.each)), "")
    shown = path or next((path for path, value in found.items() if not missing(value)), wanted.path)
    about = {"field": shown, "what": wanted.what, "has": bool(path), "value": found[shown]}
    return {**about, "how": "" if path else wanted.how}


def _is_whole(value: Any, each: str) -> bool:
    if each and isinstance(value, list):
        return bool(value) and all(isinstance(line, Mapping) and line.get(each) for line in value)
    return not missing(value)


def _once(component: Component | None, item: Json, event: Json) -> dict[str, Any]:
    """Deduplication: the id and the name that the pixel has to use as well, and the line that does so.

    `by`: what the vendor counts by, and `says`: what is true of it, where that is no event id.
    """
    name, identifier = _text_at(item, NAMES), _text_at(item, IDS)
    pixel, own = (component.pixel, component.once) if component else (None, None)
    lacking = "" if identifier else _lacking(event, has_pixel=pixel is not None)
    return {
        "id": identifier,
        "from": str(event.get("event_id_source") or ""),
        "name": name,
        "line": pixel(item) if pixel else "",
        **({"by": [], "says": "", "how": lacking} if own is None else _by_its_own(own, name, item)),
    }


def _by_its_own(once: Once, name: str, item: Json) -> dict[str, Any]:
    if name not in once.events:
        return {"by": [], "says": once.otherwise, "how": ""}
    found = _text_at(item, once.paths)
    by = [once.paths[0].rpartition(".")[2], found] if found else []
    return {"by": by, "says": once.says if found else "", "how": "" if found else once.how}


def _text_at(item: Json, paths: Sequence[str]) -> str:
    """The first that is there; a number of an order may be a number."""
    return next((as_text(value) for path in paths if isinstance(value := at(item, path), str | int) and value), "")


def _lacking(event: Json, *, has_pixel: bool) -> str:
    """What is true of a conversion without an event id, and what to do. The tag makes one where no pixel runs."""
    if not has_pixel:
        return "There is no event_id in this request. Whether its receiver needs one, its documentation says."
    said = "There is no event id, so what the pixel sends counts beside this."
    data = event.get("data")
    if isinstance(data, Mapping) and data.get("transaction_id"):
        return (
            f"{said} transaction_id is there: the tag sends it as the order's number, and not as the event id. "
            'Send event_id, or write event_id: "{{ event.transaction_id }}" in the tag, and give the pixel the same.'
        )
    return f"{said} Send event_id with the event, and give the pixel the same."


def _names(value: Any, depth: int = 0) -> Iterator[str]:
    """The names of all members that hold something."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, member in value.items():
            if member not in (None, "", [], {}, *NOBODYS):
                yield str(name).rpartition(".")[2] if IN_CLEAR in str(name) else str(name)
                yield from _names(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member, depth + 1)
