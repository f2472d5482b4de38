"""What an analyst asks of a conversion: can the vendor match it, is it complete, and does it count once?

Read from what was planned to be sent, so that it holds for masked records and for whole ones alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Json = Mapping[str, Any]

DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to recognise a visitor. `fields`: what vendors call it; `how`: how to get it."""

    name: str
    fields: frozenset[str]
    how: str


KINDS: Sequence[Kind] = (
    Kind(
        "Click id",
        frozenset({"ttclid", "fbc", "gclid", "gbraid", "wbraid", "msclkid", "callback"}),
        "It is in the address of the page that an ad leads to. Send page_location with its query, or keep the click id "
        "in a first-party cookie.",
    ),
    Kind(
        "Browser id",
        frozenset({"ttp", "fbp"}),
        "The vendor's pixel sets it as a first-party cookie. It comes along when this server shares the shop's domain.",
    ),
    Kind("E-mail", frozenset({"email", "em"}), "Send user_data.email with the event. It is hashed before it leaves."),
    Kind(
        "Phone",
        frozenset({"phone", "phone_number", "ph"}),
        "Send user_data.phone_number with its country code. It is hashed before it leaves.",
    ),
    Kind("External id", frozenset({"external_id"}), "Send user_id: the shop's own number of the customer."),
    Kind(
        "Address",
        frozenset({"first_name", "last_name", "city", "state", "country", "zip_code", "fn", "ln", "ct", "st", "zp"}),
        "Send user_data.address with the event: name, city, region, postal code and country.",
    ),
    Kind(
        "IP address",
        frozenset({"ip", "client_ip_address", "ip_address"}),
        "Name the proxy in --trusted-proxy, so that the visitor's address is known.",
    ),
    Kind(
        "User agent",
        frozenset({"user_agent", "client_user_agent", "ua"}),
        "It comes with each hit of a browser; a server has to pass it on as user_agent.",
    ),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A member of a conversion. `path`: where it stands in the item; `what`: as the vendor wants it.

    `source`: of which event source the vendor wants it. Empty: of all.
    """

    path: str
    what: str
    how: str
    source: str = ""


CONTENTS = Wanted("properties.contents", "a list, each with content_id", "Send items, each with item_id.")
_TIKTOK: Sequence[Wanted] = (
    CONTENTS,
    Wanted("properties.content_type", '"product" or "product_group"', "It follows from items."),
    Wanted("properties.value", "a number", "Send value: the sum of what was sold."),
    Wanted("properties.currency", "three capital letters", "Send currency beside value."),
    Wanted("properties.order_id", "the order's number", "Send transaction_id."),
    Wanted("event_id", "the id that the pixel sends too", "Send event_id, and give the pixel the same."),
    Wanted("page.url", "the full address of the page", "Send page_location.", source="web"),
)
_PIXEL_MEMBERS = ("contents", "content_type", "value", "currency")


def insights(event: Json) -> list[dict[str, Any]]:
    """The three boxes of each tag that planned something for the event. `event`: as it was traced."""
    return [found for tag in event.get("tags", ()) for found in _of_tag(tag, event)]


def _of_tag(tag: Json, event: Json) -> Iterator[dict[str, Any]]:
    for request in tag.get("requests", ()):
        document = request.get("json")
        if not isinstance(document, Mapping):
            continue
        for item in _items(document):
            yield {
                "tag": tag.get("tag", ""),
                "type": tag.get("type", ""),
                "match": _match(tag.get("identifiers", ()), item),
                "complete": _complete(tag, item, document.get("event_source")),
                "once": _once(tag, item, event),
            }


def _items(document: Json) -> Sequence[Json]:
    """The conversions of a request: those of a batch, or the body itself."""
    listed = document.get("data")
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        found = [each for each in listed if isinstance(each, Mapping)]
        if found:
            return found
    return [document]


def _match(identifiers: Sequence[str], item: Json) -> list[dict[str, Any]]:
    """Each way that the vendor knows: the fields that it gets, and how to get what is missing."""
    there, known = frozenset(_names(item)), frozenset(identifiers)
    found = []
    for kind in KINDS:
        ways = kind.fields & known
        if ways:
            got = sorted(ways & there)
            found.append({"kind": kind.name, "has": bool(got), "fields": got, "lacks": sorted(ways - there)})
            found[-1]["how"] = "" if got else kind.how
    return found


def _complete(tag: Json, item: Json, source: object) -> list[dict[str, Any]]:
    wanted = _TIKTOK if tag.get("type") == "tiktok_events_api" else ()
    found = []
    for each in wanted:
        if each.source not in ("", source):
            continue
        value = _at(item, each.path)
        has = value not in (None, "", [], {})
        if each is CONTENTS and isinstance(value, list):
            has = bool(value) and all(isinstance(line, Mapping) and line.get("content_id") for line in value)
        found.append({"field": each.path, "what": each.what, "has": has, "value": value})
        found[-1]["how"] = "" if has else each.how
    return found


def _once(tag: Json, item: Json, event: Json) -> dict[str, Any]:
    """Deduplication: the id and the name that the pixel has to use as well, and the line that does so."""
    name, identifier = item.get("event"), item.get("event_id")
    is_tiktok = tag.get("type") == "tiktok_events_api" and isinstance(name, str)
    return {
        "id": identifier if isinstance(identifier, str) else "",
        "from": str(event.get("event_id_source") or ""),
        "name": name if isinstance(name, str) else "",
        "how": "" if identifier else _lacking(is_tiktok, event),
        "line": _pixel_line(str(name), identifier, item.get("properties")) if is_tiktok else "",
    }


def _lacking(is_tiktok: bool, event: Json) -> str:
    """What is true of a conversion without an event id, and what to do. The tag makes one where no pixel runs."""
    if not is_tiktok:
        return "There is no event_id in this request. Whether its receiver needs one, its documentation says."
    said = "There is no event id, so what the pixel sends counts beside this."
    data = event.get("data")
    if isinstance(data, Mapping) and data.get("transaction_id"):
        return (
            f"{said} transaction_id is there: the tag sends it as the order's number, and not as the event id. "
            'Send event_id, or write event_id: "{{ event.transaction_id }}" in the tag, and give the pixel the same.'
        )
    return f"{said} Send event_id with the event, and give the pixel the same."


def _pixel_line(name: str, identifier: object, properties: object) -> str:
    """What the page has to run. The id is the third argument: among the properties it does nothing."""
    given = properties if isinstance(properties, Mapping) else {}
    about = {key: given[key] for key in _PIXEL_MEMBERS if key in given}
    last = f", {_script({'event_id': identifier})}" if isinstance(identifier, str) and identifier else ""
    return f"ttq.track({_script(name)}, {_script(about)}{last});"


def _script(value: object) -> str:
    """JSON that stays inside a script element, whatever it holds."""
    text = orjson.dumps(value, default=str).decode()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _at(item: Json, path: str) -> Any:
    found: Any = item
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _names(value: Any, depth: int = 0) -> Iterator[str]:
    """The names of all members that hold something."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, member in value.items():
            if member not in (None, "", [], {}):
                yield str(name)
                yield from _names(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member, depth + 1)
