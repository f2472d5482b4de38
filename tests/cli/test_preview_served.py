"""`preview` and `serve`, each in a process of its own: from a draft on the disk to a browser that is marked."""

from __future__ import annotations

import re
import signal
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, command, following, serving, surroundings

TOKEN = "the-admin-token-of-a-test"
ENVIRONMENT = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}


def asked(method: str, address: str, **headers: str) -> tuple[int, str, str]:
    """Status, body, and what is set as a cookie."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("set-cookie", "")
    finally:
        connection.close()


@pytest.mark.slow
def test_a_draft_is_previewed_until_its_server_stops(tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(FILE.replace("browser: {pixel: true}", "browser: {pixel: false}"), encoding="utf-8")
    with serving(tmp_path / "server", environment=ENVIRONMENT) as server:
        process = subprocess.Popen(
            command("preview", str(draft), "--server", server.admin, "--watch"),
            env=surroundings({**ENVIRONMENT, "PYTHONUNBUFFERED": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with following(process) as watching:
            link = watching.wait_for(r"Mark your browser:  (\S+)")[1]
            watching.wait_for(r"Watching the file")
            assert link.startswith(f"{server.public}/_preview/")
            # A messenger looks first; then somebody opens it, and presses the button.
            for _ in range(2):
                status, page, cookie = asked("GET", link)
                assert (status, cookie) == (200, "")
                assert "<button>" in page
            assert asked("POST", link, sec_fetch_site="cross-site")[0] == 403
            status, page, cookie = asked("POST", link, sec_fetch_site="same-origin")
            assert (status, page) == (303, "")
            assert asked("GET", link)[0] == 404
            mark = re.match(r"tc_preview=[^;]+", cookie)
            assert mark is not None
            assert "Preview is on in this browser" in asked("GET", f"{server.public}/_preview/", cookie=mark[0])[1]
            assert asked("GET", f"{server.public}/g/collect?{PURCHASE}", cookie=mark[0])[0] < 300
            metrics = asked("GET", f"{server.admin}/metrics")[1]
            assert 'tag_container_preview_hits_total{result="marked"} 1.0' in metrics
            assert "tag_container_hits_accepted_total 0.0" in metrics

            draft.write_text("version: 1\ntags: [\n", encoding="utf-8")
            watching.wait_for(r"what ran before goes on")
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(PATIENCE_SECONDS)
            watching.wait_for(r"nobody answers at ")
            watching.wait_for(r"The file is still watched")
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)
            watching.wait_for(r"The session goes on for (2 hours|1 hour \d+ minutes), and longer while it is used")
        assert process.returncode == 0
