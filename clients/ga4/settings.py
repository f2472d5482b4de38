"""What can be set about the client `ga4`."""

from typing import Annotated, Literal

from pydantic import Field

from container.api import Many, Path, Secret, Settings

TWO_YEARS_SECONDS = 63_072_000

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\[\]:-]+$")]


class Cookie(Settings):
    name: str = Field(
        default="FPID",
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,64}$",
        description="The name of the cookie. Empty: it is neither read nor set, and the browser's client id stays.",
    )
    domain: str = Field(
        default="auto",
        pattern=r"^[A-Za-z0-9.-]*$",
        description="The domain that it is for. `auto`: the widest one that the container's host may set it for. "
        "Empty: that host alone.",
        examples=["shop.example"],
    )
    max_age: int = Field(
        default=TWO_YEARS_SECONDS,
        gt=0,
        description="For how many seconds after the latest hit it is kept. Browsers keep none for more than 400 days.",
    )
    same_site: Literal["lax", "strict", "none"] = Field(
        default="lax", description="Whether browsers send it along when another site's page sends the hit."
    )
    migrate: bool = Field(
        default=True,
        description="Make the first client id from the browser's own, so that it is the same for all hits of the "
        "first page and keeps the time of the first visit.",
    )
    linker_secret: Secret | None = Field(
        default=None,
        description="Lets a visitor keep the client id across several sites: a long random secret, the same in the "
        "container of each. Without it no linker cookie (FPLC) is set and none is believed.",
    )


class Ga4(Settings):
    paths: Many[Path] = Field(
        default=("/g/collect", "/collect"),
        description="The paths it listens on. A path may have more in front of it, such as the folder of a mount.",
        examples=[["/g/collect"]],
    )
    measurement_ids: Many[str] = Field(
        default=(),
        description="The measurement IDs it takes. None given: all.",
        examples=[["G-ABC123XYZ9"]],
    )
    identification: Literal["javascript", "server"] = Field(
        default="javascript",
        description="Who keeps the client id: GA4's library in the browser, or the container in a cookie of its own "
        "that scripts cannot read. The latter only where `analytics_storage` is granted.",
    )
    cookie: Cookie = Field(default_factory=Cookie, description="The cookie of `identification: server`.")
    redact_ip: bool = Field(
        default=False,
        description="Keep the visitor's address from everything behind the client: event data, variables, triggers "
        "and tags.",
    )
    allow_origins: Many[Origin] = Field(
        default=(),
        description="The origins whose pages may read the answer, in lower case. None given: all pages of the domain "
        "that the container itself is on. Where some are, your own have to be among them.",
        examples=[["https://www.shop.example"]],
    )
