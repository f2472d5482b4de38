"""Load as fast as the server answers: 64 connections, each with one hit under way.

With wrk where it is installed, since it takes the least of its core; else with a generator of our own.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.figures import percentile
from benchmarks.hits import MARK, Shape
from benchmarks.wire import Answers, Connection, connected, fresh_numbers, request, requests

CONNECTIONS = 64
MOST_A_SECOND = 200_000
TIMEOUT_SECONDS = 30
WRK = shutil.which("wrk")

_SCRIPT = """\
local hits = {
%s
}
local number = %d
request = function()
  number = number + 1
  return table.concat(hits[number %% #hits + 1], string.format("%%012d", number))
end
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("measured answered=%%d failed=%%d seconds=%%f p50=%%f p99=%%f\\n",
    summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """`answered`: hits that were taken within so many seconds. Latencies are milliseconds, at saturation."""

    answered: int
    seconds: float
    p50: float
    p99: float


def load(port: int, shapes: Sequence[Shape], seconds: float, folder: Path, *, connections: int = CONNECTIONS) -> Load:
    """Sends for so long. Raises `AssertionError` when a hit is refused or a connection fails."""
    if WRK:
        found, failed = _by_wrk(port, shapes, seconds, folder, connections)
    else:
        found, failed = uvloop.run(_by_ourselves(port, shapes, seconds, connections))
    if failed or not found.answered:
        raise AssertionError(f"{failed} hits failed, {found.answered} were taken")
    return found


def script(shapes: Sequence[Shape], first: int) -> str:
    """What wrk runs: the hits as bytes, numbered from `first`."""
    parts = [[_lua(part) for part in request(shape).split(MARK.encode())] for shape in shapes]
    return _SCRIPT % ("\n".join(f"  {{{', '.join(each)}}}," for each in parts), first)


def _lua(content: bytes) -> str:
    text = content.decode().replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\r", "\\r").replace("\n", "\\n") + '"'


def _by_wrk(port: int, shapes: Sequence[Shape], seconds: float, folder: Path, connections: int) -> tuple[Load, int]:
    assert WRK is not None
    file = folder / "hits.lua"
    file.write_text(script(shapes, fresh_numbers(int(seconds * MOST_A_SECOND))), encoding="utf-8")
    # wrk takes whole seconds. An answer that is slow is no failure, and counts in the latencies.
    command = [
        WRK,
        "-t1",
        "--timeout",
        f"{TIMEOUT_SECONDS}s",
        f"-c{connections}",
        f"-d{max(round(seconds), 1)}s",
        "-s",
        str(file),
    ]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    return measured(said)


def measured(said: str) -> tuple[Load, int]:
    """What the script wrote at the end, by name, and how many hits failed."""
    line = next(each for each in said.splitlines() if each.startswith("measured "))
    found = dict(part.split("=") for part in line.split()[1:])
    times = float(found["seconds"]), float(found["p50"]), float(found["p99"])
    return Load(int(found["answered"]), *times), int(found["failed"])


async def _by_ourselves(port: int, shapes: Sequence[Shape], seconds: float, together: int) -> tuple[Load, int]:
    answers = Answers([])
    contents = requests(shapes)
    began = time.perf_counter()
    ends = began + seconds

    def free(connection: Connection) -> None:
        now = time.perf_counter()
        if now < ends:
            connection.send(next(contents), now)

    connections = await connected(port, together, answers, free)
    for connection in connections:
        free(connection)
    await asyncio.sleep(seconds)
    found, failed = list(answers.latencies), answers.refused
    took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    shown = [each * 1000 for each in found] or [0.0]
    return Load(len(found), took, percentile(shown, 0.5), percentile(shown, 0.99)), failed
