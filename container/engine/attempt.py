"""What only a trace computes. A fault of it is a note, because the hit was decided before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from container.engine.run import blame
from container.engine.scope import Scope


class Attempt(NamedTuple):
    """A value, and what was noted when it was made. `raised`: there is none, and the last note says why."""

    value: Any
    notes: Sequence[str]
    raised: bool = False


def attempt(read: Callable[[Scope], Any], scope: Scope) -> Attempt:
    """What the function gives for the scope. Never raises, and leaves no note in the scope that others read."""
    before, scope.notes = scope.notes, []
    try:
        value = read(scope)
        return Attempt(value, list(dict.fromkeys(scope.notes)))
    except Exception as problem:  # noqa: BLE001  # nothing depends on it: preview shows what was raised
        return Attempt(None, [*dict.fromkeys(scope.notes), blame(problem)], raised=True)
    finally:
        scope.notes = before
