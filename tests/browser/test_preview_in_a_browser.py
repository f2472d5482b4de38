"""An analyst looks at what came in with a real browser: each tab, in light and dark, on a desk and on a telephone."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from container.preview.stream import MOST_GUESTS
from tests.browser.preview_parts import Desk, looking
from tests.browser.tabs import CHROMIUM, IMAGES, LOOKS, Scheme, pictures
from tests.preview.page_parts import DENIED, EMAIL, PURCHASE, STRANGE, TEST_ORDER, live
from tests.web.markup import payloads

TABS = ("Tags", "Variables", "Event Data", "Consent", "Request", "Outgoing", "Conversions", "Console")
PANELS = ("summary", "connect", "compose", "draft")

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

FITS = "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"


async def four(here: Desk) -> None:
    """A purchase that fired, one without consent, a test order, and what no client knows."""
    for hit in (PURCHASE, DENIED, TEST_ORDER, STRANGE):
        here.bench.keep(here.session, hit)
    await here.tab.until("document.querySelectorAll('.hit').length === 4")


def test_each_tab_says_what_it_is_there_for(tmp_path: Path) -> None:
    said = {
        "Tags": ("Fired (1)", "Real Purchase", "Staff"),
        "Variables": ("Order Value", "72.5", 'event data "value"'),
        "Event Data": ("transaction_id", "T-1001", "j...m/16"),
        "Consent": ("ad_user_data", "granted", "gcs"),
        "Request": ("ep.transaction_id", "As it came", "Reply", "204"),
        "Outgoing": ("business-api.tiktok.com", "Dry run: not sent", "${secret:TIKTOK_TOKEN}"),
        "Conversions": ("Match quality", "Click id", "Completeness", 'ttq.track("Purchase"', '"event_id":"T-1001.1"'),
        "Console": ("Nothing to report",),
    }

    async def work(here: Desk) -> None:
        await four(here)
        await here.look(1)
        for tab in TABS:
            await here.choose(tab)
            if tab == "Tags":
                await here.tab.click("details.tag > summary")
            text = await here.tab.text()
            assert [each for each in said[tab] if each not in text] == [], (tab, text)

    looking(tmp_path, work)


def test_the_pixel_line_is_copied_unless_something_in_it_is_masked(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        here.bench.masks = True
        here.bench.keep(here.session, PURCHASE)
        here.bench.keep(here.session, {**PURCHASE, "query": PURCHASE["query"].replace("Trail Shoe", "a@b.example")})
        await here.tab.until("document.querySelectorAll('.hit').length === 2")
        for number, said in ((1, "Copy the line"), (2, "Values are masked here.")):
            await here.look(number)
            await here.choose("Conversions")
            text = await here.tab.text()
            assert [each for each in ("Copy the line", "Values are masked here.") if each in text] == [said]

    looking(tmp_path, work)


def test_a_masked_value_says_how_it_is_masked(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        here.bench.masks = True
        await four(here)
        await here.look(1)
        await here.choose("Event Data")
        assert "Masked: first and last character, then the length." in await here.tab.text()
        titled = "[...document.querySelectorAll('code.value[title^=Masked]')].map((each) => each.textContent)"
        found = await here.tab.value(titled)
        assert "M…)/31" in found
        assert "T-1001" not in found

    looking(tmp_path, work)


def test_why_a_tag_did_not_fire_is_said_in_a_sentence(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await four(here)
        await here.look(2)
        await here.tab.until("document.querySelector('#shown').innerText.includes('Needs ad_storage')")
        assert "blocked by consent" in await here.tab.text()
        await here.look(3)
        await here.tab.until("document.querySelector('#shown').innerText.includes('not triggered')")
        await here.tab.click("details.tag > summary")
        assert "value: TEST-1" in await here.tab.text()
        await here.look(4)
        await here.tab.until("document.querySelector('#shown').innerText.includes('no client took the hit')")

    looking(tmp_path, work)


REASONS = """
version: 1
container: {name: Example Shop, id: SHOP-1}
consent: {default: denied}
clients: {GA4: {type: ga4}}
triggers:
  All Pages: {events: page_view}
  Big Purchase: {events: purchase, when: [{value: "{{ event.value }}", greater_than: 100}]}
  Purchase: {events: purchase}
  Staff: {when: [{variable: IP Address, is_in_network: [198.51.100.0/24]}]}
tags:
"""
NOT_FIRING = {
    "Pixel of large orders": "triggers: [All Pages, Big Purchase], pixel_id: C1EXAMPLEPIXEL000000",
    "Pixel without staff": "triggers: [Purchase], exceptions: [Staff], pixel_id: C1EXAMPLEPIXEL000000",
    "Pixel of last year": "triggers: [Purchase], paused: true, pixel_id: C1EXAMPLEPIXEL000000",
    "Pixel by page": 'triggers: [Purchase], pixel_id: "{{ event.pixel }}"',
    "Pixel of the shop": "triggers: [Purchase], pixel_id: C2EXAMPLEPIXEL000000",
}
EVERY_TAG = "type: tiktok_events_api, access_token: '${secret:TIKTOK_TOKEN}', browser: {pixel: true}"


def test_why_a_tag_did_not_fire_is_read_without_opening_it(tmp_path: Path) -> None:
    said = {
        "Pixel of large orders": 'not triggered|Trigger "Big Purchase" does not hold: {{ event.value }} is 72.5, which',
        "Pixel without staff": 'blocked by an exception|Exception "Staff" holds: the event is "purchase" and IP',
        "Pixel of last year": "paused|The tag is paused",
        "Pixel by page": "blocked by consent|Needs ad_storage",
        "Pixel of the shop": "blocked by consent|Needs ad_storage, which is denied (gcs)",
    }

    async def tag_says(here: Desk, tag: str, words: str) -> None:
        summary = here.tab.page.locator("details.tag > summary").filter(has_text=tag)
        shown = (await summary.inner_text()).replace("\u00a0", " ")
        assert [each for each in words.split("|") if each not in shown] == [], shown

    async def work(here: Desk) -> None:
        tags = "".join(f"  {name}: {{{EVERY_TAG}, {more}}}\n" for name, more in NOT_FIRING.items())
        here.bench.file, here.bench.masks = live(REASONS + tags), True
        here.bench.keep(here.session, {**PURCHASE, "query": PURCHASE["query"].replace("gcs=G111", "gcs=G100")})
        await here.look(1)
        await here.tab.until_says("Not fired (5)")
        await pictures(here.tab, "reasons")
        for tag, words in said.items():
            await tag_says(here, tag, words)

        common, purchase = PURCHASE["query"].split("&en=")
        twice = "\n".join([f"en={purchase}"] * 2)
        here.bench.keep(here.session, {**PURCHASE, "query": common, "body": twice})
        await here.look(2, 1)
        await here.tab.until_says("request 2")
        await tag_says(
            here, "Pixel by page", 'incomplete|No value for "pixel_id", which the tag needs: {{ event.pixel }}'
        )
        await tag_says(
            here, "Pixel of the shop", "duplicate|A copy of an event that was seen within 48h, with the event ID"
        )

        number = here.bench.keep(here.session, PURCHASE)
        old = here.session.records.get(number)
        assert old is not None
        old["outgoing"][0]["why"] = "the event is older than what the vendor takes"
        here.session.records.replace(number, old)
        await here.look(3)
        await here.tab.until_says("the event is older")
        await tag_says(here, "Pixel of the shop", "fired|older than what the vendor takes")

    looking(tmp_path, work)


def test_revealing_shows_what_was_masked(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await four(here)
        await here.look(1)
        await here.choose("Event Data")
        assert EMAIL not in await here.tab.text()
        await here.tab.click(".masks button")
        await here.tab.until("document.querySelector('.masks').innerText.includes('Mask it again')")
        assert EMAIL in await here.tab.text()

    looking(tmp_path, work)


def test_the_mode_is_always_to_be_seen_and_changed_by_one_click(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.tab.until("document.body.dataset.mode === 'dry'")
        assert "no vendor is called" in await here.tab.text("#strip")
        await here.tab.click(".modes .test")
        await here.tab.until("document.body.dataset.mode === 'test'")
        assert here.session.mode == "test"
        await four(here)
        await here.look(1)
        await here.choose("Outgoing")
        assert "183 ms" in await here.tab.text()
        assert "test codes" in await here.tab.text("#strip")

    looking(tmp_path, work)


def test_the_list_is_searched_sifted_paused_and_cleared(tmp_path: Path) -> None:
    visible = "[...document.querySelectorAll('.hit')].filter(each => !each.hidden).length"

    async def work(here: Desk) -> None:
        await four(here)
        await here.tab.click("#search")
        await here.tab.page.keyboard.insert_text("page_view")
        await here.tab.until(f"{visible} === 1")
        await here.tab.value("document.querySelector('#search').value = ''")
        await here.tab.value("document.querySelector('#filter').value = 'fired'")
        await here.tab.value("document.querySelector('#filter').dispatchEvent(new Event('change'))")
        assert await here.tab.value(visible) == 1
        await here.tab.value("document.querySelector('#filter').value = ''")
        await here.tab.value("document.querySelector('#filter').dispatchEvent(new Event('change'))")
        await here.tab.click("#pause")
        here.bench.keep(here.session, PURCHASE)
        await here.tab.until("document.querySelector('#count').innerText.includes('1 more during the pause')")
        await here.tab.click("#pause")
        await here.tab.until(f"{visible} === 5")
        await here.tab.click("#clear")
        await here.tab.until(f"{visible} === 0")
        assert "Waiting for requests" in await here.tab.text("#empty")

    looking(tmp_path, work)


def test_everything_is_reached_with_the_keys(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await four(here)
        await here.tab.key("j")
        await here.tab.until("document.querySelector('#shown h2')?.innerText.includes('request 4')")
        await here.tab.key("j")
        await here.tab.until("document.querySelector('#shown h2')?.innerText.includes('request 3')")
        await here.tab.key("6")
        await here.tab.until("document.querySelector('[aria-selected=true]').dataset.tab === 'Outgoing'")
        await here.tab.value("document.querySelector('[aria-selected=true]').focus()")
        await here.tab.key("ArrowRight")
        await here.tab.until("document.activeElement.dataset.tab === 'Conversions'")
        await here.tab.key("/")
        assert await here.tab.value("document.activeElement.id") == "search"
        await here.tab.key("Escape")
        assert await here.tab.value("document.activeElement.id") != "search"
        await here.tab.key("p")
        assert await here.tab.text("#pause") == "Resume"

    looking(tmp_path, work)


def test_a_draft_shows_its_problems_in_place_and_then_runs(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("draft")
        await here.tab.until("document.querySelector('textarea.file') !== null")
        await here.tab.value("document.querySelector('textarea.file').value += '\\nnothing: 1\\n'")
        await here.tab.click(".draft .buttons button")
        await here.tab.until("document.querySelector('.problems') !== null")
        assert "unknown-key" in await here.tab.text(".problems")
        await here.tab.value("(t => t.value = t.value.replace('\\nnothing: 1\\n', '').replace('TEST-', 'DRY-'))"
                             "(document.querySelector('textarea.file'))")  # fmt: skip
        await here.tab.click(".draft .buttons button")
        await here.tab.until("document.querySelector('#runs').innerText === 'of a draft'")
        await here.tab.until("document.querySelector('#shown').innerText.includes('Real Purchase')")
        here.bench.keep(here.session, TEST_ORDER)
        await here.look(1)
        await here.tab.until("document.querySelector('#shown').innerText.includes('Fired (1)')")
        await here.tab.click("[title^='What live and draft']")
        await here.tab.until("document.querySelector('#shown').innerText.includes('differs')")

    looking(tmp_path, work)


def test_a_hit_is_sent_by_hand_and_shown(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("compose")
        await here.tab.click("#shown form .buttons button")
        await here.tab.until("document.querySelector('#shown h2')?.innerText.includes('purchase')")
        assert "Fired (1)" in await here.tab.text()

    looking(tmp_path, work)


COMPOSED = "document.querySelector('#shown form textarea')"
DRAFT = "document.querySelector('textarea.file')"


def test_a_hit_by_hand_is_kept_for_who_looks_at_what_came_of_it(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("compose")
        await here.tab.first("#shown form textarea").fill("v=2\n&en=mine")
        await here.tab.page.get_by_role("button", name="Run it", exact=True).click()
        await here.tab.until("document.querySelector('#shown h2') !== null")
        await here.panel("compose")
        assert await here.tab.value(f"{COMPOSED}.value") == "v=2\n&en=mine"

    looking(tmp_path, work)


def test_an_answer_that_comes_late_takes_nobody_away_from_another_panel(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        here.session.mode = "send"
        number = here.bench.keep(here.session, PURCHASE)
        await here.look(number)
        await here.panel("compose")
        await here.tab.first("#shown form textarea").fill("v=2&en=mine")
        record = here.session.records.get(number)
        assert record is not None
        record["outgoing"][0]["answer"]["verdict"] = "refused"
        async with here.tab.page.expect_response(lambda answer: answer.url.endswith(f"/records/{number}")):
            here.session.records.replace(number, record)
        await here.tab.until("document.querySelector('.hit.failed') !== null")
        assert await here.tab.value(f"{COMPOSED}.value") == "v=2&en=mine"
        await here.panel("event")
        await here.choose("Outgoing")
        await here.tab.until_says("refused (200)")

    looking(tmp_path, work)


def test_what_is_typed_while_a_draft_is_read_is_not_lost_and_not_published(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("draft")
        text = here.bench.text(here.session).replace("TEST-", "DRY-")
        await here.tab.first("textarea.file").fill(text)
        here.bench.reads.clear()
        async with here.tab.page.expect_request("**/draft"):
            await here.tab.page.get_by_role("button", name="Use this draft").click()
        await here.tab.first("textarea.file").fill(f"{text}# more\n")
        here.bench.reads.set()
        await here.tab.until_says("The text has changed. Use it first.")
        await here.panel("summary")
        await here.panel("draft")
        assert await here.tab.value(f"{DRAFT}.value") == f"{text}# more\n"
        await here.tab.page.get_by_role("button", name="Use this draft").click()
        await here.tab.page.get_by_role("button", name="Publish the draft").click()
        await here.tab.page.get_by_role("button", name="Publish", exact=True).click()
        await here.tab.until_says("The draft is live.", within=".toast")
        assert here.bench.published == [f"{text}# more\n"]

    looking(tmp_path, work)


def test_a_file_is_chosen_again_once_it_was_changed_and_one_that_is_no_text_is_not_used(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("draft")
        text = here.bench.text(here.session).replace("TEST-", "DRY-")
        file = tmp_path / "mine.yaml"
        file.write_bytes(text.encode())
        await here.tab.page.set_input_files("#file", file)
        await here.tab.until_says("The draft is used", within=".toast")
        assert await here.tab.value("document.querySelector('#file').value") == ""
        file.write_bytes(b"# \xff\n" + text.encode())
        await here.tab.page.set_input_files("#file", file)
        await here.tab.until_says("is not text in UTF-8", within=".toast")
        assert here.bench.text(here.session) == text

    looking(tmp_path, work)


def test_who_presses_a_button_while_the_server_is_away_is_told(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.panel("draft")
        await here.tab.page.route("**/draft", lambda route: route.abort())
        await here.tab.first("textarea.file").fill("version: 1\n")
        await here.tab.page.get_by_role("button", name="Use this draft").click()
        await here.tab.until_says("The server cannot be reached", within=".toast")
        assert await here.tab.value(f"{DRAFT}.value") == "version: 1\n"
        # The browser says so too, as it has to.
        here.tab.said.clear()

    looking(tmp_path, work)


def test_who_only_looks_on_sees_the_same_and_changes_nothing(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        await here.open(f"/shared/{here.session.share}")
        await four(here)
        await here.look(1)
        assert "Fired (1)" in await here.tab.text()
        assert await here.tab.text("#mode") == "Dry run"
        assert "You look on at a dry run" in await here.tab.text("#strip")
        changes = "#modes, #clear, .masks button, [data-panel=draft], input[type=radio]"
        assert await here.tab.page.locator(changes).count() == 0

    looking(tmp_path, work)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_each_tab_fits_its_screen(tmp_path: Path, size: tuple[int, int], scheme: Scheme) -> None:
    folder = Path(IMAGES) if IMAGES else tmp_path

    async def work(here: Desk) -> None:
        await here.tab.scheme(scheme)
        here.bench.masks = True
        await four(here)
        pictures = []

        async def picture(name: str) -> None:
            assert await here.tab.value(FITS), name
            pictures.append(f"preview-{name.lower().replace(' ', '-')}-{scheme}-{size[0]}.png")
            await here.tab.picture(folder / pictures[-1])

        await here.tab.until("document.querySelector('.figures dd').textContent === '4'")
        await picture("list")
        await here.look(1)
        for tab in TABS:
            await here.choose(tab)
            if tab == "Tags":
                await here.tab.click("details.tag > summary")
            await picture(tab)
        for panel in PANELS:
            await here.panel(panel)
            await picture(panel)
        assert len(pictures) == 1 + len(TABS) + len(PANELS)

    looking(tmp_path, work, size=size)


def hostile(value: str) -> dict[str, Any]:
    """A record with the value in every field, as name and as value."""
    pairs, text = [[value, value]], {value: value, "~": [value, {value: value}]}
    condition: dict[str, Any] = {"text": value, "holds": False, "value": value, "notes": [value], "members": None}
    trigger: dict[str, Any] = {
        "name": value,
        "hears": False,
        "events": [value],
        "holds": False,
        "conditions": [condition],
    }
    consent = {"type": value, "granted": False, "source": value}
    change = {"key": value, "change": value, "before": value, "after": text}
    step: dict[str, Any] = {
        "name": value,
        "type": value,
        "applied": True,
        "changes": [change],
        "conditions": [],
        "notes": [value],
    }
    setting = {"field": value, "written": value, "from": value, "value": text, "notes": [value]}
    request: dict[str, Any] = {
        "method": value,
        "url": value,
        "headers": {value: value},
        "json": {"data": [{"event": value}]},
    }
    request["json"]["data"][0] |= {"event_id": value, "user": {"email": value}, "properties": text}
    tag: dict[str, Any] = {"tag": value, "type": "tiktok_events_api", "status": value, "why": value, "notes": [value]}
    tag |= {"settings": [setting], "triggers": [trigger], "exceptions": [trigger], "consent": [consent]}
    tag |= {"view": {"transformations": [step], "name": value, "data": text}, "identifiers": [value, "email"]}
    tag |= {"requests": [request]}
    variable = {"name": value, "type": value, "value": text, "kind": value, "from": value, "notes": [value]}
    event: dict[str, Any] = {
        "name": value,
        "data": text,
        "consent": {value: {"granted": True, "source": value}},
        "tags": [tag],
    }
    event |= {"sender_id": value, "event_id_source": value, "variables": [{**variable, "seen_by": [value]}]}
    cookie = {"name": value, "value": value, value: value}
    reply = {"status": 200, "headers": pairs, "cookies": [cookie], "body": value}
    answer = {
        "status": 200,
        "headers": pairs,
        "body": value,
        "seconds": 1,
        "attempt": 1,
        "verdict": value,
        "reason": value,
    }
    sent = {"tag": value, "event": value, "mode": value, "method": value, "url": value, "headers": pairs, "body": value}
    hit = {
        "method": value,
        "path": value,
        "query": f"{quote(value, safe='')}={quote(value, safe='')}",
        "headers": pairs,
        "body": value,
        "ip": value,
    }
    record: dict[str, Any] = {
        "at": 1,
        "source": value,
        "mode": "dry",
        "draft": True,
        "hit": hit,
        "reply": reply,
        "console": [value],
    }
    record |= {"outgoing": [{**sent, "why": value, "answer": answer}, {**sent, "answer": None, "why": value}]}
    return record | {"told": {"client": value, "why": value, "reply": reply, "events": [event]}}


def test_no_payload_in_any_field_is_more_than_text(tmp_path: Path) -> None:
    # All tabs in one go: a question of the browser for each would take a minute and a half.
    in_each_tab = """async (tabs) => {
        const found = {};
        for (const tab of tabs) {
            document.querySelector(`[data-tab="${tab}"]`).click();
            while (document.querySelector('[aria-selected=true]').dataset.tab !== tab)
                await new Promise((done) => setTimeout(done, 5));
            const all = [...document.querySelectorAll('#shown *, #hits *')];
            found[tab] = [
                document.querySelector('#shown').textContent,
                all.map((each) => each.tagName).join(),
                all.flatMap((each) => each.getAttributeNames()).sort().join(),
            ];
        }
        return found;
    }"""
    listening = """
        globalThis.heard = [];
        document.addEventListener('securitypolicyviolation', (event) => heard.push(event.violatedDirective));
        globalThis.alert = () => heard.push('alert');
        null;  // Playwright calls what an expression is, if that is a function
    """
    values = ["plain words", *payloads()]

    async def work(here: Desk) -> None:
        await here.tab.value(listening)
        expected: dict[str, list[str]] = {}
        for value in values:
            here.session.records.clear()
            number = here.session.records.add(hostile(value))
            await here.tab.until(f"document.querySelectorAll('.hit').length === 1 && "
                                 f"document.querySelector('[data-number=\"{number}\"]') !== null")  # fmt: skip
            await here.tab.value(f"document.querySelector('[data-number=\"{number}\"]').click()")
            await here.tab.until(f"document.querySelector('#shown h2 small')?.innerText.includes('request {number},')")
            found = await here.tab.call(in_each_tab, TABS)
            assert found.keys() == set(TABS)
            for tab, (text, *made_of) in found.items():
                assert value.strip()[:8] in text, (tab, value)
                assert made_of == expected.setdefault(tab, made_of), (tab, value)
        assert await here.tab.value("JSON.stringify(heard)") == json.dumps([])
        assert await here.tab.value("location.pathname") == f"/preview/{here.session.id}"

    looking(tmp_path, work)


def test_a_page_to_look_on_for_which_there_is_no_place_says_so(tmp_path: Path) -> None:
    async def work(here: Desk) -> None:
        with ExitStack() as seats:
            for _ in range(MOST_GUESTS):
                seats.enter_context(here.api.streams.seat(here.session, guest=True))
            await here.open(f"/shared/{here.session.share}")
            await here.tab.until("document.querySelector('#strip').innerText.includes('5 pages look on')")
            here.tab.said.clear()  # the browser notes that the stream was answered with 503
        await here.open(f"/shared/{here.session.share}")
        await here.tab.until("document.querySelector('#strip').innerText.includes('no vendor is called')")

    looking(tmp_path, work)
