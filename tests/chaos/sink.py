"""The fault sink: vendors that do as they were told, each on a port of its own. Raw sockets, no framework.

    python -m tests.chaos.sink LEDGER '{"pixel": [["*", "status:503", 3]]}'

It says its ports in a line of JSON, then takes lines of JSON with new rules (`{"pixel": []}`) and confirms each. It
ends when its input does, and so with whoever started it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.chaos.ledger import Ledger, Line, events_in
from tests.chaos.plan import Plan, Verdict, rules_of
from tests.chaos.verdicts import HangUpError, carry_out, reset, taken, unheard

LONGEST_HEAD = 1 << 20
_HANDSHAKE_SECONDS = 5.0


class Vendor:
    """One port."""

    def __init__(self, lane: str, plan: Plan, ledger: Ledger) -> None:
        self.lane, self.plan = lane, plan
        self._ledger = ledger
        self._open: set[asyncio.Task[None]] = set()
        self._idle: set[asyncio.StreamWriter] = set()
        self._under_way: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """The port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_HEAD)
        return int(self._server.sockets[0].getsockname()[1])

    def replan(self, plan: Plan) -> None:
        """Does as another plan says. Where that turns everybody away, connections on which nothing is asked end."""
        self.plan = plan
        if plan.turns_away:
            for writer in tuple(self._idle):
                reset(writer)

    async def stop(self) -> None:
        """Closes the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            verdict = self.plan.on_connection()
            if verdict is not None:
                await self._ledger.write(self._line(time.time(), verdict, []))
                await _refuse(verdict, reader, writer)
            while verdict is None:
                await self._exchange(reader, writer)
                if self.plan.turns_away:
                    break
        except (asyncio.IncompleteReadError, TimeoutError, OSError, HangUpError, asyncio.CancelledError):
            # Whoever sent it is gone, or has to be.
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._idle.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        finally:
            self._idle.discard(writer)
        at = time.time()
        first, _, fields = head.partition(b"\r\n")
        length = int(fields.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        # What resets within the request has to be decided on its first line.
        foreseen = self.plan.foreseen(first)
        if foreseen.name == "reset" and foreseen.value in ("headers", "body"):
            early = self.plan.on_request(first)
            await reader.readexactly(length // 2 if early.value == "body" else 0)
            await self._ledger.write(self._line(at, early, []))
            reset(writer)
            raise HangUpError
        body = await reader.readexactly(length)
        events = events_in(body)
        verdict = self.plan.on_request(first + b"\n" + body)
        line = self._line(at, verdict, events, body)
        names = [name for name, _, _ in events if name]
        self._under_way.update(names)
        try:
            await self._ledger.write(line)
            await carry_out(verdict, writer, refused=not line.taken)
        finally:
            self._under_way.subtract(names)
            self._under_way = +self._under_way

    def _line(self, at: float, verdict: Verdict, events: Sequence[tuple[str, str, str]], body: bytes = b"") -> Line:
        # `reject_if` looks at the request as a whole: so does a vendor that refuses it as a whole.
        places = taken(verdict, [body] * len(events))
        wait = verdict.value if verdict.name == "retry_after" and verdict.value.isdigit() else 0
        return Line(
            at=at * 1000,
            lane=self.lane,
            size=len(events),
            of=sorted({owner for _, owner, _ in events}),
            events=[(name, digest) for name, _, digest in events],
            verdict=verdict.stated,
            taken=places,
            unheard=unheard(verdict),
            wait=float(wait),
            beside=[name for name, _, _ in events if name in self._under_way],
        )


async def _refuse(verdict: Verdict, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if verdict.name == "reset":
        reset(writer)
    else:
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            await _shake_hands(reader, writer)


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """TLS with a certificate that nobody vouches for. Who goes on has not looked at it, and hears nothing more."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = _bad_certificate().wrap_bio(received, sent, server_side=True)
    while True:
        try:
            ours.do_handshake()
        except ssl.SSLWantReadError:
            writer.write(sent.read())
            received.write(await reader.readexactly(1))
        else:
            return


def _bad_certificate() -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=9))
    certificate = builder.not_valid_after(now - timedelta(days=1)).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as kept:
        kept.write(secret + certificate.public_bytes(serialization.Encoding.PEM))
        kept.flush()
        context.load_cert_chain(kept.name)
    return context


class Sink:
    """All vendors of one ledger."""

    def __init__(self, ledger: Path, plans: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        self._ledger = Ledger(ledger)
        self._vendors = {lane: Vendor(lane, Plan(rules_of(rules)), self._ledger) for lane, rules in plans.items()}

    async def start(self) -> dict[str, int]:
        """The ports by name."""
        return {lane: await vendor.start() for lane, vendor in self._vendors.items()}

    def replan(self, plans: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """New rules for the vendors that are named."""
        for lane, rules in plans.items():
            self._vendors[lane].replan(Plan(rules_of(rules)))

    async def stop(self) -> None:
        """Closes everything."""
        for vendor in self._vendors.values():
            await vendor.stop()
        self._ledger.close()


async def main(ledger: str, plans: str) -> None:
    """Until the input ends."""
    sink = Sink(Path(ledger), json.loads(plans))
    _say(await sink.start())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        sink.replan(json.loads(line))
        _say({})
    await sink.stop()


def _say(stated: Mapping[str, int]) -> None:
    sys.stdout.write(json.dumps(stated) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:3]))
