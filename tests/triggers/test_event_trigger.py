"""The trigger `event` adds nothing to the keys that every trigger has."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from container.component import component_of
from container.event import Event, Hit
from triggers.event import EventTrigger, event


def test_it_fires_on_whatever_its_events_and_conditions_let_through() -> None:
    assert event(EventTrigger(), Event("page_view", {}, Hit(b"0" * 16, 0)))


def test_it_is_the_trigger_that_a_container_means_by_default() -> None:
    component = component_of(event)
    assert component is not None
    assert (component.kind, component.type, component.settings) == ("trigger", "event", EventTrigger)


def test_it_has_no_settings_of_its_own() -> None:
    with pytest.raises(ValidationError):
        EventTrigger.model_validate({"event": "purchase"})
