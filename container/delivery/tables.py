"""The tables of the SQLite file, and how those of an earlier version become them."""

from __future__ import annotations

import sqlite3

SCHEMA_VERSION = 2

_TABLES = """
create table meta(name text primary key, value text not null) strict;
create table lanes(
  number     integer primary key,
  key        text not null unique,
  paused     integer not null default 0,       -- by an operator
  mode       text not null default 'open',     -- open, credential, address, missing, egress, refusing
  not_before integer not null default 0,
  failures   integer not null default 0,       -- in a row
  answered   integer, status integer, verdict text, excerpt text,
  rows       integer not null default 0,       -- that wait or are claimed; the triggers below count
  bytes      integer not null default 0,       -- of their bodies
  dead       integer not null default 0,       -- letters
  dead_bytes integer not null default 0        -- of their bodies
) strict;
create table delivery(
  number     integer primary key,              -- order of arrival
  id         text not null,
  lane       integer not null,
  batch      blob not null,                    -- rows of one frame share it
  part       integer not null default 0,       -- halves of a refused batch differ
  size       integer not null,                 -- of the item
  most_items integer not null,
  most_bytes integer not null,
  due        integer not null,
  claim      blob,                             -- token of the claimer; null: the row waits
  attempts   integer not null default 0,       -- counted when claiming
  crashes    integer not null default 0,       -- claims that never reported back
  faults     integer not null default 0,       -- answers that judge raised on
  first      integer not null,
  give_up    integer not null,
  expire     integer,
  format     integer not null,
  crc        integer not null,                 -- crc32 of body: SQLite has no checksums of its pages
  kid        text not null,                    -- which key sealed it
  body       blob not null,
  priority   integer not null default 0,       -- the higher, the sooner it is refused when the store fills
  history    text not null default ''          -- the last attempts, a line each
) strict;
create index delivery_waiting on delivery(lane, due, first) where claim is null;
create index delivery_claimed on delivery(claim) where claim is not null;
create table dead(
  number     integer primary key,
  id         text not null,
  lane       integer not null,
  reason     text not null,
  note       text not null,
  holds      text not null,                    -- request, or the hit of a tag that raised
  attempts   integer not null,
  crashes    integer not null,
  first      integer not null,
  died       integer not null,
  format     integer not null,
  crc        integer not null,
  kid        text not null,
  body       blob not null,
  size       integer not null default 0,       -- of body
  history    text not null default '',
  origin     text not null default ''          -- what else the row was, as JSON; empty when that is not known
) strict;
create index dead_lane on dead(lane);
create index dead_reason on dead(lane, reason);
create table guards(
  key        blob primary key,
  kind       text not null,
  until      integer not null,
  row        text not null default ''          -- ids of the deliveries that took it, a blank between
) strict, without rowid;
create index guards_until on guards(until);
"""

_COUNTING = """
create trigger delivery_in after insert on delivery begin
  update lanes set rows=rows+1, bytes=bytes+length(new.body) where number=new.lane;
end;
create trigger delivery_out after delete on delivery begin
  update lanes set rows=rows-1, bytes=bytes-length(old.body) where number=old.lane;
end;
create trigger dead_in after insert on dead begin
  update lanes set dead=dead+1, dead_bytes=dead_bytes+new.size where number=new.lane;
end;
create trigger dead_out after delete on dead begin
  update lanes set dead=dead-1, dead_bytes=dead_bytes-old.size where number=old.lane;
end;
"""

_RECOUNT = """
update lanes set rows=0, bytes=0, dead=0, dead_bytes=0;
update lanes set rows=found.rows, bytes=found.bytes
  from (select lane, count(*) as rows, sum(length(body)) as bytes from delivery group by lane) as found
  where number=found.lane;
update lanes set dead=found.rows, dead_bytes=found.bytes
  from (select lane, count(*) as rows, sum(size) as bytes from dead group by lane) as found
  where number=found.lane;
"""

_SECOND = """
alter table lanes add column rows integer not null default 0;
alter table lanes add column bytes integer not null default 0;
alter table lanes add column dead integer not null default 0;
alter table lanes add column dead_bytes integer not null default 0;
alter table delivery add column priority integer not null default 0;
alter table delivery add column history text not null default '';
alter table dead add column size integer not null default 0;
alter table dead add column history text not null default '';
alter table dead add column origin text not null default '';
alter table guards add column row text not null default '';
update dead set size=length(body);
create index dead_reason on dead(lane, reason);
"""

_STATED = f"insert or replace into meta values('schema_version', '{SCHEMA_VERSION}');"


def make(connection: sqlite3.Connection) -> None:
    """Makes the tables, in one transaction: a crash leaves no half of a schema."""
    _at_once(connection, _TABLES + _COUNTING)


def version_of(connection: sqlite3.Connection) -> int | None:
    """Which version of the tables the file has; `None` when it has none yet, 0 when it does not say."""
    if not connection.execute("select 1 from sqlite_schema where name='meta'").fetchone():
        return None
    found = connection.execute("select value from meta where name='schema_version'").fetchone()
    return int(found[0]) if found and str(found[0]).isdigit() else 0


def migrate(connection: sqlite3.Connection, version: int) -> bool:
    """Makes the tables of an earlier version ours, in one transaction. Whether that is known how."""
    if version == 1:
        _at_once(connection, _SECOND + _COUNTING + _RECOUNT)
    return version in (1, SCHEMA_VERSION)


def recount(connection: sqlite3.Connection) -> None:
    """Counts anew what is in each lane. For rows that were written without their lane; reads all of them."""
    for statement in _RECOUNT.split(";"):
        connection.execute(statement)


def _at_once(connection: sqlite3.Connection, statements: str) -> None:
    try:
        connection.executescript(f"begin immediate; {statements} {_STATED} commit;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
