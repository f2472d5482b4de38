"""The keys that every client, variable, trigger and tag has beside its own settings, and those of the top level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from container.fields import Duration, Dynamic, Instant, Many, Pattern, Settings
from container.template import Template


def _one_reference(value: Any) -> Any:
    if isinstance(value, Template) and value.whole is None:
        raise PydanticCustomError("wrong_type", "it takes one reference and no text around it")
    return value


def _types_or_none(value: Any) -> Any:
    if NOT_NEEDED in (value or ()) and len(value) > 1:
        raise PydanticCustomError("wrong_type", "it is `not_needed`, or a list of consent types")
    return value


NOT_NEEDED = "not_needed"
"""What a tag says that asks for no consent."""

NO_TYPES = ("none", "no", "granted", "denied", "yes", "required", "needed", "all", "any")
"""Words that somebody may write for consent types, and no hit ever speaks of."""

State = Annotated[Dynamic[Literal["granted", "denied"]], AfterValidator(_one_reference)]

States = State | dict[str, State]


class Common(Settings):
    notes: str | None = Field(default=None, description="A note for whoever reads the container.")
    folder: str | None = Field(default=None, description="The folder in which preview shows it.")


class ConsentKeys(Settings):
    default: States = Field(
        default="denied",
        description="For consent types that a hit says nothing about: `granted`, `denied`, a mapping per type, "
        "or one reference.",
        examples=["denied", {"ad_storage": "denied"}],
    )


class ClientConsentKeys(Settings):
    default: States | None = Field(default=None, description="As in `consent` at the top, for hits of this client.")


class ContainerKeys(Settings):
    name: str = Field(default="", description="What the container is called.")
    id: str = Field(default="", description="Shown in preview, and the value of `{{ Container ID }}`.")


class ClientKeys(Common):
    type: str = Field(description="The kind of client.")
    priority: int = Field(default=0, description="The client with the higher number is asked first.")
    consent: ClientConsentKeys | None = Field(default=None, description="What holds for hits of this client.")


class FormatKeys(Settings):
    case: Literal["lower", "upper"] | None = Field(default=None, description="Change the letters.")
    trim: bool = Field(default=False, description="Take white space off both ends.")
    as_type: Literal["text", "number", "integer", "boolean"] | None = Field(
        default=None, validation_alias="as", description="Make the value one of this type."
    )
    null_to: Any = Field(default=None, description="In place of a value that is null.")
    undefined_to: Any = Field(default=None, description="In place of a value that is missing.")
    true_to: Any = Field(default=None, description="In place of true.")
    false_to: Any = Field(default=None, description="In place of false.")


class VariableKeys(Common):
    type: str = Field(description="The kind of variable.")
    format: FormatKeys | None = Field(default=None, description="Format Value: how the value is changed.")


class TriggerKeys(Common):
    type: str = Field(default="event", description="The kind of trigger.")
    events: Many[str] = Field(default=(), description="The exact names of the events it hears; without them all.")
    events_matching: Many[Pattern] = Field(default=(), description="Patterns (RE2) for the names of events.")
    sample_percent: float | None = Field(
        default=None, ge=0, le=100, description="It hears so many of a hundred visitors, always the same ones."
    )


def _between(shortest: int, longest: int, words: str) -> AfterValidator:
    def check(value: int) -> int:
        if not shortest <= value <= longest:
            raise PydanticCustomError("duration", "it is {words}", {"words": words})
        return value

    return AfterValidator(check)


SECOND, HOUR = 1000, 3_600_000
DAY = 24 * HOUR


class OncePerKeys(Settings):
    key: Dynamic[str] = Field(
        description="What has to be new for the tag to fire. An empty key never limits.",
        examples=["{{ event.transaction_id }}"],
    )
    within: Annotated[Duration, _between(SECOND, 366 * DAY, "between 1s and 366d")] = Field(
        description="For how long a key counts, from the hit that brought it.", examples=["24h"]
    )


class ScheduleKeys(Settings):
    since: Instant | None = Field(
        default=None, validation_alias="from", description="The tag fires from this moment on, with its time zone."
    )
    until: Instant | None = Field(default=None, description="The tag fires before this moment, with its time zone.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise PydanticCustomError("wrong_type", "`from` comes before `until`")
        return self


class DeliveryKeys(Settings):
    linger: Annotated[Duration, _between(0, 60 * SECOND, "at most 60s")] | None = Field(
        default=None, description="How long a delivery waits for others to go along with. Default: 1s."
    )
    give_up_after: Annotated[Duration, _between(60 * SECOND, 28 * DAY, "between 1m and 28d")] | None = Field(
        default=None,
        description="After this time and three attempts a delivery becomes a dead letter. Default: 48h.",
    )
    batch: int | None = Field(
        default=None, ge=1, le=500, description="So many events go in one request at most; 1: each goes alone."
    )


class TagKeys(Common):
    type: str = Field(description="The kind of tag.")
    triggers: Many[str] = Field(default=(), description="The tag fires when one of these triggers does.")
    exceptions: Many[str] = Field(default=(), description="Triggers that keep the tag from firing, whatever else.")
    consent: Annotated[Many[str] | None, AfterValidator(_types_or_none)] = Field(
        default=None, description="The consent types that the tag needs, or `not_needed`.", examples=["not_needed"]
    )
    priority: int = Field(default=0, description="Tags with the higher number come first.")
    paused: bool = Field(default=False, description="A paused tag never fires.")
    schedule: ScheduleKeys | None = Field(default=None, description="When the tag may fire; outside it is paused.")
    once_per: OncePerKeys | None = Field(
        default=None, description="The tag fires once for a key, whatever comes again within a time."
    )
    delivery: DeliveryKeys | None = Field(default=None, description="How its requests are delivered.")


class TransformationKeys(Common):
    type: str = Field(description="The kind of transformation.")
    tags: Many[str] = Field(default=(), description="The tags that see the changed event; without any: all.")
    except_tags: Many[str] = Field(default=(), description="Tags that see the event as it came.")
    tag_types: Many[str] = Field(default=(), description="All tags of these types see the changed event.")
    priority: int = Field(default=0, description="Transformations with the higher number come first.")


VERSION = 1

SECTIONS = ("clients", "variables", "triggers", "tags", "transformations")
TOP = ("version", "container", "consent", *SECTIONS, "tests")

LATER: Mapping[str, tuple[str, ...]] = {
    "": (
        "include",
        "environments",
        "networks",
        "global_exceptions",
        "defaults",
        "egress",
    ),
    "client": (),
    "variable": (),
    "trigger": (),
    "tag": ("live_only", "setup", "cleanup", "use", "allow_keys"),
    "transformation": (),
}
"""Keys that are planned, by the kind of thing that will have them; empty: the top level."""

LATER_TYPES: Mapping[str, tuple[str, ...]] = {
    "variable": (
        "hash",
        "math",
        "json_path",
        "timestamp",
        "visitor_region",
        "user_agent",
        "bot_score",
        "environment",
        "click_id",
        "expression",
    ),
}
"""Types that are planned."""
