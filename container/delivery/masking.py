"""What is shown of a row's values unless the whole is asked for: names of fields stay, values are hinted at.

Nobody can list all that identifies a visitor. So text is shown only under names that are known to hold none of it, and
numbers only where they are short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson

HARMLESS = frozenset(
    (
        *("event", "eventname", "en", "type", "eventtype", "contenttype", "contentcategory", "eventsource", "source"),
        *("eventsourceid", "pixelcode", "pixelid", "pixel", "testeventcode", "measurementid", "tid", "actionsource"),
        *("currency", "cu", "value", "price", "quantity", "qty", "v", "version", "method", "status", "tax", "shipping"),
        *("eventtime", "timestamp", "time", "timestampmicros", "partnername", "messagingproduct", "npa", "gcs", "gcd"),
        *("adstorage", "analyticsstorage", "aduserdata", "adpersonalization", "attstatus", "limiteddatause"),
    )
)
"""Members, by their letters, that say what happened and not who did it."""

AMOUNTS = frozenset({"value", "price", "quantity", "qty", "tax", "shipping"})
"""Of these only what is an amount is shown: Measurement Protocol writes a property of the user as `{"value": …}`.

So a long whole number may be somebody's id, unless its name or a currency beside it says that it is money.
"""

MONEY = frozenset({"price", "tax", "shipping"})
CURRENCIES = frozenset({"currency", "currencycode", "cu"})

HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "content-encoding", "content-length", "content-type", "host"},
)

MOST_DEEP = 50
LONGEST_PLAIN = 64
LONGEST_NUMBER = 6
"""Digits of a number that is shown under any name: longer ones may be somebody's. As in `_AMOUNT`."""

_MONEY = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")
_AMOUNT = re.compile(r"-?[0-9]{1,6}|-?[0-9]{1,9}\.[0-9]{1,6}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_NO_LETTER = re.compile(r"[^a-z]")
_SECRET = re.compile(r"\$\{secret:[A-Za-z0-9_.-]{1,100}\}")
_SCHEME_OF_KEY = re.compile(r"(?:Bearer|Basic|Token) ?")
_JSON, _FORM = "json", "x-www-form-urlencoded"


def masked(value: str) -> str:
    """The first and the last character, and how long it is: `a…e/15`. Of four characters or fewer only the length."""
    return f"{value[0]}…{value[-1]}/{len(value)}" if len(value) > 4 else f"…/{len(value)}"


def masked_text(value: str) -> str:
    """The text masked, references to secrets in it aside."""
    parts: list[str] = []
    position = 0
    for found in _SECRET.finditer(value):
        parts += (_masked_part(value[position : found.start()]), found[0])
        position = found.end()
    return "".join((*parts, _masked_part(value[position:])))


def masked_url(url: str, *, with_path: bool) -> str:
    """The address with its query's names and without their values. `with_path`: the path is a vendor's, and shown."""
    before, mark, query = url.partition("?")
    if not with_path:
        scheme, colon, rest = before.partition("://")
        host, *path = rest.split("/")
        before = "/".join((f"{scheme}{colon}{host}", *(masked_text(part) if part else part for part in path)))
    return f"{before}{mark}{masked_pairs(query)}" if mark else before


def masked_pairs(query: str) -> str:
    """Parameters of a query or a form, their names as they are."""
    pairs = query.split("&")
    money = any(_is_currency(name, value) for name, _, value in (pair.partition("=") for pair in pairs))
    return "&".join(_masked_pair(pair, money=money) for pair in pairs)


def masked_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers with their names; of cookies the names of each."""
    return tuple((name, _masked_header(name.lower(), value)) for name, value in headers)


def masked_body(body: str, content_type: str) -> str:
    """A body by its kind: JSON and forms keep the names of their fields, lines of other text are masked each."""
    if not body:
        return body
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, (dict, list)):
        return orjson.dumps(masked_json(document)).decode()
    return "\n".join(_masked_line(line, content_type) for line in body.split("\n"))


def masked_json(value: Any, key: str = "", depth: int = 0, *, money: bool = False) -> Any:
    """A JSON document with its names. `key`: under which it stands. `money`: a currency stands beside it."""
    if depth > MOST_DEEP:
        return "…"
    match value:
        case dict():
            money = any(_is_currency(name, member) for name, member in value.items())
            # GA4's Measurement Protocol calls an event by its `name` alone.
            names = {name: "event_name" if (key, name) == ("events", "name") else name for name in value}
            return {
                _name(name): masked_json(member, names[name], depth + 1, money=money) for name, member in value.items()
            }
        case list():
            return [masked_json(member, key, depth + 1, money=money) for member in value]
        case bool() | None:
            return value
        case int() | float():
            number = str(value)
            return value if is_shown(key, number, money=money) or len(number) <= LONGEST_NUMBER else masked(number)
    text = str(value)
    return text if is_shown(key, text, money=money) else masked_text(text)


def is_harmless(name: str) -> bool:
    """Whether values under this name are shown. `epn.value` and `event_name` count as `value` and `eventname`."""
    return _letters(name) in HARMLESS


def is_shown(name: str, value: str, *, money: bool = False) -> bool:
    """Whether this value is shown under this name. `money`: a currency stands beside it."""
    letters = _letters(name)
    if letters in AMOUNTS:
        amount = _MONEY if letters in MONEY or (money and letters == "value") else _AMOUNT
        return amount.fullmatch(value.strip()) is not None
    return is_harmless(name) and _is_plain(value)


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower().removeprefix("ep.").removeprefix("epn."))


def _is_currency(name: str, value: object) -> bool:
    return isinstance(value, str) and _letters(name) in CURRENCIES and _CURRENCY.fullmatch(value) is not None


def _name(name: str) -> str:
    """A name is shown unless it may be a value: some vendors take mappings by e-mail address."""
    return name if len(name) <= 64 and "@" not in name and not any(sign.isspace() for sign in name) else masked(name)


def _masked_part(value: str) -> str:
    return value if not value or _SCHEME_OF_KEY.fullmatch(value) else masked(value)


def _masked_pair(pair: str, *, money: bool) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return masked_text(pair) if pair else pair
    shown = value if is_shown(name, value, money=money) else masked_text(_unquoted(value))
    return f"{_name(name)}={shown}"


def _is_plain(value: str) -> bool:
    return len(value) <= LONGEST_PLAIN and "@" not in value and "%40" not in value


def _unquoted(value: str) -> str:
    found = parse_qsl(f"x={value}", keep_blank_values=True)
    return found[0][1] if found else value


def _masked_header(name: str, value: str) -> str:
    if name in HARMLESS_HEADERS:
        return value
    if name == "cookie":
        pairs = (part.strip().partition("=") for part in value.split(";"))
        return "; ".join(f"{_name(cookie)}={masked(held)}" if held else _name(cookie) for cookie, _, held in pairs)
    return masked_text(value)


def _masked_line(line: str, content_type: str) -> str:
    """A line of text: GA4 sends parameters in lines that call themselves text."""
    pairs = line.split("&")
    looks_paired = all(0 < pair.find("=") <= 64 for pair in pairs)
    if _FORM in content_type or (looks_paired and (len(pairs) > 1 or _is_key(pairs[0]))):
        return masked_pairs(line)
    return masked_text(line)


def _is_key(pair: str) -> bool:
    return is_harmless(pair.partition("=")[0])
