"""A lane is what fails together: one account of one vendor. Its rows wait, pause and go on together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import orjson


@dataclass(frozen=True)
class Lane:
    """Component type, endpoint, account, the names of the secrets that are used, and the test code.

    `endpoint`: the address without user, query and fragment, secrets shown as `${secret:NAME}`. Of requests that are
    never batched it ends with the port, because a path may hold a visitor's data, and a vendor fails by its host.
    """

    type: str
    endpoint: str = ""
    account: str = ""
    secrets: tuple[str, ...] = ()
    test_code: str = ""

    @cached_property
    def key(self) -> str:
        """The lane as one text; two lanes never share a key. Raises `TypeError` on text that is no Unicode."""
        return orjson.dumps([self.type, self.endpoint, self.account, self.secrets, self.test_code]).decode()

    def __str__(self) -> str:
        shown = [self.type, self.endpoint, self.account, self.test_code and f"test {self.test_code}"]
        return " ".join(filter(None, shown))


def lane_of(key: str) -> Lane:
    """The lane of a key that `Lane.key` made. Raises `ValueError` or `TypeError` on anything else."""
    kind, endpoint, account, secrets, test_code = orjson.loads(key)
    if not isinstance(secrets, list) or not all(
        isinstance(each, str) for each in (kind, endpoint, account, *secrets, test_code)
    ):
        raise ValueError("it is no lane")
    return Lane(kind, endpoint, account, tuple(secrets), test_code)


def lane_at(number: int, key: str) -> Lane:
    """The lane of a number, also when its key is spoiled: its rows say for themselves where they go."""
    try:
        return lane_of(key)
    except (ValueError, TypeError):
        return unknown_lane(number)


def unknown_lane(number: int) -> Lane:
    """A lane of which nothing but the number is known."""
    return Lane("unknown", f"lane {number}")
