"""A secret is a name. Its value is known to the transport alone, which fills it in when a request leaves.

`Known` remembers the values that were read, for one purpose: that no text which people see shows one of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST_MASKED = 4
"""Characters of a secret that is looked for in texts; a shorter one would match anything."""

MOST_VALUES = 3
"""Of each secret so many values are known, the latest ones: what is under way may still hold the one before."""


class Secret:
    """A secret by name. `digest` is the SHA-256 of its value, for comparing; empty where no value is known.

    No dataclass, since everything that writes out dataclasses would write the digest. A secret that is not set has its
    own text for a value where that is no error: in `simulate` and in tests.
    """

    __slots__ = ("digest", "name")

    def __init__(self, name: str, digest: bytes = b"") -> None:
        self.name: Final = name
        self.digest: Final = digest

    def matches(self, candidate: str) -> bool:
        """Whether the candidate is the secret's value, in constant time. Without a known value nothing matches."""
        return bool(self.digest) and hmac.compare_digest(digest(candidate), self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.name == other.name

    def __hash__(self) -> int:
        return hash((Secret, self.name))

    def __repr__(self) -> str:
        return f"Secret(name={self.name!r})"

    def __str__(self) -> str:
        return "${secret:" + self.name + "}"


@dataclass(frozen=True, slots=True)
class SecretText:
    """Text with secrets in it, such as a header `Bearer ${secret:TOKEN}`."""

    parts: tuple[str | Secret, ...]

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


CUT = "…"
"""What stands where a text was cut off."""


class Known:
    """The values of secrets that were read. What was never read cannot be shown, so a text needs no other look-up.

    Secrets may be learned in one thread while another one masks.
    """

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        self._spelled: tuple[tuple[str, str], ...] = ()
        self._lock = Lock()

    def learn(self, name: str, value: str) -> None:
        """The secret has this value now. To be called at each reading; it is cheap while nothing changes."""
        if value in self._values.get(name, ()) or len(value) < SHORTEST_MASKED:
            return
        with self._lock:
            self._values[name] = (*self._values.get(name, ()), value)[-MOST_VALUES:]
            found = {
                spelling: each
                for each, values in self._values.items()
                for known in values
                for spelling in _spelled(known)
            }
            # Long ones first: what is left of a short one's place would show the rest of the long one.
            self._spelled = tuple(sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True))

    def masked(self, text: str, shown: Callable[[str], str] = lambda _name: "***") -> str:
        """The text without any value, plain, escaped, or encoded for an address or in base64. `shown`: by name."""
        for spelling, name in self._spelled:
            if spelling in text:
                text = text.replace(spelling, shown(name))
        return text if CUT not in text else CUT.join([self._without_beginning(part, shown) for part in text.split(CUT)])

    def _without_beginning(self, text: str, shown: Callable[[str], str]) -> str:
        """Text that was cut off may end with the beginning of a value."""
        for spelling, name in self._spelled:
            for length in range(len(spelling) - 1, SHORTEST_MASKED - 1, -1):
                if text.endswith(spelling[:length]):
                    return text[:-length] + shown(name)
        return text


def digest(value: str) -> bytes:
    """What `Secret.digest` holds for this value."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def bearer(secret: Secret) -> SecretText:
    """The value of an `Authorization` header."""
    return SecretText(("Bearer ", secret))


def _spelled(value: str) -> Iterator[str]:
    """How the value may stand in a text."""
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield _with_small_escapes(encoded)
    for offset in range(3):
        found = _within_base64(raw, offset)
        yield found
        yield found.translate(_FOR_ADDRESSES)


def _with_small_escapes(encoded: str) -> str:
    first, *others = encoded.split("%")
    return "%".join((first, *(each[:2].lower() + each[2:] for each in others)))


_FOR_ADDRESSES = str.maketrans("+/", "-_")


def _within_base64(raw: bytes, offset: int) -> str:
    """The signs that depend on these bytes alone, so many bytes behind the beginning of a group of three."""
    encoded = base64.b64encode(bytes(offset) + raw).decode().rstrip("=")
    first = -(-offset * 8 // 6)
    last = (offset + len(raw)) * 8 // 6
    return encoded[first:last]
