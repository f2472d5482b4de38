"""The pages of the queue: the lanes, one lane with its rows, one row. They show, and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import get_args

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from container.delivery.outcomes import RequestOutcome
from container.delivery.row import Reason
from container.delivery.selection import PLACES, Place, RowDetail, Selection
from container.delivery.store import LaneReport, Store, StoreError
from container.web.health import Health, attention, fill_reasons
from container.web.pages import Pages
from container.web.queue_words import Standing, advice_on, standing

LANES_ON_A_PAGE, ROWS_ON_A_PAGE = 100, 50
SHOWN_WITHIN_SECONDS = 5.0
"""A page and `/metrics` show what else they know after so long."""

FEW_OUTCOMES, MANY_OUTCOMES = 20, 100

GONE = "There is no such row: it was delivered, replayed or dropped, or there never was one."
_REASONS: tuple[Reason, ...] = get_args(Reason)
_TONES = {"bad": 0, "odd": 1, "good": 2}
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ShownLane:
    """A lane as a line of the overview. `share`: how much of its part of the store it uses."""

    report: LaneReport
    standing: Standing
    share: float
    outcomes: Sequence[RequestOutcome]

    @property
    def needs_somebody(self) -> bool:
        return self.standing.tone != "good" or self.report.dead > 0

    @property
    def urgency(self) -> tuple[int, bool, int]:
        """Those that need somebody come first."""
        return _TONES[self.standing.tone], not self.report.dead, self.report.number


class QueuePages:
    """What can be looked at."""

    def __init__(self, pages: Pages) -> None:
        self._pages, self._admin = pages, pages.admin

    def routes(self) -> list[Route]:
        opened = self._pages.opened
        return [
            Route("/", opened(self._overview)),
            Route("/lanes/{number}", opened(self._lane)),
            Route("/rows/{place}/{number}", opened(self._row)),
            Route("/jobs/{number}", opened(self._job)),
        ]

    async def _overview(self, request: Request) -> Response:
        admin, now = self._admin, self._admin.now
        lanes = await lanes_of(admin.health, admin.store)
        found = sorted(self._shown_lanes(lanes or ()), key=lambda each: each.urgency)
        pages = max(-(-len(found) // LANES_ON_A_PAGE), 1)
        page = min(max(number_of(request.query_params.get("page", "")) or 1, 1), pages)
        return await self._pages.shown(
            request,
            "admin.html",
            status=200 if lanes is not None else 503,
            notice=admin.current.notice,
            reasons=[*admin.health.reasons(), *fill_reasons(admin.store.fill)],
            attention=attention(admin.current, admin.health, (), now=now),
            lanes=None if lanes is None else found,
            shown=found[(page - 1) * LANES_ON_A_PAGE : page * LANES_ON_A_PAGE],
            needy=sum(each.needs_somebody for each in found),
            page=page,
            pages=pages,
            fill=admin.store.fill,
            job=deepcopy(admin.jobs.running),
        )

    def _shown_lanes(self, lanes: Sequence[LaneReport]) -> list[ShownLane]:
        admin, now = self._admin, self._admin.now
        outcomes = admin.outcomes.latest(FEW_OUTCOMES)
        found = []
        for report in lanes:
            share = admin.store.share(report.number)
            stands = standing(report, now=now, share=share)
            found.append(ShownLane(report, stands, share, outcomes.get(report.number, ())))
        return found

    async def _lane(self, request: Request) -> Response:
        admin, query = self._admin, request.query_params
        report = await lane_of(admin.store, request.path_params["number"])
        if report is None:
            return await self._nothing(request, "There is no such lane.")
        place: Place = "waiting" if query.get("place") == "waiting" else "dead"
        reasons = await admin.store.reasons(report.number) if place == "dead" else {}
        stated = query.get("reason", "")
        # Also one that no letter has any more: whoever chose it must not be shown all the others in its place.
        reason = stated if place == "dead" and stated in _REASONS else ""
        before = number_of(query.get("before", ""))
        selection = Selection(place, lane=report.number, reason=reason or None)
        rows = await admin.store.rows(selection, most=ROWS_ON_A_PAGE + 1, before=before)
        shown = rows[:ROWS_ON_A_PAGE]
        newest = shown if before is None else await admin.store.rows(selection, most=1)
        share = admin.store.share(report.number)
        return await self._pages.shown(
            request,
            "lane.html",
            report=report,
            standing=standing(report, now=admin.now, share=share),
            share=share,
            outcomes=admin.outcomes.of_lane(report.number, MANY_OUTCOMES),
            place=place,
            reason=reason,
            reasons=sorted(reasons.items()) if reason or len(reasons) > 1 else (),
            advice=advice_on(reason or (next(iter(reasons)) if len(reasons) == 1 else None)),
            rows=shown,
            before=before,
            older=shown[-1].number if len(rows) > len(shown) else None,
            newest=newest[0].number if newest else 0,
            total=(reasons.get(reason, 0) if reason else report.dead)
            if place == "dead"
            else report.waiting + report.claimed,
        )

    async def _row(self, request: Request) -> Response:
        place, number = place_of(request), number_of(request.path_params["number"])
        detail = await self._admin.store.row(place, number) if place and number else None
        if detail is None:
            return await self._nothing(request, GONE)
        return await shown_row(self._pages, request, detail)

    async def _job(self, request: Request) -> Response:
        number, query = number_of(request.path_params["number"]), request.query_params
        job = None if number is None else self._admin.jobs.get(number)
        if job is None:
            return await self._nothing(
                request, "There is no such job. The latest ones are remembered, until a restart."
            )
        return await self._pages.shown(
            request,
            "job.html",
            job=deepcopy(job),
            lane=number_of(query.get("lane", "")),
            place="waiting" if query.get("place") == "waiting" else "dead",
        )

    async def _nothing(self, request: Request, sentence: str) -> Response:
        return await self._pages.sentence(request, "Nothing here", sentence, status=404)


async def shown_row(pages: Pages, request: Request, detail: RowDetail) -> Response:
    """The page of a row, masked or whole."""
    return await pages.shown(
        request,
        "row.html",
        detail=detail,
        advice=advice_on(detail.report.reason),
        payload=pretty(detail.body),
    )


async def lanes_of(
    health: Health, store: Store, *, answers_within: float = SHOWN_WITHIN_SECONDS
) -> Sequence[LaneReport] | None:
    """The lanes, `None` when the store does not answer: what else is known is still worth showing."""
    try:
        return await health.looks.at("lanes", store.lanes, within=answers_within)
    except (StoreError, TimeoutError):
        return None


async def lane_of(store: Store, stated: str) -> LaneReport | None:
    """The lane of a number in an address."""
    number = number_of(stated)
    return next((report for report in await store.lanes() if report.number == number), None)


def place_of(request: Request) -> Place | None:
    """The place that an address names."""
    return next((place for place in PLACES if place == request.path_params["place"]), None)


def number_of(stated: str) -> int | None:
    """A number that somebody wrote, `None` when it is none that a row could have."""
    if not (stated.isascii() and stated.isdigit()) or len(stated) > len(str(_LAST)):
        return None
    number = int(stated)
    return number if 0 < number <= _LAST else None


def pretty(body: str) -> str:
    """JSON in lines, other text as it is."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body
