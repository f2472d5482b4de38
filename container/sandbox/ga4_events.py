"""GA4's events as an analyst reads them, from whatever was sent: nothing here raises or refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from container.sandbox.ga4_collect import WITH_ORDER
from container.sandbox.seen import identities, mapping, members, objects, picked, shown
from container.sandbox.vendor import SeenEvent
from container.shape import moment, number

_SHOWN = ("ep.", "epn.", "up.", "upn.")
_APART = ("ep.value", "epn.value", "ep.currency")
_HIT = ("sid", "sct", "seg", "_et", "_s", "gcs", "gcd", "npa", "dr", "dt", "ul", "_uip", "_dbg")
_OF_PARAMS = ("value", "currency", "items", "page_location")


def seen_of_browser(parameters: Mapping[str, str], data: Mapping[str, Any]) -> SeenEvent:
    """An event of a web hit: its parameters, and what they mean."""
    name, value = parameters.get("en", ""), parameters.get("epn.value", parameters.get("ep.value"))
    own = {key: stated for key, stated in parameters.items() if key.startswith(_SHOWN) and key not in _APART}
    return SeenEvent(
        name=shown(name),
        event_id=_order(name, data.get("transaction_id")),
        value=value if number(value) is None else number(value),
        currency=shown(parameters.get("cu", parameters.get("ep.currency", ""))),
        contents=objects(data.get("items")),
        user=identities({**_person(data.get("user_data")), **picked(parameters, ("uid",))}),
        browser=picked(parameters, ("cid", "ecid")),
        page=shown(parameters.get("dl", "")),
        more={**members(own), **picked(parameters, _HIT)},
    )


def seen_of_server(document: Any) -> Iterator[SeenEvent]:
    """The events of a Measurement Protocol request."""
    stated = mapping(document)
    for event in objects(stated.get("events")):
        name, params = shown(event.get("name", "")), mapping(event.get("params"))
        time = moment(event.get("timestamp_micros", stated.get("timestamp_micros")))
        yield SeenEvent(
            name=name,
            event_id=_order(name, params.get("transaction_id")),
            time=None if time is None else time // 1000,
            value=params.get("value"),
            currency=shown(params.get("currency", "")),
            contents=objects(params.get("items")),
            user=identities({**_person(stated.get("user_data")), **picked(stated, ("user_id",))}),
            browser=picked(stated, ("client_id", "app_instance_id")),
            page=shown(params.get("page_location", "")),
            more={
                **members(params, but=_OF_PARAMS),
                **picked(stated, ("user_properties", "consent", "ip_override", "user_location", "device")),
            },
        )


def debugs(document: Any) -> bool:
    """Whether one of the events of a Measurement Protocol request is for DebugView."""
    events = objects(mapping(document).get("events"))
    return any(mapping(event.get("params")).get("debug_mode") for event in events)


def _order(name: str, number_of_order: Any) -> str:
    """What GA4 counts an order once by. Other events have nothing of the kind."""
    return shown(number_of_order) if name in WITH_ORDER and number_of_order is not None else ""


def _person(user_data: Any) -> dict[str, Any]:
    """User data, with the members of the address beside it."""
    stated = mapping(user_data)
    addresses = stated.get("address")
    first = addresses[0] if isinstance(addresses, list) and addresses else addresses
    return {**{name: value for name, value in stated.items() if name != "address"}, **mapping(first)}
