"""What may be shown of a text that a vendor wrote: short, printable, and nothing in it that may be a person's.

An answer may quote what was sent. So no text of the request is shown, and of an answer in JSON only what says what
went wrong, and the ids that the vendor gave to the request, by which its support finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

LONGEST = 200
"""Characters that are shown."""

SHORTEST_SENT = 2
"""Characters of a text of the request that is looked for in an answer; shorter ones stand in every sentence."""

_READ = 2000
_DEEPEST = 20
_TOLD = frozenset(
    (
        *("code", "message", "msg", "error", "errors", "errormessage", "errorcode", "errordescription"),
        *("errorsubcode", "errorusertitle", "errorusermsg", "description", "detail", "details", "title", "type"),
        *("status", "statuscode", "reason", "result", "success", "warning", "warnings", "issues"),
        *("validationmessages", "validationcode", "fieldpath"),
        *("eventsreceived", "numeventsreceived", "count"),
    )
)
"""Members, by their letters, that say what a vendor thinks of a request."""

_ID = r"(?:request|log|trace|fbtrace|correlation)[-_ ]?id"
_NAMED_ID = re.compile(rf"(?:x[-_])?(?:[a-z]{{1,20}}[-_])?{_ID}", re.ASCII | re.IGNORECASE)
_VENDORS_ID = re.compile(
    rf"(?<![a-z0-9])(?:x[-_])?(?:[a-z]{{1,20}}[-_])?{_ID}[\"']?\s{{0,3}}[:=]?\s{{0,3}}[\"']?"
    r"([A-Za-z0-9_.:/+=-]{1,64})(?![A-Za-z0-9_.:/+=@%-])",
    re.ASCII | re.IGNORECASE,
)
_OUR_SUFFIX = re.compile(r", (?:trace|request) ([A-Za-z0-9_-]{1,64})$", re.ASCII)
"""How a reason of ours ends that names the vendor's id."""

_SUBCODE = re.compile(r"subcode\"? ?[:=]? ?([0-9]{1,8})(?![0-9])", re.ASCII)
"""A number of Meta's, long enough to be somebody's."""

_MEMBER = re.compile(r'(?<!\\)"([A-Za-z_ -]{1,40})":', re.ASCII)
_UNCHANGED = re.compile(r"[A-Za-z0-9_.~-]+", re.ASCII)
"""What an address leaves as it is."""

_LETTERS = re.compile(r"[^a-z]")
_PERSONAL = re.compile(
    r"[^\s\"'<>(),;:=]{1,64}(?:@|%40)[^\s\"'<>(),;]{1,64}"  # an e-mail address
    r"|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){3,7}"  # an IPv6 address
    r"|\d{1,3}(?:\.\d{1,3}){3}"  # an IPv4 address
    r"|\+?\d(?:[ ().-]{0,2}\d){6,}"  # a phone number, or any long number
    r"|[0-9A-Za-z+/_=-]{20,}"  # a hash, a token, a click id
)


def excerpt(text: str, sent: Iterable[str] = ()) -> str:
    """The text's beginning, with `…` for what is left out and `*` for what may be personal.

    `sent`: texts of the request that the text answers.
    """
    read = _masked(_without(_told(text)[:_READ], sent))
    plain = "".join(character if character.isprintable() else " " for character in read)
    shown = " ".join(plain.split())
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def _without(text: str, sent: Iterable[str]) -> str:
    """The text with `*` for each text of the request in it, as it is spelled there.

    Names of members that say what the vendor thinks are its own: "events" was sent, "events_received" was not.
    """
    lowered = text.lower() if len(text.lower()) == len(text) else text
    longest = len(text)
    likely = (each for each in sent if SHORTEST_SENT <= len(each) <= longest and _beginning(each) in lowered)
    own = [found.span(1) for found in _MEMBER.finditer(text) if is_told(found[1])]
    spans = sorted(span for each in likely for span in _found(lowered, each) if not _is_within(span, own))
    parts: list[str] = []
    position = 0
    for begin, end in spans:
        if begin >= position:
            parts += (text[position:begin], "*")
        position = max(position, end)
    return "".join((*parts, text[position:]))


def _is_within(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(begin <= span[0] and span[1] <= end for begin, end in others)


def _found(lowered: str, sent: str) -> Iterator[tuple[int, int]]:
    """Where a text of the request stands, plain or encoded for an address."""
    for spelled in {sent, quote(sent, safe="", errors="replace"), quote_plus(sent, errors="replace")}:
        wanted = spelled.lower()
        begin = lowered.find(wanted)
        while begin >= 0:
            end = begin + len(wanted)
            if _stands_alone(lowered, begin, end):
                yield begin, end
            begin = lowered.find(wanted, end)


def _beginning(sent: str) -> str:
    """What it begins with however it is spelled. Thousands are looked for, and hardly one is there."""
    found = _UNCHANGED.match(sent)
    return found[0].lower() if found is not None else ""


def _stands_alone(text: str, begin: int, end: int) -> bool:
    """Whether a stretch is no part of a longer word: the city "Ell" is not meant by "cancelled"."""
    return not (text[begin - 1 : begin].isalnum() or text[end : end + 1].isalnum())


def _masked(text: str) -> str:
    """The text without what looks personal. Ids that the vendor gave to the request stay."""
    parts: list[str] = []
    position = 0
    ids = chain.from_iterable(pattern.finditer(text) for pattern in (_VENDORS_ID, _OUR_SUFFIX, _SUBCODE))
    for found in sorted(ids, key=lambda each: each.start(1)):
        begin, end = found.span(1)
        if begin >= position and any(sign.isdigit() for sign in found[1]):
            parts += (_PERSONAL.sub("*", text[position:begin]), found[1])
            position = end
    return "".join((*parts, _PERSONAL.sub("*", text[position:])))


def _told(text: str) -> str:
    """Of JSON what says what went wrong; other text as it is."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(document, dict | list):
        return text
    return orjson.dumps(_told_of(document, told=False, depth=0)).decode()


def _told_of(value: Any, *, told: bool, depth: int) -> Any:
    """`told`: whether the member it stands under is one of those that are shown."""
    if depth > _DEEPEST:
        return "*"
    match value:
        case dict():
            return {key: _told_of(member, told=is_told(key), depth=depth + 1) for key, member in value.items()}
        case list():
            return [_told_of(member, told=told, depth=depth + 1) for member in value]
        case bool() | None:
            return value
    return value if told else "*"


def is_told(key: str) -> bool:
    """Whether what stands under such a name says what the vendor thinks, or how it calls the request."""
    return _LETTERS.sub("", key.lower()) in _TOLD or _NAMED_ID.fullmatch(key) is not None
