"""The keys of a test: what comes in, and what is expected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from container.case import Status
from container.config.annotations import SHOWN
from container.fields import Settings

ShownText = Annotated[str | None, SHOWN]


class HitKeys(Settings):
    id: ShownText = Field(default=None, description="32 hexadecimal digits; without them it is made from the rest.")
    method: ShownText = Field(default=None, description="The method, `GET` when nothing is said.", examples=["POST"])
    path: ShownText = Field(default=None, description="The path of the request.", examples=["/g/collect"])
    query: ShownText = Field(default=None, description="The query as it is in the address, without its question mark.")
    headers: Annotated[dict[str, str] | None, SHOWN] = Field(default=None, description="Headers, cookies among them.")
    body: ShownText = Field(default=None, description="The body as text.")
    ip: ShownText = Field(default=None, description="The visitor's address.")
    time: int | None = Field(default=None, description="When it came in, in milliseconds since 1970.")


class EventKeys(Settings):
    name: Annotated[str, SHOWN] = Field(description="The name of the event.", examples=["purchase"])
    data: Annotated[dict[str, Any] | None, SHOWN] = Field(default=None, description="Its event data.")
    consent: dict[str, Literal["granted", "denied"]] = Field(
        default_factory=dict, description="What the visitor said, by consent type; the others are unset."
    )


class RequestKeys(Settings):
    method: ShownText = Field(default=None, description="The method of the request.")
    url: ShownText = Field(default=None, description="The whole address.")
    headers: Annotated[dict[str, str | None] | None, SHOWN] = Field(
        default=None, description="Some of the headers; `null` for one that is not there."
    )
    json_body: Annotated[Any, SHOWN] = Field(
        default=None,
        validation_alias="json",
        description="A part of the JSON body: of mappings the keys that matter, of lists every item, `null` for "
        "what is not there.",
    )
    body: ShownText = Field(default=None, description="The whole body, when it is not JSON.")


class ExpectKeys(RequestKeys):
    status: Status = Field(description="What becomes of the tag.")


class CookieKeys(Settings):
    value: ShownText = Field(default=None, description="The value of the cookie.")
    max_age: int | None = Field(default=None, description="How long it is kept, in seconds.")


class ReplyKeys(Settings):
    status: int | None = Field(default=None, description="The HTTP status that the visitor's browser gets.")
    cookies: dict[str, CookieKeys | None] = Field(
        default_factory=dict, description="Cookies of the reply by name; `null` for one that is not set."
    )
