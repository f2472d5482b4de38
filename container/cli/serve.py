"""`serve`: takes hits and delivers what they lead to, until it is told to stop."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from container.cli.log_setup import Format
from container.cli.options import Options
from container.cli.publish import check_publish
from container.cli.starting import (
    Port,
    PublicUrl,
    Store,
    carry_out,
    check_ports,
    check_store,
    hosts_of,
    networks_of,
    own_of,
    prefix_of,
    proxies_of,
    public_url_of,
)
from container.cli.stopping import MOST_DRAIN_SECONDS
from container.delivery.leftovers import holds_file
from container.delivery.store import Limits
from container.delivery.told import quoted

MOST_WORKERS = 64
DATA = Path("data")

logger = logging.getLogger("container.cli")


def how_many(stated: int) -> int:
    """The processes, if that many can be."""
    if not 1 <= stated <= MOST_WORKERS:
        raise typer.BadParameter(f"{stated} processes cannot be: 1 to {MOST_WORKERS} can, about one for each core.")
    return stated


def serve(
    *,
    config: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The container file.")
    ] = Path("container.yaml"),
    host: Annotated[str, typer.Option(help="Where hits come in.")] = "127.0.0.1",
    port: Port = 8080,
    admin_host: Annotated[str, typer.Option(help="Where the operator looks.")] = "127.0.0.1",
    admin_port: Port = 8081,
    data: Annotated[
        Path | None, typer.Option(file_okay=False, show_default=str(DATA), help="The folder of the store.")
    ] = None,
    store: Store = None,
    workers: Annotated[
        int, typer.Option(metavar="N", callback=how_many, help="Processes; more than one need --store.")
    ] = 1,
    no_deliver: Annotated[
        bool, typer.Option("--no-deliver", help="Take hits only: `deliver` sends elsewhere.")
    ] = False,
    spool: Annotated[bool, typer.Option("--spool", help="Take hits into --data while the database is away.")] = False,
    trusted_proxy: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="A proxy that may name the visitor. Repeatable.")
    ] = None,
    path_prefix: Annotated[str, typer.Option(metavar="P", help="Where a proxy mounted this server.")] = "",
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A host to answer for, else any is. Repeatable.")
    ] = None,
    public_url: PublicUrl = "",
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
    allow_publish: Annotated[
        bool, typer.Option("--allow-publish", help="Let preview write the container file, and reload it.")
    ] = False,
    tail: Annotated[
        bool, typer.Option("--tail", help="Let preview look at a masked sample of the live traffic.")
    ] = False,
    log_format: Annotated[
        Format, typer.Option(envvar="TAG_CONTAINER_LOG_FORMAT", help="How lines of the log are written.")
    ] = "text",
) -> None:
    """Take hits and deliver what they lead to. SIGHUP reloads; SIGTERM finishes what is open and stops."""
    check_ports(host, port, admin_host, admin_port)
    check_publish(config, allow=allow_publish, workers=workers)
    own = own_of(secrets_dir, log_format, store)
    needing = [*(["--workers above 1"] if workers > 1 else []), *(["--no-deliver"] if no_deliver else [])]
    needing += ["--spool"] if spool else []
    check_store(own, needing=needing, demo=demo)
    if data is not None and own.store and not spool and not allow_publish:
        _tell_unused(data)
    options = Options(
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        data=data or DATA,
        proxies=proxies_of(trusted_proxy),
        egress=networks_of("--allow-egress", allow_egress),
        prefix=prefix_of(path_prefix),
        public_url=public_url_of(public_url, prefix=prefix_of(path_prefix)),
        hosts=hosts_of(allow_host),
        rate_limit=rate_limit,
        drain=drain,
        limits=Limits(most_rows=store_rows, most_bytes=store_bytes),
        watch=watch,
        demo=demo,
        otel=otel,
        token=own.token,
        key=own.key,
        store=own.store,
        delivers=not no_deliver,
        workers=workers,
        spool=spool,
        allow_publish=allow_publish,
        tail=tail,
    )
    carry_out(options, config, own)


def _tell_unused(data: Path) -> None:
    """An image or a unit names a folder in its command, whatever the store is: that is no mistake."""
    level = logging.WARNING if holds_file(data) else logging.INFO
    line = 'serve.data_unused folder=%s "The store is a database: what may wait in this folder is sent by nobody."'
    logger.log(level, line, quoted(str(data)))
