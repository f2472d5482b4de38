"""A further destination brings its table, its payload and its judge: one small file, here of a vendor made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from container.component import Component, component_of
from container.effects import Note, Request, Response, Skip
from container.event import Event, Hit
from container.testing import Case, broken_promises, resolved
from tests.conversion import orchard
from tests.conversion.events import NOW, sha256
from tests.conversion.orchard import OrchardAds, judge, orchard_ads

FILE = Path(__file__).parent / "orchard.py"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-tag.md"
MOST_LINES = 120

SALE = {
    "event_id": "o-1001",
    "event_time": 1_767_261_600,
    "value": 72.5,
    "currency": "gbp",
    "items": [
        {"item_id": "SKU-1", "item_name": "Trail Shoe", "price": 30, "quantity": 2},
        {"item_id": "SKU-2", "price": 12.5},
    ],
    "user_data": {
        "email_address": " Jane.Doe+shop@Example.com",
        "phone_number": "020 7946 0958",
        "address": {"postal_code": "SW1A 1AA", "country": "GB"},
    },
}


def effects_of(data: dict[str, Any], name: str = "purchase", **stated: Any) -> list[Any] | Skip:
    event = Event(name, data, Hit(bytes(16), NOW))
    settings = resolved(OrchardAds, {"account": "OR-1", "token": "${secret:ORCHARD}", **stated}, event)
    assert isinstance(settings, OrchardAds)
    return orchard_ads(settings, event)


def sent(data: dict[str, Any], **stated: Any) -> dict[str, Any]:
    effects = effects_of(data, **stated)
    assert isinstance(effects, list)
    assert isinstance(effects[0], Request)
    found: dict[str, Any] = orjson.loads(orjson.dumps(effects[0].document))["sales"][0]
    return found


def notes_of(data: dict[str, Any]) -> list[str]:
    effects = effects_of(data)
    assert isinstance(effects, list)
    return [effect.text for effect in effects if isinstance(effect, Note)]


def test_it_is_one_small_file_and_the_page_shows_it() -> None:
    written = FILE.read_text(encoding="utf-8")
    assert len(written.splitlines()) <= MOST_LINES
    assert f"```python\n{written}```\n" in PAGE.read_text(encoding="utf-8")


def test_it_keeps_the_contract() -> None:
    found = component_of(orchard_ads)
    assert isinstance(found, Component)
    case = Case(FILE, "A sale.", {"settings": {"account": "1", "token": "${secret:T}"}}, {})
    assert not list(broken_promises(found, [case] * 3))


def test_a_sale_is_sent_in_its_own_words() -> None:
    assert sent(SALE) == {
        "name": "SALE",
        "time": 1_767_261_600,
        "id": "o-1001",
        "person": {
            "country": "gb",
            "zip": sha256("sw1a1aa"),
            "email": sha256("jane.doe+shop@example.com"),
            "phone": [sha256("442079460958")],
        },
        "value": 72.5,
        "currency": "GBP",
        "basket": [{"sku": "SKU-1", "price": 30, "pieces": 2}, {"sku": "SKU-2", "price": 12.5, "pieces": 1}],
    }
    assert notes_of(SALE) == []


def test_a_phone_hash_with_a_plus_is_not_its_own_and_left_out_with_a_note() -> None:
    data = {
        "user_data": {"sha256_phone_number": sha256("+442079460958"), "sha256_email_address": sha256("a@b.example")}
    }
    assert sent(data)["person"] == {"email": sha256("a@b.example")}
    assert notes_of(data) == [
        'a hash under "sha256_phone_number" is left out of "user.phone": Orchard\'s would be another one'
    ]


def test_a_hash_under_a_plain_key_passes() -> None:
    stated = sha256("442079460958")
    assert sent({"user_data": {"phone_number": stated.upper()}})["person"] == {"phone": [stated]}


def test_its_names_come_from_its_table() -> None:
    assert sent({}, event="LEASE")["name"] == "LEASE"
    assert sent({}, event_map={"purchase": "RENT"})["name"] == "RENT"
    assert effects_of({}, "refund") == Skip("Orchard has no event for refunds; event_map can name one")
    assert effects_of({}, "scroll") == Skip('"scroll" is an automatic event of GA4; event_map can name it')


@pytest.mark.parametrize(
    ("response", "kind", "refused"),
    [
        (Response(200, body=b'{"rejected": []}'), "delivered", ()),
        (Response(200, body=b'{"rejected": [1, "x"]}', items=3), "delivered", (1,)),
        (Response(200, body=b"<html>"), "retry", ()),
        (Response(503), "retry", ()),
        (Response(401), "credential", ()),
    ],
)
def test_its_judge_reads_its_answers(response: Response, kind: str, refused: tuple[int, ...]) -> None:
    found = judge(response)
    assert (found.kind, found.refused) == (kind, refused)


def test_it_imports_from_us_the_façade_alone() -> None:
    ours = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line.startswith("from container")]
    assert ours == ["from container.api import ("]
    assert orchard.PROFILE.vendor == "Orchard"
