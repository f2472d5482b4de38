"""Choose a value by another value."""

from typing import Any

from pydantic import Field

from container.api import Confidential, Dynamic, Event, Settings, text, variable


class LookupTable(Settings):
    input: Dynamic[Any] | None = Field(description="What is looked up.", examples=["{{ Page Hostname }}"])
    table: dict[str, Confidential] = Field(
        description="What each input gives; a row may be a mapping with members, read as `{{ Name.member }}`.",
        examples=[{"www.shop.example": "EUR", "us.shop.example": "USD"}],
    )
    default: Confidential = Field(default=None, description="The value when no row fits.")


def source(settings: LookupTable, written: LookupTable) -> str:
    subject = text(settings.input)
    row = f'the row "{subject}"' if subject in settings.table else f'the default, since there is no row "{subject}",'
    return f"{row} of a table for {text(written.input)}"


@variable("lookup_table", source=source)
def lookup_table(settings: LookupTable, event: Event) -> Any:
    """The row whose key equals the input."""
    return settings.table.get(text(settings.input), settings.default)
