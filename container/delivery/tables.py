"""The tables of the SQLite file, and how those of an earlier version become them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

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
create table guards(
  key        blob primary key,
  kind       text not null,
  until      integer not null,
  row        text not null default ''          -- ids of the deliveries that took it, a blank between
) strict, without rowid;
create index guards_until on guards(until);
"""

_ROWS = """
create table delivery(
  number     integer primary key autoincrement, -- order of arrival; none comes again
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
  number     integer primary key autoincrement,
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
create index dead_died on dead(died);
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

_OLD_DELIVERY = (
    "number, id, lane, batch, part, size, most_items, most_bytes, due, claim, attempts, crashes, faults, first, "
    "give_up, expire, format, crc, kid, body"
)
_OLD_DEAD = "number, id, lane, reason, note, holds, attempts, crashes, first, died, format, crc, kid, body"

_SECOND = """
alter table lanes add column rows integer not null default 0;
alter table lanes add column bytes integer not null default 0;
alter table lanes add column dead integer not null default 0;
alter table lanes add column dead_bytes integer not null default 0;
alter table guards add column row text not null default '';
alter table delivery rename to delivery_1;
alter table dead rename to dead_1;
drop index delivery_waiting;
drop index delivery_claimed;
drop index dead_lane;
"""

_MOVED = f"""
insert into delivery({_OLD_DELIVERY}) select {_OLD_DELIVERY} from delivery_1;
insert into dead({_OLD_DEAD}, size) select {_OLD_DEAD}, length(body) from dead_1;
drop table delivery_1;
drop table dead_1;
"""  # noqa: S608 - constants
"""Rows into tables whose numbers never come again, which no column can be altered to."""

_STATED = f"insert or replace into meta values('schema_version', '{SCHEMA_VERSION}');"


def make(connection: sqlite3.Connection) -> None:
    """Makes the tables, in one transaction: a crash leaves no half of a schema."""
    _at_once(connection, _TABLES + _ROWS + _COUNTING)


def version_of(connection: sqlite3.Connection) -> int | None:
    """Which version of the tables the file has; `None` when it has none yet, 0 when it does not say."""
    if not connection.execute("select 1 from sqlite_schema where name='meta'").fetchone():
        return None
    found = connection.execute("select value from meta where name='schema_version'").fetchone()
    return int(found[0]) if found and str(found[0]).isdigit() else 0


def migrate(connection: sqlite3.Connection, version: int) -> bool:
    """Makes the tables of an earlier version ours, in one transaction. Whether that is known how."""
    if version == 1:
        _at_once(connection, _SECOND + _ROWS + _MOVED + _COUNTING + _RECOUNT)
    return version in (1, SCHEMA_VERSION)


def misshapen(connection: sqlite3.Connection) -> str:
    """What is wrong with the names in the file, which no look at its pages shows; empty when nothing is."""
    version = version_of(connection)
    if version is None or version > SCHEMA_VERSION:
        return ""
    if version == 0:
        return "it does not say which version of the tables it has"
    with closing(sqlite3.connect(":memory:")) as ours:
        make(ours)
        expected = {table: _columns(ours, table) for table in ("meta", "lanes", "delivery", "dead", "guards")}
    for table, columns in expected.items():
        found = _columns(connection, table)
        whole = len(columns) if version == SCHEMA_VERSION else max(len(found), 1)
        if found != columns[:whole]:
            return f'the columns of the table "{table}" are others'
    for table in ("delivery", "dead"):
        # Has SQLite read the triggers and indexes; nothing is changed.
        connection.execute(f"explain insert into {table}(number) values(1)").fetchall()
        connection.execute(f"explain delete from {table}").fetchall()  # noqa: S608 - constants
    return ""


def recount(connection: sqlite3.Connection) -> None:
    """Counts anew what is in each lane. For rows that were written without their lane; reads all of them."""
    for statement in _RECOUNT.split(";"):
        connection.execute(statement)


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, str, int]]:
    """Their names, types, and whether one has to be there."""
    found = connection.execute(f"pragma table_info({table})").fetchall()
    return [(str(name), str(kind), int(needed)) for _, name, kind, needed, *_ in found]


def _at_once(connection: sqlite3.Connection, statements: str) -> None:
    try:
        connection.executescript(f"begin immediate; {statements} {_STATED} commit;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
