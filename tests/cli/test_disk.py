"""A server whose disk is full, or begins to refuse: then its files may not grow any more."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import PATIENCE_SECONDS, PURCHASE, Serving, serving
from tests.disks import occupied, small_disk

TOKEN = "a-token-of-the-operator"
SURROUNDINGS = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}


def refuse(served: Serving, *, refusing: bool) -> None:
    """The disk takes no byte more, or takes them again."""
    _, hard = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (0 if refusing else hard, hard))


def hit(served: Serving, caller: httpx.Client) -> httpx.Response:
    return caller.get(f"{served.public}/g/collect?{PURCHASE}")


def reasons(served: Serving, caller: httpx.Client) -> tuple[int, str]:
    answer = caller.get(f"{served.admin}/ready", headers={"authorization": f"Bearer {TOKEN}"})
    return answer.status_code, " ".join(answer.json()["reasons"])


def said_of_a_refusal(served: Serving, caller: httpx.Client, line: str) -> str:
    """Why the process is not ready, after a hit that was refused and a line of the log."""
    answer = hit(served, caller)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    served.wait_for(line)
    status, said = reasons(served, caller)
    assert status == 503
    return said


@pytest.mark.long
@pytest.mark.slow
def test_a_disk_that_refuses_for_long_ends_the_process_with_1(tmp_path: Path) -> None:
    with serving(tmp_path, environment=SURROUNDINGS) as served, httpx.Client(trust_env=False) as caller:
        assert hit(served, caller).status_code == 204
        refuse(served, refusing=True)
        said = said_of_a_refusal(served, caller, r"ERROR store\.broken reason=.*SQLITE_IOERR_WRITE")
        assert "The store does not take deliveries (the deliveries cannot be written" in said
        assert served.process.wait(2 * PATIENCE_SECONDS) == 1
        served.wait_for(r"ERROR serve\.failed part=disk")


@pytest.mark.slow
def test_a_disk_that_works_again_in_time_takes_hits_again(tmp_path: Path) -> None:
    with serving(tmp_path, environment=SURROUNDINGS) as served, httpx.Client(trust_env=False) as caller:
        refuse(served, refusing=True)
        assert hit(served, caller).status_code == 503
        refuse(served, refusing=False)
        served.wait_for(r"WARNING store\.mended")
        assert hit(served, caller).status_code == 204
        assert served.stop(signal.SIGTERM) == 0


@pytest.mark.slow
def test_a_full_disk_is_said_and_over_without_a_restart(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        folder = ("--data", str(disk / "data"))
        with serving(tmp_path, *folder, environment=SURROUNDINGS) as served, httpx.Client(trust_env=False) as caller:
            assert hit(served, caller).status_code == 204
            other = occupied(disk)
            said = said_of_a_refusal(served, caller, r"ERROR store\.full")
            assert "The store does not take deliveries (no space is left for deliveries)." in said
            other.unlink()
            served.wait_for(r"WARNING store\.mended")
            assert hit(served, caller).status_code == 204
            assert reasons(served, caller)[0] == 200
            assert served.stop(signal.SIGTERM) == 0


@pytest.mark.slow
def test_a_damaged_file_is_said_and_the_server_runs(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "deliveries.db").write_bytes(b"no database " * 10_000)
    with serving(tmp_path, environment=SURROUNDINGS) as served, httpx.Client(trust_env=False) as caller:
        served.wait_for(r"ERROR store\.damaged")
        served.wait_for(r"ERROR store\.salvaged waiting=0")
        assert hit(served, caller).status_code == 204
        status, said = reasons(served, caller)
        assert status == 200
        assert "A damaged file of deliveries is kept as" in said
        assert served.stop(signal.SIGTERM) == 0
