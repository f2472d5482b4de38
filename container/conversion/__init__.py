"""What every tag for conversions knows: names, person, items, money, page, time and ids of an event.

A vendor's differences are data beside its tag, its messages are its own, and everything that is left out is told in the
notes that a tag hands on. All functions are pure, and nothing that a hit may hold makes one raise.
"""

from container.conversion.clicks import brought_along, browser_id, click_id, click_of_page, kept_click, kept_in
from container.conversion.items import Item, Line, content_type, ids, items_of, lines, num_items
from container.conversion.moments import event_id, event_time
from container.conversion.money import currency, value
from container.conversion.names import AUTOMATIC, AUTOMATIC_PREFIX, EventNames, event_name, known_name, other_name
from container.conversion.pages import Page, page
from container.conversion.passing import DEEPEST, passable, passed
from container.conversion.people import as_mapping, first_stated, person, user_agent, visitor_address
from container.conversion.profile import (
    EMAIL_KEYS,
    FIRST_NAME_KEYS,
    LAST_NAME_KEYS,
    NO_COUNTRY,
    NO_EMAIL,
    NO_PHONE,
    NO_TEXT,
    PHONE_KEYS,
    POSTAL_CODE_KEYS,
    Field,
    Profile,
    RegionalNormal,
)
from container.conversion.size import LARGEST_EVENT, fitting
from container.conversion.texts import WRONG_KIND, told_form, told_text, told_texts

__all__ = [
    "AUTOMATIC",
    "AUTOMATIC_PREFIX",
    "DEEPEST",
    "EMAIL_KEYS",
    "FIRST_NAME_KEYS",
    "LARGEST_EVENT",
    "LAST_NAME_KEYS",
    "NO_COUNTRY",
    "NO_EMAIL",
    "NO_PHONE",
    "NO_TEXT",
    "PHONE_KEYS",
    "POSTAL_CODE_KEYS",
    "WRONG_KIND",
    "EventNames",
    "Field",
    "Item",
    "Line",
    "Page",
    "Profile",
    "RegionalNormal",
    "as_mapping",
    "brought_along",
    "browser_id",
    "click_id",
    "click_of_page",
    "content_type",
    "currency",
    "event_id",
    "event_name",
    "event_time",
    "first_stated",
    "fitting",
    "ids",
    "items_of",
    "kept_click",
    "kept_in",
    "known_name",
    "lines",
    "num_items",
    "other_name",
    "page",
    "passable",
    "passed",
    "person",
    "told_form",
    "told_text",
    "told_texts",
    "user_agent",
    "value",
    "visitor_address",
]
