"""Test codes of a session: in the field of a tag that is there for one, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

from container.component import component_of
from container.config.registry import discover
from container.engine.container import Container
from container.engine.trace import trace
from container.preview.codes import code_field, switch, with_test_codes
from tests.preview.parts import FILE, LIVE, a_hit, container, pixel
from tests.web.parts import hook

TWO = FILE.replace(
    "  Hook:", '  Other: {type: pixel, triggers: [Every], account: B, token: "${secret:TOKEN}"}\n  Hook:'
)


def sent(compiled: Container) -> dict[str, Any]:
    return {each.tag: each.request.json for each in trace(compiled, a_hit()).outcome.planned}


def test_a_code_is_put_into_the_tag_that_it_was_entered_for() -> None:
    compiled = container(TWO)
    found = sent(with_test_codes(compiled, {"Pixel": "TEST1", "Hook": "TEST2", "Nobody": "TEST3"}))
    assert (found["Pixel"]["code"], found["Other"]["code"]) == ("TEST1", "")
    assert found["Hook"] == sent(compiled)["Hook"]


def test_a_code_counts_more_than_what_the_file_says() -> None:
    stated = container(FILE.replace("type: pixel,", "type: pixel, test_event_code: FILE,"))
    assert sent(stated)["Pixel"]["code"] == "FILE"
    assert sent(with_test_codes(stated, {"Pixel": "TEST1"}))["Pixel"]["code"] == "TEST1"


def test_a_container_without_a_field_for_codes_stays_as_it_is() -> None:
    assert with_test_codes(LIVE, {}) is LIVE
    assert with_test_codes(LIVE, {"Hook": "TEST1"}) is LIVE


def test_a_tag_that_lacks_a_setting_lacks_it_with_a_code_too() -> None:
    compiled = with_test_codes(container(FILE.replace("A-1", '"{{ event.account }}"')), {"Pixel": "TEST1"})
    assert set(sent(compiled)) == {"Hook"}
    [planned] = [each for each in trace(compiled, a_hit("name=a&account=B")).outcome.planned if each.tag == "Pixel"]
    assert (planned.request.account, planned.request.test_code) == ("B", "TEST1")


def test_the_field_for_a_code_is_the_one_that_counts_in_preview_only() -> None:
    found = component_of(pixel)
    other = component_of(hook)
    assert found is not None
    assert other is not None
    assert code_field(found) == "test_event_code"
    assert code_field(other) is None


def test_a_switch_is_no_field_for_a_code() -> None:
    ga4, tiktok = (discover().find("tag", name) for name in ("ga4", "tiktok_events_api"))
    assert ga4 is not None
    assert tiktok is not None
    assert code_field(ga4) is None
    assert switch(ga4) == {"field": "debug_mode", "does": "Show the events in DebugView"}
    assert (code_field(tiktok), switch(tiktok)) == ("test_event_code", {})


def test_the_settings_that_are_told_hold_the_code() -> None:
    told = trace(with_test_codes(LIVE, {"Pixel": "TEST1"}), a_hit()).told
    [event] = told["events"]
    settings = next(tag["settings"] for tag in event["tags"] if tag["tag"] == "Pixel")
    assert {"TEST1"} == {each["value"] for each in settings if each["field"] == "test_event_code"}
    assert json.dumps(told)
