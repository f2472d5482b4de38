"""TikTok's names for events, as data, and which of them an event gets."""

from __future__ import annotations

from collections.abc import Mapping

from container.api import Event, Skip, conversion
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

AUTOMATIC, AUTOMATIC_PREFIX = conversion.AUTOMATIC, conversion.AUTOMATIC_PREFIX

WEB_NAMES = conversion.EventNames(CURRENT, WEB_STANDARD)
LEGACY_NAMES = conversion.EventNames(LEGACY, WEB_STANDARD)
APP_NAMES = conversion.EventNames(APP, APP_STANDARD)


def event_name(settings: TikTokEventsApi, event: Event) -> str | Skip:
    """The name under which TikTok gets the event, or why TikTok does not get it."""
    browser = settings.browser
    names = WEB_NAMES
    if settings.event_source == "app":
        names = APP_NAMES
    elif browser is not None and browser.event_names == "legacy":
        names = LEGACY_NAMES
    found = conversion.known_name(
        names,
        event.name,
        given=settings.event,
        event_map=settings.event_map,
        browser_events={} if browser is None else browser.events,
    )
    if settings.event_source == "offline" and found not in OFFLINE_STANDARD:
        return Skip(f'TikTok takes only standard events from shops, and "{found or event.name}" is none')
    return found or conversion.other_name(names, event.name, unmapped=settings.unmapped, vendor="TikTok")
