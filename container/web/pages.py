"""What the admin listener knows, and how its pages are made: one layout, everything escaped, every answer guarded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from container.delivery.counters import Counters
from container.delivery.outcomes import Latest, Outcomes
from container.delivery.remedies import advice
from container.delivery.store import Store, StoreError
from container.preview.publishing import Publisher
from container.preview.sessions import Sessions
from container.web.access import GUARDED, Form, Refused, form_token, refusal, sent_form
from container.web.caretaker import Caretaker
from container.web.current import Current
from container.web.health import Health, moment
from container.web.jobs import Jobs
from container.web.metrics import Metrics
from container.web.queue_words import age, grouped, pieces, size_of, tone_of
from container.web.summed import Figures

Handler = Callable[[Request], Awaitable[Response]]
FormHandler = Callable[[Request, Form], Awaitable[Response]]

_HERE = Path(__file__).parent
NOT_DONE: dict[Refused, tuple[int, str]] = {
    "foreign": (403, "The request comes from another site's page, so nothing was done. Only these pages may ask that."),
    "stale": (403, "The page was open for too long, so nothing was done. Go back, load it anew, and try again."),
    "unreadable": (400, "The form cannot be read, so nothing was done."),
}


def _nothing() -> None:
    """Nobody delivers here."""


@dataclass(frozen=True, slots=True)
class Admin:
    """What the admin listener shows. `token` empty: nobody may see the pages. `clock`: Unix time in seconds.

    The current container's notice stands at the top of the page. `wake`: has the worker look at its lanes. `jobs`: long
    work that was begun. `outcomes`: of the latest requests. `folder`: where the store is. `spools`: the folder of the
    spools, where there are any. `others`: the figures of the processes for which this one stands. `publisher`: writes
    the container file, where preview may do that. `previews`: those whose records are in this process alone.
    """

    current: Current
    store: Store
    metrics: Metrics
    health: Health
    counters: Counters
    token: str
    clock: Callable[[], float] = time.time
    wake: Callable[[], None] = _nothing
    jobs: Jobs = field(default_factory=Jobs)
    outcomes: Latest = field(default_factory=Outcomes)
    folder: Path | None = None
    spools: Path | None = None
    others: Callable[[], Sequence[Figures]] = tuple
    publisher: Publisher | None = None
    previews: Sessions | None = None

    @property
    def caretaker(self) -> Caretaker:
        """What looks after deliveries, with the container that is in force."""
        known = (self.wake, lambda: self.now, self.jobs, self.folder, self.spools, self.previews)
        return Caretaker(self.store, lambda: self.current.container, *known)

    @property
    def now(self) -> int:
        """Unix time in milliseconds."""
        return int(self.clock() * 1000)


class Pages:
    """Renders the templates, and lets in who has the token."""

    def __init__(self, admin: Admin) -> None:
        self.admin = admin
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._environment.globals.update(
            age=age, grouped=grouped, moment=moment, percent=_percent, pieces=pieces, size_of=size_of, tone_of=tone_of
        )

    async def shown(self, request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
        """A page from its template. Its links are relative, so that a proxy may mount the pages anywhere.

        A page of a hundred lanes takes a while, in which hits have their turn: nothing in `values` may change.
        """
        admin = self.admin
        values |= {
            "container": admin.current.container,
            "form_token": form_token(admin.token, admin.clock()),
            "now": admin.now,
            "root": "../" * (request.url.path.count("/") - 1),
        }
        text = await asyncio.to_thread(self._rendered, name, values)
        return Response(text, status, GUARDED, "text/html")

    async def sentence(self, request: Request, heading: str, sentence: str, *, status: int) -> Response:
        """A page that says one thing."""
        return await self.shown(request, "sentence.html", status=status, heading=heading, sentence=sentence)

    def opened(self, handler: Handler) -> Handler:
        """The handler for those who have the token. A store that does not answer is told of as a page."""

        async def answer(request: Request) -> Response:
            refused = refusal(request, self.admin.token)
            if refused is not None:
                return refused
            try:
                return await handler(request)
            except StoreError as problem:
                said = f"Nothing was done ({problem}).{advice(str(problem))}"
                return await self.sentence(request, "The store does not answer", said, status=503)

        return answer

    def changing(self, handler: FormHandler) -> Handler:
        """Like `opened`, for what may change something: only a form of ours is carried out."""

        async def answer(request: Request) -> Response:
            form = await sent_form(request, self.admin.token, self.admin.clock())
            if isinstance(form, Form):
                return await handler(request, form)
            status, said = NOT_DONE[form]
            return await self.sentence(request, "Nothing was done", said, status=status)

        return self.opened(answer)

    def _rendered(self, name: str, values: Mapping[str, Any]) -> bytes:
        # Halves of surrogate pairs cannot be written, and what is shown may hold some.
        return self._environment.get_template(name).render(values).encode(errors="replace")


def gone_to(place: str) -> Response:
    """Sends the browser on, so that loading the page anew does not ask for the same again."""
    return RedirectResponse(place, 303, GUARDED)


def _percent(share: float) -> str:
    """`12 %`; what is not nothing is not shown as nothing."""
    return "<1 %" if 0 < share < 0.01 else f"{min(share, 1):.0%}".replace("%", " %")
