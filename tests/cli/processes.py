"""The command as a process of its own, and what it says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from tests import canaries

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 60.0

PURCHASE = (
    "v=2&tid=G-TEST&cid=1.2&gcs=G111&dl=https%3A%2F%2Fwww.shop.example%2Fthanks%3Fttclid%3DE.C.P.click"
    "&en=purchase&cu=EUR&epn.value=20&ep.transaction_id=T1"
    f"&{canaries.QUERY}"
)
HALF = b"POST /g/collect HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"
"""A hit whose body is not complete."""

FILE = """
version: 1
container: {name: Served, id: S-1}
clients: {GA4: {type: ga4}}
triggers: {Purchase: {events: purchase}}
tags:
  TikTok:
    type: tiktok_events_api
    triggers: [Purchase]
    pixel_id: C1EXAMPLEPIXEL000000
    access_token: "${secret:SERVED_TOKEN}"
    endpoint: "http://127.0.0.1:9/track/"
    browser: {pixel: true}
"""


def surroundings(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process: ours, without what would change its mind. It says all that it ever would."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TAG_CONTAINER_", "TIKTOK_"))}
    return own | {"PYTHONPATH": str(ROOT), "TAG_CONTAINER_LOG_LEVEL": "DEBUG"} | dict(extra or {})


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "container", *arguments]


def run(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end. What it says shows no secret, and what it complains of nothing personal."""
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=surroundings(environment),
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert not canaries.SECRETS_ALONE.within(done.stdout)
    assert not canaries.EVERYTHING.within(done.stderr)
    return done


@dataclass
class Serving:
    """A `serve` that runs. Everything it says is kept. `patience`: seconds that anything is waited for."""

    process: subprocess.Popen[str]
    patience: float = PATIENCE_SECONDS
    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: int = 0

    def wait_for(self, pattern: str, *, times: int = 1) -> re.Match[str]:
        """The match of a line that it says, now or soon."""
        with self.changed:
            self.changed.wait_for(lambda: len(self._found(pattern)) >= times or self.ended == 2, self.patience)
            found = self._found(pattern)
        assert len(found) >= times, f"{pattern} is not in:\n" + "\n".join(self.lines)
        return found[times - 1]

    @property
    def public(self) -> str:
        return self.wait_for(r"serve\.started .* public=(\S+)")[1]

    @property
    def admin(self) -> str:
        return self.wait_for(r"serve\.started .* admin=(\S+)")[1]

    @contextmanager
    def half_sent(self) -> Iterator[tuple[str, int]]:
        """A hit of which half has come, and where it was sent."""
        host, _, port = self.public.removeprefix("http://").partition(":")
        address = host, int(port)
        with socket.create_connection(address) as half:
            half.sendall(HALF)
            yield address

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(self.patience)

    def between(self, first: str, then: str) -> float:
        """Seconds between two lines of `serve`, without those that a loaded machine takes to end the process."""
        said = [self.wait_for(rf"^(\S+) .*serve\.{name}\b")[1] for name in (first, then)]
        begun, over = map(datetime.fromisoformat, said)
        return (over - begun).total_seconds()

    def _found(self, pattern: str) -> list[re.Match[str]]:
        return [found for line in self.lines if (found := re.search(pattern, line))]


@contextmanager
def serving(
    folder: Path,
    *arguments: str,
    text: str = FILE,
    environment: Mapping[str, str] | None = None,
    command_name: str = "serve",
) -> Iterator[Serving]:
    """A `serve` over a file of this text, which accepts hits. It is ended with the block, if not before."""
    folder.mkdir(exist_ok=True)
    (folder / "container.yaml").write_text(text, encoding="utf-8")
    ports = ["--admin-port", "0", *(["--port", "0"] if command_name == "serve" else [])]
    process = subprocess.Popen(
        command(command_name, *ports, *arguments),
        cwd=folder,
        env=surroundings({"SERVED_TOKEN": "token"} if environment is None else environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with following(process) as found:
        found.wait_for(r"serve\.started")
        yield found


@contextmanager
def following(process: subprocess.Popen[str], *, patience: float = PATIENCE_SECONDS) -> Iterator[Serving]:
    """A process whose every line is kept. It is ended with the block, if not before.

    The test fails when something that it started still has its output a while later, and does not wait for that.
    """
    found = Serving(process, patience)
    streams = process.stdout, process.stderr
    readers = [threading.Thread(target=_read, args=(found, stream), daemon=True) for stream in streams]
    for reader in readers:
        reader.start()
    try:
        yield found
        if process.poll() is None:
            assert not canaries.EVERYTHING.within(_metrics(found))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(patience)
        _read_out(found)
        for reader, stream in zip(readers, streams, strict=True):
            reader.join(patience)
            if stream is not None:
                stream.close()
    assert not canaries.EVERYTHING.within("\n".join(found.lines)), "\n".join(found.lines)


def _read_out(found: Serving) -> None:
    """Waits until all of it is read: closing what somebody reads from would wait for ever."""
    with found.changed:
        done = found.changed.wait_for(lambda: found.ended == 2, found.patience)
    assert done, "it has ended, and something that it started still has its output:\n" + "\n".join(found.lines)


def _metrics(found: Serving) -> bytes:
    """What anybody may read, empty when the server stops just then."""
    try:
        with build_opener(ProxyHandler({})).open(f"{found.admin}/metrics", timeout=found.patience) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _read(found: Serving, stream: Iterator[str] | None) -> None:
    for line in stream or ():
        with found.changed:
            found.lines.append(line.rstrip("\n"))
            found.changed.notify_all()
    with found.changed:
        found.ended += 1
        found.changed.notify_all()
