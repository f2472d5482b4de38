"""Settings that a hit may fill in preview alone, so that nobody who sends hits can change what is production."""

from __future__ import annotations

from container.api import Dynamic, Event, Request, Settings, preview_only, tag
from container.engine.run import run
from tests.engine.parts import URL, a_container, a_tag, hit_of, tags_of


class Coded(Settings):
    code: Dynamic[str] | None = preview_only("The vendor's test code.", examples=["T1"])


@tag("coded", consent=[])
def coded(settings: Coded, event: Event) -> Request:
    return Request("POST", URL, json={"code": settings.code}, test_code=settings.code or "")


def sent(code: str, *, debug: bool) -> object:
    container = a_container(a_tag("Tag", coded, {"code": code}), debug=debug)
    return tags_of(container, hit_of(code="FROM_THE_HIT"))["Tag"]["requests"][0]["json"]["code"]


def test_a_reference_counts_in_preview_alone() -> None:
    assert sent("{{ event.code }}", debug=True) == "FROM_THE_HIT"
    assert sent("{{ event.code }}", debug=False) is None


def test_fixed_text_counts_always() -> None:
    assert (sent("T1", debug=True), sent("T1", debug=False)) == ("T1", "T1")


def test_why_says_what_was_left_out_and_the_lane_is_the_usual_one() -> None:
    container = a_container(a_tag("Tag", coded, {"code": "{{ event.code }}"}))
    assert '"code" is left out: outside preview' in tags_of(container, hit_of(code="X"))["Tag"]["why"]
    assert run(container, hit_of(code="X")).planned[0].request.test_code == ""


def test_what_asks_whether_this_is_preview_is_off_outside_of_it_and_nothing_is_said() -> None:
    container = a_container(a_tag("Tag", coded, {"code": "{{ Debug Mode }}"}))
    assert "left out" not in str(tags_of(container, hit_of())["Tag"])
    assert sent("{{ Debug Mode }}", debug=False) is None
    mixed = a_container(a_tag("Tag", coded, {"code": "{{ Debug Mode }}{{ event.code }}"}))
    assert '"code" is left out: outside preview' in tags_of(mixed, hit_of(code="X"))["Tag"]["why"]


def test_a_tag_without_settings_has_none_to_leave_out() -> None:
    @tag("bare", consent=[])
    def bare(settings: Settings, event: Event) -> Request:
        return Request("POST", URL)

    assert tags_of(a_container(a_tag("Tag", bare)), hit_of())["Tag"]["status"] == "fired"
