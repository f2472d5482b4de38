"""Fall back from one value to the next."""

from typing import Any

from pydantic import Field

from container.api import Confidential, Event, Many, Settings, missing, text, variable


class FirstOf(Settings):
    values: Many[Confidential] = Field(
        description="The values, in order. 0 and `false` are values.",
        examples=[["{{ page_query.ttclid }}", "{{ cookie.ttclid }}"]],
    )


def source(settings: FirstOf, written: FirstOf) -> str:
    return f"the first that is not empty of {', '.join(map(text, written.values))}"


@variable("first_of", source=source)
def first_of(settings: FirstOf, event: Event) -> Any:
    """The first of several values that is not empty."""
    return next((value for value in settings.values if not missing(value)), None)
