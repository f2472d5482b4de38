"""`serve --spool`, as an operator meets it: hits are taken while the database is away."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.cli.database import TOKEN, on_database, rows, soon
from tests.cli.processes import FILE, PURCHASE, Serving, run
from tests.delivery.postgres import cluster

pytestmark = pytest.mark.slow


def hit(served: Serving, event: str) -> int:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(f"{served.public}/g/collect?{PURCHASE}&ep.event_id={event}").status_code


def ready(served: Serving) -> tuple[int, str]:
    with httpx.Client(trust_env=False) as caller:
        found = caller.get(f"{served.admin}/ready", headers={"authorization": f"Bearer {TOKEN}"})
        return found.status_code, found.text


def metric(served: Serving, name: str) -> float:
    with httpx.Client(trust_env=False) as caller:
        lines = caller.get(f"{served.admin}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"tag_container_{name}"))


def forgotten(served: Serving) -> str:
    """Why nobody could be forgotten."""
    found: list[str] = []

    def ended() -> bool:
        with httpx.Client(base_url=f"{served.admin}/api/queue", trust_env=False) as caller:
            caller.headers["authorization"] = f"Bearer {TOKEN}"
            number = caller.post("/forget", json={"email": "ada@shop.example"}).json()["job"]["number"]
            job = caller.get(f"/jobs/{number}").json()["job"]
            found.append(str(job["problem"]))
        return str(job["state"]) == "failed"

    soon(ended, True)
    return found[-1]


def test_a_spool_needs_a_database_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", "--spool", folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert found.returncode == 2
    assert "--spool: that needs PostgreSQL" in " ".join(found.stderr.replace("\u2502", " ").split())


def test_hits_are_taken_while_the_database_is_away_and_are_in_it_afterwards(tmp_path: Path) -> None:
    with cluster() as own:
        url = own.database()
        with on_database(tmp_path, url, "--spool") as served:
            assert hit(served, "k1") == 204
            own.kill()
            assert [hit(served, f"k{number}") for number in range(2, 6)] == [204] * 4
            served.wait_for(r"spool\.began reason=")
            soon(lambda: metric(served, "spool_holds"), 1)
            status, text = ready(served)
            assert status == 200
            assert "Hits wait in the spool" in text
            # It stops, and starts without a database.
            assert served.stop() == 0
        with on_database(tmp_path, url, "--spool") as served:
            served.wait_for(r"database\.away reason=")
            assert hit(served, "k6") == 204
            assert ready(served)[0] == 200
            own.start()
            served.wait_for(r"spool\.ended forwarded=5 ")
            assert rows(url) == 6
            assert hit(served, "k6") == 204
            assert rows(url) == 6
            assert metric(served, 'spool_deliveries_total{became="stored"') == 5
            assert "spool" not in ready(served)[1]
            assert served.stop() == 0


def test_workers_have_a_spool_each_and_stay_ready(tmp_path: Path) -> None:
    with cluster() as own:
        url = own.database()
        with on_database(tmp_path, url, "--spool", "--workers", "2", "--no-deliver") as served:
            assert hit(served, "k0") == 204
            own.kill()
            assert [hit(served, f"k{number}") for number in range(1, 21)] == [204] * 20
            soon(lambda: ready(served)[0], 200)
            assert sorted(each.name for each in (tmp_path / "data" / "spool").iterdir()) == ["1", "2"]
            # The process with the admin listener has no spool of its own.
            assert "wait in the spool" in forgotten(served)
            own.start()
            soon(lambda: rows(url), 21)
            soon(lambda: metric(served, "spool_holds"), 0)
            assert served.stop() == 0
