"""What an analyst may say about the Meta tag. Everything has its usual place; most tags need the first two lines."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from container.api import AliasChoices, Dynamic, Endpoint, Many, Secret, Settings, from_event, normalise, preview_only
from tags.meta_conversions_api.forms import LIMITED, options

API_VERSION = "v25.0"
"""Each version lives about two years; a retired one holds the deliveries and says so."""

ENDPOINT = "https://graph.facebook.com"

ActionSource = Literal[
    "website",
    "app",
    "physical_store",
    "phone_call",
    "chat",
    "email",
    "business_messaging",
    "system_generated",
    "other",
]


def _known_options(value: Any, info: ValidationInfo) -> Any:
    """An event may say more than Meta knows, and the tag leaves that out. An analyst would take it for done."""
    written = [member for member in normalise.each(value) if isinstance(member, (str, int, float, list, dict))]
    if info.context and (set(options(written)) - {LIMITED} or isinstance(value, dict)):
        raise ValueError('the only option is "LDU"; an empty list says that nothing is limited')
    return value


def override(description: str, examples: list[Any] | None = None) -> Any:
    """A field that the tag finds in the event by itself; what is written here goes first."""
    return Field(default=None, description=description, examples=examples)


class User(Settings):
    """Who did it. Personal fields are normalised and hashed; values that are hashes already are kept."""

    em: Dynamic[Any] | None = override(
        "E-mail address or a list of them. Default: `user_data.email_address`, `user_data.email`, "
        "`user_data.sha256_email_address`, then `email` of the event."
    )
    ph: Dynamic[Any] | None = override(
        "Phone number or a list of them. Default: `user_data.phone_number`, then `phone` of the event. "
        "`user_data.sha256_phone_number` cannot be used: its hash is made with the plus sign."
    )
    external_id: Dynamic[Any] | None = from_event(
        "external_id", "user_id", "user_data.external_id", description="Customer number or a list of them."
    )
    fn: Dynamic[str] | None = override(
        "First name. Default: `user_data.address.first_name`, `user_data.first_name`, "
        "or the same with `sha256_` before the key."
    )
    ln: Dynamic[str] | None = override(
        "Last name. Default: `user_data.address.last_name`, `user_data.last_name`, "
        "or the same with `sha256_` before the key."
    )
    ct: Dynamic[str] | None = override("City. Default: `user_data.address.city`, `user_data.city`.")
    st: Dynamic[str] | None = override(
        "State or region; of the United States two letters, or the whole name. "
        "Default: `user_data.address.region`, `user_data.region`.",
        ["CA"],
    )
    zp: Dynamic[str] | None = override(
        "Postal code. Default: `user_data.address.postal_code`, `user_data.postal_code`, "
        "or the same with `sha256_` before the key."
    )
    country: Dynamic[str] | None = override(
        "Country, two letters. Default: `user_data.address.country`, `user_data.country`.", ["DE"]
    )
    ge: Dynamic[str] | None = override('Gender, "m" or "f". Default: `user_data.gender`.')
    db: Dynamic[str] | None = override(
        "Date of birth, as 1990-05-21 or 19900521. Default: `user_data.date_of_birth`.", ["1990-05-21"]
    )
    client_ip_address: Dynamic[str] | None = override(
        "Public address of the visitor. Default: `ip_override`, then the hit's."
    )
    client_user_agent: Dynamic[str] | None = override(
        "User agent of the visitor. Default: `user_agent`, then the hit's."
    )
    fbc: Dynamic[str] | None = override(
        "Click id in Meta's form. Default: made of `fbclid` in the query of `page.url`, then of `page.referrer` (same "
        "site only); then `fbc` of the event, unless the cookie's click is the same or newer, cookie `_fbc`, "
        "`common_cookie._fbc`, and made of `fbclid` of the event."
    )
    fbp: Dynamic[str] | None = override(
        "Browser id of the pixel. Default: cookie `_fbp`, then `common_cookie._fbp`, `fbp`, `_fbp` of the event."
    )
    subscription_id: Dynamic[str] | None = override("Id of a subscription. Default: `subscription_id` of the event.")
    fb_login_id: Dynamic[str] | None = override("Id that Meta gave at log-in. Default: `fb_login_id` of the event.")
    lead_id: Dynamic[str] | None = override("Meta's id of a lead. Default: `lead_id` of the event.")
    madid: Dynamic[str] | None = override("Advertising id of a device. Default: `madid`, `idfa`, `gaid` of the event.")
    anon_id: Dynamic[str] | None = override("Id of an app's installation. Default: `anon_id` of the event.")
    page_id: Dynamic[str] | None = override("Id of the page that was written to. Default: `page_id` of user data.")
    page_scoped_user_id: Dynamic[str] | None = override(
        "Messenger's id of the person. Default: `page_scoped_user_id` of user data."
    )
    ctwa_clid: Dynamic[str] | None = override("Click id of WhatsApp. Default: `ctwa_clid` of the event.")
    ig_account_id: Dynamic[str] | None = override("Instagram account. Default: `ig_account_id` of user data.")
    ig_sid: Dynamic[str] | None = override("Instagram's id of the person. Default: `ig_sid` of user data.")


class Custom(Settings):
    """What it was about."""

    value: Dynamic[float] | None = from_event(
        "value", description="Total in the currency. Without one: the sum of price times quantity."
    )
    currency: Dynamic[str] | None = from_event(
        "currency", description="ISO 4217 code. Without one: the first item's.", examples=["EUR"]
    )
    contents: Dynamic[Any] | None = from_event("items", "contents", description="The items, in GA4's or Meta's form.")
    content_type: Dynamic[str] | None = from_event(
        "content_type",
        description='"product" (the default when there are items), "product_group", or a word for travel, vehicles and '
        "homes.",
    )
    content_ids: Dynamic[Any] | None = override(
        "Ids of the items. Default: `item_id`, `id`, `sku`, `product_id` or `content_id` of each item."
    )
    content_name: Dynamic[str] | None = override("Name of the page or product. Default: `content_name` of the event.")
    content_category: Dynamic[str] | None = override(
        "Category of the page or product. Default: `content_category` of the event."
    )
    num_items: Dynamic[int] | None = override("How many pieces. Default: the sum of `quantity` of the items.")
    order_id: Dynamic[str] | None = from_event("transaction_id", description="Order number.")
    search_string: Dynamic[str] | None = from_event("search_term", description="What the visitor searched for.")
    status: Dynamic[str] | None = override("State of a registration, such as complete.", ["complete"])
    predicted_ltv: Dynamic[float] | None = override(
        "What the customer is expected to be worth. Default: `predicted_ltv` of the event."
    )
    delivery_category: Dynamic[str] | None = override(
        '"in_store", "curbside" or "home_delivery". Default: `delivery_category` of the event.'
    )
    passed: Many[str] = Field(
        default=(),
        validation_alias=AliasChoices("pass", "passed"),
        description="Names of event data that are sent as they are, as custom properties.",
        examples=[["coupon", "shipping"]],
    )


class Page(Settings):
    """Where it happened."""

    url: Dynamic[str] | None = from_event("page_location", description="Full address of the page.")
    referrer: Dynamic[str] | None = from_event("page_referrer", description="Full address of the page before.")


class App(Settings):
    """Which app on which device it happened in (app only)."""

    advertiser_tracking_enabled: Dynamic[Any] | None = override(
        "Whether the device allows tracking (Apple's prompt). Default: `advertiser_tracking_enabled` of the event."
    )
    application_tracking_enabled: Dynamic[Any] | None = override(
        "Whether the app's own settings allow tracking. Default: `application_tracking_enabled` of the event."
    )
    extinfo: Dynamic[Any] | None = override(
        "The sixteen texts about device and app; the first is a2 (Android) or i2 (iOS). "
        "Default: `extinfo` of the event."
    )
    campaign_ids: Dynamic[str] | None = override("Campaigns of a deep link. Default: `campaign_ids` of the event.")
    install_referrer: Dynamic[str] | None = override(
        "Android's install referrer. Default: `install_referrer` of the event."
    )
    installer_package: Dynamic[str] | None = override(
        "What installed the app. Default: `installer_package` of the event."
    )
    url_schemes: Many[str] = Field(default=(), description="The app's own schemes of addresses.")
    vendor_id: Dynamic[str] | None = override(
        "Vendor id of an iOS device. Default: `vendor_id`, then `idfv` of the event."
    )


class Cookies(Settings):
    """What the tag may set in the visitor's browser (website only)."""

    fbc: bool = Field(default=True, description="Keep the click id for 90 days, rewritten only when it changes.")
    fbp: bool = Field(default=False, description="Make a browser id when the pixel has left none.")


class Browser(Settings):
    """What the browser pixel of this account does, so that Meta can pair its events with ours."""

    pixel: bool = Field(default=True, description="Whether a pixel runs. Without one, missing event ids are made.")
    events: dict[str, str] = Field(
        default_factory=dict,
        description="The pixel's own names for single events.",
        examples=[{"generate_lead": "Contact"}],
    )


class MetaConversionsApi(Settings):
    pixel_id: Dynamic[str] = Field(
        validation_alias=AliasChoices("pixel_id", "dataset_id"),
        description="Id of the pixel or dataset; also written dataset_id.",
        examples=["1234567890123456"],
    )
    access_token: Secret = Field(
        description="Access token of the dataset. It travels in the body, never in the address."
    )
    appsecret_proof: Secret | None = Field(
        default=None,
        description="Proof that Meta demands where an app requires its secret: HMAC-SHA256 of the access token with "
        "the app's secret, in hex. It changes with the token only.",
    )
    api_version: Annotated[str, Field(pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$")] = Field(
        default=API_VERSION, description="Version of Meta's interface."
    )
    action_source: ActionSource = Field(default="website", description="Where the conversion happened.")
    event: Dynamic[str] | None = Field(default=None, description="Meta's name for the event, instead of the map's.")
    event_id: Dynamic[str] | None = override("Id that the pixel sends too. Default: `event_id` of the event.")
    event_time: Dynamic[str] | None = override(
        "When it happened: Unix time or ISO 8601. Default: `event_time`, then when the hit came in."
    )
    test_event_code: Dynamic[str] | None = preview_only(
        "Code from Events Manager's Test Events. Never in production; a reference counts in preview only.",
        examples=["TEST12345"],
    )
    opt_out: Dynamic[bool] | None = Field(
        default=None, description="Use the event for attribution only, not to choose who sees ads."
    )
    data_processing_options: Dynamic[Annotated[Any, AfterValidator(_known_options)]] | None = Field(
        default=None,
        description='["LDU"] limits what Meta may do with the data; [] says that it may do everything.',
        examples=[["LDU"]],
    )
    data_processing_options_country: Dynamic[int] | None = Field(
        default=None, description="With LDU: 1 for the United States, 0 (the default) lets Meta find out."
    )
    data_processing_options_state: Dynamic[int] | None = Field(
        default=None, description="With LDU: 1000 for California, 0 (the default) lets Meta find out."
    )
    messaging_channel: Literal["messenger", "whatsapp", "instagram"] | None = Field(
        default=None, description="Where people wrote (business_messaging only, which needs it)."
    )
    phone_region: Dynamic[str] | None = Field(
        default=None,
        description="Country of phone numbers without a calling code. Default: `user.country`, with its defaults.",
        examples=["DE"],
    )
    event_map: dict[str, str] = Field(
        default_factory=dict,
        description="Meta's names for events, laid over the built-in map.",
        examples=[{"article_read": "ArticleRead"}],
    )
    unmapped: Literal["custom", "skip"] = Field(
        default="custom", description="What happens to events that no map names: sent under their own name, or not."
    )
    browser: Browser | None = Field(default=None, description="What the browser pixel does, for deduplication.")
    cookies: Cookies = Field(default_factory=Cookies, description="What the tag may set in the visitor's browser.")
    user: User = Field(default_factory=User, description="Who did it.")
    custom: Custom = Field(default_factory=Custom, description="What it was about.")
    page: Page = Field(default_factory=Page, description="Where it happened.")
    app: App = Field(default_factory=App, description="Which app on which device it happened in (app).")
    endpoint: Endpoint = Field(
        default=ENDPOINT,
        description="Where to send, for tests and proxies. Version, pixel id and /events are put behind it, unless it "
        "ends in /events.",
    )
