"""Rows as they rest become rows to send: the checksum is compared, the seal opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from container.delivery.detail import opened
from container.delivery.row import Reason, unpacked
from container.delivery.seal import Keyring, KeyringError
from container.delivery.statements import Found
from container.delivery.store import ClaimedRow


def read_claimed(keys: Keyring, found: Sequence[Found]) -> tuple[list[ClaimedRow], Mapping[Reason, list[int]]]:
    """The rows, and the numbers of those that cannot be read, by why."""
    rows: list[ClaimedRow] = []
    unread: dict[Reason, list[int]] = {}
    for row in found:
        try:
            rows.append(_claimed(keys, row))
        except KeyringError:
            unread.setdefault("unknown_key", []).append(row.number)
        except ValueError:
            unread.setdefault("damaged", []).append(row.number)
    return rows, unread


def _claimed(keys: Keyring, found: Found) -> ClaimedRow:
    held = unpacked(opened(keys, found))
    return ClaimedRow(
        found.number,
        found.id,
        held.frame,
        held.item,
        held.tag,
        held.event_name,
        held.event_time,
        found.attempts,
        found.crashes,
        found.faults,
        found.first,
        found.give_up,
    )
