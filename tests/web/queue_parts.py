"""An admin listener over a real store, and somebody who has the token and sends forms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from container.api import Request
from container.delivery.outcomes import Outcomes
from container.delivery.row import Acceptance, Reason, row_of
from container.delivery.selection import Selection
from container.delivery.sqlite import USUAL_LIMITS
from container.delivery.store import Answer, LaneReport, Limits
from container.engine.outcome import Planned
from container.web.access import form_token
from container.web.admin import Admin, admin_app
from tests import canaries
from tests.web.parts import HOOK, NOW, Site, site

TOKEN = "a-token-of-some-length"
THEN = int(NOW * 1000)
REFUSED = Answer(THEN, 400, "refused", "Invalid parameter")


def planned(number: int = 1, request: Request | None = None, **more: Any) -> Planned:
    """What the tag "Hook" wants sent; each number has an id of its own."""
    plain = Request("POST", HOOK, json={"event": "purchase", "value": number, "email": canaries.EMAIL})
    made = Planned(f"{number:032x}", "Hook", "hook", 1, request or plain, "purchase", THEN)
    return made._replace(**more)


@dataclass(frozen=True, slots=True)
class Desk:
    """`caller` has the token, and sends what a browser would."""

    here: Site
    admin: Admin
    caller: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.caller.get(path)

    async def page(self, path: str, *, status: int = 200) -> str:
        answer = await self.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def post(self, path: str, fields: Mapping[str, str | Sequence[str]] | None = None) -> httpx.Response:
        token = form_token(TOKEN, self.admin.clock())
        return await self.caller.post(path, data={"token": token, **(fields or {})})

    async def followed(self, answer: httpx.Response) -> str:
        """The page that a form led to, once the job that it began is done."""
        assert answer.status_code == 303, answer.text
        running = self.admin.jobs.running
        if running is not None:
            await self.admin.jobs.finished(running)
        return await self.page(str(answer.url.join(answer.headers["location"])))

    async def wait(self, *made: Planned) -> None:
        await self.here.store.accept(Acceptance(THEN, [row_of(each, now=THEN) for each in made]))

    async def bury(self, *made: Planned, reason: Reason = "refused", note: str = "Invalid parameter") -> None:
        """These are dead letters, after one attempt."""
        await self.wait(*made)
        for waiting in await self.here.store.waiting():
            while claimed := await self.here.store.claim(waiting.number, now=THEN, most_items=500, ahead=0):
                await self.here.store.bury(claimed, claimed.rows, reason, note=note, now=THEN, tried=REFUSED)

    async def lane(self) -> LaneReport:
        """The only lane."""
        [lane] = await self.here.store.lanes()
        return lane

    async def dead(self) -> list[int]:
        return [row.number for row in await self.here.store.rows(Selection("dead"), most=1000)]


@asynccontextmanager
async def desk(folder: Path, *, limits: Limits = USUAL_LIMITS) -> AsyncIterator[Desk]:
    async with site(folder, store_limits=limits) as here:
        ingest = here.ingest
        known = (ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, TOKEN)
        admin = Admin(*known, clock=lambda: NOW + 90, outcomes=Outcomes())
        transport = httpx.ASGITransport(admin_app(admin))
        headers = {"authorization": f"Bearer {TOKEN}", "sec-fetch-site": "same-origin"}
        async with httpx.AsyncClient(transport=transport, base_url="http://admin.example", headers=headers) as caller:
            yield Desk(here, admin, caller)
        await admin.jobs.close()
