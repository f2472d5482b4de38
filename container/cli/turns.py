"""Connections whose requests begin in turn: while more come than are answered, some wait and some are refused."""

from __future__ import annotations

from functools import partial
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from container.cli.connection import MOST_AHEAD, Connection
from container.cli.crowd import Crowd
from container.cli.refusals import OVERLOADED, OVERLOADED_GOES_ON
from container.web.admission import Gate, Waiting

HEALTHY = "/healthy"
"""Paths that end so never wait."""


class InTurn(Connection):
    """A connection whose requests pass the crowd's gate. One that is refused never becomes a task.

    A request with a body passes it when all of its body is there: one that only waits for it takes nobody's turn. Where
    somebody has to read the body for the rest of it to come, only its end is kept back until then.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._held: Any = None
        """What answers the request whose body is coming, if it has to pass the gate then."""
        self._early = False
        """Whether that one is being read already."""
        self._turned_away = 0
        """How many since bytes came last."""

    def data_received(self, data: bytes) -> None:
        self._turned_away = 0
        super().data_received(data)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._held is not None and not self._early and len(self.cycle.body) > HIGH_WATER_LIMIT:
            self._read_early(self.cycle)

    def complete(self) -> None:
        app, self._held = self._held, None
        early, self._early = self._early, False
        gate = self.crowd.gate
        if app is None or gate is None or self.cycle.response_started:
            super().complete()
        elif early:
            self._ask(self.cycle, None, gate, arrived=self.heard)
        else:
            super().complete()
            self._ask(self.cycle, app, gate, arrived=self.heard)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """As the library's own, once it is the request's turn."""
        gate = self.crowd.gate
        if self.ended:
            return
        if gate is None or (not gate.free and cycle.scope["path"].endswith(HEALTHY)):
            super()._start_asgi_task(cycle, app)
        elif not self.is_coming(cycle):
            self._ask(cycle, app, gate, arrived=cycle.scope["state"]["arrived"])
        elif gate.free or gate.takes(cycle.scope):
            self._held = app
            if cycle.waiting_for_100_continue or len(cycle.body) > HIGH_WATER_LIMIT:
                self._read_early(cycle)
        else:
            self._turn_away(cycle, gate)

    def _read_early(self, cycle: RequestResponseCycle) -> None:
        self._early = True
        super()._start_asgi_task(cycle, self._held)

    def _ask(self, cycle: RequestResponseCycle, app: Any, gate: Gate, *, arrived: float) -> None:
        """Passes the gate with a request that is there, now, later or not at all. `app`: None if it is being read."""
        if gate.free:
            if self._begin(cycle, app):
                gate.began()
        elif gate.takes(cycle.scope):
            gate.enter(Waiting(arrived, partial(self._begin, cycle, app), partial(self._turn_away, cycle, gate)))
        else:
            self._turn_away(cycle, gate)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> bool:
        if cycle.disconnected or cycle.response_complete:
            return False
        if app is not None:
            super()._start_asgi_task(cycle, app)
        else:
            cycle.more_body = False
            cycle.message_event.set()
        return True

    def _turn_away(self, cycle: RequestResponseCycle, gate: Gate) -> None:
        """Refuses a request with which nothing is wrong: its connection, which may be a proxy's, goes on if it can.

        It cannot where nobody takes the answers in, nor where more are sent at once than may wait for one.
        """
        if cycle.disconnected or cycle.response_started or self.transport.is_closing():
            return
        gate.shed()
        self.crowd.refused(OVERLOADED.reason)
        # Whoever reads it already hears that its sender is gone.
        cycle.response_started = cycle.response_complete = cycle.disconnected = True
        cycle.message_event.set()
        self._turned_away += 1
        plain = cycle.keep_alive and not cycle.waiting_for_100_continue and cycle.scope["method"] != "HEAD"
        if plain and self._turned_away <= MOST_AHEAD and not self.flow.write_paused:
            self.transport.write(OVERLOADED_GOES_ON)
            self.on_response_complete()
        else:
            self.answer(OVERLOADED)


def connections(crowd: Crowd) -> type[Connection]:
    """The kind of connection that belongs to this crowd."""
    return type("CrowdConnection", (InTurn,), {"crowd": crowd})
