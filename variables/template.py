"""Text with values in it."""

from typing import Any

from pydantic import Field

from container.api import Dynamic, Event, Settings, text, variable


class TemplateText(Settings):
    text: Dynamic[Any] | None = Field(
        description="The text, with references in it: 65,536 characters at most. A longer one has no value.",
        examples=["{{ Event Name }}-{{ Page Path }}"],
    )


def source(settings: TemplateText, written: TemplateText) -> str:
    return f'the text "{written.text}"'


@variable("template", source=source)
def template(settings: TemplateText, event: Event) -> str:
    """Text with the values of other variables in it."""
    return text(settings.text)
