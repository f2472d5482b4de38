"""A certificate that is not accepted: the event waits, and nothing of it was said to whoever showed it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from container.delivery.transport import NoAnswer
from container.effects import Request
from tests.delivery.harness import NOW, run
from tests.delivery.raw_sink import OK, claimed, sending, sink, transport
from tests.delivery.whole_way import Names, deliver, hit, hook, read

NAMES = {"vendor.example": [["127.0.0.1"]]}


def server_context(folder: Path, name: str, *, days: int = 1) -> ssl.SSLContext:
    """TLS with a certificate that nobody vouches for, valid for so many days (or until so many days ago)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    kept = folder / "server.pem"
    unlocked = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    kept.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(kept)
    return context


@pytest.mark.parametrize(
    ("name", "days"), [("vendor.example", 1), ("other.example", 1), ("vendor.example", -1)], ids=["own", "other", "old"]
)
def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tmp_path: Path, name: str, days: int) -> None:
    async def scenario() -> None:
        tls = server_context(tmp_path, name, days=days)
        async with (
            sink(sending(OK), tls=tls) as vendor,
            transport(resolver=Names(NAMES)) as sender,
        ):
            for host in ("vendor.example", "127.0.0.1"):
                row = claimed(Request("POST", f"https://{host}:{vendor.port}/", json={"a": 1}))
                for _ in range(2):
                    answer = await sender.send([row], now=NOW)
                    assert answer == NoAnswer("no_answer", "the certificate is not accepted")
        assert vendor.requests == []

    run(scenario())


def test_a_vendor_is_told_the_name_it_was_called_by(tmp_path: Path) -> None:
    async def scenario() -> None:
        tls = server_context(tmp_path, "vendor.example")
        told: list[str] = []
        tls.sni_callback = lambda _connection, name, _context: told.append(name)
        async with sink(sending(OK), tls=tls) as vendor, transport(resolver=Names(NAMES)) as sender:
            await sender.send([claimed(Request("POST", f"https://vendor.example:{vendor.port}/", json={}))], now=NOW)
        assert told == ["vendor.example"]

    run(scenario())


def test_the_event_waits_until_the_certificate_is_right(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sink(sending(OK), tls=server_context(tmp_path, "vendor.example")) as vendor:
            loaded = read(hook(url=f"https://vendor.example:{vendor.port}/orders", json={"a": 1}))
            arrived = await deliver(tmp_path / "data", loaded, hit({}), resolver=Names(NAMES))
        [lane] = arrived.lanes
        assert (lane.state.mode, lane.state.failures, lane.waiting, lane.dead) == ("open", 1, 1, 0)
        assert arrived.told == "retry: the certificate is not accepted"
        assert vendor.requests == []

    run(scenario())


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_environment_vouches_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    async def scenario() -> None:
        tls = server_context(tmp_path, "vendor.example")
        monkeypatch.setenv(variable, str(tmp_path / "server.pem" if variable.endswith("FILE") else tmp_path))
        async with sink(sending(OK), tls=tls) as vendor, transport(resolver=Names(NAMES)) as sender:
            row = claimed(Request("POST", f"https://vendor.example:{vendor.port}/", json={"a": 1}))
            assert isinstance(await sender.send([row], now=NOW), NoAnswer)
        assert vendor.requests == []

    run(scenario())


def test_a_server_without_tls_is_not_spoken_to_without_tls() -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as vendor, transport(resolver=Names(NAMES), total=1.0) as sender:
            row = claimed(Request("POST", f"https://vendor.example:{vendor.port}/", json={"a": "in the clear"}))
            answer = await sender.send([row], now=NOW)
        assert isinstance(answer, NoAnswer)
        assert not any(b"in the clear" in request for request in vendor.requests)

    run(scenario())
