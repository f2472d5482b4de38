"""The image at work: read-only, unprivileged, without a home. It takes hits, keeps them, and stops when told to."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from container.delivery.sqlite import open_store
from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, following
from tests.deploy.dockerfile import only
from tests.deploy.image import RUNTIME, USER, Image, built

pytestmark = pytest.mark.slow
HITS = 100
ANY_PORT = ["--host", "127.0.0.1", "--port", "0", "--admin-port", "0"]
SECRET = {"SERVED_TOKEN": "token"}


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not pytest's own folder: nobody else may enter that.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        with built(folder, FILE) as found:
            yield found


def serve() -> list[str]:
    """What the image runs, on loopback and on any port."""
    entry, (command, *arguments) = only(RUNTIME, "ENTRYPOINT").listed, only(RUNTIME, "CMD").listed
    at = arguments.index("--host")
    return [*entry, command, *arguments[:at], *arguments[at + 2 :], *ANY_PORT]


def healthy(image: Image, address: str) -> int:
    """The exit code of the image's own question about its health."""
    command = [each.replace("8080", str(httpx.URL(address).port)) for each in only(RUNTIME, "HEALTHCHECK").listed]
    with image.start(*command, environment={}) as asking:
        return asking.wait(PATIENCE_SECONDS)


def waiting(data: Path) -> int:
    """How many deliveries are on disk."""

    async def work() -> int:
        store = open_store(data, now=1)
        lanes = await store.lanes()
        await store.close()
        return sum(report.waiting for report in lanes)

    return asyncio.run(work())


def test_it_takes_hits_and_stops_without_having_written_outside_its_data(image: Image, tmp_path: Path) -> None:
    before = image.snapshot()
    with following(image.start(*serve(), environment=SECRET)) as served, httpx.Client(trust_env=False) as caller:
        address = served.public
        statuses = {caller.get(f"{address}/g/collect?{PURCHASE}&ep.event_id={n}").status_code for n in range(HITS)}
        assert statuses == {204}
        if sys.platform == "linux":
            assert _users(served.process.pid) == {int(USER) if os.geteuid() == 0 else os.geteuid()}
        assert healthy(image, address) == 0
        assert served.stop() == 0
        served.wait_for(r"serve\.stopped")
    assert healthy(image, address) != 0
    assert image.snapshot() == before
    copy = tmp_path / "data"
    shutil.copytree(image.data, copy)
    assert waiting(copy) == HITS
    files = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in image.data.iterdir()}
    assert {"deliveries.db", "key"} <= files.keys()
    assert set(files.values()) == {0o600}


def test_what_it_is_made_of_cannot_be_changed_by_it(image: Image) -> None:
    code = (
        "import pathlib, sys, container\n"
        "for place in (pathlib.Path(container.__file__).parent, pathlib.Path.cwd(), pathlib.Path(sys.prefix)):\n"
        "    try:\n"
        "        (place / 'written').touch()\n"
        "    except OSError:\n"
        "        continue\n"
        "    sys.exit(f'{place} can be written to')\n"
    )
    with image.start("python", "-c", code, environment={}) as trying:
        _, said = trying.communicate(timeout=PATIENCE_SECONDS)
    assert (trying.returncode, said) == (0, "")


def test_its_package_is_its_own_whatever_stands_in_the_working_directory(image: Image) -> None:
    folder = image.folder / "etc"
    folder.chmod(0o755)
    (folder / "tags").mkdir()
    (folder / "tags" / "__init__.py").write_text("raise SystemExit('a stranger')\n", encoding="utf-8")
    try:
        with image.start("python", "-m", "container", "validate", "container.yaml", environment=SECRET) as checking:
            said = checking.communicate(timeout=PATIENCE_SECONDS)
    finally:
        shutil.rmtree(folder / "tags")
        folder.chmod(0o555)
    assert checking.returncode == 0, said


def _users(process: int) -> set[int]:
    """The users that a process runs as: the real one, the effective one and two more."""
    [line] = [each for each in Path(f"/proc/{process}/status").read_text("utf-8").splitlines() if "Uid:" in each]
    return set(map(int, line.split()[1:]))
