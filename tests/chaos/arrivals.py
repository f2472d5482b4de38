"""In which order hits came into a database. A trigger keeps it, since rows are gone once they are delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from container.delivery.seal import keyring
from tests.chaos.client import Sent
from tests.chaos.left import event_id_of

_KEEP = """
create table arrived(number bigint, id text, kid text, body bytea);
create function keep_arrived() returns trigger language plpgsql as
  $$ begin insert into arrived values (new.number, new.id, new.kid, new.body); return null; end $$;
create trigger keep_arrived after insert on delivery for each row execute function keep_arrived();
"""


def keep_arrivals(url: str) -> None:
    """Begins to keep the order."""
    with psycopg.connect(url) as connection:
        connection.execute(_KEEP)


def arrivals(url: str, key: str) -> Mapping[str, int]:
    """The place in the order, by event id: that of the first delivery of each hit."""
    found: dict[str, int] = {}
    with TemporaryDirectory() as empty, psycopg.connect(url) as connection:
        keys = keyring(Path(empty), key)
        with connection.cursor("arrivals") as rows:
            for number, name, kid, body in rows.execute("select number, id, kid, body from arrived order by number"):
                found.setdefault(event_id_of(keys, name, kid, body), number)
    return found


def overtaken(sent: Sequence[Sent], places: Mapping[str, int]) -> list[str]:
    """Hits to one process that are in front of one which was acknowledged before they were sent."""
    acknowledged = sorted((each for each in sent if each.acknowledged and each.id in places), key=lambda each: each.at)
    found, last, next_one = [], -1, 0
    for each in sorted(sent, key=lambda each: each.begun):
        while next_one < len(acknowledged) and acknowledged[next_one].at < each.begun:
            last = max(last, places[acknowledged[next_one].id])
            next_one += 1
        if places.get(each.id, last + 1) < last:
            found.append(each.id)
    return found
