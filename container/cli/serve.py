"""`serve`: takes hits and delivers what they lead to, until it is told to stop."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_interface
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from container.cli.build import build
from container.cli.logs import log_to_stderr
from container.cli.process import Options, StartError, run
from container.cli.sources import Sources, secrets_from
from container.config.load import Loaded
from container.config.registry import RegistryError, discover
from container.secret import Known
from container.web.addresses import network

EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # only compared
SHORTEST_TOKEN = 16
_PREFIX = re.compile(r"[A-Za-z0-9/._~-]*", re.ASCII)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

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
    allow_egress: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="Private addresses that tags may send to. Repeatable.")
    ] = None,
    secrets_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with one file per secret.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Reload when the file changes.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Point tags with unset references at the sandbox.")] = False,
) -> None:
    """Take hits and deliver what they lead to. SIGHUP reloads; SIGTERM finishes what is open and stops."""
    if workers > 1:
        raise typer.BadParameter(
            "--workers above 1 needs PostgreSQL, which this version does not have: a data folder is one process's own"
        )
    _check_ports(host, port, admin_host, admin_port)
    options = Options(
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        data=data,
        proxies=_networks("--trusted-proxy", trusted_proxy),
        egress=_networks("--allow-egress", allow_egress),
        prefix=_prefix(path_prefix),
        watch=watch,
        demo=demo,
        token=_admin_token(),
        key=os.environ.get("TAG_CONTAINER_KEY"),
    )
    known = _known(options)
    log_to_stderr(_log_level(), known)
    try:
        sources = Sources(
            config, discover(), os.environ, secrets_from(secrets_dir, os.environ, known.learn), strict=True
        )
        built = build(sources, {} if demo else None)
        if built.loaded.problems:
            typer.echo(built.loaded.report(), err=True)
        if built.container is None:
            typer.echo(f"tag-container did not start: {_reason(built.loaded)}", err=True)
            raise typer.Exit(1)
        code = uvloop.run(run(options, sources, built))
    except (StartError, RegistryError, OSError) as problem:
        typer.echo(f"tag-container cannot start: {problem}", err=True)
        raise typer.Exit(1) from None
    if code:
        raise typer.Exit(code)


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
    return f"/{stated.strip('/')}".rstrip("/")


def _admin_token() -> str:
    token = os.environ.get("TAG_CONTAINER_ADMIN_TOKEN", "").strip()
    if token and len(token) < SHORTEST_TOKEN:
        raise typer.BadParameter(
            f"TAG_CONTAINER_ADMIN_TOKEN has to be {SHORTEST_TOKEN} characters or longer; "
            "make one with: openssl rand -hex 32"
        )
    return token


def _known(options: Options) -> Known:
    """What no line of the log shows, from the first one on. Other secrets are known once they are read."""
    known = Known()
    known.learn("TAG_CONTAINER_ADMIN_TOKEN", options.token)
    for key in (options.key or "").split(","):
        known.learn("TAG_CONTAINER_KEY", key.strip())
    return known


def _networks(option: str, stated: Sequence[str] | None) -> tuple[IPv4Network | IPv6Network, ...]:
    found = []
    for each in stated or ():
        try:
            found.append(network(each))
        except ValueError:
            raise typer.BadParameter(f"{option} takes networks such as 10.0.0.0/8") from None
        if str(found[-1].network_address) != str(ip_interface(each.strip()).ip):
            raise typer.BadParameter(f'{option}: "{each}" is an address within a network; write {found[-1]}')
    return tuple(found)


def _log_level() -> str:
    stated = os.environ.get("TAG_CONTAINER_LOG_LEVEL", "INFO").upper()
    if stated not in LEVELS:
        raise typer.BadParameter(f"TAG_CONTAINER_LOG_LEVEL is one of {', '.join(LEVELS)}")
    return stated
