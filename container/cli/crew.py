"""Several processes on the same sockets, for `--workers N`: started, started again when they die, told what was told.

The leader binds, forks and waits; it opens no store and runs no loop, so that it can fork at any time. One member has
the admin listener and does nothing else, the others are the workers. Why: docs/decisions/postgres-workers.md.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import NamedTuple

from container.cli.board import board
from container.cli.build import Built, build
from container.cli.listeners import address_of
from container.cli.log_setup import speak_as
from container.cli.options import Options
from container.cli.post import Post
from container.cli.process import NOWHERE, announce, bound_for
from container.cli.reload import digest
from container.cli.signals import early
from container.cli.sources import Sources
from container.delivery.told import quoted
from container.web.shared_rate import SharedBuckets

ADMIN = "admin"
LOOK_SECONDS = 1.0
SETTLED_SECONDS = 10.0
"""Who has worked for so long is started again at once; who ends sooner waits, each time twice as long."""

LONGEST_PAUSE_SECONDS = 30.0
_STOP, _PASSED = (signal.SIGTERM, signal.SIGINT), (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

logger = logging.getLogger("container.cli")


class Joined(NamedTuple):
    """What a member is to run."""

    options: Options
    built: Built
    post: Post


@dataclass(slots=True)
class _Member:
    """A process. `ready`: a descriptor on which it says that it works, -1 once it did or has ended.

    `since`: when it began to work, `None` before.
    """

    name: str
    ready: int
    since: float | None = None

    @property
    def settled(self) -> bool:
        return self.since is not None and monotonic() - self.since >= SETTLED_SECONDS


def lead(options: Options, sources: Sources, built: Built) -> Joined | int:
    """Leads so many processes to their end, and returns the exit code; in a member, what that is to run.

    Raises `StartError`.
    """
    admin = bound_for(options.admin_host, options.admin_port, "--admin-")
    public = bound_for(options.host, options.port, "--") if options.accepts else None
    gc.collect()
    # What is there now is shared by all of them for as long as nobody touches it.
    gc.freeze()
    return _Crew(options, sources, built, admin, public).lead()


def pause_after(short_lives: int) -> float:
    """Seconds until a process is started again that has ended early so many times in a row."""
    return min(2.0 ** min(short_lives - 1, 10), LONGEST_PAUSE_SECONDS)


class _Crew:
    def __init__(
        self, options: Options, sources: Sources, built: Built, admin: socket.socket, public: socket.socket | None
    ) -> None:
        self._options, self._sources, self._built = options, sources, built
        self._admin, self._public = admin, public
        self._buckets = SharedBuckets()
        self._leader, self._alive = os.pipe()
        self._woken, self._waking = os.pipe()
        self._members: dict[int, _Member] = {}
        self._due: dict[str, float] = {}
        self._short_lives: dict[str, int] = {}
        self._worked: set[str] = set()
        self._workers = [f"worker-{number}" for number in range(1, options.workers + 1)]
        self._places = dict(zip([ADMIN, *self._workers], board(1 + options.workers), strict=True))
        self._announced = self._stopping = False
        self._code = 0
        self._known = self._seen = digest(sources.path)

    def lead(self) -> Joined | int:
        self._listen()
        self._due[ADMIN] = monotonic()
        while self._members or self._due:
            for name in [name for name, due in self._due.items() if due <= monotonic()]:
                del self._due[name]
                if (joined := self._start(name)) is not None:
                    return joined
            self._wait()
            self._bury()
            if self._options.watch:
                self._look()
        if self._announced:
            logger.info("serve.stopped")
        return self._code

    def _listen(self) -> None:
        """Signals wake the leader, and are read when it is awake."""
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waking, False)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        for number in (*_PASSED, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)

    def _start(self, name: str) -> Joined | None:
        """Forks. What a member is to run, in the member; nothing in the leader."""
        pipe: tuple[int, ...] = ()
        # A signal to a member that does not listen yet would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED)
        try:
            pipe = ready, say = os.pipe()
            process = os.fork()
        except OSError as problem:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED)
            for descriptor in pipe:
                os.close(descriptor)
            self._not_forked(name, problem)
            return None
        if not process:
            os.close(ready)
            return self._become(name, say)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED)
        os.close(say)
        self._members[process] = _Member(name, ready)
        return None

    def _not_forked(self, name: str, problem: OSError) -> None:
        """The machine has no room for another process. Those that run go on, and it is tried again."""
        if not self._announced:
            raise problem
        pause = self._pause(name)
        self._due[name] = monotonic() + pause
        reason = quoted(problem.strerror or str(problem))
        logger.error("serve.not_forked name=%s reason=%s again_in=%ds", name, reason, pause)

    def _become(self, name: str, say: int) -> Joined:
        # Ctrl-C goes to all processes of a terminal's group, and the leader passes it on.
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        early.listen()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED)
        for descriptor in (self._alive, self._woken, self._waking, *self._waited_for()):
            os.close(descriptor)
        speak_as(name)
        options, public, admin = replace(self._options, watch=False), self._public, self._admin
        public_at = "" if public is None else address_of(public)
        unused = public if name == ADMIN else admin
        if unused is not None:
            unused.close()
        if name == ADMIN:
            options = replace(options, accepts=False, delivers=False)
        post = Post(
            name,
            None if name == ADMIN else public,
            admin if name == ADMIN else None,
            place=self._places[name],
            others=[self._places[each] for each in self._workers],
            buckets=self._buckets,
            leader=self._leader,
            ready=say,
            public_at=public_at,
        )
        return Joined(options, self._built, post)

    def _waited_for(self) -> Sequence[int]:
        return [member.ready for member in self._members.values() if member.ready >= 0]

    def _wait(self) -> None:
        """Until something happens, or it is time to look."""
        now = monotonic()
        pause = min([LOOK_SECONDS, *(max(due - now, 0.0) for due in self._due.values())])
        heard, _, _ = select.select([self._woken, *self._waited_for()], [], [], pause)
        for process, member in self._members.items():
            if member.ready in heard:
                works = bool(os.read(member.ready, 1))
                os.close(member.ready)
                member.ready = -1
                if works:
                    member.since = monotonic()
                    self._works(member.name, process)
        if self._woken in heard:
            with suppress(BlockingIOError):
                for number in os.read(self._woken, 4096):
                    self._told(number)

    def _works(self, name: str, process: int) -> None:
        logger.info("serve.joined name=%s pid=%d", name, process)
        self._worked.add(name)
        if self._announced or self._stopping:
            return
        if name == ADMIN:
            self._due |= dict.fromkeys(self._workers, monotonic())
        if self._worked.issuperset(self._workers):
            self._announced = True
            container = self._built.container
            assert container is not None  # noqa: S101 - nothing is led without one
            announce(
                self._options,
                self._built,
                container.version,
                len(container.tags),
                public_at=NOWHERE if self._public is None else address_of(self._public),
                admin_at=address_of(self._admin),
            )

    def _told(self, number: int) -> None:
        if number in _STOP:
            self._stop()
        elif number == signal.SIGHUP:
            self._reload()

    def _stop(self) -> None:
        """Passed on to all; the sockets are theirs alone from here on, so that the last of them closes them."""
        if not self._stopping:
            self._stopping = True
            self._due.clear()
            for bound in (self._admin, self._public):
                if bound is not None:
                    bound.close()
        self._pass_on(signal.SIGTERM)

    def _reload(self) -> None:
        """Passed on to all; whoever is started from here on gets the new container, if it is one."""
        self._pass_on(signal.SIGHUP)
        with suppress(OSError):
            built = build(self._sources)
            if built.container is not None:
                self._built = built

    def _pass_on(self, number: signal.Signals) -> None:
        for process in self._members:
            os.kill(process, number)

    def _look(self) -> None:
        """Reloads when the file has changed and come to rest."""
        found = digest(self._sources.path)
        if found == self._seen and found != self._known:
            self._known = found
            self._reload()
        self._seen = found

    def _bury(self) -> None:
        """Takes note of members that have ended."""
        with suppress(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if not process:
                    return
                self._ended(self._members.pop(process), os.waitstatus_to_exitcode(status))

    def _ended(self, member: _Member, code: int) -> None:
        if member.ready >= 0:
            os.close(member.ready)
        if self._stopping:
            # One that was done already, and so no longer listened, may be ended by what we pass on.
            self._code = self._code or int(code not in (0, -signal.SIGTERM))
        elif not self._announced:
            # It has said why; what the others could do without it was not what was asked for.
            self._code = 1
            self._stop()
        else:
            name = member.name
            if member.settled:
                self._short_lives[name] = 0
            pause = 0.0 if member.settled else self._pause(name)
            self._due[name] = monotonic() + pause
            logger.warning("serve.ended name=%s code=%d again_in=%ds", name, code, pause)

    def _pause(self, name: str) -> float:
        """Seconds until it is started again, after another short life."""
        times = self._short_lives[name] = self._short_lives.get(name, 0) + 1
        return pause_after(times)
