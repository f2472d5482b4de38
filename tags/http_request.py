"""A request to an address of the analyst's own: a hook, a CRM, a warehouse, whatever no tag type is made for."""

from typing import Annotated, Any, Literal

from pydantic import Field

from container.api import (
    AliasChoices,
    Confidential,
    Event,
    Headers,
    Note,
    OneBody,
    Request,
    SecretText,
    Settings,
    Url,
    body_text,
    form_text,
    header_text,
    missing,
    secret_inside,
    tag,
    with_query,
)

FORM, TEXT, JSON = "application/x-www-form-urlencoded", "text/plain; charset=utf-8", "application/json"


class HttpRequest(Settings):
    url: Url = Field(
        description="Where to send. Scheme, host and port are written out; references may stand in path and query, "
        "where their values are percent-encoded. With an empty value in the path the tag does not fire.",
        examples=["https://hooks.shop.example/orders/{{ event.transaction_id }}"],
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="The method of the request. GET takes no body."
    )
    query: dict[str, Confidential] = Field(
        default_factory=dict,
        description="Parameters for the address, encoded. A list gives one for each item. What is empty is left out, "
        "and so is a text with references in it of more than 65,536 characters.",
        examples=[{"shop": "{{ Page Hostname }}", "key": "${secret:HOOK_KEY}"}],
    )
    headers: Headers = Field(
        default_factory=dict,
        description="Headers of the request. What is empty or has a line break is left out.",
        examples=[{"Authorization": "Bearer ${secret:HOOK_TOKEN}"}],
    )
    json_body: Annotated[Confidential, OneBody()] = Field(
        default=None,
        validation_alias=AliasChoices("json"),
        description="The body as JSON. Values keep their type. A key whose value is missing is left out, an "
        "empty text is sent. A text with references in it has 65,536 characters at most, else no value.",
        examples=[{"order": "{{ event.transaction_id }}", "value": "{{ event.value }}"}],
    )
    form: Annotated[dict[str, Confidential] | None, OneBody("json_body", own_type=True)] = Field(
        default=None,
        description="The body as a web form sends it. A list gives one field for each item. What is empty is left out, "
        "and so is a text with references in it of more than 65,536 characters.",
        examples=[{"order": "{{ event.transaction_id }}"}],
    )
    text: Annotated[Confidential, OneBody("json_body", "form")] = Field(
        default=None,
        description="The body as text. Values are put in as they are, so for JSON or a form take those fields. "
        "With more than 65,536 characters the body is empty, and `why` says so.",
        examples=["{{ event.transaction_id }};{{ event.value }}"],
    )


@tag("http_request")
def http_request(settings: HttpRequest, event: Event) -> list[Request | Note]:
    """Send a request of your own to any address."""
    notes: list[Note] = []
    headers = _headers(settings.headers, notes)
    kind, body = _body(settings, notes)
    if kind and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = kind
    request = Request(
        settings.method,
        with_query(settings.url.url, _sayable(settings.query, notes)),
        headers=headers,
        json=settings.json_body,
        body=body,
    )
    return [request, *notes]


def _body(settings: HttpRequest, notes: list[Note]) -> tuple[str, str | SecretText | None]:
    """The content type of the body, and the body itself where it is not JSON."""
    fields = form_text(_sayable(settings.form or {}, notes))
    if fields:
        return FORM, fields
    line = _sayable({"text": settings.text}, notes).get("text")
    if line is not None:
        return TEXT, body_text(line)
    return JSON if settings.json_body is not None else "", None


def _headers(stated: dict[str, Any], notes: list[Note]) -> dict[str, str | SecretText]:
    found: dict[str, str | SecretText] = {}
    for name, value in _sayable(stated, notes).items():
        line = header_text(value)
        if line is None:
            notes.append(Note(f'"{name}" is left out: its value holds a line break'))
        elif not missing(line):
            found[name] = line
    return found


def _sayable(stated: dict[str, Any], notes: list[Note]) -> dict[str, Any]:
    """The values that can be written as text: none that is a list or a mapping with a secret in it."""
    wrong = [name for name, value in stated.items() if secret_inside(value)]
    notes += [Note(f'"{name}" is left out: it is a list or a mapping with a secret in it') for name in wrong]
    return {name: value for name, value in stated.items() if name not in wrong}
