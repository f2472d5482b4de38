"""What a store remembers of guards, for a simulation or a test: handed from hit to hit, gone with the last one."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from container.case import Status
from container.engine.outcome import Guard

_STATUSES: Mapping[str, Status] = {"once_per": "blocked_by_once_per"}
"""By the kind of guard; every other one finds copies."""


class Guards:
    """The guards that earlier hits have taken, and until when."""

    def __init__(self) -> None:
        self._until: dict[bytes, int] = {}

    def take(self, guards: Sequence[Guard], now: int) -> Mapping[str, str]:
        """Takes what is free at `now`. For each planned request that is held back, the kind of the guard that does it.

        As in the store, the guards of one delivery are taken all or none.
        """
        deliveries: dict[tuple[str, ...], list[Guard]] = {}
        for guard in guards:
            deliveries.setdefault(tuple(guard.planned), []).append(guard)
        held: dict[str, str] = {}
        for planned, together in deliveries.items():
            taken = next((guard for guard in together if self._until.get(guard.key, now) > now), None)
            if taken is not None:
                held.update(dict.fromkeys(planned, taken.kind))
            else:
                self._until.update({guard.key: guard.until for guard in together})
        return held


def held_back(tag: MutableMapping[str, Any], held: Mapping[str, str]) -> None:
    """Takes from a tag as it is shown the requests that are held back; one that keeps none of them has not fired.

    `planned`, the ids of its requests, is taken out in any case.
    """
    planned: Sequence[str] = tag.pop("planned")
    kinds = [held[each] for each in planned if each in held]
    if not kinds:
        return
    tag["requests"] = [request for each, request in zip(planned, tag["requests"], strict=True) if each not in held]
    if not tag["requests"]:
        tag["status"] = _STATUSES.get(kinds[0], "duplicate")
        tag["why"] = f"{tag['why']}; held back, since an earlier hit had the same key"
