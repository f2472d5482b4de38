"""What Google allows in a Measurement Protocol request: limits and names, as data for the validator."""

from __future__ import annotations

import re
from collections.abc import Mapping

from container.ga4.keys import ITEM_FIELDS

MOST_BYTES = 130_000
MOST_EVENTS, MOST_PARAMETERS, MOST_USER_PROPERTIES, MOST_ITEMS, MOST_CUSTOM_ITEM_PARAMETERS = 25, 25, 25, 200, 27
LONGEST_NAME, LONGEST_USER_PROPERTY_NAME = 40, 24
LONGEST_VALUE, LONGEST_USER_PROPERTY_VALUE, LONGEST_USER_ID = 100, 36, 256
LONGEST_VALUES: Mapping[str, int] = {"page_title": 300, "page_referrer": 420, "page_location": 1000}
"""Parameters whose value may be longer than others'."""

OLDEST_HOURS = 72

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
APP_INSTANCE_ID = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
LOCATION_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "region_id": (re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}", re.ASCII), "as ISO 3166-2 writes it, such as US-CA"),
    "country_id": (re.compile(r"[A-Z]{2}", re.ASCII), "as ISO 3166-1 writes it, such as US"),
    "subcontinent_id": (re.compile(r"[0-9]{3}", re.ASCII), "three digits, such as 021"),
    "continent_id": (re.compile(r"[0-9]{3}", re.ASCII), "three digits, such as 019"),
}

RESERVED_EVENTS = frozenset(
    {
        *("ad_activeview", "ad_click", "ad_exposure", "ad_query"),
        *("ad_reward", "adunit_exposure", "app_clear_data", "app_exception"),
        *("app_install", "app_remove", "app_store_refund", "app_update"),
        *("app_upgrade", "dynamic_link_app_open", "dynamic_link_app_update", "dynamic_link_first_open"),
        *("error", "firebase_campaign", "firebase_in_app_message_action", "firebase_in_app_message_dismiss"),
        *("firebase_in_app_message_impression", "first_open", "first_visit", "notification_dismiss"),
        *("notification_foreground", "notification_open", "notification_receive", "notification_send"),
        *("os_update", "session_start", "user_engagement"),
    }
)
EVENTS_OF_APPS = frozenset({"ad_impression", "in_app_purchase", "screen_view"})
"""Events that only the stream of an app may send."""

RESERVED_PARAMETERS = frozenset({"firebase_conversion"})
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
RESERVED_USER_PROPERTIES = frozenset(
    {"first_open_time", "first_visit_time", "first_open_after_install", "last_deep_link_referrer", "user_id"}
)
RESERVED_USER_PROPERTY_PREFIXES = ("_", "firebase_", "ga_", "google_")

CONSENT_STATES = ("GRANTED", "DENIED")
VALIDATION_BEHAVIORS = ("RELAXED", "ENFORCE_RECOMMENDATIONS")

HASHED_USER_DATA = ("sha256_email_address", "sha256_phone_number")
HASHED_ADDRESS = ("sha256_first_name", "sha256_last_name", "sha256_street")

ITEM_PARAMETERS = frozenset(field.name for field in ITEM_FIELDS.values())
NUMBERS = frozenset({"value", "tax", "shipping"})
"""Parameters of an event that GA4 adds up."""

ITEM_NUMBERS = frozenset(field.name for field in ITEM_FIELDS.values() if field.kind == "number")
