"""Read a cookie of the incoming hit."""

from urllib.parse import unquote

from pydantic import Field

from container.api import Event, Settings, variable


class CookieValue(Settings):
    cookie: str = Field(description="The name of the cookie.", examples=["_ttp"])
    decode: bool = Field(default=False, description="Whether the value is percent-decoded.")


def source(settings: CookieValue, written: CookieValue) -> str:
    return f'cookie "{settings.cookie}"' + (", percent-decoded" if settings.decode else "")


@variable("cookie_value", source=source)
def cookie_value(settings: CookieValue, event: Event) -> str | None:
    """The value of a first-party cookie."""
    value = event.hit.cookies.get(settings.cookie)
    return unquote(value) if value is not None and settings.decode else value
