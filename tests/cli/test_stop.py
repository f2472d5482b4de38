"""How `serve` stops: once asked it finishes or gives back, asked twice at once, and nothing counts as a crash."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.cli.control import reached
from container.cli.listeners import DRAIN_SECONDS, LEFT_SECONDS
from container.cli.otel import END_SECONDS
from container.cli.stopping import (
    LEAST_DELIVERY_SECONDS,
    MOST_DELIVERY_SECONDS,
    MOST_DRAIN_SECONDS,
    STOP_SECONDS,
    Remaining,
)
from container.delivery.sqlite import open_store
from container.delivery.store import ClaimedRow
from tests.cli.processes import FILE, HALF, PATIENCE_SECONDS, PURCHASE, Serving, serving

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-the-admin"
ENVIRONMENT = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}
TAKEN = b'HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{"code":0,"message":"OK"} '
PROMISED_SECONDS = 30.0
QUICK_SECONDS = 10.0
"""Far more than a stop in a hurry takes, and less than one that waits for a vendor."""


class Vendor:
    """Takes requests, and gives the answer that it has; at first it has none."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.asked = threading.Event()
        self.answer = b""
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def close(self) -> None:
        # Closing a socket does not wake up whoever waits for a connection.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listening, *self._held):
            each.close()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
                self._held.append(connection)
                connection.recv(65_536)
                self.asked.set()
                if self.answer:
                    connection.sendall(self.answer)
            except OSError:
                return


@contextmanager
def hanging(folder: Path, *arguments: str) -> Iterator[tuple[Serving, Vendor]]:
    """A server whose one delivery is at a vendor that hangs."""
    vendor = Vendor()
    text = FILE.replace("127.0.0.1:9/", f"127.0.0.1:{vendor.port}/")
    try:
        with serving(folder, "--allow-egress", "127.0.0.0/8", *arguments, text=text, environment=ENVIRONMENT) as served:
            assert get(f"{served.public}/g/collect?{PURCHASE}&ep.event_id=one").status_code == 204
            assert vendor.asked.wait(PATIENCE_SECONDS)
            yield served, vendor
    finally:
        vendor.close()


def get(address: str, token: str = "") -> httpx.Response:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(address, headers={"authorization": f"Bearer {token}"} if token else {})


def waiting_row(folder: Path) -> ClaimedRow:
    """The one row of a store that nobody holds."""

    async def work() -> ClaimedRow:
        later = time.time_ns() // 1_000_000 + 3_600_000
        store = open_store(folder / "data", now=later)
        assert (store.recovered, store.poisoned) == (0, 0)
        [lane] = await store.lanes()
        claimed = await store.claim(lane.number, now=later, most_items=9, ahead=0)
        await store.close()
        assert claimed is not None
        [row] = claimed.rows
        return row

    return asyncio.run(work())


def test_a_second_signal_gives_back_at_once_what_is_under_way(tmp_path: Path) -> None:
    with hanging(tmp_path) as (served, _):
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(r"serve\.stopping")
        assert served.process.poll() is None
        assert served.stop(signal.SIGTERM) == 0
        assert served.between("hurrying", "stopped") < QUICK_SECONDS
        served.wait_for(r"INFO serve\.hurrying")
        served.wait_for(r"serve\.stopped")
        assert not [line for line in served.lines if " ERROR " in line]
    row = waiting_row(tmp_path)
    # This claim counts one attempt: the one that was given back does not.
    assert (row.attempts, row.crashes, row.faults) == (1, 0, 0)


def test_a_command_that_comes_while_it_stops_is_answered(tmp_path: Path) -> None:
    async def listed() -> Any:
        async with reached(tmp_path / "data") as control:
            return await control.ask("/lanes")

    with hanging(tmp_path) as (served, _):
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(r"serve\.stopping")
        [lane] = asyncio.run(listed())["lanes"]
        assert lane["in_flight"] == 1
        assert served.process.poll() is None
        assert served.stop(signal.SIGTERM) == 0
    assert asyncio.run(listed())


def test_a_vendor_that_hangs_does_not_hold_up_the_stop_for_more_than_was_promised(tmp_path: Path) -> None:
    with hanging(tmp_path) as (served, _):
        assert served.stop() == 0
        assert served.between("stopping", "stopped") < PROMISED_SECONDS
        assert not [line for line in served.lines if "serve.hurrying" in line]
    row = waiting_row(tmp_path)
    assert row.crashes == 0


def test_while_deliveries_end_the_admin_listener_answers_and_the_public_one_is_closed(tmp_path: Path) -> None:
    with hanging(tmp_path) as (served, _):
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(r"serve\.stopping")
        ready, metrics = get(f"{served.admin}/ready", TOKEN), get(f"{served.admin}/metrics")
        assert (ready.status_code, ready.json()["reasons"][0]) == (503, "The process is shutting down.")
        for figure in ("ready 0.0", r'outbox_rows\{.*state="in_flight"\} 1.0', r"in_flight\{.*\} 1.0"):
            assert re.search(f"^tag_container_{figure}$", metrics.text, re.MULTILINE), figure
        assert get(f"{served.admin}/healthy").text == "ok\n"
        with pytest.raises(httpx.ConnectError):
            get(f"{served.public}/healthy")
        assert served.process.poll() is None
        assert served.stop(signal.SIGTERM) == 0
        assert served.between("hurrying", "stopped") < QUICK_SECONDS


def test_what_was_given_back_is_sent_by_the_next_process_and_is_no_crash(tmp_path: Path) -> None:
    with hanging(tmp_path) as (served, vendor):
        served.process.send_signal(signal.SIGINT)
        served.wait_for(r"serve\.stopping")
        assert served.stop(signal.SIGINT) == 0
        vendor.answer = TAKEN
        text = (tmp_path / "container.yaml").read_text(encoding="utf-8")
        with serving(tmp_path, "--allow-egress", "127.0.0.0/8", text=text, environment=ENVIRONMENT) as again:
            again.wait_for(r"delivery\.answered .* verdict=delivered")
            metrics = get(f"{again.admin}/metrics").text
            assert re.findall(r"crash_recovered_total\{.*\} (\S+)", metrics) == ["0.0", "0.0"]
            assert not [line for line in again.lines if "store.recovered" in line]


def test_a_half_sent_hit_is_not_waited_for_when_somebody_asks_twice(tmp_path: Path) -> None:
    with serving(tmp_path, environment=ENVIRONMENT) as served, served.half_sent():
        get(f"{served.public}/healthy")
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(r"serve\.stopping")
        assert served.stop(signal.SIGTERM) == 0
        assert served.between("hurrying", "stopped") < DRAIN_SECONDS / 2


def test_while_it_drains_it_is_not_ready_and_takes_hits(tmp_path: Path) -> None:
    with serving(tmp_path, "--drain", str(MOST_DRAIN_SECONDS), environment=ENVIRONMENT) as served:
        public, admin = served.public, served.admin
        assert get(f"{admin}/ready").status_code == 200
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(rf"INFO serve\.draining seconds={MOST_DRAIN_SECONDS}")
        answer = get(f"{admin}/ready", TOKEN)
        assert answer.status_code == 503
        assert answer.json()["reasons"][0] == "The process is shutting down."
        assert "tag_container_ready 0.0" in get(f"{admin}/metrics").text
        assert get(f"{public}/healthy").status_code == 200
        assert get(f"{public}/g/collect?{PURCHASE}&ep.event_id=late").status_code == 204
        assert served.stop(signal.SIGTERM) == 0
        assert served.between("hurrying", "stopped") < QUICK_SECONDS
    assert b'"late"' in waiting_row(tmp_path).item.data


def test_a_hit_that_is_open_finds_out_that_the_process_is_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path, environment=ENVIRONMENT) as served:
        host, _, port = served.public.removeprefix("http://").partition(":")
        body = b"en=purchase"
        with socket.create_connection((host, int(port))) as half:
            head = "POST /g/collect?v=2&tid=G-TEST&cid=1.2&gcs=G111 HTTP/1.1\r\nhost: x\r\n"
            half.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode())
            get(f"{served.public}/healthy")
            served.process.send_signal(signal.SIGTERM)
            served.wait_for(r"serve\.stopping")
            assert get(f"{served.admin}/ready").status_code == 503
            half.sendall(body)
            assert half.recv(100).startswith(b"HTTP/1.1 204")
            assert served.process.wait(PATIENCE_SECONDS) == 0


def test_who_hangs_on_each_listener_and_a_vendor_that_hangs_do_not_hold_it_up_together(tmp_path: Path) -> None:
    with hanging(tmp_path, "--drain", str(MOST_DRAIN_SECONDS)) as (served, _), ExitStack() as open_:
        addresses = [each.removeprefix("http://").partition(":") for each in (served.public, served.admin)]
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(r"serve\.draining")
        # Half of a request, late enough that a body which stands still is not what ends it.
        time.sleep(MOST_DRAIN_SECONDS - 3)
        held = [open_.enter_context(socket.create_connection((host, int(port)))) for host, _, port in addresses]
        held.append(open_.enter_context(socket.socket(socket.AF_UNIX)))
        held[-1].connect(str(tmp_path / "data" / "control.sock"))
        for each in held:
            each.sendall(HALF)
        assert served.process.wait(PATIENCE_SECONDS) == 0
        assert served.between("draining", "stopped") < PROMISED_SECONDS
    assert waiting_row(tmp_path).crashes == 0


def test_what_was_spent_before_is_taken_from_the_time_of_deliveries() -> None:
    now = [100.0]
    remaining = Remaining(lambda: now[0])
    assert remaining.for_deliveries() == MOST_DELIVERY_SECONDS
    remaining.begin()
    now[0] += 10
    assert remaining.for_deliveries() == STOP_SECONDS - 10
    now[0] += 60
    assert remaining.for_deliveries() == LEAST_DELIVERY_SECONDS


def test_all_that_may_hang_fits_into_what_was_promised() -> None:
    before = MOST_DRAIN_SECONDS + DRAIN_SECONDS + LEFT_SECONDS
    assert before + LEAST_DELIVERY_SECONDS <= STOP_SECONDS
    # The two listeners of operators at once.
    after = 1 + LEFT_SECONDS + END_SECONDS
    assert STOP_SECONDS + after < PROMISED_SECONDS
