"""The servers that are measured: each is started on its core, with a data folder of its own, and ended."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.example import ROOT, SECRETS
from benchmarks.machine import memory_mb, processor_seconds

PATIENCE_SECONDS = 60.0
SETTLED_SECONDS = 0.2
STAND_IN = ROOT / "benchmarks" / "fastify"
DATABASE = "deliveries.db"
SAID = "said.txt"
"""What a server writes to its standard output and error."""

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. `folder`: where its data is."""

    pid: int
    port: int
    folder: Path

    def processor_seconds(self) -> float:
        return processor_seconds(self.pid)

    def memory_mb(self) -> float:
        return memory_mb(self.pid)

    def rows(self) -> int:
        """Deliveries that wait on disk, once hits that were under way when their load ended are there too."""
        found = -1
        while found != (now := self.rows_now()):
            found = now
            time.sleep(SETTLED_SECONDS)
        return found

    def rows_now(self) -> int:
        """Deliveries that wait on disk."""
        return self._asked("select count(*) from delivery")

    def dead(self) -> int:
        """Dead letters; there has to be none."""
        return self._asked("select count(*) from dead")

    def lane_holds_still(self) -> bool:
        """Whether nothing is sent: every lane was refused its address."""
        return self._asked("select count(*) from lanes where mode='egress'") == self._asked(
            "select count(*) from lanes"
        )

    def _asked(self, query: str) -> int:
        with closing(sqlite3.connect(f"{(self.folder / DATABASE).as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute(query).fetchone()[0])


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def why_no_stand_in() -> str:
    """What is missing for the stand-in, empty when nothing is."""
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (STAND_IN / "node_modules" / "better-sqlite3").is_dir():
        return "its packages are not installed: npm ci --prefix benchmarks/fastify"
    return ""


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    folder: Path,
    core: set[int],
    environment: Mapping[str, str] | None = None,
    *,
    path: str = "/healthy",
) -> Iterator[Server]:
    """A process on the core, from when it answers on that path until the block ends."""
    said = folder / SAID
    with said.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(os.sched_setaffinity, 0, core),
        )
        try:
            _wait_for(process, port, path, said)
            yield Server(process.pid, port, folder)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


@contextmanager
def product(
    text: str, core: set[int], parent: Path, *, delivering: bool = False, before: Sequence[str] = ()
) -> Iterator[Server]:
    """`serve` with this container. `delivering`: its deliveries may reach this machine. `before`: what runs it."""
    with tempfile.TemporaryDirectory(dir=parent) as made:
        folder, port = Path(made), free_port()
        (folder / "container.yaml").write_text(text, encoding="utf-8")
        command = [*before, sys.executable, "-m", "container", "serve", "--config", str(folder / "container.yaml")]
        command += ["--port", str(port), "--admin-port", str(free_port()), "--data", str(folder)]
        command += ["--trusted-proxy", LOOPBACK, *(["--allow-egress", LOOPBACK] if delivering else [])]
        with running(command, port, folder, core, SECRETS) as server:
            yield server


def bare(core: set[int], parent: Path) -> AbstractContextManager[Server]:
    """A 204 from the product's listener, and nothing behind it."""
    return _in_a_folder(lambda port, _folder: [sys.executable, "-m", "benchmarks.bare", port], core, parent)


def stand_in(core: set[int], parent: Path, *, before: Sequence[str] = ()) -> AbstractContextManager[Server]:
    """The same work in Node: Fastify and better-sqlite3."""
    start = [*before, "node", str(STAND_IN / "server.js")]
    return _in_a_folder(lambda port, folder: [*start, port, folder], core, parent, {"NODE_ENV": "production"})


def sink(cores: set[int], parent: Path) -> AbstractContextManager[Server]:
    """A vendor that takes everything, beside the load."""
    return _in_a_folder(lambda port, _folder: [sys.executable, "-m", "benchmarks.sink", port], cores, parent)


@contextmanager
def _in_a_folder(
    command: Callable[[str, str], Sequence[str]],
    cores: set[int],
    parent: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server with a free port and a folder of its own, which `command` gets."""
    with tempfile.TemporaryDirectory(dir=parent) as made:
        port = free_port()
        with running(command(str(port), made), port, Path(made), cores, environment) as server:
            yield server


def asked(port: int, path: str) -> bytes:
    """What a server on this machine answers."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


def _wait_for(process: subprocess.Popen[bytes], port: int, path: str, said: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            asked(port, path)
        except (URLError, ConnectionError, TimeoutError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{said.read_text(errors='replace')}") from None
            time.sleep(0.05)
        else:
            return
