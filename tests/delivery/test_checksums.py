"""The checksums of SQLite's log, many at once and one after the other."""

from __future__ import annotations

import random
import struct
from contextlib import closing
from pathlib import Path

import pytest

from container.delivery.checksums import NOTHING, Order, continued, summed, sums_of
from container.delivery.pages import read_log
from container.delivery.schema import FILE, open_writer

SIZE, SKIPPED = 64, 24
WORDS = (SIZE - SKIPPED) // 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("many", [0, 1, 2, 3, 7, 64])
def test_records_that_are_summed_together_have_the_sums_of_each(many: int, order: Order) -> None:
    chance = random.Random(many)
    records = [
        # Words without end carry over, as far as they can.
        chance.randbytes(SKIPPED) + (chance.randbytes(SIZE - SKIPPED) if number % 3 else b"\xff" * (SIZE - SKIPPED))
        for number in range(many)
    ]
    before = (0xFFFFFFFF, chance.getrandbits(32))
    found = sums_of(b"".join(records), size=SIZE, skipped=SKIPPED, order=order)
    words = [struct.unpack(f"{order}{WORDS}I", record[SKIPPED:]) for record in records]
    assert found == [summed(each, NOTHING) for each in words]
    assert [continued(before, sums, WORDS) for sums in found] == [summed(each, before) for each in words]


def test_each_frame_of_a_long_log_is_looked_at(tmp_path: Path) -> None:
    log = tmp_path / f"{FILE}-wal"
    with closing(open_writer(tmp_path)) as connection:
        for number in range(300):
            connection.execute("insert into meta values(?, ?)", (str(number), "x" * 16_000))
        written = log.read_bytes()
        assert not read_log(log).damaged
        pages = read_log(log).pages
    (tmp_path / FILE).unlink()
    assert pages > 300
    chance = random.Random(1)
    for _ in range(8):
        spoiled = bytearray(written)
        # Not in the last commits, which may be half there.
        spoiled[chance.randrange(32, len(written) - 40 * 16_408)] ^= 1 << chance.randrange(8)
        log.write_bytes(spoiled)
        assert read_log(log).damaged
