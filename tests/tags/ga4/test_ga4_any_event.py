"""What holds for any event data: requests or a skip, nothing that GA4 refuses, nobody's name in the clear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from container.delivery.content import json_content
from container.delivery.frame import frame_for
from container.effects import Note, Request, Skip
from container.event import Consent, Event, Hit, Signal
from container.ga4.keys import FIELDS
from container.ga4.measurement_protocol_rules import MOST_BYTES
from container.ga4.measurement_protocol_validation import messages_of
from container.sandbox.ga4 import COLLECT, Ga4Settings, check
from container.sandbox.vendor import Incoming
from tests.tags.ga4.sending import NOW, RELAY, SECRET, effects_of, hit_of

WEB = Hit(bytes(16), NOW, "POST", "/g/collect", "v=2&tid=G-ABC123XYZ9&en=e")
SERVER = Hit(bytes(16), NOW, "POST", "/mp/collect", "measurement_id=G-ABC123XYZ9", body=b"{}")

KEYS = (
    *(found.name for found in FIELDS.values()),
    *("items", "user_data", "client_hints", "device", "x-ga-mp2-user_properties", "x-ga-system_properties"),
    *("x-sst-system_properties", "session_id", "timestamp_micros", "event_time", "app_instance_id", "firebase_app_id"),
    *("transaction_id", "value", "debug_mode", "event_id", "user_agent", "x-ga-mp2-tt", "x-ga-js_client_id"),
)
INNER = [
    *("item_id", "item_name", "price", "quantity", "own", "brand", "version", "country", "region", "city", "0"),
    *("email", "phone_number", "address", "first_name", "sha256_email_address", "continent_id", "_dbg", "platform"),
]
SIGNS_OF_ALL_KINDS = st.characters(exclude_characters="{")
"""Without what begins a reference: settings are read for those."""

WORDS = st.sampled_from(
    ["a@b.example", "+442079460958", "https://a.example/?b=c", "1.5", "US", "CA", "a" * 64, "x" * 5000]
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(SIGNS_OF_ALL_KINDS, max_size=8) | WORDS
ANYTHING = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(INNER) | st.text(SIGNS_OF_ALL_KINDS, max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
DATA = st.dictionaries(st.sampled_from(KEYS) | st.text(SIGNS_OF_ALL_KINDS, max_size=6), ANYTHING, max_size=10)
NAMES = st.sampled_from(["purchase", "user_engagement", "screen_view"]) | st.text(SIGNS_OF_ALL_KINDS, max_size=5)
TEXTS = st.text(SIGNS_OF_ALL_KINDS, max_size=5) | st.integers() | WORDS
SETTINGS = st.fixed_dictionaries(
    {"api_secret": st.just(SECRET)},
    optional={
        "measurement_id": st.sampled_from(["G-ABC123XYZ9", "\ud800", " "]),
        "protocol": st.sampled_from(["web", "measurement_protocol"]),
        "client_id": TEXTS,
        "user_id": TEXTS,
        "session_id": TEXTS,
        "parameters": st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
        "user_properties": st.dictionaries(st.sampled_from(INNER), ANYTHING, max_size=3),
        "drop_parameters": st.lists(st.sampled_from(KEYS), max_size=2),
        "redact_ip": st.booleans(),
        "user_data": st.sampled_from(["send", "drop"]),
        "analytics_360": st.booleans(),
        "debug_mode": st.booleans(),
    },
)
CONSENT = st.dictionaries(
    st.sampled_from(["ad_storage", "analytics_storage", "ad_user_data", "ad_personalization"]), st.booleans()
).map(lambda states: Consent({name: Signal(granted, "test") for name, granted in states.items()}))


@given(NAMES, DATA, SETTINGS, CONSENT, st.sampled_from([WEB, SERVER]), st.booleans())
def test_any_event_becomes_requests_or_a_skip(
    name: str, data: dict[str, Any], settings: dict[str, Any], consent: Consent, hit: Hit, relays: bool
) -> None:
    effects = effects_of(Event(name, data, hit, consent), **settings, **(RELAY if relays else {}))
    if isinstance(effects, Skip):
        assert effects.reason
        return
    request, *notes = effects
    assert isinstance(request, Request)
    assert all(isinstance(note, Note) for note in notes)
    frame_for("ga4", 1, request)
    json.dumps(request.document)


@given(NAMES, DATA, SETTINGS)
def test_what_leaves_by_the_measurement_protocol_passes_its_validator(
    name: str, data: dict[str, Any], settings: dict[str, Any]
) -> None:
    stated = {**settings, "protocol": "measurement_protocol", "client_id": "1.2"}
    effects = effects_of(Event(name, {**data, "items": _known(data.get("items"))}, SERVER), **stated)
    if isinstance(effects, Skip):
        return
    document = effects[0].document
    app = "&firebase_app_id=x" if "app_instance_id" in document else ""
    assert len(json_content(document).data) < MOST_BYTES
    body = json.dumps(document).encode()
    told = messages_of(Hit(bytes(16), NOW, "POST", "/debug/mp/collect", f"api_secret=x{app}", body=body))
    excused = ("events", "events[0].name", "app_instance_id")
    assert [message for message in told if message["fieldPath"] not in excused] == []


def _known(items: Any) -> Any:
    """The items with an id, which is the sender's to state."""
    if not isinstance(items, list):
        return items
    return [{**each, "item_id": "A"} if isinstance(each, dict) else each for each in items]


@given(DATA, st.booleans())
def test_what_leaves_as_a_hit_is_taken_by_ga4(data: dict[str, Any], redacts: bool) -> None:
    effects = effects_of(
        Event("purchase", data, WEB), measurement_id="G-ABC123XYZ9", client_id="1.2", redact_ip=redacts
    )
    assert isinstance(effects, list)
    hit = hit_of(effects[0])
    incoming = Incoming(hit.method, COLLECT, hit.query, hit.headers, hit.body, NOW // 1000)
    assert check(incoming, Ga4Settings()).reasons == ()


PERSON = {
    "email": "Ada.Lovelace@Example.com",
    "phone": "+44 (0)20 7946 0958",
    "first": "Augustadaking",
    "last": "Lovelacebyron",
    "street": "Zangvogelkade 4711",
}
SIGNS = ["ada.lovelace", "79460958", "7946 0958", "augusta", "byron", "zangvogel"]
PERSONAL = st.sampled_from(list(PERSON.values()))
BROKEN = PERSONAL | st.lists(PERSONAL, max_size=3) | PERSONAL.map(lambda text: {"0": text, "x": [text]}) | st.none()
USER_DATA = st.dictionaries(
    st.sampled_from(
        ["email", "email_address", "sha256_email_address", "phone_number", "first_name", "street", "other"]
    ),
    BROKEN,
)
ADDRESS = st.dictionaries(st.sampled_from(["first_name", "last_name", "sha256_last_name", "street", "other"]), BROKEN)
PEOPLE = st.builds(lambda found, address: {**found, "address": address}, USER_DATA, ADDRESS | BROKEN) | PERSONAL


@given(PEOPLE, st.sampled_from(["web", "measurement_protocol"]))
def test_nobodys_name_leaves_in_the_clear(user_data: Mapping[str, Any] | str, protocol: str) -> None:
    data = {"client_id": "1.2", "x-ga-measurement_id": "G-1", "user_data": user_data}
    effects = effects_of(Event("sign_up", data, WEB), api_secret=SECRET, protocol=protocol)
    assert isinstance(effects, list)
    request, *notes = effects
    shown = f"{request.url} {request.body} {json.dumps(request.document)} {[note.text for note in notes]}".lower()
    assert not [sign for sign in SIGNS if sign in shown]
