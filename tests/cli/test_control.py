"""The control socket: for the owner of the folder, while a server runs."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from container.cli.control import KEY, SOCKET, ControlError, control_crowd, control_socket, reached, remove_socket
from container.cli.listeners import Listener
from container.delivery.schema import FILE, LOCK_FILE
from container.delivery.sqlite import SqliteStore, open_store
from container.web.caretaker import Caretaker
from container.web.jobs import Jobs
from container.web.queue_api import QueueApi, queue_app
from tests.delivery.harness import NOW, accepted, planned, run


@asynccontextmanager
async def server(folder: Path, *, rows: int = 0) -> AsyncIterator[SqliteStore]:
    """What a process that serves has on its control socket."""
    store, jobs = open_store(folder, now=NOW), Jobs()
    await store.accept(accepted(*(planned(number) for number in range(1, rows + 1))))
    app = queue_app(QueueApi(Caretaker(store, lambda: None, jobs=jobs), lambda _header: True, by="control_socket"))
    bound = control_socket(folder)
    listener = Listener(app, bound, crowd=control_crowd())
    await listener.start()
    try:
        yield store
    finally:
        await listener.stop()
        remove_socket(folder)
        await jobs.close()
        await store.close()


def test_a_running_server_is_asked_over_its_socket(tmp_path: Path) -> None:
    async def work() -> None:
        async with server(tmp_path, rows=3), reached(tmp_path) as control:
            assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600
            [lane] = (await control.ask("/lanes"))["lanes"]
            assert lane["waiting"] == 3
            assert await control.ask("/lanes/1/pause", {}) == {"lane": 1, "paused": True}
            lines = b"".join([piece async for piece in control.stream("/export")]).splitlines()
            assert [orjson.loads(line)["place"] for line in lines] == ["waiting"] * 3
            with pytest.raises(ControlError, match="There is no lane 9"):
                await control.ask("/lanes/9/pause", {})
            with pytest.raises(ControlError, match="A place is"):
                [_ async for _ in control.stream("/export", place="x")]
        assert not (tmp_path / SOCKET).exists()

    run(work())


def test_without_a_server_the_folder_itself_is_asked(tmp_path: Path) -> None:
    async def work() -> None:
        store = open_store(tmp_path, now=NOW)
        await store.accept(accepted(*(planned(number) for number in range(1, 1203))))
        await store.close()
        async with reached(tmp_path) as control:
            assert (await control.ask("/count", place="waiting"))["rows"] == 1202
            lines = b"".join([piece async for piece in control.stream("/export")]).splitlines()
            assert len(lines) == 1202
            async for _ in control.stream("/export"):
                break
            with pytest.raises(ControlError, match="There is no lane 9"):
                await control.ask("/lanes/9/pause", {})

    run(work())


def test_a_socket_of_a_dead_process_is_replaced_and_passed_by(tmp_path: Path) -> None:
    async def work() -> None:
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(tmp_path / SOCKET))
        left.close()
        open_store(tmp_path, now=NOW)._held.close()
        async with reached(tmp_path) as control:
            assert (await control.ask("/lanes"))["lanes"] == []
        async with server(tmp_path), reached(tmp_path) as control:
            assert (await control.ask("/lanes"))["lanes"] == []

    run(work())


def test_a_path_that_is_too_long_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("longer" * 20)

    async def work() -> None:
        async with server(folder, rows=1), reached(folder) as control:
            assert (folder / SOCKET).is_socket()
            assert (await control.ask("/count", place="waiting"))["rows"] == 1

    run(work())


def test_a_folder_without_deliveries_and_one_that_is_held_are_told(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(ControlError, match="holds no deliveries"):
            async with reached(tmp_path):
                raise AssertionError
        assert not (tmp_path / FILE).exists()
        store = open_store(tmp_path, now=NOW)
        with pytest.raises(ControlError, match="another process works with the data folder"):
            async with reached(tmp_path):
                raise AssertionError
        await store.close()

    run(work())


def test_a_server_that_is_stopping_is_told_before_anything_that_would_be_needed_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        # Its key is in the server's environment alone, and the command is somebody else's.
        store = open_store(tmp_path, now=NOW, key=base64.b64encode(bytes(32)).decode())
        monkeypatch.delenv(KEY, raising=False)
        with pytest.raises(ControlError) as told:
            async with reached(tmp_path):
                raise AssertionError
        assert "a server that is starting or stopping" in str(told.value)
        assert "Try again in half a minute" in str(told.value)
        assert KEY not in str(told.value)
        await store.close()
        with pytest.raises(ControlError, match="holds no key"):
            async with reached(tmp_path):
                raise AssertionError

    run(work())


def test_a_folder_whose_lock_is_gone_is_asked_all_the_same(tmp_path: Path) -> None:
    open_store(tmp_path, now=NOW)._held.close()
    (tmp_path / LOCK_FILE).unlink()

    async def work() -> None:
        async with reached(tmp_path) as control:
            assert (await control.ask("/lanes"))["lanes"] == []

    run(work())


def test_a_server_that_goes_away_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with server(tmp_path), reached(tmp_path) as control:
            remove_socket(tmp_path)
            with pytest.raises(ControlError, match=r"does not answer any more .* Try again in half a minute"):
                await control.ask("/lanes")
            await asyncio.sleep(0)

    run(work())
