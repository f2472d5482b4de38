"""Meta's names for events, as data."""

from __future__ import annotations

from container.api import conversion

NAMES = conversion.EventNames(
    standard={
        "page_view": "PageView",
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
        "submit_application": "SubmitApplication",
        "donate": "Donate",
    },
    own=frozenset(
        {
            *("AddPaymentInfo", "AddToCart", "AddToWishlist", "CompleteRegistration", "Contact", "CustomizeProduct"),
            *("Donate", "FindLocation", "InitiateCheckout", "Lead", "PageView", "Purchase", "Schedule", "Search"),
            *("StartTrial", "SubmitApplication", "Subscribe", "ViewContent"),
        }
    ),
)
"""GA4's names to Meta's standard events. Their names are the same for apps and shops."""
