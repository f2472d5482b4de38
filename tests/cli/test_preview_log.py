"""What the log says of who did what in a preview, so that an operator can tell afterwards."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from container.preview.sessions import IDLE_SECONDS, Sessions
from tests.cli.previewed import BEARER, HIT, TOKEN
from tests.cli.processes import FILE, serving

HIT_BY_HAND = {"method": "GET", "path": "/g/collect", "query": HIT.partition("?")[2], "headers": [], "body": ""}


@pytest.mark.slow
def test_whatever_changes_what_a_preview_does_stands_in_the_log(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "t", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}
    with (
        serving(tmp_path, environment=environment) as served,
        httpx.Client(base_url=served.admin, headers=BEARER, trust_env=False) as admin,
        httpx.Client(base_url=served.public, trust_env=False) as visitor,
    ):
        told = admin.post("/preview/sessions").json()
        page = told["page"]

        def change(what: str, **stated: object) -> int:
            return admin.post(f"{page}/{what}", json=stated).status_code

        assert change("compose", hit=HIT_BY_HAND) == 200
        draft = admin.put(f"/preview/sessions/{told['id']}/draft", content=FILE.replace("TikTok", "Tok").encode())
        version = draft.json()["version"]
        assert change("draft", text="") == 200
        assert change("draft", text="tags: [") == 200
        assert change("rules", rules=[{"path": "/g"}]) == 200
        link = admin.post(f"{page}/link", json={}).json()["path"]
        assert visitor.post(link).status_code == 303
        assert change("mode", mode="test") == 200
        assert change("compose", hit=HIT_BY_HAND) == 200
        assert change("replay", number=1) == 200
        assert served.stop() == 0
    said = [line.partition("INFO preview.")[2] for line in served.lines if "INFO preview." in line]
    of = f"session={told['id']}"
    assert said == [
        f"started {of} by=admin_token",
        f"link_made {of} by=admin_token",
        f"draft {of} version={version} by=admin_token",
        f"draft {of} version=live by=admin_token",
        f"rules {of} count=1 by=admin_token",
        f"link_made {of} by=admin_token",
        f"link_used {of}",
        f"mode {of} mode=test by=admin_token",
        f"composed {of} record=2 mode=test by=admin_token",
        f"replayed {of} record=3 mode=test by=admin_token",
    ]
    assert not any(told["header"]["value"] in line or link in line for line in served.lines)


def test_a_session_that_nobody_uses_is_said_to_have_ended_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sessions = Sessions(lambda _is_open: None)
    one, other = sessions.start(0), sessions.start(0)
    assert sessions.marked(one.mark, IDLE_SECONDS) is None
    sessions.end(other)
    sessions.expire(IDLE_SECONDS)
    assert [each.getMessage() for each in caplog.records] == [f"preview.expired session={one.id}"]
