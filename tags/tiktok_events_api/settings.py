"""What an analyst may say about the TikTok tag. Everything has its usual place; most tags need the first two lines."""

from typing import Any, Literal

from pydantic import Field

from container.api import AliasChoices, Dynamic, Endpoint, Many, Secret, Settings, from_event, preview_only

ENDPOINT = "https://business-api.tiktok.com/open_api/v1.3/event/track/"

EventSource = Literal["web", "app", "offline", "crm"]


def override(description: str, examples: list[Any] | None = None) -> Any:
    """A field that the tag finds in the event by itself; what is written here goes first."""
    return Field(default=None, description=description, examples=examples)


class User(Settings):
    """Who did it. Personal fields are normalised and hashed; values that are hashes already are kept."""

    ttclid: Dynamic[str] | None = override("Click id. Default: page URL, own referrer, event data, cookie ttclid.")
    ttp: Dynamic[str] | None = override("Browser id of the pixel. Default: cookie _ttp, then event data.")
    email: Dynamic[Any] | None = override("E-mail address or a list of them. Default: user_data, then email.")
    phone: Dynamic[Any] | None = override("Phone number or a list of them. Default: user_data, then phone.")
    external_id: Dynamic[Any] | None = from_event(
        "external_id", "user_id", "user_data.external_id", description="Customer number or a list of them; case counts."
    )
    first_name: Dynamic[str] | None = override("First name. Default: user_data.address.")
    last_name: Dynamic[str] | None = override("Last name. Default: user_data.address.")
    city: Dynamic[str] | None = override("City, sent as plain text. Default: user_data.address.")
    state: Dynamic[str] | None = override("State or region, sent as plain text. Default: user_data.address.")
    country: Dynamic[str] | None = override("Country, two letters. Default: user_data.address.", ["DE"])
    zip_code: Dynamic[str] | None = override("Postal code. Default: user_data.address.")
    ip: Dynamic[str] | None = override("Public address of the visitor. Default: ip_override, then the hit's.")
    user_agent: Dynamic[str] | None = override("User agent of the visitor. Default: event data, then the hit's.")
    locale: Dynamic[str] | None = from_event("language", description="Language of the visitor.", examples=["en-US"])
    idfa: Dynamic[str] | None = override("Advertising id of an iOS device (app only). Default: event data.")
    idfv: Dynamic[str] | None = override("Vendor id of an iOS device (app only). Default: event data.")
    gaid: Dynamic[str] | None = override("Advertising id of an Android device (app only). Default: event data.")
    att_status: Dynamic[str] | None = override(
        "Answer to Apple's tracking prompt (app only). Default: event data.", ["AUTHORIZED"]
    )


class Properties(Settings):
    """What it was about."""

    value: Dynamic[float] | None = from_event(
        "value", description="Total in the currency. Without one: the sum of price times quantity."
    )
    currency: Dynamic[str] | None = from_event(
        "currency", description="ISO 4217 code. Without one: the first item's.", examples=["EUR"]
    )
    contents: Dynamic[Any] | None = from_event("items", "contents", description="The items, in GA4's or TikTok's form.")
    content_type: Dynamic[str] | None = from_event(
        "content_type", description='"product" (the default when there are items) or "product_group".'
    )
    content_ids: Dynamic[Any] | None = override("Ids of the items. Default: taken from the items.")
    num_items: Dynamic[int] | None = override("How many pieces. Default: the sum of the quantities.")
    order_id: Dynamic[str] | None = from_event("transaction_id", description="Order number.")
    search_string: Dynamic[str] | None = from_event("search_term", description="What the visitor searched for.")
    description: Dynamic[str] | None = override("Free text about the event.")
    shop_id: Dynamic[str] | None = from_event("shop_id", description="Id of the shop.")
    customer_type: Dynamic[str] | None = override(
        '"new" or "returning". Default: customer_type, then GA4\'s new_customer.', ["new"]
    )
    passed: Many[str] = Field(
        default=(),
        validation_alias=AliasChoices("pass", "passed"),
        description="Names of event data that are sent as they are, such as travel or vehicle fields.",
        examples=[["checkin_date", "checkout_date"]],
    )


class Page(Settings):
    """Where it happened (web only)."""

    url: Dynamic[str] | None = from_event("page_location", description="Full address of the page.")
    referrer: Dynamic[str] | None = from_event("page_referrer", description="Full address of the page before.")


class App(Settings):
    """Which app it happened in (app only)."""

    app_id: Dynamic[str] | None = override("App Store number or package name. Default: event data.")
    app_name: Dynamic[str] | None = override("Name of the app. Default: event data.")
    app_version: Dynamic[str] | None = override("Version of the app. Default: event data.")


class Ad(Settings):
    """What a measurement partner knows of the ad (app; `attribution_share` also web)."""

    callback: Dynamic[str] | None = override("Callback parameter of the click.")
    campaign_id: Dynamic[str] | None = override("Id of the campaign.")
    ad_id: Dynamic[str] | None = override("Id of the ad group, which TikTok calls ad_id here.")
    creative_id: Dynamic[str] | None = override("Id of the ad, which TikTok calls creative_id here.")
    is_retargeting: Dynamic[bool] | None = override("Whether the user had the app before.")
    attributed: Dynamic[bool] | None = override("Whether the partner attributes the event to TikTok.")
    attribution_type: Dynamic[str] | None = override("How the partner attributes.")
    attribution_provider: Dynamic[str] | None = override("Name of the partner.")
    attribution_share: Dynamic[float] | None = override("Your own share of credit for TikTok, from 0 to 1.", [0.5])


class Lead(Settings):
    """Which lead it is (crm only)."""

    lead_id: Dynamic[str] | None = override("TikTok's id of the lead. Default: event data.")
    lead_event_source: Dynamic[str] | None = override("Name of the CRM. Default: event data.", ["HubSpot"])


class Cookies(Settings):
    """What the tag may set in the visitor's browser."""

    ttclid: bool = Field(default=True, description="Keep the click id for 30 days, rewritten only when it changes.")
    ttp: bool = Field(default=False, description="Make a browser id when the pixel has left none.")


class Browser(Settings):
    """What the browser pixel of this account does, so that TikTok can pair its events with ours."""

    pixel: bool = Field(default=True, description="Whether a pixel runs. Without one, missing event ids are made.")
    event_names: Literal["current", "legacy"] = Field(
        default="current", description="Purchase and Lead, or CompletePayment and SubmitForm."
    )
    events: dict[str, str] = Field(
        default_factory=dict,
        description="The pixel's own names for single events.",
        examples=[{"purchase": "PlaceAnOrder"}],
    )


class TikTokEventsApi(Settings):
    pixel_id: Dynamic[str] = Field(
        validation_alias=AliasChoices("pixel_id", "event_source_id"),
        description="Code of the pixel, id of the app, or id of the event set; also written event_source_id.",
        examples=["CTESTPIXEL0123456789"],
    )
    access_token: Secret = Field(description="Access token of the event source.")
    event_source: EventSource = Field(default="web", description="Where the events come from.")
    event: Dynamic[str] | None = Field(default=None, description="TikTok's name for the event, instead of the map's.")
    event_id: Dynamic[str] | None = override("Id that the pixel sends too. Default: event_id of the event.")
    event_time: Dynamic[str] | None = override("When it happened: Unix time or ISO 8601. Default: the event's time.")
    test_event_code: Dynamic[str] | None = preview_only(
        "Code from Events Manager's Test Events. Never in production; a reference counts in preview only.",
        examples=["TEST12345"],
    )
    limited_data_use: Dynamic[bool] | None = Field(
        default=None, description="Ask TikTok to process the event under US state privacy laws."
    )
    phone_region: Dynamic[str] | None = Field(
        default=None,
        description="Country of phone numbers without a calling code. Default: user_data.address.country.",
        examples=["DE"],
    )
    cn_phone_without_prefix: bool = Field(
        default=False, description="Hash Chinese phone numbers without +86, as TikTok's own tag templates ask for."
    )
    event_map: dict[str, str] = Field(
        default_factory=dict,
        description="TikTok's names for events, laid over the built-in map.",
        examples=[{"article_read": "Article_Read_Complete"}],
    )
    unmapped: Literal["custom", "skip"] = Field(
        default="custom", description="What happens to events that no map names: sent under their own name, or not."
    )
    browser: Browser | None = Field(default=None, description="What the browser pixel does, for deduplication.")
    cookies: Cookies = Field(default_factory=Cookies, description="What the tag may set in the visitor's browser.")
    user: User = Field(default_factory=User, description="Who did it.")
    properties: Properties = Field(default_factory=Properties, description="What it was about.")
    page: Page = Field(default_factory=Page, description="Where it happened (web).")
    app: App = Field(default_factory=App, description="Which app it happened in (app).")
    ad: Ad = Field(default_factory=Ad, description="What a measurement partner knows of the ad.")
    lead: Lead = Field(default_factory=Lead, description="Which lead it is (crm).")
    endpoint: Endpoint = Field(default=ENDPOINT, description="Where to send, for tests and proxies.")
