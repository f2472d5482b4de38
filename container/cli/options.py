"""How a process runs, and why it does not start."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from container.delivery.store import Limits
from container.web.hosts import Hosts

Networks = tuple[IPv4Network | IPv6Network, ...]


class StartError(Exception):
    """The process cannot start; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the process runs. `token`: the admin token, empty for none. `key`: what encrypts rows at rest.

    `rate_limit`: hits that one address may send in a second, 0 for any number. `drain`: seconds for which hits are
    still taken once the process is no longer ready. `limits`: of the store. `store`: the address of a database, empty
    for the data folder. `accepts`: whether hits come in; `delivers`: whether deliveries go out. `workers`: processes.
    `spool`: whether hits are taken while the database is away. `allow_publish`: whether preview may write the file.
    `tail`: whether preview may look at a masked sample of live traffic. `public_url`: where visitors reach the public
    listener, empty when nobody said it.
    """

    host: str
    port: int
    admin_host: str
    admin_port: int
    data: Path
    proxies: Networks = ()
    egress: Networks = ()
    prefix: str = ""
    hosts: Hosts = field(default_factory=Hosts)
    rate_limit: int = 0
    drain: int = 0
    limits: Limits = field(default_factory=Limits)
    watch: bool = False
    demo: bool = False
    otel: bool = False
    token: str = ""
    key: str | None = None
    store: str = field(default="", repr=False)
    accepts: bool = True
    delivers: bool = True
    workers: int = 1
    spool: bool = False
    allow_publish: bool = False
    tail: bool = False
    public_url: str = ""
