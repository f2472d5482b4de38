"""Arithmetic of what was measured, and tables of it in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median as _median

Cell = str | float | int


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of the values does not exceed. Raises `ValueError` without values."""
    if not values:
        raise ValueError("there are no values")
    ordered = sorted(values)
    rank = -(-share * len(ordered) // 1)
    return ordered[min(max(int(rank) - 1, 0), len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return float(_median(values))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second number grows for each one of the first: a line through all points, by least squares."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        raise ValueError("a slope takes two different points")
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def table(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table in Markdown: the first column is words, the others are figures."""
    lines = [list(headings), ["---", *("---:" for _ in headings[1:])], *([shown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(cell: Cell) -> str:
    """Three digits that count, thousands apart."""
    if isinstance(cell, str):
        return cell
    if abs(cell) >= 100 or isinstance(cell, int):
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
