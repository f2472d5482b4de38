"""`serve` before it serves: what stops the start, and what it says then."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.processes import FILE, PATIENCE_SECONDS, command, run, serving, surroundings

pytestmark = pytest.mark.slow
BROKEN = FILE.replace("triggers: [Purchase]", "triggers: [Purchases]")


def test_a_file_with_problems_stops_the_start_before_a_port_is_bound(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(BROKEN, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = run("serve", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert found.returncode == 1
    assert "container.yaml:9:16: error[unknown-trigger]" in found.stderr
    assert "cannot be listened on" not in found.stderr
    assert not (tmp_path / "data").exists()


def test_a_secret_that_is_not_set_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", folder=tmp_path)
    assert found.returncode == 1
    assert "error[missing-environment]" in found.stderr
    assert 'hint: set the environment variable "SERVED_TOKEN", or a file of that name' in found.stderr
    assert found.stderr.endswith('tag-container did not start: "container.yaml" has 1 error.\n')


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_secret_that_is_empty_stops_the_start(tmp_path: Path, blank: str) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "SERVED_TOKEN").write_text(blank, encoding="utf-8")
    in_file = run("serve", "--secrets-dir", "secrets", folder=tmp_path)
    in_environment = run("serve", folder=tmp_path, environment={"SERVED_TOKEN": blank})
    for found in (in_file, in_environment):
        assert found.returncode == 1
        assert 'error[missing-environment] tag "TikTok": the secret "SERVED_TOKEN" is not set' in found.stderr


def test_a_data_folder_that_cannot_be_used_stops_the_start_with_the_option_to_change(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    ports = ["--port", "0", "--admin-port", "0"]
    found = run("serve", *ports, "--data", "container.yaml/x", folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert found.returncode == 1
    assert found.stderr == (
        'tag-container did not start: the data folder "container.yaml/x" cannot be used (Not a directory). '
        "Let the user of this process read and write there, or choose another folder with --data.\n"
    )


def test_a_port_that_is_taken_stops_the_start_with_the_option_to_change(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = run(
            "serve", "--port", port, "--admin-port", "0", folder=tmp_path, environment={"SERVED_TOKEN": "token"}
        )
    assert found.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in found.stderr
    assert "Choose another with --host or --port." in found.stderr
    assert not (tmp_path / "data").exists()


def test_a_second_process_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path):
        found = run("serve", "--port", "0", "--admin-port", "0", folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert found.returncode == 1
    assert "tag-container did not start: " in found.stderr
    assert "PostgreSQL" not in found.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--port", "70000"],
        ["--trusted-proxy", "all"],
        ["--allow-egress", "x/y"],
        ["--workers", "2"],
        ["--config", "no.yaml"],
        ["--port", "9000", "--admin-port", "9000"],
        ["--port", "9000", "--admin-port", "9000", "--admin-host", "0.0.0.0"],
        ["--path-prefix", "a b"],
        ["--trusted-proxy", "10.0.0.1/8"],
        ["--trusted-proxy", "0.0.0.0/0"],
        ["--trusted-proxy", "::/0"],
        ["--trusted-proxy", "::ffff:0:0/96"],
        ["--trusted-proxy", "*"],
        ["--allow-host", "https://t.shop.example"],
        ["--allow-host", "t.shop.example:8443"],
        ["--allow-host", "*"],
        ["--public-url", "t.shop.example"],
        ["--rate-limit", "-1"],
        ["--rate-limit", "many"],
        ["--store-rows", "0"],
        ["--store-bytes", "1000"],
    ],
)
def test_wrong_usage_is_told_apart(tmp_path: Path, wrong: list[str]) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    assert run("serve", *wrong, folder=tmp_path).returncode == 2


def test_a_short_admin_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", folder=tmp_path, environment={"SERVED_TOKEN": "t", "TAG_CONTAINER_ADMIN_TOKEN": "short"})
    assert found.returncode == 2
    assert "16 characters or longer" in " ".join(found.stderr.replace("\u2502", " ").split())


@contextmanager
def starting(folder: Path, *, imports: int) -> Iterator[subprocess.Popen[str]]:
    """A server that is so many imports further than where it began to listen: its interpreter prints each of them."""
    (folder / "container.yaml").write_text(FILE, encoding="utf-8")
    python, *rest = command("serve", "--port", "0", "--admin-port", "0")
    arguments = [python, "-X", "importtime", *rest]
    surrounded = surroundings({"SERVED_TOKEN": "t"})
    with subprocess.Popen(arguments, cwd=folder, env=surrounded, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.split()[-1:] == ["container.cli.signals"] for line in process.stderr)
        for _ in range(imports):
            process.stderr.readline()
        yield process


@pytest.mark.parametrize("imports", [1, 100, 400])
def test_a_stop_while_it_starts_ends_it_with_0(tmp_path: Path, imports: int) -> None:
    with starting(tmp_path, imports=imports) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0


def test_a_reload_that_is_wanted_while_it_starts_follows_the_start(tmp_path: Path) -> None:
    with starting(tmp_path, imports=100) as process:
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert any("config.reloaded" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
