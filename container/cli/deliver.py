"""`deliver`: sends what waits in a database, and takes no hits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from container.cli.log_setup import Format
from container.cli.options import Options
from container.cli.serve import how_many
from container.cli.starting import (
    OnlyStore,
    Port,
    PublicUrl,
    carry_out,
    check_store,
    networks_of,
    own_of,
    public_url_of,
)
from container.delivery.store import Limits


def deliver(
    *,
    config: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, readable=True, help="The container file, the same as of `serve`."),
    ] = Path("container.yaml"),
    admin_host: Annotated[str, typer.Option(help="Where the operator looks.")] = "127.0.0.1",
    admin_port: Port = 8081,
    store: OnlyStore = None,
    workers: Annotated[int, typer.Option(metavar="N", callback=how_many, help="Processes.")] = 1,
    store_rows: Annotated[
        int, typer.Option(min=100, metavar="N", help="Deliveries that may wait, the same as of `serve`.")
    ] = Limits().most_rows,
    store_bytes: Annotated[
        int, typer.Option(min=1 << 20, metavar="N", help="Bytes of deliveries that may wait, the same as of `serve`.")
    ] = Limits().most_bytes,
    public_url: PublicUrl = "",
    allow_egress: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="Private addresses that tags may send to. Repeatable.")
    ] = None,
    secrets_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with one file per secret.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Reload when the file changes.")] = False,
    otel: Annotated[bool, typer.Option("--otel", help="Make spans for OpenTelemetry; needs the extra otel.")] = False,
    log_format: Annotated[
        Format, typer.Option(envvar="TAG_CONTAINER_LOG_FORMAT", help="How lines of the log are written.")
    ] = "text",
) -> None:
    """Send what waits in a database, and take no hits. SIGHUP reloads; SIGTERM finishes what is open and stops."""
    own = own_of(secrets_dir, log_format, store)
    check_store(own, needing=["deliver"])
    options = Options(
        host="",
        port=0,
        admin_host=admin_host,
        admin_port=admin_port,
        data=Path("data"),
        egress=networks_of("--allow-egress", allow_egress),
        limits=Limits(most_rows=store_rows, most_bytes=store_bytes),
        watch=watch,
        otel=otel,
        token=own.token,
        key=own.key,
        store=own.store,
        accepts=False,
        public_url=public_url_of(public_url),
        workers=workers,
    )
    carry_out(options, config, own)
