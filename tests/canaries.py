"""Values that hits and settings of tests hold, and that must never be shown: a visitor's, and secrets.

Shared fixtures put them into every slot, so that whatever shows something of a hit or a setting shows one of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, urlencode

EMAIL = "Wilhelmina.Canary@visitor.example"
PHONE = "+31612340817"
FIRST_NAME, LAST_NAME = "Wilhelmina", "Kanarievogel"
STREET, CITY, POSTAL_CODE = "Zangvogelkade 4711", "Vogelzangstad", "9931QZ"
IP, IP6 = "203.0.113.177", "2001:db8:4711::ca11"
USER_AGENT = "CanaryBrowser/47.11 (Zangvogel; rv:1)"
COOKIE = "canary-cookie-5e1d0c"
CLIENT_ID = "4711081515.1700047110"
USER_ID = "canary-user-47110815"
CLICK_ID = "E.C.P.canary-click-0f3a9b"
PAGE = "https://www.shop.example/account/canary-page-8c2f?mail=" + quote(EMAIL, safe="")
SEARCH = "canary search for a cage"

PERSONAL = (
    *(EMAIL, PHONE, FIRST_NAME, LAST_NAME, STREET, CITY, POSTAL_CODE, IP, IP6, USER_AGENT, COOKIE),
    *(CLIENT_ID, USER_ID, CLICK_ID, "canary-page-8c2f", SEARCH),
    # What the hits of older tests hold.
    *("ada@example.com", "jane@example.com", "bob@example.com", "jane.doe@example.com", "alice_abc@gmail.com"),
    *("bob@example.org", "max.muster@example.org", "+442079460958", "+491713920012", "+12133734253"),
    *("203.0.113.7", "198.51.100.7", "E.C.P.click"),
)

TOKEN = "c4nary-t0ken/of+the=account"
HEADER_KEY = "c4nary-header-key-77b1"
QUERY_KEY = "c4nary query&key=19e4"
BODY_KEY = 'c4nary-"body"-key-5d0e'
TABLE_KEY = "c4nary-table-key-0b6c"
CONSTANT_KEY = "c4nary-constant-key-e2a8"
API_SECRET = "c4nary-api-secret-93fd"
WRONG_SECRET = "c4nary-guessed-secret-41aa"
ADMIN_TOKEN = "c4nary-admin-token-2f60b9"
WRONG_TOKEN = "c4nary-guessed-token-88e3"
STORE_KEY = base64.b64encode(b"c4nary-key-of-the-store-32-bytes").decode()
LITERAL = "c4nary-literal-in-a-file-6a6a"

SECRETS = (
    *(TOKEN, HEADER_KEY, QUERY_KEY, BODY_KEY, TABLE_KEY, CONSTANT_KEY, API_SECRET, WRONG_SECRET, ADMIN_TOKEN),
    *(WRONG_TOKEN, STORE_KEY, LITERAL),
    # Those of older tests.
    *("t0k3n-of-the-account", 'quo"te&=', "a-token-of-the-admin", "literal-t0ken"),
)

USER_DATA = {
    "email_address": EMAIL,
    "phone_number": PHONE,
    "address": {
        "first_name": FIRST_NAME,
        "last_name": LAST_NAME,
        "street": STREET,
        "city": CITY,
        "postal_code": POSTAL_CODE,
        "country": "NL",
    },
}

HEADERS = {
    "user-agent": USER_AGENT,
    "cookie": f"_ga=GA1.1.{CLIENT_ID}; _ttp={COOKIE}; mail={quote(EMAIL, safe='')}",
    "referer": PAGE,
    "x-forwarded-for": IP,
    "accept-language": "nl",
    "x-mail": EMAIL,
}
"""What a visitor's browser may send along, and a proxy."""

QUERY = urlencode(
    {
        "ep.email": EMAIL,
        "ep.phone": PHONE,
        "ep.user_data.email_address": EMAIL,
        "up.name": f"{FIRST_NAME} {LAST_NAME}",
        "ep.search_term": SEARCH,
        "uid": USER_ID,
        "dr": PAGE,
    }
)
"""Parameters of a GA4 hit with somebody's data in them, to follow others."""


class Search:
    """Looks for values in texts and bytes, however they may be spelled there."""

    def __init__(self, values: Iterable[str]) -> None:
        exact: dict[str, str] = {}
        folded: dict[str, str] = {}
        for value in values:
            exact.update(dict.fromkeys(_exact(value), value))
            folded.update(dict.fromkeys((spelling.lower() for spelling in _spelled(value)), value))
        self._exact = tuple((each, each.encode(), value) for each, value in exact.items())
        self._folded = tuple((each, each.encode(), value) for each, value in folded.items())

    def within(self, text: str | bytes) -> list[str]:
        """The values that are in it."""
        if isinstance(text, bytes):
            lowered = text.lower()
            found = {value for _, each, value in self._exact if each in text}
            return sorted(found | {value for _, each, value in self._folded if each in lowered})
        small = text.lower()
        named = {value for each, _, value in self._exact if each in text}
        return sorted(named | {value for each, _, value in self._folded if each in small})


def _spelled(value: str) -> Iterator[str]:
    """Spellings that are the same in capital and small letters."""
    yield value
    yield value[::-1]
    yield json.dumps(value)[1:-1]
    yield json.dumps(value)[1:-1][::-1]
    yield from (quote(value, safe=""), quote(value), quote_plus(value), quote(quote(value, safe=""), safe=""))
    yield value.encode().hex()
    if value.startswith("+"):
        yield value[1:]


def _exact(value: str) -> Iterator[str]:
    """As base64 at any place in what was encoded, in both alphabets. The last sign may depend on what follows."""
    for written in (value, value.lower()):
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + written.encode() + b"\0\0\0").decode()
            begin = (0, 2, 3)[before]
            found = encoded[begin : (before + len(written.encode())) * 8 // 6]
            yield found
            yield found.replace("+", "-").replace("/", "_")


EVERYTHING = Search((*PERSONAL, *SECRETS))
SECRETS_ALONE = Search(SECRETS)
