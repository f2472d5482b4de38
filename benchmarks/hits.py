"""Hits as a shop's pages send them: exactly as long as stated, 500 different ones, each firing the example's one tag.

No two hits that are sent are the same: `MARK` stands where the sender's event id goes, and whoever sends a hit puts a
number of the same length there. Repeated ids would be duplicates, which are answered without being written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

DIFFERENT = 500
GET_BYTES = 1024
"""Of a GET hit: path and query together."""

POST_BYTES, BODY_BYTES, POST_EVENTS = 697, 988, 3
"""Of a POST hit: path and query, and the body with three events."""

PAGE_VIEW_BYTES = 697

MARK = "000000000000"
_PATH = "/g/collect"
_SENTENCE = "Thank you for your order at the example shop, it is on its way to you and will be there soon. "
_BRANDS = '"Chromium";v="142", "Not A Brand";v="24", "Google Chrome";v="142"'


@dataclass(frozen=True, slots=True)
class Shape:
    """One hit. `target`: path and query. `events`: how many it brings, and so how many rows it leads to."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str = ""
    events: int = 1

    def marked(self, number: int) -> Shape:
        """The hit with a number where the mark was."""
        own = f"{number:012d}"
        return replace(self, target=self.target.replace(MARK, own), body=self.body.replace(MARK, own))


def purchases(count: int = DIFFERENT) -> Sequence[Shape]:
    """GET hits of 1,024 bytes: a sale with two items and what the visitor said about themselves."""
    return [_shape("GET", _purchase(number), number, GET_BYTES) for number in range(count)]


def page_views(count: int = DIFFERENT) -> Sequence[Shape]:
    """GET hits of 697 bytes: what most hits are. Without an event id, as a GA4 tag sends it that nobody changed."""
    return [_shape("GET", _visit(number) + _page_view(number), number, PAGE_VIEW_BYTES) for number in range(count)]


def batches(count: int = DIFFERENT) -> Sequence[Shape]:
    """POST hits of three events: 697 bytes of path and query, 988 bytes of body."""
    return [_batch(number) for number in range(count)]


SHAPES = {"purchase": purchases, "page_view": page_views, "batch": batches}


def _shape(method: str, parameters: str, number: int, size: int, body: str = "", events: int = 1) -> Shape:
    return Shape(method, padded(f"{_PATH}?{parameters}", size), _headers(number), body, events)


def padded(text: str, size: int, name: str = "dt") -> str:
    """The text with one more parameter that makes it exactly so long."""
    missing = size - len(text) - len(f"&{name}=")
    if missing < 0:
        raise ValueError(f"the text is {-missing} bytes too long: {len(text)} of {size}")
    filling = quote(_SENTENCE * 12)[:missing]
    # A part of an escape at the end would be no text.
    whole, sign, rest = filling.rpartition("%")
    if sign and len(rest) < 2:
        filling = whole + "x" * (1 + len(rest))
    return f"{text}&{name}={filling}"


def _headers(number: int) -> Mapping[str, str]:
    """As a browser sends them and a proxy of ours passes them on."""
    return {
        "Host": "metrics.shop.example",
        "X-Forwarded-For": f"81.2.{number // 250 + 60}.{number % 250 + 1}",
        "X-Forwarded-Proto": "https",
        "User-Agent": f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.{number}.0 Safari/537.36",
        "Accept": "*/*",
        "Accept-Language": "en-GB,en;q=0.9",
        "Sec-Ch-Ua": _BRANDS,
        "Origin": "https://www.shop.example",
        "Referer": "https://www.shop.example/",
        "Cookie": f"_ga=GA1.1.{_client(number)}; _ttp=01K0T8BYGJH6{number:06d}; ttclid=E.C.P.bench-{number:06d}",
    }


def _client(number: int) -> str:
    return f"{1_300_000_000 + number * 7919}.{1_760_000_000 + number}"


def _visit(number: int) -> str:
    """What GA4 says of each visit."""
    return (
        f"v=2&tid=G-EXAMPLE01&gtm=45je5b1v9177778896za200&_p={1_760_000_000_000 + number}&gcs=G111&gcd=13r3r3r3r5l1"
        f"&npa=0&dma=1&dma_cps=syphamo&cid={_client(number)}&ul=en-gb&sr=1728x1117&uaa=x86&uab=64&uamb=0&uap=Linux"
        f"&uapv=6.8.0&uaw=0&are=1&frm=0&pscdl=noapi&_s={number % 9 + 1}&sid={1_760_000_000 + number}&sct=2&seg=1"
    )


def _person(number: int) -> str:
    email = quote(f"Ada.Lovelace+{number}@shop.example", safe="")
    return f"&uid=customer-{number:05d}&ep.user_data.email={email}&ep.user_data.phone_number=%2B44207946{number:04d}"


def _purchase(number: int) -> str:
    price = f"{10 + number % 90}.{number % 100:02d}"
    return (
        _visit(number)
        + f"&dl=https%3A%2F%2Fwww.shop.example%2Fcheckout%2Fthanks%3Forder%3D{number}"
        + "&dr=https%3A%2F%2Fwww.shop.example%2Fcheckout&en=purchase&cu=EUR"
        + f"&pr1=idSKU-{number:04d}~nmTrail%20Shoe~brAcme~caShoes~pr{price}~qt2&pr2=idSKU-2~nmWool%20Sock~pr12.5~qt1"
        + f"&epn.value={price}&epn.tax=3.33&ep.transaction_id=T-{number:05d}&ep.event_id={MARK}"
        + _person(number)
    )


def _page_view(number: int) -> str:
    return f"&dl=https%3A%2F%2Fwww.shop.example%2Fp%2Ftrail-shoe-{number:04d}&en=page_view&_ee=1&_et={1000 + number}"


def _batch(number: int) -> Shape:
    query = _visit(number) + f"&dl=https%3A%2F%2Fwww.shop.example%2Fp%2Ftrail-shoe-{number:04d}" + _person(number)
    item = f"pr1=idSKU-{number:04d}~nmTrail%20Shoe~brAcme~caShoes~pr{10 + number % 90}.5~qt1"
    lines = [
        f"en=page_view&_ee=1&ep.event_id={MARK}&_et={1000 + number}",
        f"en=view_item&_ee=1&ep.event_id={MARK}&cu=EUR&epn.value={10 + number % 90}.5&{item}&_et=12",
        f"en=add_to_cart&_ee=1&ep.event_id={MARK}&cu=EUR&epn.value={10 + number % 90}.5&{item}",
    ]
    room = BODY_BYTES - (len(lines) - 1)
    sizes = [room // 3, room // 3, room - 2 * (room // 3)]
    body = "\n".join(padded(line, size, "ep.note") for line, size in zip(lines, sizes, strict=True))
    return _shape("POST", query, number, POST_BYTES, body, POST_EVENTS)
