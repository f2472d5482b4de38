"""`serve`: takes hits and delivers what they lead to, until it is told to stop."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from ipaddress import ip_interface
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from container.address import canonical_address
from container.cli.build import build
from container.cli.listeners import EVERYWHERE
from container.cli.log_setup import Format, log_to_stderr
from container.cli.options import Options, StartError
from container.cli.process import run
from container.cli.reload import tell_problems
from container.cli.sources import Sources, own_secret, secrets_from
from container.cli.stopping import MOST_DRAIN_SECONDS
from container.cli.tracing import header_secrets
from container.config.load import Loaded
from container.config.registry import RegistryError, discover
from container.delivery.store import Limits
from container.delivery.told import quoted
from container.secret import Known
from container.web.addresses import Networks, network
from container.web.hosts import Hosts, allowed_hosts
from container.web.mount import plain

SHORTEST_TOKEN = 16
_PREFIX = re.compile(r"[A-Za-z0-9/._~-]*", re.ASCII)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

logger = logging.getLogger("container.cli")

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


def serve(
    *,
    config: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The container file.")
    ] = Path("container.yaml"),
    host: Annotated[str, typer.Option(help="Where hits come in.")] = "127.0.0.1",
    port: Port = 8080,
    admin_host: Annotated[str, typer.Option(help="Where the operator looks.")] = "127.0.0.1",
    admin_port: Port = 8081,
    data: Annotated[Path, typer.Option(file_okay=False, help="The folder of the store.")] = Path("data"),
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that take hits; more than one need PostgreSQL.")
    ] = 1,
    trusted_proxy: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="A proxy that may name the visitor. Repeatable.")
    ] = None,
    path_prefix: Annotated[str, typer.Option(metavar="P", help="Where a proxy mounted this server.")] = "",
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A host to answer for, else any is. Repeatable.")
    ] = None,
    rate_limit: Annotated[
        int, typer.Option(min=0, max=1_000_000, metavar="N", help="Hits per second of one address; 0 for any number.")
    ] = 50,
    store_rows: Annotated[
        int, typer.Option(min=100, metavar="N", help="Deliveries that may wait; one lane may have half of them.")
    ] = Limits().most_rows,
    store_bytes: Annotated[
        int, typer.Option(min=1 << 20, metavar="N", help="Bytes of deliveries that may wait; of one lane half.")
    ] = Limits().most_bytes,
    allow_egress: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="Private addresses that tags may send to. Repeatable.")
    ] = None,
    secrets_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with one file per secret.")
    ] = None,
    drain: Annotated[
        int,
        typer.Option(min=0, max=MOST_DRAIN_SECONDS, metavar="N", help="Seconds to take hits after SIGTERM, not ready."),
    ] = 0,
    watch: Annotated[bool, typer.Option("--watch", help="Reload when the file changes.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Point tags with unset references at the sandbox.")] = False,
    otel: Annotated[bool, typer.Option("--otel", help="Make spans for OpenTelemetry; needs the extra otel.")] = False,
    log_format: Annotated[
        Format, typer.Option(envvar="TAG_CONTAINER_LOG_FORMAT", help="How lines of the log are written.")
    ] = "text",
) -> None:
    """Take hits and deliver what they lead to. SIGHUP reloads; SIGTERM finishes what is open and stops."""
    if workers > 1:
        raise typer.BadParameter(
            "--workers above 1 needs PostgreSQL, which this version does not have: a data folder is one process's own"
        )
    _check_ports(host, port, admin_host, admin_port)
    known = Known()
    log_to_stderr(_log_level(), known, log_format)
    secrets = secrets_from(secrets_dir, os.environ, known.learn)
    for name, value in header_secrets(os.environ).items():
        known.learn(name, value)
    options = Options(
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        data=data,
        proxies=_proxies(trusted_proxy),
        egress=_networks("--allow-egress", allow_egress),
        prefix=_prefix(path_prefix),
        hosts=_hosts(allow_host),
        rate_limit=rate_limit,
        drain=drain,
        limits=Limits(most_rows=store_rows, most_bytes=store_bytes),
        watch=watch,
        demo=demo,
        otel=otel,
        token=_admin_token(own_secret(secrets, "TAG_CONTAINER_ADMIN_TOKEN", secrets_dir)),
        key=own_secret(secrets, "TAG_CONTAINER_KEY", secrets_dir),
    )
    for number, key in enumerate((options.key or "").split(",")):
        known.learn(f"TAG_CONTAINER_KEY {number}", key.strip())
    try:
        sources = Sources(config, discover(), os.environ, secrets, strict=True)
        built = build(sources, {} if demo else None)
        if built.loaded.problems and log_format == "json":
            tell_problems(built.loaded)
        elif built.loaded.problems:
            typer.echo(built.loaded.report(), err=True)
        if built.container is None:
            raise _not_started(f"did not start: {_reason(built.loaded)}", log_format)
        code = uvloop.run(run(options, sources, built))
    except (StartError, RegistryError, OSError) as problem:
        raise _not_started(f"did not start: {problem}", log_format) from None
    if code:
        raise typer.Exit(code)


def _not_started(reason: str, log_format: Format) -> typer.Exit:
    """Says why, to people or to whatever reads the log."""
    if log_format == "json":
        logger.error("serve.not_started reason=%s", quoted(reason))
    else:
        typer.echo(f"tag-container {reason}", err=True)
    return typer.Exit(1)


def _reason(found: Loaded) -> str:
    errors = sum(each.level == "error" for each in found.problems)
    return f'"{found.filename}" has {errors} error{"" if errors == 1 else "s"}.'


def _check_ports(host: str, port: int, admin_host: str, admin_port: int) -> None:
    if port and port == admin_port and (host == admin_host or {host, admin_host} & EVERYWHERE):
        raise typer.BadParameter(f"--port and --admin-port are both {port}: give each listener a port of its own")


def _prefix(stated: str) -> str:
    """`/metrics`, however many slashes were written around it."""
    if not _PREFIX.fullmatch(stated):
        raise typer.BadParameter("--path-prefix takes a path such as /metrics")
    return plain(f"/{stated}/".encode()).decode().rstrip("/")


def _hosts(stated: Sequence[str] | None) -> Hosts:
    try:
        return allowed_hosts(stated or ())
    except ValueError as problem:
        advice = "write a name such as t.shop.example or *.shop.example, without https:// and port, an IDN as xn--…"
        raise typer.BadParameter(f"--allow-host: {problem}; {advice}") from None


def _proxies(stated: Sequence[str] | None) -> Networks:
    found = _networks("--trusted-proxy", stated)
    if any(each.prefixlen == 0 for each in found):
        raise typer.BadParameter(
            "--trusted-proxy: with every address trusted, any visitor could be anybody; write the proxy's own network"
        )
    return found


def _admin_token(stated: str) -> str:
    token = stated.strip()
    if token and len(token) < SHORTEST_TOKEN:
        raise typer.BadParameter(
            f"TAG_CONTAINER_ADMIN_TOKEN has to be {SHORTEST_TOKEN} characters or longer; "
            "make one with: openssl rand -hex 32"
        )
    return token


def _networks(option: str, stated: Sequence[str] | None) -> Networks:
    found = []
    for each in stated or ():
        try:
            found.append(network(each))
        except ValueError:
            raise typer.BadParameter(f"{option} takes networks such as 10.0.0.0/8") from None
        if str(found[-1].network_address) != canonical_address(str(ip_interface(each.strip()).ip)):
            raise typer.BadParameter(f'{option}: "{each}" is an address within a network; write {found[-1]}')
    return tuple(found)


def _log_level() -> str:
    stated = os.environ.get("TAG_CONTAINER_LOG_LEVEL", "INFO").upper()
    if stated not in LEVELS:
        raise typer.BadParameter(f"TAG_CONTAINER_LOG_LEVEL is one of {', '.join(LEVELS)}")
    return stated
