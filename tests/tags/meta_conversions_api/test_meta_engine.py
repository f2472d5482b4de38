"""From the container's file to what leaves and what the visitor's browser keeps: loader, client, engine and tag."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from container.config.load import Loaded, load
from container.config.registry import discover
from container.effects import SetCookie
from container.engine.compile import compile_container
from container.engine.run import run
from container.event import Hit
from tests.tags.meta_conversions_api.anything import NOW, PIXEL, effects_of, notes_in

FILE = """\
version: 1
container: {name: Shop}
clients:
  Servers: {type: measurement_protocol}
triggers:
  Views: {events: [page_view]}
tags:
  Meta:
    type: meta_conversions_api
    triggers: Views
    consent: not_needed
    pixel_id: "PIXEL"
    access_token: "${secret:META_TOKEN}"
"""
VIEW = {
    "event_id": "e1",
    "page_location": "https://shop.example.com/",
    "user_agent": "UA/1.0",
    "ip_override": "81.2.69.142",
}


def loaded(*settings: str) -> Loaded:
    text = FILE.replace("PIXEL", PIXEL) + "".join(f"    {line}\n" for line in settings)
    found = load(
        text,
        filename="container.yaml",
        registry=discover(),
        environment={},
        secrets={"META_TOKEN": "meta-token-of-tests"}.get,
        strict_environment=True,
    )
    assert "meta-token-of-tests" not in found.report()
    return found


def through(data: Mapping[str, Any], *settings: str, cookies: str = "") -> tuple[dict[str, Any], list[SetCookie]]:
    """The event as Meta gets it, and the cookies that a browser would get."""
    container = loaded(*settings)
    assert container.model is not None, container.report()
    body = json.dumps({"client_id": "1.2", "events": [{"name": "page_view", "params": {**VIEW, **data}}]}).encode()
    headers = {"cookie": cookies, "host": "t.shop.example.com", "content-type": "application/json"}
    hit = Hit(bytes(16), NOW, "POST", "/mp/collect", "measurement_id=G-1&api_secret=x", headers, body)
    outcome = run(compile_container(container.model), hit)
    [planned], [result] = outcome.planned, outcome.results
    item: dict[str, Any] = planned.request.item
    # A server has no use for cookies, so none is in the reply to one.
    return item, list(result.cookies)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("LDU", ["LDU"]),
        ("ldu", ["LDU"]),
        (["LDU", "GDPR"], ["LDU"]),
        (["LDU", None], ["LDU"]),
        (["GDPR", {"x": 1}, " ldu "], ["LDU"]),
        ("LDU, GDPR", ["LDU"]),
        ('["LDU"]', ["LDU"]),
        ("GDPR", None),
        ([5], None),
        ({"a": "LDU"}, None),
        ("LDU_NO", None),
    ],
)
def test_nothing_beside_it_takes_limited_data_use_away(options: object, sent: list[str] | None) -> None:
    item, _ = through({"options": options}, 'data_processing_options: "{{ event.options }}"')
    assert item.get("data_processing_options") == sent
    assert ("data_processing_options_country" in item) == (sent is not None)
    told = notes_in(effects_of("page_view", VIEW, data_processing_options=options))
    assert any("data_processing_options" in note for note in told) == (options not in ("LDU", "ldu", '["LDU"]'))


@pytest.mark.parametrize("written", ["LDU", "ldu", "[LDU]", "[Ldu, LDU]", '["{{ event.x }}", LDU]', '"{{ event.x }}"'])
def test_limited_data_use_may_be_written_in_any_case(written: str) -> None:
    assert loaded(f"data_processing_options: {written}").model is not None


@pytest.mark.parametrize("written", ["LMU", "[LDU, GDPR]", "GDPR", "[1]", "{a: LDU}", "[[LDU]]", "true", '[LDU, ""]'])
def test_an_option_that_meta_does_not_know_is_refused_where_it_is_written(written: str) -> None:
    found = loaded(f"data_processing_options: {written}")
    assert found.model is None
    assert "data_processing_options" in found.report()


OLD, NEW = "1767200000000", "1767200000001"
CLICKS = [
    # The same click keeps the time at which it was made, and the cookie is not renewed.
    ({"fbc": f"fb.1.{NEW}.A"}, f"fb.1.{OLD}.A", f"fb.1.{OLD}.A", None),
    ({"fbc": f"fb.1.{OLD}.A"}, f"fb.1.{NEW}.A.Bg", f"fb.1.{NEW}.A.Bg", None),
    ({"fbc": f"fb.1.{NEW}.A.Bg"}, f"fb.2.{OLD}.A", f"fb.2.{OLD}.A", None),
    # An older one does not take the place of a newer one, which it does the other way round.
    ({"fbc": f"fb.1.{OLD}.A"}, f"fb.1.{NEW}.B", f"fb.1.{NEW}.B", None),
    ({"fbc": f"fb.1.{NEW}.A"}, f"fb.1.{OLD}.B", f"fb.1.{NEW}.A", f"fb.1.{NEW}.A"),
    ({"fbc": f"fb.1.{NEW[:10]}.A"}, f"fb.1.{OLD}.B", f"fb.1.{NEW[:10]}.A", f"fb.1.{NEW[:10]}.A"),
    ({"fbc": f"fb.1.{NOW}.A"}, "fb.1.9999999999999.B", f"fb.1.{NOW}.A", f"fb.1.{NOW}.A"),
    ({"fbc": f"fb.1.{OLD}.a"}, f"fb.1.{OLD}.A", f"fb.1.{OLD}.a", f"fb.1.{OLD}.a"),
    # What has not the form hides nothing.
    ({"fbc": "A", "_fbc": f"fb.1.{NEW}.A"}, "B", f"fb.1.{NEW}.A", f"fb.1.{NEW}.A"),
    ({"common_cookie": {"_fbc": f"fb.1.{NEW}.A"}}, "B", f"fb.1.{NEW}.A", f"fb.1.{NEW}.A"),
    ({"page_location": "https://shop.example.com/?fbclid=%C3%BC%20x"}, f"fb.1.{OLD}.A", f"fb.1.{OLD}.A", None),
    (
        {"page_location": "https://shop.example.com/?fbclid=%C3%BC%20x", "fbc": f"fb.1.{NEW}.B"},
        f"fb.1.{OLD}.A",
        f"fb.1.{NEW}.B",
        f"fb.1.{NEW}.B",
    ),
    # A click of the page is the newest, unless somebody knows it.
    (
        {"page_location": "https://shop.example.com/?fbclid=C"},
        "fb.1.9999999999999.B",
        f"fb.1.{NOW}.C",
        f"fb.1.{NOW}.C",
    ),
    (
        {"page_location": "https://shop.example.com/?fbclid=C", "fbc": f"fb.1.{OLD}.C"},
        "B",
        f"fb.1.{OLD}.C",
        f"fb.1.{OLD}.C",
    ),
    ({"fbclid": "C"}, f"fb.1.{OLD}.A", f"fb.1.{OLD}.A", None),
]


@pytest.mark.parametrize(("data", "cookie", "sent", "kept"), CLICKS)
def test_a_click_keeps_its_time_and_the_newest_one_is_kept(
    data: dict[str, Any], cookie: str, sent: str, kept: str | None
) -> None:
    item, cookies = through(data, cookies=f"_fbc={cookie}")
    assert item["user_data"]["fbc"] == sent
    assert cookies == ([] if kept is None else [SetCookie("_fbc", kept, max_age=7_776_000)])


def test_a_click_of_the_setting_is_sent_and_renews_no_cookie() -> None:
    setting = 'user: {fbc: "{{ event.click }}"}'
    for click in (f"fb.1.{NEW}.A", "fb.1.1767100000000.B"):
        item, cookies = through({"click": click}, setting, cookies=f"_fbc=fb.1.{OLD}.A")
        assert (item["user_data"]["fbc"], cookies) == (click, [])


OWN_IDS = ["garbage", "fb.1.x.1", "undefined", "x" * 5000, "\u00e4"]


@pytest.mark.parametrize(
    ("kept", "brought"), [*((kept, False) for kept in OWN_IDS), ("garbage", True), ("fb.1.x.1", True)]
)
def test_a_browsers_id_that_is_there_is_never_overwritten(kept: str, *, brought: bool) -> None:
    data = {"common_cookie": {"_fbp": kept}} if brought else {}
    item, cookies = through(data, "cookies: {fbp: true}", cookies="" if brought else f"_fbp={kept}")
    assert "fbp" not in item["user_data"]
    assert cookies == []


@pytest.mark.parametrize(
    ("data", "cookie", "setting"),
    [
        ({"fbp": f"fb.1.{OLD}.5"}, "garbage", ""),
        ({"_fbp": f"fb.1.{OLD}.5", "fbp": "garbage"}, "", ""),
        ({"common_cookie": {"_fbp": f"fb.1.{OLD}.5"}, "fbp": f"fb.1.{OLD}.6"}, "garbage", ""),
        ({"fbp": f"fb.1.{OLD}.6"}, f"fb.1.{OLD}.5", "garbage"),
    ],
)
def test_a_broken_browsers_id_does_not_hide_a_good_one(data: dict[str, Any], cookie: str, setting: str) -> None:
    own = [f'user: {{fbp: "{setting}"}}'] if setting else []
    item, cookies = through(data, "cookies: {fbp: true}", *own, cookies=f"_fbp={cookie}")
    assert item["user_data"]["fbp"] == f"fb.1.{OLD}.5"
    assert cookies == []


def test_where_no_browsers_id_is_there_one_is_made() -> None:
    for cookies in ("", "_fbp="):
        item, [made] = through({}, "cookies: {fbp: true}", cookies=cookies)
        assert (made.name, made.value) == ("_fbp", item["user_data"]["fbp"])
