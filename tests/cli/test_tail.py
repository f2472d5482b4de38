"""`--tail`: without it no process looks at live traffic, and with it what comes in is delivered as ever."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx

from tests import canaries
from tests.cli.processes import PATIENCE_SECONDS, PURCHASE, serving

TOKEN = "an-admin-token-of-a-test"
ENVIRONMENT = {"SERVED_TOKEN": "the-token-of-the-account", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}


def open_tail(operator: httpx.Client) -> httpx.Response:
    """What the form on the start page is answered with."""
    page = operator.get("/preview").text
    token = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert token is not None, page
    return operator.post("/preview/tail", data={"token": token[1], "percent": "100"})


def test_without_the_flag_the_process_opens_none(tmp_path: Path) -> None:
    with (
        serving(tmp_path, environment=ENVIRONMENT) as served,
        httpx.Client(base_url=served.admin, auth=("ada", TOKEN), trust_env=False) as operator,
    ):
        assert "serve --tail" in operator.get("/preview").text
        answer = open_tail(operator)
        assert answer.status_code == 403
        assert "Start the server with --tail" in answer.text
        assert "Open previews" not in operator.get("/preview").text


def test_with_the_flag_live_hits_are_seen_masked(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--tail", environment=ENVIRONMENT) as served,
        httpx.Client(base_url=served.admin, auth=("ada", TOKEN), trust_env=False) as operator,
        httpx.Client(base_url=served.public, trust_env=False) as visitor,
    ):
        before = visitor.get(f"/g/collect?{PURCHASE}")
        answer = open_tail(operator)
        assert answer.status_code == 303
        base = f"/preview/{answer.headers['location']}"
        after = visitor.get(f"/g/collect?{PURCHASE}")
        assert (after.status_code, after.content) == (before.status_code, before.content)
        shown = operator.get(f"{base}/records/1")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while shown.status_code == 404 and time.monotonic() < deadline:
            time.sleep(0.05)  # the hit was answered before it is looked at
            shown = operator.get(f"{base}/records/1")
        record = shown.json()
        assert record["source"] == "tail"
        assert [tag["status"] for tag in record["told"]["events"][0]["tags"]] == ["fired"]
        assert not canaries.EVERYTHING.within(shown.text)
        assert served.wait_for(r"preview\.tail_started session=\w+ percent=100 by=admin_token")
