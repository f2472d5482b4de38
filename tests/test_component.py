"""The decorators: a component's function stays what it was, and carries what the engine has to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Optional

import pytest

from container.component import (
    IN_FLIGHT,
    Component,
    Once,
    Wanted,
    client,
    component_of,
    dynamic_paths,
    operator,
    required,
    tag,
    transformation,
    trigger,
    variable,
)
from container.effects import Claim, Request, Response, Verdict, by_status
from container.event import Event, Hit
from container.fields import Dynamic, Pattern, Settings, from_event


class Order(Settings):
    shop: str
    email: Dynamic[str] = from_event("user_data.email_address", "user_data.email")
    language: Dynamic[str] | None = from_event("language")
    country: Optional[Dynamic[str]] = from_event("country")  # noqa: UP045  # the older spelling is a union too
    region: Dynamic[str | None] = from_event("region")
    currency: Dynamic[str] = "EUR"
    note: str | None = None


def mark(decorator: Callable[..., Any], function: Callable[..., Any]) -> Component:
    assert decorator(function) is function
    found = component_of(function)
    assert found is not None
    assert found.function is function
    return found


def order(settings: Order, event: Event) -> Any:
    """Sends an order
    to the shop.

    The rest is for programmers.
    """


@pytest.mark.parametrize(
    ("decorator", "kind"),
    [
        (variable("order"), "variable"),
        (trigger("order"), "trigger"),
        (transformation("order"), "transformation"),
        (tag("order"), "tag"),
    ],
)
def test_a_decorator_marks_the_function_and_hands_it_back(decorator: Callable[..., Any], kind: str) -> None:
    found = mark(decorator, order)
    assert (found.kind, found.type, found.settings) == (kind, "order", Order)


def test_a_client_takes_a_hit() -> None:
    def shop(settings: Settings, hit: Hit) -> Claim | None:
        """Reads nothing."""
        return None

    found = mark(client("shop"), shop)
    assert (found.kind, found.settings) == ("client", Settings)
    assert shop(Settings(), Hit(b"", 0)) is None


def test_an_operator_has_no_settings_and_perhaps_a_negated_name() -> None:
    def sounds_like(actual: str, expected: Pattern) -> bool:
        """Nearly the same."""
        return expected.search(actual) is not None

    found = mark(operator("sounds_like", negated="does_not_sound_like"), sounds_like)
    assert (found.kind, found.settings, found.negated) == ("operator", None, "does_not_sound_like")
    assert mark(operator("sounds_like"), sounds_like).negated is None
    assert sounds_like("a", Pattern("a"))


def test_a_tag_says_what_it_needs_and_how_answers_are_read() -> None:
    def judge(response: Response) -> Verdict:
        return by_status(response)

    decorator = tag("order", judge=judge, consent=["ad_user_data"], max_age_hours=168, identifiers=["email"], format=2)
    found = mark(decorator, order)
    assert (found.judge, found.consent, found.consent_declared) == (judge, ("ad_user_data",), True)
    assert (found.max_age_hours, found.identifiers, found.format) == (168, ("email",), 2)


def test_a_tag_says_what_its_vendor_wants_of_a_conversion_and_how_it_counts_once() -> None:
    def pixel(item: Mapping[str, Any]) -> str:
        return f"shop({item['id']});"

    wanted = Wanted("value", "a number", "Send value.")
    once = Once(("order",), ("number",), "It counts by number.", "Send number.", "It counts each copy.")
    found = mark(tag("order", completeness=[wanted], pixel=pixel, once=once), order)
    assert (found.completeness, found.pixel, found.once) == ((wanted,), pixel, once)
    assert pixel({"id": 1}) == "shop(1);"
    usual = mark(tag("order"), order)
    assert (usual.completeness, usual.pixel, usual.once) == ((), None, None)


def test_a_tag_says_how_fast_its_vendor_takes_requests() -> None:
    found = mark(tag("order", requests_per_second=0.5, in_flight=8), order)
    assert (found.requests_per_second, found.in_flight) == (0.5, 8)
    usual = mark(tag("order"), order)
    assert (usual.requests_per_second, usual.in_flight) == (None, IN_FLIGHT)


@pytest.mark.parametrize("limits", [{"requests_per_second": 0}, {"requests_per_second": -1}, {"in_flight": 0}])
def test_a_tag_that_could_never_send_is_told_at_once(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match='"order": requests_per_second and in_flight have to be above zero'):
        tag("order", **limits)  # type: ignore[arg-type]  # one of its numbers


def test_a_tag_that_says_nothing_of_consent_leaves_it_to_the_analyst() -> None:
    assert not mark(tag("order"), order).consent_declared


def test_a_tag_that_needs_no_consent_says_so() -> None:
    found = mark(tag("order", consent=[]), order)
    assert (found.consent_declared, found.consent) == (True, ())


def test_the_summary_is_the_first_paragraph_on_one_line() -> None:
    assert mark(tag("order"), order).summary == "Sends an order to the shop."


def test_without_a_docstring_the_summary_is_empty() -> None:
    def silent(settings: Settings, event: Event) -> Request | None: ...

    assert mark(tag("silent"), silent).summary == ""


@pytest.mark.parametrize("value", [None, 5, "text", object(), Order, len, pytest, lambda: None])
def test_what_is_not_marked_is_no_component(value: object) -> None:
    assert component_of(value) is None


def test_a_mark_of_somebody_else_is_no_component() -> None:
    def function() -> None: ...

    function.__dict__["__component__"] = "mine"
    assert component_of(function) is None


def unannotated(settings, event: Event) -> None: ...  # type: ignore[no-untyped-def]  # what is forgotten here is tested


def without_parameters() -> None: ...


def returns_only() -> Request | None: ...


@pytest.mark.parametrize("function", [unannotated, without_parameters, returns_only])
@pytest.mark.parametrize("decorator", [tag("order"), operator("order"), client("order")])
def test_a_forgotten_annotation_is_told_at_once(decorator: Callable[..., Any], function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=f'"order": the first parameter of {function.__name__} needs an annotation'):
        decorator(function)
    assert component_of(function) is None


def test_a_first_parameter_that_is_no_settings_model_gives_no_settings() -> None:
    def text_tag(settings: str, event: Event) -> None: ...

    def union_tag(settings: Order | None, event: Event) -> None: ...

    assert mark(tag("text_tag"), text_tag).settings is None
    assert mark(tag("union_tag"), union_tag).settings is None


def test_the_usual_places_of_fields_are_known_by_field() -> None:
    assert dynamic_paths(Order) == {
        "email": ("user_data.email_address", "user_data.email"),
        "language": ("language",),
        "country": ("country",),
        "region": ("region",),
    }


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("shop", True),
        ("email", True),
        ("language", False),
        ("country", False),
        ("region", False),
        ("currency", False),
        ("note", False),
    ],
)
def test_a_field_is_required_unless_it_has_a_default_or_is_optional(field: str, expected: bool) -> None:
    assert required(Order.model_fields[field]) is expected
