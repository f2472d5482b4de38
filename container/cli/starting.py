"""What the commands that run for long do before they run: their log, their own secrets, the container file."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
import uvloop

from container.address import canonical_address
from container.cli.build import Built, build
from container.cli.crew import lead
from container.cli.listeners import EVERYWHERE
from container.cli.log_setup import Format, log_to_stderr
from container.cli.options import Options, StartError
from container.cli.process import run
from container.cli.reload import tell_problems
from container.cli.sources import Sources, own_secret, secrets_from
from container.cli.tracing import header_secrets
from container.config.load import Loaded, Secrets
from container.config.registry import RegistryError, discover
from container.delivery.told import quoted
from container.secret import Known
from container.web.addresses import Networks, network
from container.web.hosts import Hosts, allowed_hosts, is_host
from container.web.mount import plain

SHORTEST_TOKEN = 16
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SCHEMES = ("postgresql", "postgres")
PASSWORDS = ("password", "sslpassword")
"""What is secret of the options in the address of a database."""

STORE = "TAG_CONTAINER_STORE"
PUBLIC_URL = "TAG_CONTAINER_PUBLIC_URL"
_PREFIX = re.compile(r"[A-Za-z0-9/._~-]*", re.ASCII)

_NO_PUBLIC_URL = (
    f"--public-url ({PUBLIC_URL}) takes the address at which visitors reach this server, such as "
    "https://t.shop.example or https://www.shop.example/metrics: http or https, a host (an IDN as xn--…), at most a "
    "port and a path, and nothing else"
)

logger = logging.getLogger("container.cli")

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
Store = Annotated[
    str | None, typer.Option(metavar="URL", help="The PostgreSQL database of the store, else it is in --data.")
]


PublicUrl = Annotated[
    str,
    typer.Option(
        metavar="URL", envvar=PUBLIC_URL, help="The address at which visitors reach this server: preview shows it."
    ),
]
OnlyStore = Annotated[str | None, typer.Option(metavar="URL", help="The PostgreSQL database of the store.")]
"""For what works on a database only."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a process is given for itself. `store`: the address of a database, empty for the data folder.

    `known`: what is secret of it.
    """

    secrets: Secrets
    token: str
    key: str
    store: str
    log_format: Format
    known: Known


def own_of(secrets_dir: Path | None, log_format: Format, store: str | None) -> Own:
    """Sets up the log, and reads what is secret of the process itself: no line of the log shows it."""
    known = Known()
    log_to_stderr(log_level(), known, log_format)
    secrets = secrets_from(secrets_dir, os.environ, known.learn)
    for name, value in header_secrets(os.environ).items():
        known.learn(name, value)
    token = admin_token(own_secret(secrets, "TAG_CONTAINER_ADMIN_TOKEN", secrets_dir))
    key = own_secret(secrets, "TAG_CONTAINER_KEY", secrets_dir)
    for number, each in enumerate(key.split(",")):
        known.learn(f"TAG_CONTAINER_KEY {number}", each.strip())
    address = store_address(store or own_secret(secrets, STORE, secrets_dir))
    for number, password in enumerate(passwords_in(address)):
        known.learn(f"{STORE} {number}", password)
    return Own(secrets, token, key, address, log_format, known)


def carry_out(options: Options, config: Path, own: Own) -> None:
    """Runs a process over a container file until it is told to stop. Says why it does not start."""
    try:
        sources = Sources(config, discover(), os.environ, own.secrets, strict=True)
        built = build(sources, {} if options.demo else None)
        if built.loaded.problems and own.log_format == "json":
            tell_problems(built.loaded)
        elif built.loaded.problems:
            typer.echo(built.loaded.report(), err=True)
        if built.container is None:
            raise not_started(f"did not start: {_reason(built.loaded)}", own)
        code = _run(options, sources, built)
    except (StartError, RegistryError, OSError) as problem:
        raise not_started(f"did not start: {problem}", own) from None
    if code:
        raise typer.Exit(code)


def _run(options: Options, sources: Sources, built: Built) -> int:
    """In one process, or in several of which each comes back here to do its part."""
    if options.workers == 1:
        return uvloop.run(run(options, sources, built))
    joined = lead(options, sources, built)
    if isinstance(joined, int):
        return joined
    try:
        return uvloop.run(run(joined.options, sources, joined.built, joined.post))
    except StartError as problem:
        raise StartError(f"{joined.post.name}: {problem}") from None


def not_started(reason: str, own: Own) -> typer.Exit:
    """Says why, to people or to whatever reads the log."""
    if own.log_format == "json":
        logger.error("serve.not_started reason=%s", quoted(reason))
    else:
        typer.echo(own.known.masked(f"tag-container {reason}"), err=True)
    return typer.Exit(1)


def store_address(stated: str) -> str:
    """The address of a database, as it was stated; empty for none. Never repeated: a password may be in it."""
    address = stated.strip()
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        scheme = ""
    if address and scheme not in SCHEMES:
        raise typer.BadParameter(
            f"--store ({STORE}) takes the address of a PostgreSQL database, such as "
            "postgresql://user@host/database; without it the store is in the folder of --data"
        )
    return address


def passwords_in(address: str) -> Sequence[str]:
    """What may be meant for a password in the address of a database, also where signs in it are written wrongly."""
    stated = address.partition("://")[2]
    users = (stated.partition("@")[0], stated.rpartition("@")[0]) if "@" in stated else ()
    found = [user.partition(":")[2] for user in users]
    named = [each.partition("=") for each in stated.partition("?")[2].split("&")]
    found += [value for name, _, value in named if name in PASSWORDS]
    return [unquote(each) for each in dict.fromkeys(found)]


def check_store(own: Own, *, needing: Sequence[str] = (), demo: bool = False) -> None:
    """`needing`: what was asked for that only several processes on one database can do, as it was written."""
    if not own.store:
        if needing:
            raise typer.BadParameter(
                f"{' and '.join(needing)}: that needs PostgreSQL, since a data folder is one process's own; "
                f"name the database with --store postgresql://… or {STORE}"
            )
        return
    if demo:
        raise typer.BadParameter(
            f"--demo keeps its deliveries in the folder of --data: start it without --store and {STORE}"
        )
    if not own.key:
        raise typer.BadParameter(
            "with --store TAG_CONTAINER_KEY has to be set, to the same key for every process on the database: "
            "each opens what others sealed; make one with: openssl rand -base64 32"
        )


def check_ports(host: str, port: int, admin_host: str, admin_port: int) -> None:
    if port and port == admin_port and (host == admin_host or {host, admin_host} & EVERYWHERE):
        raise typer.BadParameter(f"--port and --admin-port are both {port}: give each listener a port of its own")


def prefix_of(stated: str) -> str:
    """`/metrics`, however many slashes were written around it."""
    if not _PREFIX.fullmatch(stated):
        raise typer.BadParameter("--path-prefix takes a path such as /metrics")
    return plain(f"/{stated}/".encode()).decode().rstrip("/")


def public_url_of(stated: str, *, prefix: str = "") -> str:
    """`https://t.shop.example/metrics`, without a slash in the end. `prefix`: its path where it states none."""
    address = stated.strip()
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        wrong = parts.port == 0
    except ValueError:
        raise typer.BadParameter(_NO_PUBLIC_URL) from None
    wrong = wrong or parts.scheme not in ("http", "https") or not is_host(parts.netloc)
    # Asked of the text: an empty query or fragment would not be seen.
    if wrong or set(address) & set("?#\\") or not _PREFIX.fullmatch(parts.path):
        raise typer.BadParameter(_NO_PUBLIC_URL)
    return f"{parts.scheme}://{parts.netloc.lower()}{prefix_of(parts.path) or prefix}"


def hosts_of(stated: Sequence[str] | None) -> Hosts:
    try:
        return allowed_hosts(stated or ())
    except ValueError as problem:
        advice = "write a name such as t.shop.example or *.shop.example, without https:// and port, an IDN as xn--…"
        raise typer.BadParameter(f"--allow-host: {problem}; {advice}") from None


def proxies_of(stated: Sequence[str] | None) -> Networks:
    found = networks_of("--trusted-proxy", stated)
    if any(each.prefixlen == 0 for each in found):
        raise typer.BadParameter(
            "--trusted-proxy: with every address trusted, any visitor could be anybody; write the proxy's own network"
        )
    return found


def networks_of(option: str, stated: Sequence[str] | None) -> Networks:
    found = []
    for each in stated or ():
        try:
            found.append(network(each))
        except ValueError:
            raise typer.BadParameter(f"{option} takes networks such as 10.0.0.0/8") from None
        if str(found[-1].network_address) != canonical_address(str(ip_interface(each.strip()).ip)):
            raise typer.BadParameter(f'{option}: "{each}" is an address within a network; write {found[-1]}')
    return tuple(found)


def admin_token(stated: str) -> str:
    token = stated.strip()
    if token and len(token) < SHORTEST_TOKEN:
        raise typer.BadParameter(
            f"TAG_CONTAINER_ADMIN_TOKEN has to be {SHORTEST_TOKEN} characters or longer; "
            "make one with: openssl rand -hex 32"
        )
    return token


def log_level() -> str:
    stated = os.environ.get("TAG_CONTAINER_LOG_LEVEL", "INFO").upper()
    if stated not in LEVELS:
        raise typer.BadParameter(f"TAG_CONTAINER_LOG_LEVEL is one of {', '.join(LEVELS)}")
    return stated


def _reason(found: Loaded) -> str:
    errors = sum(each.level == "error" for each in found.problems)
    return f'"{found.filename}" has {errors} error{"" if errors == 1 else "s"}.'
