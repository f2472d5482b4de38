"""A request as it leaves, for people who look: made by the code that sends, with names in the place of secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Protocol
from urllib.parse import quote

from container.secret import Secret

Escape = Callable[[str], bytes]


class Fill(Protocol):
    """What stands in a request where a secret is named. `escape`: how a value is written at this place."""

    def __call__(self, name: str, escape: Escape) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Built:
    """A request as it leaves: each secret in it as `${secret:NAME}`, names of headers in lower case, as they are sent.

    Where a secret stands in the body, the stated length is that of what stands here.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class StandIns:
    """What stands for secrets while a request is built: in an address `${secret:NAME}` would be encoded."""

    names: dict[str, str] = field(default_factory=dict)

    def fill(self, name: str, escape: Escape) -> bytes:
        """What stands for the secret of this name."""
        shown = str(Secret(name))
        if escape is not for_url:
            return shown.encode()
        sign = f"s{token_hex(16)}"
        self.names[sign] = shown
        return sign.encode()

    def named(self, url: str) -> str:
        """The address with names where something stood for them."""
        for sign, shown in self.names.items():
            url = url.replace(sign, shown)
        return url


def for_url(value: str) -> bytes:
    """The value as it stands in an address."""
    return quote(value, safe="").encode()
