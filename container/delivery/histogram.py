"""How figures are spread, for `/metrics`: counted in one place, without the locks of the library's own histogram."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """Figures by the bounds that they stay under. Only upwards; only one thread adds to it."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, figure: float) -> None:
        self._counts[bisect_left(self._bounds, figure)] += 1
        self._sum += figure

    @property
    def number(self) -> int:
        """How many figures there were."""
        return sum(self._counts)

    @property
    def total(self) -> float:
        """All figures added up."""
        return self._sum

    @property
    def buckets(self) -> list[tuple[str, int]]:
        """Each bound, and how many figures stayed at or under it; `+Inf` is the last."""
        return list(
            zip([*(str(float(bound)) for bound in self._bounds), "+Inf"], accumulate(self._counts), strict=True)
        )
