"""A value that is written in the container."""

from typing import Any

from pydantic import Field

from container.api import Confidential, Event, Settings, variable


class Constant(Settings):
    value: Confidential = Field(description="The value: text, a number, a list or a mapping.", examples=["EUR"])


def source(settings: Constant, written: Constant) -> str:
    return "written in the container"


@variable("constant", source=source)
def constant(settings: Constant, event: Event) -> Any:
    """Always the same value."""
    return settings.value
