"""A PostgreSQL of one's own, from the programs that are installed: on a free port, in a folder that is gone afterwards.

Benchmarks, chaos and the other tests start theirs here. It can be killed and started again. Like everything of the
system it does not run as root: whoever is root has it run as the first of the users `postgres` and `nobody` that there
is.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import family, processor_seconds
from benchmarks.servers import free_port

PATIENCE_SECONDS = 120.0
OWNER = "tag_container"
"""Who owns the databases."""

DURABLE: Mapping[str, str] = {}
"""Every commit is flushed, as it is by default."""

QUICK: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For tests that kill nothing."""

_PLACES = "/usr/lib/postgresql"


class MissingError(Exception):
    """PostgreSQL is not installed."""


@dataclass(slots=True)
class Cluster:
    """`folder`: what belongs to it alone. `cores`: where it runs, everywhere if empty."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    cores: frozenset[int] = frozenset()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Where one of its databases is."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Its files."""
        command = [program("initdb"), "--pgdata", str(self.data), "--username", OWNER, "--auth", "trust"]
        command += ["--encoding", "UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self.as_other)
        if done.returncode:
            raise AssertionError(f"initdb failed:\n{done.stderr}")

    def start(self) -> float:
        """Returns when it answers; the seconds that it took. One that was killed finds its way back by itself."""
        began = time.monotonic()
        while not self._starts(began):
            # What belonged to the one that was killed may not be gone yet.
            assert time.monotonic() - began < PATIENCE_SECONDS, f"PostgreSQL did not start:\n{self.tail()}"
            time.sleep(0.1)
        return time.monotonic() - began

    def kill(self) -> float:
        """As by `kill -9`, of whichever of its processes; when, in Unix milliseconds."""
        assert self.process is not None
        members = family(self.process.pid)
        self.process.kill()
        at = time.time() * 1000
        self.process.wait()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(_lives(each) for each in members):
            assert time.monotonic() < deadline, "a process of PostgreSQL outlives it"
            time.sleep(0.02)
        return at

    def stop(self) -> None:
        """Ends it, cutting off whoever is connected."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(2)
            self.process.wait(PATIENCE_SECONDS)

    def processor_seconds(self) -> float:
        """CPU time of all its processes."""
        assert self.process is not None
        return processor_seconds(self.process.pid)

    def asked(self, query: str, database: str = "postgres") -> str:
        """What a query answers, a line for each row."""
        command = [program("psql"), self.url(database), "-X", "-A", "-t", "-q", "-c", query]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        if done.returncode:
            raise AssertionError(f"{query}\n{done.stderr}")
        return done.stdout.strip()

    def tail(self) -> str:
        """The last of what it said."""
        said = self.folder / "said.txt"
        return "\n".join(said.read_text(errors="replace").splitlines()[-20:]) if said.exists() else ""

    @property
    def data(self) -> Path:
        """Its files."""
        return self.folder / "data"

    @property
    def as_other(self) -> dict[str, Any]:
        """As whom, where, and on which cores its programs run, as `subprocess.run` takes it."""
        user = _user()
        whom = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()} if user else {}
        return {"cwd": self.folder, "preexec_fn": self._on_cores, **whom}

    def _starts(self, began: float) -> bool:
        settings = {"unix_socket_directories": "", "listen_addresses": "127.0.0.1", "max_connections": "200"}
        stated = [
            part for name, value in (settings | dict(self.settings)).items() for part in ("-c", f"{name}={value}")
        ]
        command = [program("postgres"), "-D", str(self.data), "-p", str(self.port), *stated]
        with (self.folder / "said.txt").open("ab") as said:
            self.process = subprocess.Popen(
                command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, **self.as_other
            )
        ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while self.process.poll() is None:
            if subprocess.run(ready, check=False).returncode == 0:
                return True
            assert time.monotonic() - began < PATIENCE_SECONDS, f"PostgreSQL does not answer:\n{self.tail()}"
            time.sleep(0.05)
        return False

    @property
    def _on_cores(self) -> Callable[[], None] | None:
        return partial(os.sched_setaffinity, 0, self.cores) if self.cores else None


@contextmanager
def cluster(settings: Mapping[str, str] = DURABLE, cores: frozenset[int] = frozenset()) -> Iterator[Cluster]:
    """One that runs. Raises `MissingError` when PostgreSQL is not installed."""
    program("initdb")
    with tempfile.TemporaryDirectory(prefix="postgres-") as made:
        if user := _user():
            os.chown(made, user.pw_uid, user.pw_gid)
        found = Cluster(Path(made), settings, cores)
        found.make()
        try:
            found.start()
            yield found
        finally:
            found.stop()


def program(name: str) -> str:
    """The newest that Debian has, or the one on the path. Raises `MissingError`."""
    versions = sorted(Path(_PLACES).glob(f"*/bin/{name}"), key=lambda path: [int(part) for part in _digits(path)])
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise MissingError(f"PostgreSQL is not installed: there is no {name}")
    return found


def _digits(path: Path) -> Sequence[str]:
    return [part for part in path.parents[1].name.split(".") if part.isdigit()]


def _user() -> pwd.struct_passwd | None:
    """Who it runs as, where that is not whoever asks."""
    if os.getuid():
        return None
    users = {each.pw_name: each for each in pwd.getpwall()}
    return next((users[name] for name in ("postgres", "nobody") if name in users), None)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
