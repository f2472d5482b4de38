"""How far a piece of long work is, for whoever waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """`done` of `total` rows were looked at. `changed`: by what became of them; `kept`: by why they stay as they are.
    `warned`: of those that were changed, by what may go wrong with them. `left`: what is left of rows that are gone, as
    a sentence.

    Mutable on purpose: the work writes it, and others read it meanwhile.
    """

    total: int = 0
    done: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    left: str = ""

    def change(self, what: str, rows: int) -> None:
        if rows:
            self.changed[what] = self.changed.get(what, 0) + rows

    def warn(self, what: str, rows: int = 1) -> None:
        self.warned[what] = self.warned.get(what, 0) + rows

    def keep(self, why: str, rows: int = 1) -> None:
        if rows > 0:
            self.kept[why] = self.kept.get(why, 0) + rows
