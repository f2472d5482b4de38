"""Choose a value by the first pattern that matches."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from container.api import Confidential, Dynamic, Event, Many, Pattern, Settings, fill_groups, text, variable


class RegexRow(Settings):
    pattern: Pattern = Field(description="A regular expression (RE2).", examples=["^/c/([^/]+)"])
    value: Confidential = Field(default=None, description="What the row gives; `$1` is the first captured group.")


class RegexTable(Settings):
    input: Dynamic[Any] | None = Field(description="What is looked up.", examples=["{{ Page Path }}"])
    rows: Many[RegexRow] = Field(
        description="The rows, tried in order.", examples=[[{"pattern": "^/c/([^/]+)", "value": "category $1"}]]
    )
    default: Confidential = Field(default=None, description="The value when no row fits.")
    full_match: bool = Field(default=False, description="Whether a pattern has to match the whole input.")
    ignore_case: bool = Field(default=False, description="Whether case is ignored.")


def source(settings: RegexTable, written: RegexTable) -> str:
    row, _ = _first(settings)
    found = "the default, since no row matches," if row is None else f"the row /{row.pattern.source}/"
    return f"{found} of a table for {text(written.input)}"


@variable("regex_table", source=source)
def regex_table(settings: RegexTable, event: Event) -> Any:
    """The first row whose pattern matches the input."""
    row, groups = _first(settings)
    return settings.default if row is None else fill_groups(row.value, groups)


def _first(settings: RegexTable) -> tuple[RegexRow | None, Sequence[str]]:
    """The row, and what its pattern captured."""
    subject = text(settings.input)
    for row in settings.rows:
        pattern = row.pattern.ignoring_case if settings.ignore_case else row.pattern
        groups = pattern.fullmatch(subject) if settings.full_match else pattern.search(subject)
        if groups is not None:
            return row, groups
    return None, ()
