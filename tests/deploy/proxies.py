"""Caddy and nginx as `docs/deploy.md` sets them up, as processes of the test on loopback.

Of the page's configurations only this is exchanged: ports and the addresses behind them, the certificate (one that the
test makes instead of one from outside), and the names of files. Caddy is told in addition to open no port but this one,
and to keep an access log, which the page leaves to the operator.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.processes import PATIENCE_SECONDS, ROOT, Serving, following

Kind = Literal["caddy", "nginx"]
Place = Literal["name", "path"]

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PLACES: Sequence[Place] = ("name", "path")
BASES = dict(zip(PLACES, re.findall(r"server_container_url: '([^']+)'", PAGE), strict=True))
"""Where the page tells Google's tag to send hits to."""

AT = "127.0.0.1"
VISITOR = "127.0.0.2"
"""Where the test's callers come from, so that the proxy and its visitor are told apart."""

_STARTED = {"caddy": "serving initial configuration", "nginx": "start worker process "}
_FRAME = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tag-container.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs. `base`: what the page calls the container. `certificate`: whom callers believe."""

    base: str
    port: int
    folder: Path
    certificate: Path
    process: Serving

    def caller(self, host: str = "") -> httpx.Client:
        """Somebody on the internet, who asks for the container by its name."""
        named = host or str(urlsplit(self.base).hostname)
        transport = httpx.HTTPTransport(
            verify=ssl.create_default_context(cafile=str(self.certificate)), local_address=VISITOR, retries=0
        )

        def by_name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = named

        return httpx.Client(
            transport=transport,
            base_url=f"https://{AT}:{self.port}{urlsplit(self.base).path}",
            headers={"host": named},
            event_hooks={"request": [by_name]},
            timeout=PATIENCE_SECONDS,
        )

    def logged(self) -> str:
        """Everything that it has written anywhere."""
        kept = [path.read_text("utf-8", errors="replace") for path in self.folder.rglob("*.log")]
        return "\n".join([*self.process.lines, *kept])


@contextmanager
def proxy(kind: Kind, place: Place, folder: Path, *, container: str, shop: str) -> Iterator[Proxy]:
    """`container`, `shop`: host and port of what the configuration of the page passes requests on to."""
    program = shutil.which(kind, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"{kind} is not installed")
    host = str(urlsplit(BASES[place]).hostname)
    certificate, key = _certificate(folder, host)
    port = _free_port()
    behind = {"127.0.0.1:8080": container, "127.0.0.1:3000": shop}
    write = _caddy if kind == "caddy" else _nginx
    arguments = write(place, folder, behind, port=port, certificate=certificate, key=key)
    process = subprocess.Popen(
        [program, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **{f"XDG_{each}_HOME": str(folder) for each in ("DATA", "CONFIG")}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with following(process) as found:
        try:
            found.wait_for(_STARTED[kind])
            yield Proxy(BASES[place], port, folder, certificate, found)
        finally:
            # Not killed: its workers would outlive it.
            code = found.stop()
        assert code == 0


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def _caddy(place: Place, folder: Path, behind: dict[str, str], *, port: int, certificate: Path, key: Path) -> list[str]:
    named, mounted = blocks("caddy")
    text = named if place == "name" else named[: named.index("metrics.my-shop.example {")] + mounted
    text = text.replace("{\n", f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port {port}\n", 1)
    text, sites = re.subn(
        r"^((?:metrics|www)\.my-shop\.example) \{\n",
        rf"\1:{port} {{\n\tbind {AT}\n\ttls {certificate} {key}\n\tlog\n",
        text,
        flags=re.MULTILINE,
    )
    assert sites == 1
    written = folder / "Caddyfile"
    written.write_text(_exchanged(text, behind), encoding="utf-8")
    return ["run", "--adapter", "caddyfile", "--config", str(written)]


def _nginx(place: Place, folder: Path, behind: dict[str, str], *, port: int, certificate: Path, key: Path) -> list[str]:
    snippet, named, mounted = blocks("nginx")
    text = named if place == "name" else named[: named.index("# Whoever asks")] + mounted
    kept = folder / "snippet.conf"
    for name, content in {kept: snippet, folder / "tag-container.conf": text}.items():
        changed = _exchanged(content, behind).replace("/var/log/nginx/", f"{folder}/")
        changed = changed.replace("snippets/tag-container.conf", str(kept)).replace("listen 443", f"listen {AT}:{port}")
        changed = re.sub(r"^ *listen \[::\]:443.*\n", "", changed, flags=re.MULTILINE)
        changed = re.sub(r"ssl_certificate /\S+;", f"ssl_certificate {certificate};", changed)
        changed = re.sub(r"ssl_certificate_key /\S+;", f"ssl_certificate_key {key};", changed)
        name.write_text(changed, encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_FRAME.format(folder=folder, user=user), encoding="utf-8")
    return ["-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _exchanged(text: str, behind: dict[str, str]) -> str:
    for address, other in behind.items():
        text = text.replace(address, other)
    return text


def _certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for a host, which vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def _free_port() -> int:
    with socket.create_server((AT, 0)) as taken:
        return int(taken.getsockname()[1])
