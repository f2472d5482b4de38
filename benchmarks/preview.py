"""What preview costs hits that do not concern it: without it, installed and no session, ten sessions.

python -m benchmarks.preview [--rounds N]

The three run one after the other in each round, and the ratio is taken within the round: what the machine did meanwhile
happened to all of them. Without sockets, and before storage, where a slower path shows most.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.example import compiled, example
from benchmarks.figures import Cell, median, table
from benchmarks.hits import SHAPES, Shape
from benchmarks.in_process import NOWHERE, call, marked, scope_of
from container.delivery.row import Acceptance
from container.delivery.store import Accepted
from container.delivery.transport import Transport, vendor_transport
from container.effects import by_status
from container.engine.container import Container
from container.preview.recorder import Recorder
from container.preview.sessions import MOST_SESSIONS, Sessions
from container.web.addresses import Proxies, network
from container.web.app import Application, public_app
from container.web.current import Current
from container.web.front import Front
from container.web.health import Health
from container.web.ingest import Ingest
from container.web.metrics import new_metrics
from container.web.previewing import Previewing

ROUNDS = 15
WITHOUT, IDLE, TEN = "without preview", "installed, no session", "ten sessions, unmarked hits"


def application(container: Container, sessions: int | None) -> Application:
    """The public listener's. `sessions`: how many are open, `None` where preview is not there at all."""

    async def accept(_: Acceptance) -> Accepted:
        return Accepted(1)

    async def live() -> Container:
        return container

    metrics = new_metrics()
    front = Front(Proxies((network("127.0.0.0/8"),)))
    ingest = Ingest(Current(container), accept, metrics, Health(), front=front)
    if sessions is not None:
        transport = Transport(vendor_transport(), lambda _: None)
        recorder = Recorder(Sessions(), live, transport, lambda *_: by_status, counted=metrics.previewed)
        previewing = Previewing(recorder, metrics)
        for _ in range(sessions):
            recorder.sessions.start(time.time())
        ingest.preview = previewing if sessions else None
    return public_app(ingest)


def microseconds(app: Application, shapes: Sequence[Shape]) -> float:
    """Of CPU, for one hit."""
    pieces = [(scope_of(shape), shape.body.encode()) for shape in marked(shapes)]
    gc.collect()
    began = time.process_time_ns()
    for piece in pieces:
        call(app, *piece)
    return (time.process_time_ns() - began) / len(pieces) / 1000


def measured(container: Container, shapes: Sequence[Shape], rounds: int) -> Sequence[Sequence[Cell]]:
    """A row for each of the three: hits per second of CPU, and the ratio to the first."""
    apps = {
        WITHOUT: application(container, None),
        IDLE: application(container, 0),
        TEN: application(container, MOST_SESSIONS),
    }
    costs: dict[str, list[float]] = {name: [] for name in apps}
    for number in range(rounds + 1):
        # Whoever comes first finds colder caches, so each has its turn at it.
        names = [*apps][number % 3 :] + [*apps][: number % 3]
        for name in names:
            spent = microseconds(apps[name], shapes)
            if number:
                costs[name].append(spent)
    ratios = {
        name: median([one / two for one, two in zip(costs[WITHOUT], found, strict=True)])
        for name, found in costs.items()
    }
    return [(name, 1e6 / median(found), f"{ratios[name]:.3f}") for name, found in costs.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        container = compiled(example(NOWHERE), Path(made))
        for kind in ("purchase", "page_view"):
            rows = measured(container, SHAPES[kind](), chosen.rounds)
            print(f"### {kind}: medians of {chosen.rounds} rounds\n")
            print(f"{table(('', 'hits per CPU-second', 'of the first'), rows)}\n", flush=True)


if __name__ == "__main__":
    main()
