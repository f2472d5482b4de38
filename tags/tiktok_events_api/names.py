"""TikTok's names for events, as data, and which of them an event gets."""

from __future__ import annotations

from collections.abc import Mapping

from container.api import Event, Skip, normalise
from tags.tiktok_events_api.settings import TikTokEventsApi

CURRENT: Mapping[str, str] = {
    "page_view": "Pageview",
    "view_item": "ViewContent",
    "search": "Search",
    "view_search_results": "Search",
    "add_to_cart": "AddToCart",
    "add_to_wishlist": "AddToWishlist",
    "begin_checkout": "InitiateCheckout",
    "add_payment_info": "AddPaymentInfo",
    "purchase": "Purchase",
    "sign_up": "CompleteRegistration",
    "generate_lead": "Lead",
    "subscribe": "Subscribe",
    "start_trial": "StartTrial",
    "contact": "Contact",
    "schedule": "Schedule",
    "find_location": "FindLocation",
    "customize_product": "CustomizeProduct",
    "file_download": "Download",
    "submit_application": "SubmitApplication",
    "application_approval": "ApplicationApproval",
}
"""GA4's names to the names of TikTok's list since May 2025."""

LEGACY: Mapping[str, str] = {**CURRENT, "purchase": "CompletePayment", "generate_lead": "SubmitForm"}
"""The same with the names from before May 2025, which keep working."""

APP: Mapping[str, str] = {
    "ad_click": "InAppADClick",
    "ad_impression": "InAppADImpr",
    "add_payment_info": "AddPaymentInfo",
    "add_to_cart": "AddToCart",
    "add_to_wishlist": "AddToWishlist",
    "begin_checkout": "Checkout",
    "first_open": "InstallApp",
    "generate_lead": "GenerateLead",
    "join_group": "JoinGroup",
    "level_up": "AchieveLevel",
    "login": "Login",
    "purchase": "Purchase",
    "search": "Search",
    "sign_up": "Registration",
    "spend_virtual_currency": "SpendCredits",
    "start_trial": "StartTrial",
    "subscribe": "Subscribe",
    "tutorial_complete": "CompleteTutorial",
    "unlock_achievement": "UnlockAchievement",
    "view_item": "ViewContent",
    "view_search_results": "Search",
}
"""GA4's names to the standard events of apps."""

RETIRED = frozenset({"ClickButton", "CompletePayment", "PlaceAnOrder", "SubmitForm"})
"""Names that have left the list and are still taken."""

WEB_STANDARD = frozenset(CURRENT.values()) | RETIRED
APP_STANDARD = frozenset(APP.values())
OFFLINE_STANDARD = WEB_STANDARD - {"Pageview"}
"""The standard events of shops: the page view is the pixel's own."""

AUTOMATIC_PREFIX = "video_"
AUTOMATIC = frozenset(
    {
        "click",
        "first_visit",
        "file_download",
        "form_start",
        "form_submit",
        "scroll",
        "session_start",
        "user_engagement",
    }
)
"""What GA4 sends by itself: nothing that an advertiser would want as a custom event."""


def event_name(settings: TikTokEventsApi, event: Event) -> str | Skip:
    """The name under which TikTok gets the event, or why TikTok does not get it."""
    found = _named(settings, event.name) or _built_in(settings, event.name)
    if settings.event_source == "offline" and found not in OFFLINE_STANDARD:
        return Skip(f'TikTok takes only standard events from shops, and "{found or event.name}" is none')
    return found or _unmapped(settings, event.name)


def _named(settings: TikTokEventsApi, name: str) -> str | None:
    """The name that the settings say."""
    given, browser, plain = settings.event, settings.browser, normalise.plain
    return (
        (given and plain(given))
        or (name in settings.event_map and plain(settings.event_map[name]))
        or (browser is not None and name in browser.events and plain(browser.events[name]))
        or None
    )


def _built_in(settings: TikTokEventsApi, name: str) -> str | None:
    """The name that the built-in map says, or the event's own if it is TikTok's already."""
    if settings.event_source == "app":
        return APP.get(name) or _own_name(name, APP_STANDARD)
    legacy = settings.browser is not None and settings.browser.event_names == "legacy"
    return (LEGACY if legacy else CURRENT).get(name) or _own_name(name, WEB_STANDARD)


def _own_name(name: str, standard: frozenset[str]) -> str | None:
    """A name that is TikTok's already."""
    return name if name in standard else None


def _unmapped(settings: TikTokEventsApi, name: str) -> str | Skip:
    if settings.unmapped == "skip":
        return Skip(f'no map names "{name}", and unmapped is "skip"')
    if name in AUTOMATIC or name.startswith(AUTOMATIC_PREFIX):
        return Skip(f'"{name}" is an automatic event of GA4; event_map can name it')
    if name == "refund":
        return Skip("TikTok has no event for refunds; event_map can name one")
    return normalise.plain(name) or Skip("the event has no usable name")
