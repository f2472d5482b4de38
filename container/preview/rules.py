"""Rules of a session: which hits without a mark the draft looks at, beside the live container.

A rule may name a client id, addresses, a pattern of paths and a share of traffic. A hit has to satisfy all it names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import orjson

from container.config.problem import printable
from container.event import Hit
from container.fields import Network, Pattern, Settings
from container.ga4.cookies import browser_client_id, server_client_id
from container.url import query_parameters

MOST_RULES = 10
LONGEST_VALUE = 1000

_LONGEST_NAME = 40
_IN_QUERY = "cid"
_IN_JSON = ("client_id", "app_instance_id")
_BROWSERS, _SERVERS = "_ga", "FPID"
_LARGEST_READ = 64 * 1024
"""Bytes of a body in which a client id is looked for."""
_MOST_LINES = 100
"""Of it; Google's tags send 25 at most."""

_LABELS: Mapping[str, str] = {
    "client_id": "Client id",
    "address": "Address or network",
    "path": "Path (pattern)",
    "percent": "Share of visitors",
}
"""What the page calls the parts of a rule."""

_WILD = "*"

_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{0,20})?|\.[0-9]{1,20}", re.ASCII)

Ids = Callable[[], Collection[str]]


class _Networked(Settings):
    address: Network


class _Patterned(Settings):
    path: Pattern


class RuleError(ValueError):
    """A rule that cannot be. The text says what is wrong with which part, and what to write.

    `part`: its name, empty where the rule as a whole is meant. `number`: of the rule, from 1, where there are several.
    `faults`: all parts that are wrong, each with what is said about it, of which `part` is the first.
    """

    def __init__(self, text: str, part: str = "", number: int = 1, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.part, self.number = part, number
        self.faults = {part: text} if faults is None else faults


@dataclass(frozen=True, slots=True)
class Rule:
    """One that was checked: `rule` makes it.

    What is `None` is not asked. `path`: found anywhere in the path. `percent`: of visitors, always the same ones.
    """

    client_id: str | None = None
    network: IPv4Network | IPv6Network | None = None
    path: Pattern | None = None
    percent: float | None = None

    def takes(self, hit: Hit, salt: str = "", ids_of: Ids | None = None) -> bool:
        """Whether the hit satisfies the rule. `salt`: the session's id, so that each session sees other visitors.

        `ids_of`: gives the hit's client ids, so that they are read once for all rules, and only if one asks.
        """
        if self.network is not None and not _within(self.network, hit.ip):
            return False
        if self.path is not None and not self.path.found(hit.path):
            return False
        if self.client_id is None and self.percent is None:
            return True
        ids = client_ids(hit) if ids_of is None else ids_of()
        if self.client_id is not None and self.client_id not in ids:
            return False
        return self.percent is None or _drawn(hit, ids, salt) < self.percent

    def told(self) -> dict[str, Any]:
        """The rule as it was written."""
        return {
            **({} if self.client_id is None else {"client_id": self.client_id}),
            **({} if self.network is None else {"address": str(self.network)}),
            **({} if self.path is None else {"path": self.path.source}),
            **({} if self.percent is None else {"percent": self.percent}),
        }


def rules_of(written: object) -> list[Rule]:
    """All rules of a session, as somebody wrote them. Raises `RuleError`, which says which of several is wrong."""
    if not isinstance(written, list):
        raise RuleError('The rules are a list, such as [{"path": "^/g/collect$"}].')
    if len(written) > MOST_RULES:
        raise RuleError(f"A session has {MOST_RULES} rules at most.")
    found: list[Rule] = []
    for number, each in enumerate(written, 1):
        try:
            found.append(rule(each))
        except RuleError as problem:
            text = f"Rule {number}: {problem}" if len(written) > 1 else str(problem)
            raise RuleError(text, problem.part, number, problem.faults) from None
    return found


def rule(written: object) -> Rule:
    """The rule of `client_id`, `address`, `path` and `percent`; empty ones do not count. Raises `RuleError`."""
    if not isinstance(written, dict):
        raise RuleError('A rule is an object, such as {"path": "^/g/collect$"}.')
    stripped = {name: value.strip() if isinstance(value, str) else value for name, value in written.items()}
    given = {name: value for name, value in stripped.items() if value not in (None, "")}
    unknown = sorted(given.keys() - _READERS.keys())
    if unknown:
        raise RuleError(
            f'A rule has no "{unknown[0][:_LONGEST_NAME]}": it has "client_id", "address", "path" and "percent".'
        )
    if not given:
        raise RuleError("The rule is empty: name a client id, an address or network, a path, or a share of visitors.")
    read, faults = dict[str, Any](), dict[str, str]()
    for name, reader in _READERS.items():
        try:
            read[name] = reader(given[name]) if name in given else None
        except RuleError as problem:
            faults[name] = str(problem)
    if faults:
        raise RuleError(" ".join(faults.values()), next(iter(faults)), faults=faults)
    return Rule(read["client_id"], read["address"], read["path"], read["percent"])


def taken(rules: Iterable[Rule], hit: Hit, salt: str = "", ids_of: Ids | None = None) -> bool:
    """Whether one of the rules takes the hit. `salt`, `ids_of`: as for each of them."""
    ids_of = ids_of or read_once(hit)
    return any(each.takes(hit, salt, ids_of) for each in rules)


def read_once(hit: Hit) -> Ids:
    """Gives the client ids of the hit, which are read when somebody first asks."""
    return cache(partial(client_ids, hit))


def share_of(written: object) -> float | None:
    """A share in percent: above 0, and 100 at most. `None` for anything else, also for digits of other scripts."""
    if isinstance(written, str):
        written = float(written) if _PERCENT.fullmatch(written) else None
    if not isinstance(written, (int, float)) or isinstance(written, bool):
        return None
    # Whole numbers of JSON have no end, and are compared as they are.
    return float(written) if 0 < written <= 100 else None


def client_ids(hit: Hit) -> frozenset[str]:
    """The client ids that a hit may state: in its query, its body, and the cookies of Google's tags and of servers."""
    return frozenset(filter(None, _stated(hit)))


def _stated(hit: Hit) -> Iterator[str]:
    for line in (hit.query, *_lines(hit.body)):
        if _IN_QUERY in line:
            yield query_parameters(line).get(_IN_QUERY, "")
    yield from _in_document(hit.body)
    cookies = hit.cookies
    yield browser_client_id(cookies.get(_BROWSERS, "")) or ""
    yield server_client_id(cookies.get(_SERVERS, "")) or ""


def _lines(body: bytes) -> list[str]:
    if len(body) > _LARGEST_READ or body[:1] in b"{[":
        return []
    return body.decode(errors="replace").splitlines()[:_MOST_LINES]


def _in_document(body: bytes) -> Iterator[str]:
    if len(body) > _LARGEST_READ or body.lstrip()[:1] != b"{":
        return
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    yield from (value for value in map(document.get, _IN_JSON) if isinstance(value, str))


def _within(network: IPv4Network | IPv6Network, address: str | None) -> bool:
    try:
        return address is not None and ip_address(address) in network
    except ValueError:
        return False


def _drawn(hit: Hit, ids: Collection[str], salt: str) -> float:
    """A number from 0 to below 100: the same for a visitor each time, or for the hit where nobody is known."""
    whose = min(ids) if ids else hit.id.hex()
    drawn = hashlib.sha256(f"preview {salt}\0{whose}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(drawn[:4]) / 2**32 * 100


def _text(written: object, name: str) -> str:
    if isinstance(written, str) and len(written) <= LONGEST_VALUE:
        return written
    raise RuleError(f"{_LABELS[name]}: this is text of {LONGEST_VALUE:,} characters at most.", name)


def _client_id(written: object) -> str:
    text = _text(written, "client_id")
    if _WILD in text:
        said = f"a client id is compared as it is, and {_WILD} stands for nothing else. Leave it empty to take any."
        raise RuleError(f"{_LABELS['client_id']}: {said}", "client_id")
    return text


def _network(written: object) -> IPv4Network | IPv6Network:
    text = _text(written, "address")
    try:
        return _Networked.model_validate({"address": text}).address
    except ValueError:
        shown = printable(text[:_LONGEST_NAME])
        said = f"{shown} is no address. Write it like 203.0.113.7, or 203.0.113.0/24."
        raise RuleError(f"{_LABELS['address']}: {said}", "address") from None


def _path(written: object) -> Pattern:
    text = _text(written, "path")
    try:
        return _Patterned.model_validate({"path": text}).path
    except ValueError:
        said = "this is a regular expression of RE2, without look-around and not too large. Write it like ^/g/collect$."
        raise RuleError(f"{_LABELS['path']}: {said}", "path") from None


def _percent(written: object) -> float:
    percent = share_of(written)
    if percent is None:
        raise RuleError(f"{_LABELS['percent']}: this is a number above 0, and 100 at most.", "percent")
    return percent


_READERS: Mapping[str, Callable[[object], Any]] = {
    "client_id": _client_id,
    "address": _network,
    "path": _path,
    "percent": _percent,
}
