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
        number=found.number,
        id=found.id,
        frame=held.frame,
        item=held.item,
        tag=held.tag,
        event_name=held.event_name,
        event_time=held.event_time,
        attempts=found.attempts,
        crashes=found.crashes,
        faults=found.faults,
        first=found.first,
        give_up=found.give_up,
    )
