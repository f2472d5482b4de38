"""The secrets of the process itself may be files, as those of a container are."""

from __future__ import annotations

import base64
import signal
from pathlib import Path

import httpx
import pytest

from container.delivery.seal import KEY_FILE
from tests.cli.processes import FILE, run, serving

TOKEN = "a token of the admin page"
KEY = base64.b64encode(bytes(32)).decode()


def secrets(folder: Path, **files: str) -> list[str]:
    """The flag for a folder with these files."""
    place = folder / "secrets"
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return ["--secrets-dir", str(place)]


@pytest.mark.slow
def test_the_admin_token_and_the_key_may_be_files(tmp_path: Path) -> None:
    flags = secrets(tmp_path, SERVED_TOKEN="t", TAG_CONTAINER_ADMIN_TOKEN=f"{TOKEN}\n", TAG_CONTAINER_KEY=f"{KEY}\n")
    with serving(tmp_path, *flags, environment={}) as served, httpx.Client(trust_env=False) as caller:
        shown = [caller.get(f"{served.admin}/", auth=("", password)).status_code for password in (TOKEN, "other")]
        assert shown == [200, 401]
        assert served.stop(signal.SIGTERM) == 0
    assert not (tmp_path / "data" / KEY_FILE).exists()


@pytest.mark.parametrize("name", ["TAG_CONTAINER_ADMIN_TOKEN", "TAG_CONTAINER_KEY"])
def test_one_that_is_there_and_empty_stops_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", *secrets(tmp_path, **{name: " \n"}), folder=tmp_path, environment={name: KEY})
    assert found.returncode == 2
    assert f'the file "{name}" is empty or cannot be read' in " ".join(found.stderr.replace("\u2502", " ").split())
    assert not (tmp_path / "data").exists()


def test_a_token_in_a_file_has_to_be_long_too(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", *secrets(tmp_path, TAG_CONTAINER_ADMIN_TOKEN="short"), folder=tmp_path)
    assert found.returncode == 2
    assert "16 characters or longer" in " ".join(found.stderr.replace("\u2502", " ").split())
