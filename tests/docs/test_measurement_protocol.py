"""The page about orders of a backend: its container takes its order, and sends what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from container.case import hit_from_json
from container.config.registry import discover
from container.engine.container import Container
from container.engine.run import run
from container.engine.simulate import simulate
from tests.containers_of import container_of

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/measurement-protocol.md").read_text(encoding="utf-8")
SECRET = "value of MP_API_SECRET"
QUERY = "measurement_id=G-ABC123XYZ9&api_secret=value%20of%20MP_API_SECRET"


@pytest.fixture(scope="module")
def container() -> Container:
    text = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
    return container_of(text, discover(), lambda name: f"value of {name}")


def commands() -> list[str]:
    """The bodies of the page's curl commands."""
    return [body for _, body in re.findall(r"^    curl (.*?)-d '(.*?)'$", PAGE, re.MULTILINE | re.DOTALL)]


def sent(body: str, path: str = "/mp/collect", **members: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "query": QUERY, "body": body, "time": 1_763_640_200_000, **members}


def test_the_order_of_the_page_reaches_tiktok(container: Container) -> None:
    given = sent(commands()[0], ip="198.51.100.20", headers={"user-agent": "curl/8", "cookie": "_ttp=abc"})
    outcome = simulate(container, hit_from_json(given))
    assert (outcome["client"], outcome["reply"]["status"]) == ("Measurement Protocol", 204)
    [tag] = outcome["events"][0]["tags"]
    assert (tag["status"], tag["why"]) == ("fired", 'trigger "Orders" holds: the event is "purchase"')
    [item] = tag["requests"][0]["json"]["data"]
    assert (item["event"], item["event_id"], item["event_time"]) == ("Purchase", "order-1001", 1763640123)
    assert item["page"]["url"] == "https://www.shop.example/checkout/thanks?ttclid=E.C.P.abc"
    properties, user = item["properties"], item["user"]
    assert (properties["value"], properties["order_id"], len(properties["contents"])) == (64.9, "1001", 2)
    assert (user["ttclid"], user["ttp"], user["ip"]) == ("E.C.P.abc", "abc", "81.2.69.160")
    assert user["user_agent"].startswith("Mozilla/5.0 (iPhone;")
    assert {len(user["email"]), len(user["phone"])} == {64}
    assert SECRET not in json.dumps(outcome)


@pytest.mark.parametrize(
    ("client", "tag", "block", "status"),
    [
        ("consent: {default: granted}", "", {"ad_user_data": "GRANTED"}, "fired"),
        ("", "", {"ad_user_data": "GRANTED", "ad_personalization": "GRANTED"}, "blocked_by_consent"),
        ("", "consent: not_needed", {}, "fired"),
        ("", "consent: [ad_user_data]", {"ad_user_data": "GRANTED"}, "fired"),
        ("", "consent: [ad_user_data]", {"ad_user_data": "DENIED"}, "blocked_by_consent"),
    ],
)
def test_ga4_gets_the_order_where_somebody_vouches_for_the_visitors_choice(
    client: str, tag: str, block: dict[str, str], status: str
) -> None:
    text = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
    text = text.replace("consent: {default: granted}", client) + f"    {tag}\n"
    granting = container_of(text, discover(), lambda name: f"value of {name}")
    order = {**json.loads(commands()[0]), "consent": block}
    [found] = simulate(granting, hit_from_json(sent(json.dumps(order))))["events"][0]["tags"]
    assert found["status"] == status


def test_without_an_address_in_the_body_the_shops_server_is_not_the_visitor(container: Container) -> None:
    order = json.loads(commands()[0])
    del order["ip_override"], order["user_agent"]
    given = sent(json.dumps(order), ip="198.51.100.20", headers={"user-agent": "curl/8"})
    [tag] = simulate(container, hit_from_json(given))["events"][0]["tags"]
    assert not {"ip", "user_agent"} & tag["requests"][0]["json"]["data"][0]["user"].keys()


def test_a_visitor_who_said_no_is_not_reported(container: Container) -> None:
    order = json.loads(commands()[0])
    order["consent"]["ad_user_data"] = "DENIED"
    [tag] = simulate(container, hit_from_json(sent(json.dumps(order))))["events"][0]["tags"]
    assert (tag["status"], tag["requests"]) == ("blocked_by_consent", [])
    assert tag["why"].endswith("is denied (measurement_protocol)")


def test_a_body_of_very_many_lines_goes_to_the_right_client(container: Container) -> None:
    outcome = run(container, hit_from_json(sent(commands()[0] + "\n" * 2000)))
    assert (outcome.client, outcome.reply.status, len(outcome.planned)) == ("Measurement Protocol", 204, 1)


def test_the_answer_of_the_validator_is_the_pages(container: Container) -> None:
    outcome = run(container, hit_from_json(sent(commands()[1], path="/debug/mp/collect")))
    [shown] = re.findall(r"^    (\{\"validationMessages.*?\]\})$", PAGE, re.MULTILINE | re.DOTALL)
    assert json.loads(outcome.reply.body) == json.loads(shown)
    assert (outcome.reply.status, outcome.planned) == (200, ())
