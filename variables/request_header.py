"""Read a header of the incoming hit."""

from pydantic import Field

from container.api import Event, Settings, variable


class RequestHeader(Settings):
    header: str = Field(description="The name of the header, in any case.", examples=["Accept-Language"])


def source(settings: RequestHeader, written: RequestHeader) -> str:
    return f'header "{settings.header}" of the hit'


@variable("request_header", source=source)
def request_header(settings: RequestHeader, event: Event) -> str | None:
    """The value of a header of the incoming hit."""
    return event.hit.headers.get(settings.header.lower())
