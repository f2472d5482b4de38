"""`sandbox`: the stand-in vendors alone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.cli.processes import PATIENCE_SECONDS
from tests.cli.relay import sandbox_process

pytestmark = pytest.mark.slow


def test_the_sandbox_says_where_it_is_and_stops_when_told(tmp_path: Path) -> None:
    process = sandbox_process(tmp_path)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip().removeprefix("The sandbox is at ")
        with httpx.Client(trust_env=False, base_url=address) as caller:
            assert caller.get("/").status_code == 200
            assert caller.get("/received").json()["received"] == []
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
