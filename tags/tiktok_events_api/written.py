"""What fixed values of the settings have to look like, for TikTok to make anything of them."""

from __future__ import annotations

from container.api import Form, normalise
from tags.tiktok_events_api.properties import CONTENT_TYPES, CUSTOMER_TYPES
from tags.tiktok_events_api.settings import TikTokEventsApi
from tags.tiktok_events_api.user import ATT_STATUSES


def _can_be_a_pixel(written: str, settings: TikTokEventsApi) -> bool:
    """Apps and event sets have numbers, pixels of websites letters and digits."""
    return settings.event_source != "web" or not (written.isdigit() or written.startswith("G-"))


def _is_country(written: str, _settings: TikTokEventsApi) -> bool:
    return normalise.country(written) is not None


def _is_public(written: str, _settings: TikTokEventsApi) -> bool:
    return normalise.public_address(written) is not None


def _is_language(written: str, _settings: TikTokEventsApi) -> bool:
    return normalise.locale(written) is not None


def _is_status(written: str, _settings: TikTokEventsApi) -> bool:
    return written.upper() in ATT_STATUSES


def _is_content_type(written: str, _settings: TikTokEventsApi) -> bool:
    return written in CONTENT_TYPES


def _is_customer_type(written: str, _settings: TikTokEventsApi) -> bool:
    return written in CUSTOMER_TYPES


FORMS = (
    Form(
        "pixel_id",
        _can_be_a_pixel,
        "is no code of a TikTok pixel, which has letters and digits",
        "write the code that Events Manager shows, such as C1EXAMPLEPIXEL000000",
    ),
    Form("user.country", _is_country, "is no country in two letters", "write it as in ISO 3166, such as DE"),
    Form("user.ip", _is_public, "is no public address", "take it out: the visitor's is found by itself"),
    Form("user.locale", _is_language, "is no language", "write one such as en-US"),
    Form("user.att_status", _is_status, "is no answer to Apple's prompt", f"write one of {', '.join(ATT_STATUSES)}"),
    Form("properties.content_type", _is_content_type, "is no word of TikTok's", f"write {' or '.join(CONTENT_TYPES)}"),
    Form("properties.customer_type", _is_customer_type, "is no word of TikTok's", "write new or returning"),
)
