"""Text with values in it."""

from pydantic import Field

from container.api import Dynamic, Event, Settings, variable


class TemplateText(Settings):
    text: Dynamic[str] = Field(default="", description="The text.", examples=["{{ Event Name }}-{{ Page Path }}"])


@variable("template")
def template(settings: TemplateText, event: Event) -> str:
    """Text with the values of other variables in it."""
    return settings.text
