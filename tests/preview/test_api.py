"""The interface of the preview screen: it tells strangers nothing, and holds no hit back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from container.preview.bench import Json
from container.preview.sessions import Session
from tests.preview.page_parts import PURCHASE, Screen, Workbench
from tests.preview.test_pages import lines_of, with_screen


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"])
def test_a_wrong_method_tells_nobody_without_the_token_what_there_is(tmp_path: Path, method: str) -> None:
    async def work(here: Screen) -> None:
        own, share = here.session.id, here.session.share
        sessions = ("sessions", f"sessions/{own}", f"sessions/{own}/draft")
        for path in ("", "/start", f"/{own}", f"/{own}/mode", f"/{own}/state", *(f"/{each}" for each in sessions)):
            answer = await here.caller.request(method, f"/preview{path}", headers={"authorization": ""})
            assert answer.status_code == 404, path
        if method not in ("GET", "HEAD"):
            assert (await here.caller.request(method, f"/preview/shared/{share}/state")).status_code == 404

    with_screen(tmp_path, work)


class Noting(Workbench):
    """Notes in which threads something is masked."""

    def hide(self, record: Json, session: Session) -> dict[str, Any]:
        self.threads = {*getattr(self, "threads", ()), threading.get_ident()}
        return super().hide(record, session)


def test_nothing_is_masked_where_hits_are_answered(tmp_path: Path) -> None:
    bench = Noting()

    async def work(here: Screen) -> None:
        here.bench.keep(here.session, PURCHASE)
        await here.get("records/1")
        await here.post("compare", {"number": 1})
        await lines_of(here.api.streams.of(here.session), 1)
        assert threading.get_ident() not in bench.threads

    with_screen(tmp_path, work, bench)
