"""What is attacked: a real `serve` over a container of three tags, and the vendors that it sends to."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from benchmarks.example import SECRETS
from benchmarks.servers import free_port
from tests.chaos.left import rows_left

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.0/8"
PATIENCE_SECONDS = 120.0
SAID, LEDGER, STORE, VISITORS = "said.txt", "ledger.jsonl", "store", "visitors.txt"
TOKEN = "a-token-of-the-chaos-tests"

LANES: Mapping[str, int] = {"pixel": 500, "other": 500, "hook": 1}
"""The lanes of the scene, and the most items that a request may have: two of a vendor that takes batches, one that does
not."""

HOOKED = "05"
"""What the event ids of those hits end with that have a delivery in `hook`, too: most tags do not fire on every hit."""

Rules = Sequence[Sequence[Any]]
_ANNOUNCED = " serve.started "


def container(ports: Mapping[str, int]) -> str:
    """The text of a container whose tags send to these ports, each saying in the event whose it is."""
    tags = "".join(_TAGS[lane].replace("PORT", str(port)) for lane, port in ports.items())
    return f"{_HEAD.replace('HOOKED', HOOKED)}tags:\n{tags}"


def leads_to(lane: str, event_id: str) -> bool:
    """Whether a hit with this event id has a delivery in this lane."""
    return lane != "hook" or event_id[-1:] in HOOKED


_HEAD = """
version: 1
container: {name: Chaos, id: CHAOS-1}
consent: {default: granted}
clients: {GA4: {type: ga4}}
triggers:
  Purchase: {events: purchase}
  Hooked: {events: purchase, when: [{value: "{{ event.event_id }}", matches_regex: "[HOOKED]$"}]}
"""
_PIXEL = """
  LANE:
    type: tiktok_events_api
    triggers: [Purchase]
    pixel_id: C1LANE00000000000000
    access_token: "${secret:TIKTOK_TOKEN}"
    endpoint: "http://127.0.0.1:PORT/track/"
    properties: {description: LANE}
    browser: {pixel: true}
"""
_TAGS: Mapping[str, str] = {
    "pixel": _PIXEL.replace("C1LANE", "C1PIXEL").replace("LANE", "pixel"),
    "other": _PIXEL.replace("C1LANE", "C1OTHER").replace("LANE", "other"),
    "hook": """
  hook:
    type: http_request
    triggers: [Hooked]
    consent: not_needed
    url: "http://127.0.0.1:PORT/orders"
    headers: {Authorization: "Bearer ${secret:TIKTOK_TOKEN}"}
    json: {lane: hook, event_id: "{{ event.event_id }}", order: "{{ event.transaction_id }}"}
""",
}


@dataclass(slots=True)
class Vendors:
    """The fault sink as a process of its own. `ports` by lane."""

    process: asyncio.subprocess.Process
    ledger: Path
    ports: Mapping[str, int]

    async def replan(self, **plans: Rules) -> None:
        """New rules for the lanes that are named, in force when this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(plans).encode() + b"\n")
        await _line_of(self.process)


@asynccontextmanager
async def vendors(folder: Path, **plans: Rules) -> AsyncIterator[Vendors]:
    """The fault sink with a port for each lane that is named."""
    ledger = folder / LEDGER
    command = [sys.executable, "-m", "tests.chaos.sink", str(ledger), json.dumps(plans)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        yield Vendors(process, ledger, await _line_of(process))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def _line_of(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stdout is not None
    found: dict[str, int] = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS))
    return found


@dataclass(slots=True)
class Server:
    """A `serve` that can be killed and started again over the same folder and ports, or a `deliver`.

    `limits`: what it may have of a resource, by `resource.RLIMIT_…`.
    """

    folder: Path
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    command: Literal["serve", "deliver"] = "serve"
    _announced_before: int = 0

    @property
    def store(self) -> Path:
        """The data folder."""
        return self.folder / STORE

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        assert self.process is not None
        return self.process.pid

    def start(self, failpoint: str = "") -> None:
        """Begins to start. `failpoint`: `name:n`, where the process ends as if it was killed."""
        module = ["tests.chaos.launcher", failpoint] if failpoint else ["container"]
        command = [sys.executable, "-m", *module, self.command, "--config", str(self.folder / "container.yaml")]
        command += ["--admin-port", str(self.admin_port), "--allow-egress", LOOPBACK]
        if self.command == "serve":
            command += ["--port", str(self.port), "--data", str(self.store)]
            command += ["--trusted-proxy", LOOPBACK, "--rate-limit", "0"]
        command += self.arguments
        own = {name: value for name, value in os.environ.items() if not name.startswith("TAG_CONTAINER_")}
        more = {**SECRETS, "TAG_CONTAINER_ADMIN_TOKEN": TOKEN, **self.environment}
        self._announced_before = self.said(_ANNOUNCED)
        with (self.folder / SAID).open("ab") as said:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=own | more, stdout=said, stderr=said, preexec_fn=self._limit
            )

    @property
    def announced(self) -> bool:
        """Whether it has said that it runs, with all of its processes, since it was started last."""
        return self.said(_ANNOUNCED) > self._announced_before

    async def ready(self) -> float:
        """Returns when it takes hits, or delivers; the seconds that it took."""
        began = time.monotonic()
        while not await asyncio.to_thread(self.answers):
            self._check(began, "answers")
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def ended(self, by: str = "itself") -> int:
        """Its exit code, once it has ended by itself, or by what was done to it."""
        began = time.monotonic()
        while (code := self._process.poll()) is None:
            assert time.monotonic() - began < PATIENCE_SECONDS, f"it did not end by {by}:\n{self.tail()}"
            await asyncio.sleep(0.01)
        return code

    def kill(self) -> float:
        """As by `kill -9`; when, in Unix milliseconds."""
        self._process.kill()
        at = time.time() * 1000
        self._process.wait()
        return at

    def terminate(self) -> None:
        """Asks it to stop."""
        self._process.send_signal(signal.SIGTERM)

    async def replay(self) -> None:
        """Has all dead letters sent again, as soon as there is one."""
        began = time.monotonic()
        while not (await asyncio.to_thread(self._asked, "/api/queue/count?place=dead"))["rows"]:
            self._check(began, "has a dead letter")
            await asyncio.sleep(0.1)
        # It may end before it answers.
        with suppress(OSError):
            await asyncio.to_thread(self._asked, "/api/queue/replay", b'{"all": true}')

    async def drained(self, within: float) -> float:
        """Returns when no row is left; the seconds that it took."""
        began = time.monotonic()
        while rows := await asyncio.to_thread(rows_left, self.store):
            assert time.monotonic() - began < within, f"{rows} rows are left after {within:.0f} s:\n{self.tail()}"
            assert self._process.poll() is None, f"it ended before it delivered everything:\n{self.tail()}"
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    def tail(self) -> str:
        """The last of what it said."""
        return "\n".join(self._said.splitlines()[-20:])

    def said(self, text: str) -> int:
        """How often it said this."""
        return self._said.count(text)

    @property
    def _said(self) -> str:
        path = self.folder / SAID
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "it was not started"
        return self.process

    def _limit(self) -> None:
        for what, most in self.limits.items():
            resource.setrlimit(what, (most, most))

    def _check(self, began: float, what: str) -> None:
        assert self._process.poll() is None, f"it ended before it {what}:\n{self.tail()}"
        assert time.monotonic() - began < PATIENCE_SECONDS, f"it never {what}:\n{self.tail()}"

    def admin(self, path: str) -> bytes:
        """What the admin listener answers to whoever has the token."""
        asking = Request(f"http://127.0.0.1:{self.admin_port}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        with build_opener(ProxyHandler({})).open(asking, timeout=30) as answer:
            return bytes(answer.read())

    def _asked(self, path: str, document: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        asking = Request(f"http://127.0.0.1:{self.admin_port}{path}", document, headers)
        with build_opener(ProxyHandler({})).open(asking, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def answers(self) -> bool:
        """Whether it takes hits, or delivers."""
        if self.command == "serve":
            return self._status(self.port, "/healthy") == 200
        # It may say that something holds still, and delivers the rest.
        return self._status(self.admin_port, "/ready") != 0

    def _status(self, port: int, path: str) -> int:
        try:
            with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status)
        except HTTPError as problem:
            return problem.code
        except (URLError, OSError):
            return 0


def names_of(ports: Mapping[str, int]) -> dict[int, str]:
    """Lanes by their ports."""
    return {port: lane for lane, port in ports.items()}


@asynccontextmanager
async def server(folder: Path, text: str, arguments: Iterable[str] = ()) -> AsyncIterator[Server]:
    """A server that is not started yet. Whatever of it runs at the end is killed."""
    (folder / "container.yaml").write_text(text, encoding="utf-8")
    found = Server(folder, tuple(arguments))
    try:
        yield found
    finally:
        if found.process is not None and found.process.poll() is None:
            found.kill()
