"""Orchard Ads: sales of a shop, so that Orchard can attribute them to its ads."""

from pydantic import Field

from container.api import (
    Batch,
    Dynamic,
    Effect,
    Event,
    Note,
    Request,
    Response,
    Secret,
    Settings,
    Skip,
    Verdict,
    bearer,
    by_status,
    conversion,
    filled,
    from_event,
    normalise,
    tag,
)

STANDARD = {"page_view": "VIEW", "add_to_cart": "BASKET", "purchase": "SALE"}
NAMES = conversion.EventNames(STANDARD, own=frozenset(STANDARD.values()))


def digits(value: str, region: str | None) -> str | None:
    """Orchard hashes phone numbers without their plus sign, so the hash of Google's tags is not Orchard's."""
    form = normalise.phone(value, region)
    return form and form.removeprefix("+")


PROFILE = conversion.Profile(
    "Orchard",
    address=(
        conversion.Field("country", normalise.country, ("country",), hashed=False),
        conversion.Field("zip", normalise.postal_code, ("postal_code",), regional=True),
    ),
    several=(
        conversion.Field(
            "email",
            normalise.email,
            conversion.EMAIL_KEYS,
            prehashed=("sha256_email_address",),
            reason=conversion.NO_EMAIL,
        ),
        conversion.Field(
            "phone", digits, conversion.PHONE_KEYS, regional=True, listed=True, reason=conversion.NO_PHONE
        ),
    ),
)


class OrchardAds(Settings):
    account: Dynamic[str] = Field(description="The account.", examples=["OR-1"])
    token: Secret = Field(description="Token of the account.")
    event: Dynamic[str] | None = Field(default=None, description="Orchard's name for the event, instead of the map's.")
    event_map: dict[str, str] = Field(default_factory=dict, description="Orchard's names, laid over the built-in map.")
    value: Dynamic[float] | None = from_event("value", description="Total. Without one: the sum over the items.")
    currency: Dynamic[str] | None = from_event("currency", description="ISO 4217 code.")
    items: Dynamic[list[dict[str, object]]] | None = from_event("items", description="The items, in GA4's form.")


def judge(response: Response) -> Verdict:
    """Orchard takes what it can of a batch, and names the places of the rest."""
    body = response.json()
    rejected = body.get("rejected") if isinstance(body, dict) else None
    if response.status != 200:
        return by_status(response)
    if not isinstance(rejected, list):
        return Verdict("retry", "unknown_reply: no list of what was rejected")
    return Verdict("delivered", refused=tuple(place for place in rejected if isinstance(place, int)))


@tag("orchard_ads", judge=judge, consent=["ad_storage", "ad_user_data"], standard_events=sorted(NAMES.own))
def orchard_ads(settings: OrchardAds, event: Event) -> list[Effect] | Skip:
    """Send sales to Orchard Ads."""
    name = conversion.event_name(NAMES, event, given=settings.event, event_map=settings.event_map, vendor="Orchard")
    if isinstance(name, Skip):
        return name
    notes: list[str] = []
    items = conversion.items_of(settings.items, notes, field="items")
    lines = conversion.lines(items, notes, field="items")
    item = filled(
        name=name,
        time=conversion.event_time(None, event, notes) // 1000,
        id=conversion.event_id(None, event, notes, made=True, without=""),
        person=conversion.person(PROFILE, {}, event, notes),
        value=conversion.value(settings.value, lines),
        currency=conversion.currency(settings.currency, items, notes, field="currency"),
        basket=[filled(sku=line.id, price=line.price, pieces=line.quantity) for line in lines],
    )
    request = Request(
        "POST",
        "https://api.orchard.example/v1/sales",
        headers={"Authorization": bearer(settings.token)},
        json={"account": settings.account},
        item=item,
        batch=Batch("sales", max_items=100),
        account=settings.account,
    )
    return [request, *map(Note, dict.fromkeys(notes))]
