"""What preview and the linter know of GA4: who may be recognised, what a conversion should have, and Google's names."""

from container.api import Once, Wanted

IDENTIFIERS = (
    *("client_id", "cid", "app_instance_id", "user_id", "uid", "em", "sha256_email_address", "sha256_phone_number"),
    *("email", "email_address", "phone_number", "first_name", "last_name", "city", "country"),
    *("sha256_first_name", "sha256_last_name", "postal_code", "region", "ip_override", "_uip", "user_agent"),
)
"""The fields by which GA4 may recognise a visitor, as hits of browsers and the Measurement Protocol call them.

In the clear only a relay gets them.
"""

COMPLETENESS = (
    Wanted(
        "params.transaction_id",
        "the order's number",
        "Send transaction_id: GA4 counts an order once by it.",
        also=("ep.transaction_id", "epn.transaction_id"),
    ),
    Wanted("params.value", "a number", "Send value: the sum of what was sold.", also=("epn.value", "ep.value")),
    Wanted("params.currency", "three capital letters", "Send currency beside value.", also=("cu",)),
    Wanted(
        "params.items", "a list, each with item_id", "Send items, each with item_id.", each="item_id", also=("pr1",)
    ),
    Wanted(
        "params.session_id",
        "the session's number",
        "It comes with each hit of a browser, or by the cookie _ga_….",
        also=("sid",),
    ),
)

ONCE = Once(
    events=("purchase",),
    paths=("params.transaction_id", "ep.transaction_id", "epn.transaction_id"),
    says="GA4 counts a purchase once by its transaction_id. An event_id is nothing to it: only a relay hands it on to "
    "the tags of another container.",
    how="There is no transaction_id, by which GA4 counts a purchase once: each copy of it counts. Send transaction_id.",
    otherwise="GA4 has no event id. Of an event other than purchase it counts each copy, so let only one place send "
    "it: the browser or the server.",
)

STANDARD_EVENTS = (
    *("add_payment_info", "add_shipping_info", "add_to_cart", "add_to_wishlist", "begin_checkout", "purchase"),
    *("refund", "remove_from_cart", "select_item", "select_promotion", "view_cart", "view_item", "view_item_list"),
    *("view_promotion", "generate_lead", "qualify_lead", "working_lead", "disqualify_lead", "close_convert_lead"),
    *("close_unconvert_lead", "login", "sign_up", "search", "share", "select_content", "join_group", "level_start"),
    *("level_end", "level_up", "post_score", "earn_virtual_currency", "spend_virtual_currency", "tutorial_begin"),
    *("tutorial_complete", "unlock_achievement", "page_view", "view_search_results", "file_download"),
)
"""Google's recommended events, and those of its own that a tag may send."""
