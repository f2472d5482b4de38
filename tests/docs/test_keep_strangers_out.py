"""The container of the how-to does what the page says: only the backend's orders fire."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from container.config.registry import discover
from container.engine.container import Container
from container.engine.run import run
from container.event import Hit
from tests.containers_of import container_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "keep-strangers-out.md"
BROWSER = "v=2&tid=G-ABC123XYZ9&cid=1&gcs=G111&dl=https%3A%2F%2Fshop.example&en=purchase&epn.value=9"
ORDER = (
    b'{"client_id": "1.2", "consent": {"ad_user_data": "GRANTED", "ad_personalization": "GRANTED"}, "events": '
    b'[{"name": "purchase", "params": {"currency": "EUR", "value": 20, "page_location": "https://www.shop.example/"}}]}'
)


def of_the_page() -> Container:
    found = re.search(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return container_of(found[1], discover(), lambda _: "a-secret")


@pytest.mark.parametrize(
    ("path", "query", "body", "status", "fires"),
    [
        ("/mp/collect", "measurement_id=G-ABC123XYZ9&api_secret=a-secret", ORDER, 204, True),
        ("/mp/collect", "measurement_id=G-ABC123XYZ9&api_secret=guessed", ORDER, 401, False),
        ("/mp/collect", "measurement_id=G-OTHER&api_secret=a-secret", ORDER, 404, False),
        ("/g/collect", BROWSER, b"", 204, False),
        ("/g/collect", BROWSER.replace("G-ABC123XYZ9", "G-OTHER"), b"", 404, False),
    ],
)
def test_a_purchase_counts_only_from_whoever_knows_the_secret(
    path: str, query: str, body: bytes, status: int, *, fires: bool
) -> None:
    outcome = run(
        of_the_page(), Hit(bytes(16), 1_763_640_001_410, "POST", path, query, {"host": "t.shop.example"}, body)
    )
    assert (outcome.reply.status, bool(outcome.fired)) == (status, fires)
