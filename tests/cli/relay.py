"""The sandbox as a process of its own, and what stands in front of it and keeps each request to the byte."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.processes import PATIENCE_SECONDS, command, surroundings

END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Relay:
    """`requests`: all that came, each with its head and body. `sandbox`: where they went."""

    sandbox: tuple[str, int]
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def taken(self, number: int) -> list[bytes]:
        """So many requests, now or soon, which are then forgotten."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= number, PATIENCE_SECONDS), self.requests
            found, self.requests = self.requests, []
        return found

    def serve(self, listening: socket.socket) -> None:
        """Until the socket is closed."""
        with suppress(OSError):
            while True:
                caller, _ = listening.accept()
                threading.Thread(target=self._relay, args=(caller,), daemon=True).start()

    def _relay(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(self.sandbox) as vendor, suppress(OSError):
            back = threading.Thread(target=_pump, args=(vendor, caller), daemon=True)
            back.start()
            waiting = b""
            while chunk := caller.recv(65_536):
                waiting = self._keep(waiting + chunk)
                vendor.sendall(chunk)
            vendor.shutdown(socket.SHUT_WR)
            back.join(PATIENCE_SECONDS)

    def _keep(self, waiting: bytes) -> bytes:
        """What is left when the complete requests are kept."""
        while END_OF_HEAD in waiting:
            head = waiting.index(END_OF_HEAD) + len(END_OF_HEAD)
            length = waiting[:head].lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            end = head + int(length or 0)
            if len(waiting) < end:
                break
            with self.changed:
                self.requests.append(waiting[:end])
                self.changed.notify_all()
            waiting = waiting[end:]
        return waiting


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)


def sandbox_process(folder: Path) -> subprocess.Popen[str]:
    """The command `sandbox`, which says in its first line where it is. To be ended by whoever asked for it."""
    return subprocess.Popen(
        command("sandbox", "--port", "0"),
        cwd=folder,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextmanager
def relayed_sandbox(folder: Path) -> Iterator[Relay]:
    """Both are gone with the block."""
    folder.mkdir()
    process = sandbox_process(folder)
    try:
        assert process.stdout is not None
        host, _, port = process.stdout.readline().strip().rstrip("/").rpartition("//")[2].partition(":")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            relay = Relay((host, int(port)), listening.getsockname()[1])
            threading.Thread(target=relay.serve, args=(listening,), daemon=True).start()
            yield relay
            # Closing alone would leave the thread in its call.
            listening.shutdown(socket.SHUT_RDWR)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)
