"""`/healthy` and `/ready`: the process lives, and may get traffic; and each reason is in the documentation."""

from __future__ import annotations

import asyncio
import re
import time
import typing
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from container.delivery.lane import Lane
from container.delivery.levels import ADMITTED_BELOW, NEARLY_FULL
from container.delivery.remedies import SILENT
from container.delivery.store import Answer, LaneReport, LaneState, Mode, StoreUnavailableError
from container.delivery.store import Limits as StoreLimits
from container.web.admin import Admin, admin_app
from container.web.app import public_app
from container.web.current import Refusal
from container.web.health import ANSWERS_WITHIN_SECONDS, Health, fill_reason, lane_reasons, not_ready
from container.web.looks import Looks
from tests.cli.processes import ROOT
from tests.web.parts import NOW, Call, Site, ask, everything_noticed, run, site
from tests.web.test_admin import BEARER, look

PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
TOKEN = "a-token-of-the-admin"
Spoil = Callable[[Site], None]


def listed() -> dict[str, str]:
    """What the documentation says is answered, by reason."""
    part = PAGE.split("\n## When is it ready\n")[1].split("\n## ")[0]
    rows = part[part.index("\n| ") :].split("\n\n")[0].strip().splitlines()[2:]
    return {reason.strip(): answer.strip() for reason, answer, _ in (row.strip("|").split("|", 2) for row in rows)}


def fits(said: str, reason: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in reason.rstrip(" .").split("…"))
    return re.match(pattern, said) is not None


def documented(said: str) -> str:
    """The answer that the documentation names for a sentence, of the reason that fits it best."""
    found = [reason for reason in listed() if fits(said, reason)]
    assert found, said
    return listed()[max(found, key=len)]


async def ready(here: Site, *, token: str = TOKEN) -> tuple[int, Sequence[str]]:
    ingest = here.ingest
    admin = Admin(ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, TOKEN, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(admin_app(admin)), base_url="http://a") as caller:
        answer = await caller.get("/ready", headers={"authorization": f"Bearer {token}"} if token else {})
        return answer.status_code, answer.json().get("reasons", ())


def shutting_down(here: Site) -> None:
    here.ingest.health.draining = True


def unwritable(here: Site) -> None:
    here.ingest.health.store_failed("no space is left for deliveries")


def worker_in_trouble(here: Site) -> None:
    here.ingest.health.trouble = lambda: "no space is left for deliveries"


def silent(here: Site) -> None:
    async def fail() -> typing.Any:
        raise StoreUnavailableError("the store is closed")

    here.store.waiting = fail  # type: ignore[method-assign]  # as if its disk were gone


def refused(here: Site) -> None:
    here.ingest.current.refusal = Refusal(1, "container.yaml", "container.yaml:1:1: error[x] No.")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [(shutting_down, 503), (unwritable, 503), (worker_in_trouble, 503), (silent, 503), (refused, 200)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_wrong_is_said_and_answered_as_the_documentation_has_it(
    tmp_path: Path, spoil: Spoil, expected: int
) -> None:
    async def work() -> tuple[int, Sequence[str]]:
        async with site(tmp_path) as here:
            assert await ready(here) == (200, [])
            spoil(here)
            assert await ready(here, token="") == (expected, ())
            return await ready(here)

    status, [said] = run(work())
    assert status == expected
    assert documented(said) == str(expected)


@pytest.mark.parametrize("spoil", [shutting_down, unwritable, worker_in_trouble, silent, refused])
def test_the_metric_is_what_ready_says(tmp_path: Path, spoil: Spoil) -> None:
    async def work() -> None:
        async with site(tmp_path) as here:
            assert await metric(here) == 1
            spoil(here)
            status, _ = await ready(here)
            assert await metric(here) == int(status == 200)

    run(work())


def test_the_metric_says_so_too_when_the_store_is_nearly_full(tmp_path: Path) -> None:
    async def work() -> None:
        async with site(tmp_path, store_limits=StoreLimits(most_rows=10, lane_share=1.0)) as here:
            while here.store.fill < NEARLY_FULL:
                assert await metric(here) == 1
                await here.ask()
            assert (await ready(here))[0] == 503
            assert await metric(here) == 0

    run(work())


async def metric(here: Site) -> float:
    """`tag_container_ready`."""
    ingest = here.ingest
    admin = Admin(ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, TOKEN, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(admin_app(admin)), base_url="http://a") as caller:
        text = (await caller.get("/metrics")).text
    [found] = re.findall(r"^tag_container_ready (\S+)$", text, re.MULTILINE)
    return float(found)


@pytest.mark.parametrize("fill", [NEARLY_FULL, ADMITTED_BELOW[1], 0.99, 1.0])
def test_a_store_that_fills_up_is_a_reason_and_documented(tmp_path: Path, fill: float) -> None:
    assert documented(fill_reason(fill)) == "503"


def test_a_store_that_hangs_makes_nobody_wait(tmp_path: Path) -> None:
    async def work() -> Sequence[str]:
        async with site(tmp_path) as here:

            async def hang() -> typing.Any:
                await asyncio.Event().wait()

            here.store.waiting = hang  # type: ignore[method-assign]  # as if its disk were
            assert await not_ready(Health(spools=True), here.store, answers_within=0.01) == []
            return await not_ready(Health(), here.store, answers_within=0.01)

    [said] = run(work())
    assert said == "The store does not answer (nothing within 0.01 s)."
    assert documented(said) == "503"


def test_a_store_that_hangs_is_asked_once_and_answers_a_probe_within_its_second(tmp_path: Path) -> None:
    async def work() -> tuple[int, list[httpx.Response], float]:
        async with site(tmp_path) as here:
            asked: list[str] = []

            def hanging(kind: str) -> typing.Any:
                async def hang() -> typing.Any:
                    asked.append(kind)
                    await asyncio.Event().wait()

                return hang

            here.store.waiting, here.store.lanes = hanging("waiting"), hanging("lanes")  # type: ignore[method-assign]
            begun = time.monotonic()
            found = await asyncio.gather(*(look(here, "/ready", BEARER) for _ in range(3)))
            took = time.monotonic() - begun
            return len(asked), [*found, await look(here, "/ready")], took

    asked, found, took = run(work())
    assert asked == 2
    assert [each.status_code for each in found] == [503] * 4
    assert found[0].json()["reasons"] == ["The store does not answer (nothing within 0.8 s)."]
    assert ANSWERS_WITHIN_SECONDS < 1
    # Not one after the other, on a machine that is busy.
    assert took < 6 * ANSWERS_WITHIN_SECONDS


def test_what_hits_found_is_said_once_and_nobody_is_asked(tmp_path: Path) -> None:
    async def work() -> Sequence[str]:
        async with site(tmp_path) as here:
            await here.store.close()
            health = Health(trouble=lambda: SILENT)
            return await not_ready(health, here.store)

    advice = "Look at the address in --store, and whether the database runs."
    assert run(work()) == [f"The store does not take deliveries (the database does not answer). {advice}"]


def test_a_look_that_fails_after_its_time_troubles_nobody() -> None:
    async def work() -> list[str]:
        looks, over = Looks(), asyncio.Event()

        async def fail() -> str:
            await over.wait()
            raise StoreUnavailableError("late")

        async def answer() -> str:
            return "there"

        with pytest.raises(TimeoutError):
            await looks.at("any", fail, within=0.001)
        over.set()
        with pytest.raises(StoreUnavailableError):
            await looks.at("any", fail, within=60)
        return [await looks.at("any", answer, within=60), await looks.at("other", answer, within=60)]

    assert run(work()) == ["there", "there"]


def test_whatever_needs_somebody_is_documented_and_no_reason_to_send_no_traffic() -> None:
    noticed = everything_noticed()
    modes = [mode for mode in typing.get_args(Mode) if mode != "open"]
    lane = LaneReport(1, Lane("hook"), LaneState(), False, 1, 0, 2, 0, Answer(0, 500, "retry", "no"))
    lanes = [replace(lane, state=LaneState(mode), dead=0) for mode in modes]
    lanes += [replace(lane, paused=True), replace(lane, state=LaneState("open", 5, 3))]
    said = [*noticed.sentences(), *lane_reasons(lanes, now=0)]
    assert len(said) == len(noticed.sentences()) + len(lanes) + 2
    assert {documented(sentence) for sentence in said} == {"200"}


@pytest.mark.slow
def test_whether_the_process_lives_is_answered_within_a_second_whatever_the_store_does(tmp_path: Path) -> None:
    async def work() -> float:
        async with site(tmp_path) as here:

            async def never(_: object) -> typing.Any:
                await asyncio.Event().wait()

            application = public_app(replace(here.ingest, accept=never))
            hits = [asyncio.create_task(ask(application, Call())) for _ in range(50)]
            await asyncio.sleep(0)
            begun = time.monotonic()
            answer = await ask(application, Call("/healthy"))
            took = time.monotonic() - begun
            assert answer is not None
            assert (answer.status, answer.body) == (200, b"ok\n")
            for hit in hits:
                hit.cancel()
            await asyncio.gather(*hits, return_exceptions=True)
            return took

    assert run(work()) < 1
