"""What the forms of the queue's pages do: pause and resume a lane, replay and drop rows, show a row whole.

Each is a POST with a form of ours. Dropping asks once more, and says how many. What takes long goes on as a job.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from container.delivery.selection import Place, Selection
from container.delivery.store import LaneReport
from container.web.access import Form
from container.web.jobs import BusyError
from container.web.pages import Pages, gone_to
from container.web.queue_pages import GONE, ROWS_ON_A_PAGE, lane_of, number_of, place_of, shown_row

BY = "page"
"""How whoever does something came in, for the log."""


class QueueForms:
    """What can be done."""

    def __init__(self, pages: Pages) -> None:
        self._pages, self._admin = pages, pages.admin

    def routes(self) -> list[Route]:
        changing = self._pages.changing
        return [
            Route("/lanes/{number}/pause", changing(self._pause), methods=["POST"]),
            Route("/lanes/{number}/resume", changing(self._resume), methods=["POST"]),
            Route("/lanes/{number}/act", changing(self._act), methods=["POST"]),
            Route("/rows/{place}/{number}/whole", changing(self._whole), methods=["POST"]),
        ]

    async def _pause(self, request: Request, form: Form) -> Response:
        return await self._set(request, form, paused=True)

    async def _resume(self, request: Request, form: Form) -> Response:
        return await self._set(request, form, paused=False)

    async def _set(self, request: Request, form: Form, *, paused: bool) -> Response:
        number = number_of(request.path_params["number"])
        if number is None or not await self._admin.caretaker.pause(number, paused=paused, by=BY):
            return await self._no_lane(request)
        return gone_to("../../" if form.one("back") == "lanes" else f"../{number}")

    async def _act(self, request: Request, form: Form) -> Response:
        report = await lane_of(self._admin.store, request.path_params["number"])
        if report is None:
            return await self._no_lane(request)
        act, _, every = form.one("act").partition("-")
        selection = _every(form, report) if every == "all" else _chosen(form, report)
        if act not in ("replay", "drop") or every not in ("", "all"):
            return await self._refused(request, "The form does not say what to do.")
        if selection is None:
            return await self._refused(request, "Nothing was selected. Go back, and tick the rows that you mean.")
        if act == "drop" and form.one("confirmed") != "yes":
            return await self._confirm(request, form, report, selection)
        return await self._begun(request, act, report, selection)

    async def _begun(self, request: Request, act: str, report: LaneReport, selection: Selection) -> Response:
        caretaker = self._admin.caretaker
        about = f"lane={report.number}&place={selection.place}"
        try:
            job = caretaker.replay(selection) if act == "replay" else caretaker.drop(selection)
        except BusyError as busy:
            return await self._pages.shown(request, "busy.html", status=409, job=busy.job)
        return gone_to(f"../../jobs/{job.number}?{about}")

    async def _confirm(self, request: Request, form: Form, report: LaneReport, selection: Selection) -> Response:
        number = await self._admin.store.count(selection)
        if not number:
            return await self._refused(
                request, "None of these are there any more: they were delivered, replayed or dropped."
            )
        latest = await self._admin.store.rows(selection, most=ROWS_ON_A_PAGE)
        kept = ("place", "reason", "up_to", "row", "act")
        return await self._pages.shown(
            request,
            "confirm.html",
            report=report,
            number=number,
            place=selection.place,
            reason=selection.reason,
            tags=[*dict.fromkeys(row.tag or "not readable" for row in latest)],
            looked_at=len(latest),
            fields=[(name, value) for name in kept for value in form.all(name)],
        )

    async def _whole(self, request: Request, form: Form) -> Response:
        place, number = place_of(request), number_of(request.path_params["number"])
        found = await self._admin.store.row(place, number) if place and number else None
        # Only the row that was looked at is meant, also when the page is of a folder that was replaced.
        if found is None or place is None or number is None or found.report.id != form.one("id"):
            return await self._pages.sentence(request, "Nothing here", GONE, status=404)
        detail = await self._admin.caretaker.row(place, number, whole=True, by=BY)
        return await shown_row(self._pages, request, detail or found)

    async def _no_lane(self, request: Request) -> Response:
        return await self._pages.sentence(request, "Nothing here", "There is no such lane.", status=404)

    async def _refused(self, request: Request, sentence: str) -> Response:
        return await self._pages.sentence(request, "Nothing was done", sentence, status=400)


def _chosen(form: Form, report: LaneReport) -> Selection | None:
    """The rows that were ticked: each is named with its id, too, since the folder may be another by now."""
    numbers, ids = [], []
    for stated in form.all("row"):
        number, _, row_id = stated.partition(".")
        found = number_of(number)
        if found is not None and row_id:
            numbers.append(found)
            ids.append(row_id)
    if not numbers:
        return None
    return Selection(_place(form), lane=report.number, numbers=tuple(numbers), ids=tuple(ids))


def _every(form: Form, report: LaneReport) -> Selection | None:
    """All rows of the lane that were there when the page was shown, of one reason if one was chosen."""
    newest = number_of(form.one("up_to"))
    if newest is None:
        return None
    return Selection(_place(form), lane=report.number, reason=form.one("reason") or None, up_to=newest)


def _place(form: Form) -> Place:
    return "waiting" if form.one("place") == "waiting" else "dead"
