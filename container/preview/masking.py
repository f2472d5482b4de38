"""What is shown of a record unless somebody asks for the whole: what happened, and not to whom.

As `delivery/masking.py` has it, values are shown only under names that are known to hold none of a visitor's. Beside
them stand texts of the configuration, and sentences of ours, which may quote a value: it is masked there as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote_plus

import orjson

from container.delivery.excerpt import is_told
from container.delivery.masking import CURRENCIES, HARMLESS_HEADERS, MOST_DEEP, masked_text
from container.delivery.masking import masked as hinted
from container.delivery.transport import USER_AGENT
from container.preview.configured import expected, is_configured, written
from container.preview.forms import ADDRESS, ESCAPED, FORM, HEX, HOST, LONGEST_NUMBER, METHOD, is_shown
from container.preview.hidden import Hidden
from container.preview.insight import IDENTIFIERS, NOBODYS
from container.preview.members import (
    ABOUT,
    ANSWERED,
    ATTRIBUTES,
    HOW_SENT,
    NUMBERS,
    OURS,
    SAID,
    content_type,
    is_word,
    json_of,
    named,
    put,
)
from container.preview.plain import Sort, is_host, is_product, product, reads_as, sort_of, source_of, sources, words_of
from container.preview.unsure import Unsure
from container.shape import text as as_text


def masked(record: Mapping[str, Any], *, known: Collection[str] = (), literals: Collection[str] = ()) -> dict[str, Any]:
    """The record for somebody who has not asked to see more.

    `known`: more texts of the configuration, which are shown as they are, such as the paths of clients. `literals`:
    what the analyst wrote into the file, which sentences, conditions and variables show.
    """
    hidden = Hidden({*known, *written(record)}, set(expected(record)), literals)
    made_of, unsure = dict(sources(record)), Unsure(hidden, is_whole=not record.get("cut"))
    first = _Masking(hidden, made_of, unsure)
    first.members(record, "")
    unsure.settle()
    hidden.settle()
    # Once more, now that all is known that has to be hidden.
    second = _Masking(hidden, made_of, unsure)
    hidden.tell({text: second.plain(sort, text) for text, sort in first.seen.items()})
    hidden.tell(dict(unsure.texts()))
    return second.members(record, "")


class _Masking:
    """Goes through a record by its structure; what is masked on the way is hidden elsewhere.

    `made_of`: the members of the event's data that variables hold. `seen`: the values that are shown, with their sorts:
    about goods, orders and pages, or `None`.
    """

    def __init__(self, hidden: Hidden, made_of: Mapping[str, str], unsure: Unsure) -> None:
        self._hidden, self._made_of, self._unsure = hidden, made_of, unsure
        self.seen: dict[str, Sort | None] = {}

    def plain(self, sort: Sort | None, text: str) -> str:
        """A value that is shown, as far as nothing hidden stands in it."""
        if sort not in (None, "place"):
            return self._hidden.goods(text)
        return self._hidden.without(text) if sort is None or is_host(text) else str(self.address(text, {}))

    def members(self, value: Mapping[str, Any], within: str) -> dict[str, Any]:
        """An object of the structure. `within`: the name under which it stands."""
        return named(
            (key if key in OURS else self._hidden.name(key), self._member(key, member, value, within))
            for key, member in value.items()
        )

    def _member(self, key: str, member: Any, beside: Mapping[str, Any], within: str) -> Any:
        if (key, within) in SAID and isinstance(member, dict):
            return _Answer(self._hidden, self._made_of, self._unsure).members(member, key)
        if key in _PARTS:
            return _PARTS[key](self, member, beside)
        if isinstance(member, str):
            return self._text(key, member, within)
        return self._structure(key, member)

    def _text(self, key: str, text: str, within: str) -> str:
        if is_configured(key, within):
            return text
        if (within, key) in ABOUT:
            return self._hidden.without(text)
        if key == "why" and within == "told":
            return self._answered(text)
        if (key == "name" and within == "events") or key == "event":
            return str(self.json(text, "event"))
        if key == "method":
            return text if METHOD.fullmatch(text) else self._hide("", text)
        if key in ("name", "key"):
            return self._hidden.name(text)
        if key == "id" and HEX.fullmatch(text):
            return text
        return self._hidden.sentence(text)

    def _answered(self, text: str) -> str:
        """Why there is no event: where a client answered instead, with what it said."""
        before, answered, said = text.partition(ANSWERED)
        shown = self._unsure.said("reason", "reason", said) if answered else None
        said = self._hidden.sentence(said) if shown is None else shown
        return f"{self._hidden.sentence(before)}{answered}{said}"

    def _structure(self, key: str, value: Any) -> Any:
        match value:
            case dict():
                return self.members(value, key)
            case list():
                return [self._structure(key, member) for member in value]
            case str():
                # A name of ours may look like an id.
                is_ours = key == "identifiers" and value in IDENTIFIERS
                return value if is_ours else self._hidden.sentence(value)
            case bool() | None:
                return value
        return value if key in NUMBERS else self._number(key, value)

    def json(self, value: Any, key: str = "", depth: int = 0, money: bool = False) -> Any:
        """What a visitor sent, or what was made of it. `key`: under which it stands. `money`: beside a currency."""
        if depth > MOST_DEEP:
            return "…"
        match value:
            case dict():
                money = any(name in CURRENCIES and is_word(member) for name, member in value.items())
                found: dict[str, Any] = {}
                for name, member in value.items():
                    known_as = "event_name" if (key, name) == ("events", "name") else name
                    put(found, self._hidden.name(name), self.json(member, known_as, depth + 1, money))
                return found
            case list():
                return [self.json(member, key, depth + 1, money) for member in value]
            case bool() | None:
                return value
            case int() | float():
                return self._number(key, value, money)
        return self._value(key, str(value), money)

    def _number(self, key: str, value: float, money: bool = False) -> Any:
        text = str(value)
        if len(text) <= LONGEST_NUMBER:
            return value
        if not is_shown(key, text, money):
            return self._hide(key, text)
        self.seen.setdefault(as_text(value), None)
        return value

    def _value(self, key: str, text: str, money: bool = False) -> str:
        if not text or text in self._hidden.known or text in NOBODYS:
            return text
        sort = sort_of(key)
        if sort == "event" and self._unsure.said(sort, key, text) is not None:
            return text
        if sort == "place" or (sort and reads_as(sort, text)):
            self.seen[text] = sort
            self._unsure.note(key, text)
            return self.plain(sort, text)
        if not is_shown(key, text, money):
            return self._hide(key, text)
        self._hidden.show(text)
        # One letter stands for anything, such as the sex of a visitor.
        if len(text) > 1 or text.isdecimal():
            self.seen.setdefault(text, None)
        return self._hidden.without(text)

    def _hide(self, name: str, text: str) -> str:
        self._hidden.hide(name, text)
        return masked_text(text)

    def under_name(self, value: Any, beside: Mapping[str, Any]) -> Any:
        """The value of a variable, a field, a condition or a key."""
        named = next((beside[each] for each in ("name", "field", "key") if isinstance(beside.get(each), str)), "")
        text = beside.get("text")
        if isinstance(value, str) and self._hidden.is_literal(value):
            return value
        name = source_of(beside, self._made_of) or named or (text.partition(" ")[0] if isinstance(text, str) else "")
        # A setting stands in groups, as in `properties.currency`.
        return self.json(value, name.rpartition(".")[2])

    def expected(self, value: Any, _beside: Mapping[str, Any]) -> Any:
        """What a condition compares with: written in it, or the value of a variable."""
        match value:
            case str():
                return self._hidden.quoted(value)
            case list():
                return [self.expected(member, {}) for member in value]
        return self.json(value)

    def headers(self, value: Any, _beside: Mapping[str, Any]) -> Any:
        """Headers as pairs or as an object."""
        if isinstance(value, dict):
            return named(
                (self._hidden.name(name), self._header(name.lower(), str(held))) for name, held in value.items()
            )
        if not isinstance(value, list):
            return self.json(value)
        return [
            [self._hidden.name(str(pair[0])), self._header(str(pair[0]).lower(), str(pair[1]))]
            for pair in value
            if isinstance(pair, list) and len(pair) == 2
        ]

    def _header(self, name: str, value: str) -> str:
        if name in HARMLESS_HEADERS or name in HOW_SENT or (name == "user-agent" and value == USER_AGENT):
            return self._hidden.sentence(value)
        if name in ("referer", "origin"):
            return str(self.address(value, {}))
        if name in ("cookie", "set-cookie"):
            first, *others = value.split(";")
            each_other = self._cookie if name == "cookie" else self._attribute
            return "; ".join((self._cookie(first), *map(each_other, others)))
        return self._hide(name, value) if value else value

    def _cookie(self, pair: str) -> str:
        name, equals, value = pair.strip().partition("=")
        if not equals:
            return self._hide("", name) if name else name
        self._hidden.hide(name, value)
        return f"{self._hidden.name(name)}={hinted(value) if value else ''}"

    def _attribute(self, pair: str) -> str:
        name, _, _ = pair.strip().partition("=")
        return (
            pair.strip() if name.lower() in ATTRIBUTES and self._hidden.sentence(pair) == pair else self._cookie(pair)
        )

    def cookies(self, value: Any, _beside: Mapping[str, Any]) -> Any:
        """Cookies of a hit, by name, or those of a reply as objects."""
        if isinstance(value, dict):
            return named((self._hidden.name(name), self._whole(held, value)) for name, held in value.items())
        if not isinstance(value, list):
            return self._whole(value, {})
        return [self._set_cookie(each) if isinstance(each, dict) else self._whole(each, {}) for each in value]

    def _set_cookie(self, cookie: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, held in cookie.items():
            match held:
                case str() if key == "name":
                    shown: Any = self._hidden.name(held)
                case str() if key in ("path", "domain", "same_site", "samesite"):
                    shown = self._hidden.sentence(held)
                case str():
                    shown = self._whole(held, cookie)
                case _:
                    shown = self._structure(key, held)
            put(found, self._hidden.name(key), shown)
        return found

    def _whole(self, value: Any, _beside: Mapping[str, Any]) -> Any:
        """Nothing of a value but its ends and its length."""
        return self._hide("", value) if isinstance(value, str) and value else self.json(value)

    def address(self, value: Any, _beside: Mapping[str, Any]) -> Any:
        """An address, or a path: plain words in it are shown, and the names of its parameters."""
        if not isinstance(value, str):
            return self.json(value)
        if value in self._hidden.known:
            return value
        self.seen[value] = "place"
        found = ADDRESS.fullmatch(value)
        if found is None:
            return self._hide("", value)
        scheme, host, path, query, fragment = (found[number] or "" for number in range(1, 6))
        if host and not (scheme and HOST.fullmatch(host) and self._hidden.without(host) == host):
            host = self._hide("", host)
        return "".join(
            (
                scheme,
                host,
                path if path in self._hidden.known else self._path(path),
                f"?{self._query(query[1:], plain=False)}" if query else "",
                f"#{self._hide('', fragment[1:])}" if fragment[1:] else fragment,
            )
        )

    def sent_to(self, value: Any, beside: Mapping[str, Any]) -> Any:
        """The address of a request. Its parameters are read as those of a hit; no page has this one."""
        if not isinstance(value, str) or "method" not in beside or "#" in value:
            return self.address(value, beside)
        before, mark, query = value.partition("?")
        return f"{self.address(before, beside)}{mark}{self._query(query, plain=True) if query else ''}"

    def _path(self, path: str) -> str:
        parts = path.split("/")
        return "/".join(self._segment(part, before) for before, part in zip(("", *parts), parts, strict=False))

    def _segment(self, text: str, before: str) -> str:
        words = words_of(text, before)
        is_plain = words is not None and not any(map(self._hidden.is_value, (text, *words)))
        is_shown = not text or is_plain or text in self._hidden.known
        return text if is_shown else self._hide("", text)

    def pairs(self, value: Any, _beside: Mapping[str, Any]) -> Any:
        """Parameters of a query or a form."""
        return self._query(value, plain=True) if isinstance(value, str) else self.json(value)

    def _query(self, query: str, *, plain: bool) -> str:
        """`plain`: whether values about goods, orders and pages are shown. In a page's address they are not."""
        pairs = [pair.partition("=") for pair in query.split("&")]
        money = any(name in CURRENCIES and is_word(held) for name, _, held in pairs)
        return "&".join(self._pair(*pair, money=money, plain=plain) for pair in pairs)

    def _pair(self, name: str, equals: str, value: str, *, money: bool, plain: bool) -> str:
        if not equals:
            return self._hide("", unquote_plus(name)) if name else name
        held = unquote_plus(value, errors="replace")
        if not plain and sort_of(name) not in (None, "amount"):
            shown = self._hide(name, held) if held else held
        elif plain and is_product(name):
            shown = product(held, lambda key, part: self._value(key, part, money=True), self._hide)
        else:
            shown = self._value(name, held, money)
        return f"{self._hidden.name(unquote_plus(name, errors='replace'))}={shown.translate(ESCAPED)}"

    def body(self, value: Any, beside: Mapping[str, Any]) -> Any:
        """A body by its kind: JSON and forms with their names, other text line by line."""
        if not isinstance(value, str):
            return self.json(value)
        if (document := json_of(value)) is not None:
            return orjson.dumps(self.json(document)).decode()
        is_form = FORM in content_type(beside.get("headers"))
        return "\n".join(self._line(line, is_form) for line in value.split("\n"))

    def _line(self, line: str, is_form: bool) -> str:
        pairs = line.split("&")
        looks_paired = all(0 < pair.find("=") <= 64 for pair in pairs)
        if looks_paired and (is_form or len(pairs) > 1):
            return str(self.pairs(line, {}))
        return self._hide("", line) if line.strip() else line


class _Answer(_Masking):
    """A vendor's answer. What it says is shown if it quotes nothing that was sent, and so are its ids of requests."""

    def _text(self, key: str, text: str, within: str) -> str:
        said = self._unsure.said("reason", key, text) if key == "reason" else None
        return super()._text(key, text, within) if said is None else said

    def _value(self, key: str, text: str, money: bool = False) -> str:
        said = self._unsure.said("said", key, text) if text and is_told(key) else None
        return super()._value(key, text, money) if said is None else said

    def _number(self, key: str, value: float, money: bool = False) -> Any:
        text = str(value)
        is_shown = len(text) > LONGEST_NUMBER and is_told(key) and self._unsure.said("said", key, text) == text
        return value if is_shown else super()._number(key, value, money)

    def _header(self, name: str, value: str) -> str:
        said = self._unsure.said("said", name, value) if value and is_told(name) else None
        return super()._header(name, value) if said is None else said

    def _line(self, line: str, is_form: bool) -> str:
        said = None if is_form or not line.strip() else self._unsure.said("said", "message", line)
        return super()._line(line, is_form) if said is None else said


_PARTS: Mapping[str, Callable[[_Masking, Any, Mapping[str, Any]], Any]] = {
    "data": lambda masking, value, _beside: masking.json(value),
    "json": lambda masking, value, _beside: masking.json(value),
    "value": _Masking.under_name,
    "before": _Masking.under_name,
    "after": _Masking.under_name,
    "expected": _Masking.expected,
    "headers": _Masking.headers,
    "cookies": _Masking.cookies,
    "url": _Masking.sent_to,
    "path": _Masking.address,
    "query": _Masking.pairs,
    "body": _Masking.body,
    "body_base64": lambda masking, value, _beside: hinted(value) if isinstance(value, str) else masking.json(value),
    "ip": lambda masking, value, _beside: masking.json(value),
    "sender_id": lambda masking, value, _beside: masking.json(value, "event_id"),
}
"""What a visitor sent, or what was made of it, by the name under which it stands in a record."""
