"""How the process before ended: what the next one is told of it, whatever became of the file."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

import httpx
import pytest

from container.cli import last_run
from container.cli.last_run import ENDS_BADLY, FILE, Before, End, begin
from container.delivery.told import moment
from tests.cli.processes import serving

ENVIRONMENT = {"SERVED_TOKEN": "token"}


def test_the_first_process_on_a_folder_has_none_before(tmp_path: Path) -> None:
    assert begin(tmp_path, now=1, left_claims=False).before == Before("none")


def test_one_that_was_told_to_stop_ended_in_order(tmp_path: Path) -> None:
    run = begin(tmp_path, now=1, left_claims=False)
    run.end = "stopped"
    run.over()
    assert begin(tmp_path, now=2, left_claims=False).before == Before("stopped", 1)
    assert "stopped" not in ENDS_BADLY


def test_one_that_ends_by_a_fault_of_ours_failed(tmp_path: Path) -> None:
    begin(tmp_path, now=1, left_claims=False).over()
    assert begin(tmp_path, now=2, left_claims=False).before == Before("failed", 1)


def test_one_that_wrote_nothing_at_its_end_was_killed(tmp_path: Path) -> None:
    begin(tmp_path, now=1, left_claims=False)
    assert begin(tmp_path, now=2, left_claims=False).before == Before("killed", 1)


def test_one_that_went_down_with_its_machine_is_told_apart(tmp_path: Path) -> None:
    begin(tmp_path, now=1, left_claims=False)
    line = (tmp_path / FILE).read_text(encoding="utf-8")
    (tmp_path / FILE).write_text(f"{' '.join(line.split()[:2])} another-boot\n", encoding="utf-8")
    expected: End = "machine" if last_run._boot() else "killed"
    assert begin(tmp_path, now=2, left_claims=False).before == Before(expected, 1)


def test_one_of_a_version_that_wrote_no_file_was_killed_if_it_left_claims(tmp_path: Path) -> None:
    assert begin(tmp_path, now=1, left_claims=True).before == Before("killed", 0)
    assert moment(0) == "unknown"


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"stop", b"running x", b"running " + b"9" * 5000])
def test_a_file_that_says_nothing_clear_was_being_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    before = begin(tmp_path, now=2, left_claims=False).before
    assert (before.end, moment(before.began)) == ("killed", "unknown")


def test_the_file_is_its_owners_and_holds_one_line(tmp_path: Path) -> None:
    run = begin(tmp_path, now=1, left_claims=False)
    run.end = "stopped"
    run.over()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert (tmp_path / FILE).read_text(encoding="utf-8").splitlines() == [f"stopped 1 {last_run._boot()}".rstrip()]


def test_a_file_that_cannot_be_written_keeps_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    run = begin(tmp_path, now=1, left_claims=False)
    run.over()
    assert run.before == Before("none")


@pytest.mark.slow
def test_a_crash_of_a_process_that_did_nothing_is_told_of_and_counted(tmp_path: Path) -> None:
    def ended() -> list[str]:
        with httpx.Client(trust_env=False) as caller:
            text = caller.get(f"{served.admin}/metrics").text
        return [line for line in text.splitlines() if line.startswith("tag_container_previous_end{")]

    with serving(tmp_path, environment=ENVIRONMENT) as served:
        assert ended() == ['tag_container_previous_end{how="none"} 1.0']
        served.process.kill()
        served.process.wait()
    with serving(tmp_path, environment=ENVIRONMENT) as served:
        assert served.wait_for(r'WARNING serve\.ended_badly how=killed began="\d{4}-\d\d-\d\dT')
        assert ended() == ['tag_container_previous_end{how="killed"} 1.0']
        assert served.stop(signal.SIGTERM) == 0
    with serving(tmp_path, environment=ENVIRONMENT) as served:
        assert ended() == ['tag_container_previous_end{how="stopped"} 1.0']
        assert not [line for line in served.lines if "serve.ended_badly" in line]
