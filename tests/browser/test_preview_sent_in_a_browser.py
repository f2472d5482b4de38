"""What was sent, by whom, and what the vendor said of it: on the tag's card, in the list, and in the totals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.preview_parts import Desk, looking
from tests.browser.tabs import CHROMIUM, IMAGES, LOOKS, Scheme
from tests.browser.test_preview_in_a_browser import FITS
from tests.preview.page_parts import ANSWER, PURCHASE

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

REASON = "code 40002: a field is wrong: Invalid value for data[0].properties.currency"
REFUSED: dict[str, Any] = {**ANSWER, "verdict": "refused", "reason": REASON}
FAILED: dict[str, Any] = {**ANSWER, "status": 503, "verdict": "retry", "reason": "status 503"}
SILENT: dict[str, Any] = {**ANSWER, "status": None, "verdict": "no_answer", "reason": "no connection"}


async def answered(here: Desk, answer: dict[str, Any]) -> int:
    """A purchase that was sent, and the vendor's answer to it."""
    here.session.mode = "send"
    number = here.bench.keep(here.session, PURCHASE)
    record = here.session.records.get(number)
    assert record is not None
    record["outgoing"][0]["answer"] = answer
    here.session.records.replace(number, record)
    await here.tab.until(f"document.querySelector('[data-number=\"{number}\"]') !== null")
    return number


@pytest.mark.parametrize(
    ("answer", "card", "why", "line", "pill"),
    [
        (ANSWER, "fired, delivered", "", "delivered", "delivered (200)"),
        (
            REFUSED,
            "fired, refused: code 40002: a field is w…",
            f"refused: {REASON}",
            f"refused: {REASON}",
            "refused (200)",
        ),
        (
            FAILED,
            "fired, failed (503)",
            "failed (503): status 503; preview does not try again",
            "failed (503)",
            "failed (503)",
        ),
        (
            SILENT,
            "fired, failed (no answer)",
            "failed (no answer): no connection; preview does not try again",
            "failed (no answer)",
            "failed (no answer)",
        ),
    ],
    ids=["delivered", "refused", "failed", "silent"],
)
def test_a_tag_says_what_its_vendor_said(
    tmp_path: Path, answer: dict[str, Any], card: str, why: str, line: str, pill: str
) -> None:
    tone = "good" if answer is ANSWER else "bad"

    async def work(here: Desk) -> None:
        number = await answered(here, answer)
        assert await here.tab.text(f".hit .line.small .{tone}") == line
        await here.look(number)
        assert await here.tab.text(f".tag .state.{tone}") == card
        if why:
            assert await here.tab.text(".tag .why.bad") == why[0].upper() + why[1:]
        await here.choose("Outgoing")
        assert await here.tab.text(".pill:is(.dry, .send)") == pill
        said = await here.tab.text("#shown")
        assert "Would be sent" not in said
        assert "retry" not in said
        assert ("preview does not try again" in said) is pill.startswith("failed")
        await here.panel("summary")
        await here.tab.until(f"document.querySelector('td .chip.{tone}:last-child') !== null")

    looking(tmp_path, work)


def test_what_a_rule_takes_is_delivered_by_live_and_a_draft_beside_it_sends_nothing(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        first = here.bench.keep(here.session, PURCHASE, source="rule")
        second = here.bench.keep(here.session, PURCHASE, source="rule", draft=True)
        third = here.bench.keep(here.session, PURCHASE)
        await here.tab.until("document.querySelectorAll('.hit').length === 3")
        for number, pill, heading, said in (
            (first, "Delivered by live, as always", "Sent", "The live container delivers this"),
            (second, "What the draft would send; live delivered its own", "Would be sent", "never sends"),
            (third, "Dry run: not sent", "Would be sent", "Choose Test events"),
        ):
            await here.look(number)
            await here.choose("Outgoing")
            await here.tab.until(f"document.querySelector('#shown .pill').innerText === '{pill}'")
            assert await here.tab.text(".sides h3") == heading
            text = await here.tab.text("#shown")
            assert said in text
            assert ("Choose Test events" in text) is (number == third)
        await here.panel("summary")
        await here.tab.until("document.querySelector('#shown').innerText.includes('delivered by live 1')")
        assert "not sent 2" in await here.tab.text("#shown")

    looking(tmp_path, work)


def test_a_preview_that_is_over_lights_no_mode_and_says_where_marked_hits_go(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.tab.until("document.querySelector('#modes input:checked') !== null")
        # The page listens once it shows something that came in.
        here.bench.keep(here.session, PURCHASE)
        await here.tab.until("document.querySelector('.hit') !== null")
        here.bench.sessions.end(here.session)
        await here.tab.until("document.body.dataset.mode === 'over'")
        assert "This preview is over. Marked hits now run live." in await here.tab.text("#strip")
        assert await here.tab.value("document.querySelector('#modes input:checked') === null")
        assert await here.tab.value("document.querySelector('#modes').disabled")

    looking(tmp_path, work)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_what_was_sent_fits_the_screen(tmp_path: Path, size: tuple[int, int], scheme: Scheme) -> None:
    folder = Path(IMAGES) if IMAGES else tmp_path

    async def work(here: Desk) -> None:
        await here.tab.scheme(scheme)

        async def picture(name: str) -> None:
            assert await here.tab.value(FITS), name
            await here.tab.picture(folder / f"preview-{name}-{scheme}-{size[0]}.png")

        here.bench.keep(here.session, PURCHASE, source="rule", draft=True)
        for answer in (ANSWER, FAILED, REFUSED):
            number = await answered(here, answer)
        await picture("sent-list")
        await here.look(number)
        await picture("sent-refused")
        await here.choose("Outgoing")
        await picture("sent-outgoing")
        await here.tab.value("document.querySelector('#back').click()")
        await here.look(1)
        await picture("sent-by-rule")
        here.bench.sessions.end(here.session)
        await here.tab.until("document.body.dataset.mode === 'over'")
        await picture("over")

    looking(tmp_path, work, size=size)
