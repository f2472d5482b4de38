"""The unit for systemd: flags that exist, times that fit, and no right that the process does not need."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client import ProcessCollector

from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, ROOT, command, following, surroundings
from tests.deploy.flags import stated

UNIT = (ROOT / "deploy" / "tag-container.service").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SET_MEMORY_DENY_WRITE_EXECUTE = 65
"""`PR_SET_MDWE` of Linux 6.3 and newer: no memory becomes executable that was ever writable."""


def settings(text: str, section: str) -> dict[str, list[str]]:
    """The settings of a section, each with all its values."""
    part = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert part is not None
    found: dict[str, list[str]] = {}
    for line in part[1].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


SERVICE = settings(UNIT, "Service")


def flags(start: str) -> dict[str, list[str]]:
    program, served, *arguments = start.split()
    assert program == "/opt/tag-container/.venv/bin/tag-container"
    assert served == "serve"
    return stated(arguments)


def test_it_starts_serve_with_flags_that_exist_and_the_folders_of_systemd() -> None:
    assert flags(SERVICE["ExecStart"][0]) == {
        "--config": ["/etc/tag-container/container.yaml"],
        "--data": ["${STATE_DIRECTORY}"],
        "--secrets-dir": ["${CREDENTIALS_DIRECTORY}"],
        "--trusted-proxy": ["127.0.0.1", "::1"],
    }
    assert SERVICE["StateDirectory"] == ["tag-container"]


def test_the_change_that_the_page_shows_adds_a_flag_and_keeps_the_others() -> None:
    [block] = re.findall(r"^```ini\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    emptied, start = settings(block, "Service")["ExecStart"]
    assert emptied == ""
    assert flags(start) == flags(SERVICE["ExecStart"][0]) | {"--path-prefix": ["/metrics"]}


def test_it_reloads_stops_in_time_and_comes_back() -> None:
    assert SERVICE["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert SERVICE["TimeoutStopSec"] == ["40"]
    assert SERVICE["Restart"] == ["on-failure"]
    assert SERVICE["RestartPreventExitStatus"] == ["2"]


def test_every_secret_of_the_example_is_a_credential() -> None:
    names = dict(each.split(":", 1) for each in SERVICE["LoadCredential"])
    example = (ROOT / "container.yaml").read_text(encoding="utf-8")
    assert names.keys() == {"TAG_CONTAINER_ADMIN_TOKEN", *re.findall(r"\$\{secret:(\w+)\}", example)}
    assert all(place == f"/etc/tag-container/secrets/{name}" for name, place in names.items())


@pytest.mark.parametrize(
    "setting",
    [
        *("DynamicUser", "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateUsers"),
        *("ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
        *("ProtectKernelTunables", "LockPersonality", "MemoryDenyWriteExecute", "RestrictNamespaces"),
        *("RestrictRealtime", "RestrictSUIDSGID", "RemoveIPC"),
    ],
)
def test_it_is_hardened(setting: str) -> None:
    assert SERVICE[setting] == ["yes"]


def test_it_sees_what_the_metrics_of_a_process_are_read_from(tmp_path: Path) -> None:
    """With `ProcSubset=pid` there is no /proc/stat, and then none of them, so that two alerts never speak up."""
    assert SERVICE["ProtectProc"] == ["invisible"]
    assert SERVICE.get("ProcSubset", ["all"]) == ["all"]
    own, seen = Path("/proc/self"), tmp_path / "self"
    seen.mkdir()
    for name in ("stat", "limits", "fd"):
        (seen / name).symlink_to(own / name)
    assert process_metrics(tmp_path) == set()
    (tmp_path / "stat").write_bytes(Path("/proc/stat").read_bytes())
    assert {"process_start_time_seconds", "process_open_fds", "process_max_fds"} <= process_metrics(tmp_path)


def process_metrics(proc: Path) -> set[str]:
    collector = ProcessCollector(proc=str(proc), registry=None)
    return {metric.name for metric in collector.collect()}


def test_it_may_write_nothing_but_its_own_folder_and_has_no_capability() -> None:
    assert SERVICE["ProtectSystem"] == ["strict"]
    assert SERVICE["CapabilityBoundingSet"] == SERVICE["AmbientCapabilities"] == [""]
    assert not {"ReadWritePaths", "User", "EnvironmentFile"} & SERVICE.keys()
    assert SERVICE["UMask"] == ["0077"]


def test_systemd_reads_it_without_a_complaint_and_finds_little_to_harden(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "tag-container.service"
    # It asks whether the program is there.
    unit.write_text(UNIT.replace("/opt/tag-container/.venv/bin/tag-container", "/bin/true"), encoding="utf-8")
    assert analysed("verify", str(unit)) == (0, "")
    code, said = analysed("security", "--offline=true", "--threshold=20", "--no-pager", str(unit))
    assert code == 0, said


def analysed(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.slow
def test_it_works_where_no_memory_becomes_executable(tmp_path: Path) -> None:
    if sys.platform != "linux" or not _may_deny():
        pytest.skip("this kernel cannot deny memory that is writable and executable")
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    script = f"import ctypes, os, sys; ctypes.CDLL(None).prctl({SET_MEMORY_DENY_WRITE_EXECUTE}, 1, 0, 0, 0)"
    served = command("serve", "--port", "0", "--admin-port", "0")
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}; os.execv(sys.argv[1], sys.argv[1:])", *served],
        cwd=tmp_path,
        env=surroundings({"SERVED_TOKEN": "token"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with following(process) as found, httpx.Client(trust_env=False) as caller:
        assert caller.get(f"{found.public}/g/collect?{PURCHASE}").status_code == 204
        # The lane is held as soon as it was tried, so sending works there too.
        found.wait_for(r"delivery\.lane_held")
        assert found.stop() == 0


def _may_deny() -> bool:
    """Whether a child that asks for it gets what it asks for."""
    code = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).prctl({SET_MEMORY_DENY_WRITE_EXECUTE}, 1, 0, 0, 0) != 0)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
