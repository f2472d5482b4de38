"""The operators of conditions. A left side of the wrong kind compares as false; a negation is exactly *not*."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, inet_pton
from typing import Any

from container.api import Dynamic, Many, Network, Pattern, Range, missing, operator

LONGEST_ADDRESS = 100
"""No address is longer, with spaces around it."""


@operator("equals", negated="does_not_equal")
def equals(actual: str, expected: Dynamic[str]) -> bool:
    """The text forms are the same."""
    return actual == expected


@operator("contains", negated="does_not_contain")
def contains(actual: str, expected: Dynamic[str]) -> bool:
    """The text contains another."""
    return expected in actual


@operator("starts_with", negated="does_not_start_with")
def starts_with(actual: str, expected: Dynamic[str]) -> bool:
    """The text starts with another."""
    return actual.startswith(expected)


@operator("ends_with", negated="does_not_end_with")
def ends_with(actual: str, expected: Dynamic[str]) -> bool:
    """The text ends with another."""
    return actual.endswith(expected)


@operator("matches_regex", negated="does_not_match_regex")
def matches_regex(actual: str, expected: Pattern) -> bool:
    """The text contains a match of the pattern."""
    return expected.found(actual)


@operator("greater_than")
def greater_than(actual: float, expected: Dynamic[float]) -> bool:
    """The number is greater."""
    return actual > expected


@operator("greater_or_equal")
def greater_or_equal(actual: float, expected: Dynamic[float]) -> bool:
    """The number is greater or the same."""
    return actual >= expected


@operator("less_than")
def less_than(actual: float, expected: Dynamic[float]) -> bool:
    """The number is less."""
    return actual < expected


@operator("less_or_equal")
def less_or_equal(actual: float, expected: Dynamic[float]) -> bool:
    """The number is less or the same."""
    return actual <= expected


@operator("between")
def between(actual: float, expected: Range) -> bool:
    """The number lies between two others, or is one of them."""
    return expected[0] <= actual <= expected[1]


@operator("is_one_of", negated="is_not_one_of")
def is_one_of(actual: str, expected: Many[Dynamic[str]]) -> bool:
    """The text is one of a list."""
    return actual in expected


@operator("is_set")
def is_set(actual: Any, expected: bool) -> bool:
    """There is a value, even an empty one."""
    return (actual is not None) is expected


@operator("is_empty")
def is_empty(actual: Any, expected: bool) -> bool:
    """There is no value, or it is empty."""
    return missing(actual) is expected


@operator("is_in_network", negated="is_not_in_network")
def is_in_network(actual: str, expected: Many[Network]) -> bool:
    """The address lies in one of the networks."""
    address = _address(actual) if len(actual) <= LONGEST_ADDRESS else None
    if address is None:
        return False
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    for network in expected:  # noqa: SIM110  # a generator costs more than the networks it goes through
        if address in network or (plain is not None and plain in network):
            return True
    return False


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        # Most are of IPv4, and this reads only what `ip_address` reads the same.
        return IPv4Address(int.from_bytes(inet_pton(AF_INET, text)))
    except (OSError, ValueError):
        pass
    try:
        return ip_address(text.strip())
    except ValueError:
        return None
