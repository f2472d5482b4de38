"""Connections whose requests begin in turn: while more come than are answered, some wait and some are refused."""

from __future__ import annotations

from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from container.cli.connection import Connection
from container.cli.crowd import Crowd
from container.cli.refusals import OVERLOADED, OVERLOADED_GOES_ON
from container.web.admission import Gate, Waiting

HEALTHY = "/healthy"
"""Paths that end so never wait."""


class InTurn(Connection):
    """A connection whose requests pass the crowd's gate. One that is refused never becomes a task."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """As the library's own, once it is the request's turn."""
        gate = self.crowd.gate
        if self.ended:
            return
        if gate is None:
            super()._start_asgi_task(cycle, app)
        elif gate.free:
            super()._start_asgi_task(cycle, app)
            gate.began()
        elif cycle.scope["path"].endswith(HEALTHY):
            super()._start_asgi_task(cycle, app)
        elif gate.takes(cycle.scope):
            begin, refuse = partial(self._begin, cycle, app), partial(self._turn_away, cycle, gate)
            gate.enter(Waiting(cycle.scope["state"]["arrived"], begin, refuse))
        else:
            self._turn_away(cycle, gate)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> bool:
        if not cycle.disconnected:
            super()._start_asgi_task(cycle, app)
        return not cycle.disconnected

    def _turn_away(self, cycle: RequestResponseCycle, gate: Gate) -> None:
        """Refuses a request with which nothing is wrong: its connection, which may be a proxy's, goes on if it can."""
        if cycle.disconnected or self.transport.is_closing():
            return
        gate.shed()
        self.crowd.refused(OVERLOADED.reason)
        cycle.response_started = cycle.response_complete = True
        if cycle.keep_alive and not cycle.waiting_for_100_continue and cycle.scope["method"] != "HEAD":
            self.transport.write(OVERLOADED_GOES_ON)
            self.on_response_complete()
        else:
            self.answer(OVERLOADED)


def connections(crowd: Crowd) -> type[Connection]:
    """The kind of connection that belongs to this crowd."""
    return type("CrowdConnection", (InTurn,), {"crowd": crowd})
