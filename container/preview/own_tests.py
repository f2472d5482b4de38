"""The tests that a draft brings along, run when it is taken: one that fails is told of before somebody publishes it.

They see what `tag-container test` gives them, but for files, of which a draft reads none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from container.config.load import load
from container.config.source import Table, read
from container.engine.story import secret_text, tell
from container.preview.reach import Reach

SECONDS = 3.0
"""What the tests of a draft may compute. Those that are not run by then are told of, and are no reason to wait."""

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class OwnTests:
    """What came of a draft's tests. `count`: all that the file has. `failed`: by name, in the order of the file.

    `in_files`: how many were not run because their hits are in files; `late`: because there was no time for them.
    """

    count: int = 0
    failed: Sequence[str] = ()
    in_files: int = 0
    late: int = 0

    @property
    def said(self) -> str:
        """In sentences; empty for a file without tests."""
        return " ".join(filter(None, (self._result(), self._left_out())))

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "failed": len(self.failed), "said": self.said}

    def _result(self) -> str:
        run, failed = self.count - self.in_files - self.late, len(self.failed)
        if failed:
            named = ", ".join(f'"{name}"' for name in self.failed[:MOST_NAMED])
            more = f" and {failed - MOST_NAMED} more" if failed > MOST_NAMED else ""
            verb = "fails" if failed == 1 else "fail"
            return f"{failed} of {_tests(self.count)} {verb}: {named}{more}."
        if run <= 0:
            return ""
        if run < self.count:
            return f"{run} of {_tests(self.count)} {'passes' if run == 1 else 'pass'}."
        return "Its test passes." if run == 1 else f"All {run} tests pass."

    def _left_out(self) -> str:
        said = []
        if self.in_files:
            said.append(f"{_were(self.in_files)} not run, since a draft reads no files with hits.")
        if self.late:
            said.append(f"{_were(self.late)} not run, since there was no time.")
        return " ".join(said)


def own_tests(
    text: str, reach: Reach, *, seconds: float = SECONDS, clock: Callable[[], float] = time.thread_time
) -> OwnTests:
    """Runs the tests of a draft without errors. `clock`: seconds that the thread has computed. Never raises."""
    count = _count(text)
    found = load(
        text,
        filename="",
        registry=reach.registry,
        environment=reach.environment(set()),
        secrets=secret_text,
        strict_environment=False,
    )
    if found.model is None or not found.model.tests:
        return OwnTests(count, in_files=count)
    tests, until, done = found.model.tests, clock() + seconds, 0
    failed = list[str]()
    try:
        for told in tell(found.model, goes_on=lambda: clock() < until):
            done += 1
            if not told.passed:
                failed.append(told.story.name)
    except Exception:  # noqa: BLE001  # of a client: `tag-container test` shows it
        failed.append(tests[done].name)
        done += 1
    return OwnTests(count, tuple(failed), count - len(tests), len(tests) - done)


def _count(text: str) -> int:
    root = read(text).root
    section = root.entries.get("tests") if isinstance(root, Table) else None
    return len(section.value.entries) if section is not None and isinstance(section.value, Table) else 0


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return f"{_tests(count)} {'was' if count == 1 else 'were'}"
