"""How long a large container takes to load, and what its reloads cost the hits that come meanwhile.

    python -m benchmarks.load [--short] [--profile]

500 tags and 1,000 variables. Loading is reading, checking and compiling; each part is measured in this process, the
whole also as the command `validate`.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import open_loop, servers
from benchmarks.example import ROOT, SECRETS
from benchmarks.figures import Cell, median, table
from benchmarks.hits import purchases
from benchmarks.in_process import heaviest
from benchmarks.large import TAGS, VARIABLES, large
from benchmarks.machine import cores
from container.cli.build import build
from container.cli.sources import Sources, read, secrets_from
from container.config.registry import discover
from container.config.source import read as read_yaml
from container.engine.compile import compile_container

NOWHERE = "http://127.0.0.1:9"
ROUNDS, SHORT_ROUNDS = 7, 3
RATE, RELOADS, SHORT_RELOADS = 300, 20, 3
BETWEEN_SECONDS = 1.0
RELOADED = b"config.reloaded"


def cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """CPU of one call, the median of some rounds, the first of which warms up and does not count."""
    costs = []
    for _ in range(rounds + 1):
        began = time.process_time()
        work()
        costs.append(time.process_time() - began)
    return median(costs[1:])


def loading(file: Path, rounds: int) -> list[Sequence[Cell]]:
    """Each part in this process."""
    sources = Sources(file, discover(), SECRETS, secrets_from(None, SECRETS), strict=True)
    found = read(sources)
    if found.model is None:
        raise AssertionError(found.report())
    text = file.read_text(encoding="utf-8")
    return [
        ("YAML to a tree", cpu_seconds(lambda: read_yaml(text), rounds)),
        ("read and checked, with the above", cpu_seconds(lambda: read(sources), rounds)),
        ("compiled", cpu_seconds(partial(compile_container, found.model), rounds)),
        ("loaded: all of it", cpu_seconds(lambda: build(sources), rounds)),
        ("the command `validate`, from its start to its end", command_seconds(file, rounds)),
    ]


def command_seconds(file: Path, rounds: int) -> float:
    """CPU of the whole process, imports included."""
    costs = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "container", "validate", str(file)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **SECRETS}, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return median(costs)


def reloads(text: str, folder: Path, wanted: int) -> tuple[open_loop.Served, open_loop.Served, list[float]]:
    """Hits at 300 a second while nothing is reloaded and while the container is, and how long each reload took."""
    core, load_cores = cores()
    with servers.product(text, core, folder) as server:
        os.sched_setaffinity(0, load_cores)
        shapes, began = purchases(), time.monotonic()
        open_loop.serve(server.port, shapes, RATE, 1.0)
        took: list[float] = []
        reloading = threading.Thread(target=reload_often, args=(server, wanted, took))
        calm = open_loop.serve(server.port, shapes, RATE, 5.0)
        reloading.start()
        parts: list[open_loop.Served] = []
        while reloading.is_alive():
            parts.append(open_loop.serve(server.port, shapes, RATE, 5.0, seed=len(parts) + 2))
        reloading.join()
        assert len(took) == wanted, f"{len(took)} of {wanted} reloads came into force"
        unanswered = calm.missing + sum(part.missing for part in parts)
        assert not unanswered, f"{unanswered} hits have no answer"
        rows, least = server.rows(), calm.sent + sum(part.sent for part in parts)
        assert rows >= least, (
            f"{least} hits were answered, {rows} rows are on disk after {time.monotonic() - began:.0f} s"
        )
        return calm, together(parts), took


def together(parts: Sequence[open_loop.Served]) -> open_loop.Served:
    """Several stretches as one: percentiles are the worst of them."""
    return open_loop.Served(
        sent=sum(part.sent for part in parts),
        missing=sum(part.missing for part in parts),
        p50=max(part.p50 for part in parts),
        p99=max(part.p99 for part in parts),
        longest=max(part.longest for part in parts),
        late_p99=max(part.late_p99 for part in parts),
    )


def reload_often(server: servers.Server, wanted: int, took: list[float]) -> None:
    """Asks for one reload after the other; `took`: seconds until each was in force."""
    said = server.folder / servers.SAID
    for number in range(1, wanted + 1):
        began = time.monotonic()
        os.kill(server.pid, signal.SIGHUP)
        while said.read_bytes().count(RELOADED) < number:
            if time.monotonic() - began > servers.PATIENCE_SECONDS:
                return
            time.sleep(0.02)
        took.append(time.monotonic() - began)
        time.sleep(BETWEEN_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="fewer rounds and reloads")
    parser.add_argument("--profile", action="store_true", help="print what takes the time instead")
    chosen = parser.parse_args()
    rounds, wanted = (SHORT_ROUNDS, SHORT_RELOADS) if chosen.short else (ROUNDS, RELOADS)
    text = large(NOWHERE)
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "large.yaml"
        file.write_text(text, encoding="utf-8")
        if chosen.profile:
            print(profile(file))
            return
        parts = table(("part", "CPU s"), loading(file, rounds))
        print(f"### Loading {TAGS} tags and {VARIABLES:,} variables ({len(text) / 1024:.0f} kB)\n\n{parts}\n")
        calm, busy, took = reloads(text, Path(made), wanted)
    rows: list[Sequence[Cell]] = [
        (name, one.sent, one.missing, one.p50, one.p99, one.longest)
        for name, one in (("no reload", calm), (f"{len(took)} reloads", busy))
    ]
    headings = ("meanwhile", "hits", "failed", "p50 ms", "p99 ms", "longest ms")
    print(f"### Reloads under {RATE} hits/s\n\n{table(headings, rows)}\n")
    print(f"A reload took {median(took):.2f} s (median), {max(took):.2f} s at most.\n")


def profile(file: Path) -> str:
    """The functions that take the most time of their own while the container loads."""
    sources = Sources(file, discover(), SECRETS, secrets_from(None, SECRETS), strict=True)
    build(sources)
    profiler = cProfile.Profile()
    profiler.runcall(build, sources)
    return heaviest(profiler, 1, "load")


if __name__ == "__main__":
    main()
