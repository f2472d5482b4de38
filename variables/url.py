"""Read a part of a URL, such as the page's."""

from typing import Literal

from pydantic import Field

from container.api import Dynamic, Event, Settings, from_event, text, url_parts, variable

Part = Literal["full", "protocol", "hostname", "port", "path", "query", "fragment", "extension"]


class Url(Settings):
    source: Dynamic[str] | None = from_event(
        "page_location",
        unwritten_only=True,
        description="The URL to read. A reference in it that is empty stays empty.",
        examples=["{{ Referrer }}"],
    )
    component: Part = Field(default="full", description="The part that is wanted.")
    parameter: str | None = Field(
        default=None, description="With the component `query`: the one parameter that is wanted.", examples=["ttclid"]
    )


def source(settings: Url, written: Url) -> str:
    part = settings.component if settings.parameter is None else f'parameter "{settings.parameter}"'
    whole = text(written.source) if "source" in written.model_fields_set else "the address of the page"
    return whole if part == "full" else f"{part} of {whole}"


@variable("url", source=source)
def url(settings: Url, event: Event) -> str | None:
    """A part of the page's URL, or of another one."""
    if not settings.source:
        return None
    parts = url_parts(settings.source)
    if settings.parameter is not None:
        return parts.parameters.get(settings.parameter)
    return str(getattr(parts, settings.component))
