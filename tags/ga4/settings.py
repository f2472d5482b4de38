"""What an analyst may say about the GA4 tag. For hits of a website it needs nothing at all."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from container.api import Dynamic, Endpoint, Many, Secret, Settings, from_event, preview_only

WEB_PATH, SERVER_PATH = "/g/collect", "/mp/collect"
CHECKING_PATH = f"/debug{SERVER_PATH}"
"""Google checks what comes here, and counts none of it."""

HOSTS = {"global": "https://www.google-analytics.com", "eu": "https://region1.google-analytics.com"}

RELAY_COOKIES = (
    *("_ga*", "FP*", "_gcl_*", "_fbp", "_fbc", "_ttp", "ttclid", "_uetsid", "_uetvid", "_uetmsclkid", "_scid"),
    *("_pin_unauth", "_epik", "li_fat_id", "_rdt_uuid", "_rdt_cid", "_twclid"),
)
"""Cookies of analytics and advertising, which server containers read. Log-ins and baskets are nobody else's."""

Name = Annotated[str, Field(min_length=1)]
CookieName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'+.^_`|~-]*[A-Za-z0-9!#$%&'*+.^_`|~-]$")]
"""The name of a cookie; with `*` at its end that of all which begin so."""


def _with_an_endpoint(value: bool, info: ValidationInfo) -> bool:
    if value and not info.data.get("endpoint"):
        raise ValueError("a relay needs `endpoint`: the address of the other server container")
    return value


def override(description: str, examples: list[Any] | None = None) -> Any:
    """A field that the tag finds in the event by itself; what is written here goes first."""
    return Field(default=None, description=description, examples=examples)


class Ga4Tag(Settings):
    measurement_id: Dynamic[str] | None = from_event(
        "x-ga-measurement_id",
        description="Measurement ID of the property. Default: the hit's.",
        examples=["G-ABC123XYZ9"],
    )
    api_secret: Secret | None = Field(
        default=None, description="Secret of the Measurement Protocol, for events that no browser sent."
    )
    protocol: Literal["auto", "web", "measurement_protocol"] = Field(
        default="auto",
        description="How events leave. `auto`: hits of Google's library as such hits, everything else by the "
        "Measurement Protocol.",
    )
    event: Dynamic[str] | None = Field(default=None, description="Another name for the event.", examples=["purchase"])
    client_id: Dynamic[str] | None = override(
        "Client id of the browser. Default: `client_id` of the event, then the cookie `_ga`."
    )
    user_id: Dynamic[str] | None = override("Your own number of the visitor. Default: `user_id` of the event.")
    session_id: Dynamic[str] | None = override(
        "Id of the session. Default: `ga_session_id` or `session_id` of the event, then the cookie `_ga_…`."
    )
    parameters: dict[Name, Dynamic[Any]] = Field(
        default_factory=dict,
        description="Event parameters to add or to replace. What has no value changes nothing.",
        examples=[{"shop": "{{ Page Hostname }}"}],
    )
    drop_parameters: Many[Name] = Field(
        default=(), description="Event parameters that GA4 does not get.", examples=[["coupon", "user_id"]]
    )
    user_properties: dict[Name, Dynamic[Any]] = Field(
        default_factory=dict,
        description="User properties to add or to replace. What has no value changes nothing.",
        examples=[{"membership": "{{ event.membership }}"}],
    )
    drop_user_properties: Many[Name] = Field(
        default=(), description="User properties that GA4 does not get.", examples=[["membership"]]
    )
    user_data: Literal["send", "drop"] = Field(
        default="send", description="Whether GA4 gets e-mail, phone and address of the visitor, hashed."
    )
    redact_ip: bool = Field(default=False, description="GA4 does not get the visitor's address.")
    region: Literal["global", "eu"] = Field(
        default="global", description="Whose servers get the events: `eu` is `region1.google-analytics.com`."
    )
    endpoint: Endpoint | None = Field(
        default=None,
        description="Another server to send to, for tests, proxies and relays. `/g/collect` or `/mp/collect` at its "
        "end may be left away: which of them it is follows from the event. A query stays, and so does "
        "`/debug/mp/collect` for the Measurement Protocol: there Google checks events, and counts none.",
        examples=["https://sgtm.shop.example"],
    )
    relay: Annotated[bool, AfterValidator(_with_an_endpoint)] = Field(
        default=False,
        description="`endpoint` is another server container: it gets user data as it came, the visitor's address and "
        "the cookies of `relay_cookies`, and the browser gets the cookies that it sets.",
    )
    relay_cookies: Many[CookieName] = Field(
        default=RELAY_COOKIES,
        description="With `relay`: the cookies of the visitor that the other container gets, those of analytics and "
        "advertising by default. A `*` at the end of a name stands for the rest. None goes where `analytics_storage` "
        "is denied.",
        examples=[["_ga*", "FP*", "_fbp"]],
    )
    firebase_app_id: Dynamic[str] | None = from_event(
        "firebase_app_id", description="Id of an app's stream, instead of a measurement ID. Default: the hit's."
    )
    analytics_360: bool = Field(
        default=False, description="The property is of Analytics 360, which takes more and longer parameters."
    )
    debug_mode: Dynamic[bool] | None = preview_only(
        "Show the events in DebugView. A reference counts in preview only.", examples=["{{ Debug Mode }}"]
    )
