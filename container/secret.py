"""A secret is a name. Its value is known to the transport alone, which fills it in when a request leaves."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by name. `digest` is the SHA-256 of its value, for comparing; empty where no value is known.

    A secret that is not set has its own text for a value where that is no error: in `simulate` and in tests.
    """

    name: str
    digest: bytes = field(default=b"", repr=False, compare=False)

    def matches(self, candidate: str) -> bool:
        """Whether the candidate is the secret's value, in constant time. Without a known value nothing matches."""
        return bool(self.digest) and hmac.compare_digest(digest(candidate), self.digest)

    def __str__(self) -> str:
        return "${secret:" + self.name + "}"


@dataclass(frozen=True, slots=True)
class SecretText:
    """Text with secrets in it, such as a header `Bearer ${secret:TOKEN}`."""

    parts: tuple[str | Secret, ...]

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


def digest(value: str) -> bytes:
    """What `Secret.digest` holds for this value."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def bearer(secret: Secret) -> SecretText:
    """The value of an `Authorization` header."""
    return SecretText(("Bearer ", secret))
