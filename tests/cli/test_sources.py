"""Where secrets come from, how log lines look, and whose packages these are."""

from __future__ import annotations

import gc
import re
import socket
import sys
from pathlib import Path

import pytest

from container.cli.listeners import address_of, bind
from container.cli.shadow import shadowed
from container.cli.sources import secrets_from, uncollected
from tests.cli.processes import ROOT


def test_a_file_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_text("from the file\r\n", encoding="utf-8")
    secret = secrets_from(tmp_path, {"TOKEN": "from the environment", "OTHER": "o"})
    assert [secret("TOKEN"), secret("OTHER"), secret("NONE")] == ["from the file", "o", None]


@pytest.mark.parametrize("blank", ["", "\n", " \t\r\n"])
def test_a_secret_that_is_empty_is_not_set(tmp_path: Path, blank: str) -> None:
    (tmp_path / "TOKEN").write_text(blank, encoding="utf-8")
    assert secrets_from(tmp_path, {})("TOKEN") is None
    assert secrets_from(None, {"TOKEN": blank})("TOKEN") is None
    assert secrets_from(tmp_path, {"TOKEN": "from the environment"})("TOKEN") is None


def test_white_space_at_the_end_of_a_file_is_no_part_of_the_secret(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_text(" with spaces \t\n\n", encoding="utf-8")
    assert secrets_from(tmp_path, {})("TOKEN") == " with spaces"


def test_a_file_that_cannot_be_read_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "BYTES").write_bytes(b"\xff")
    (tmp_path / "FOLDER").mkdir()
    secret = secrets_from(tmp_path, {})
    assert [secret(name) for name in ("BYTES", "FOLDER", "NONE", "BYTES")] == [None] * 4
    assert [record.getMessage() for record in caplog.records] == [
        'secret.unreadable name=BYTES reason="it is not UTF-8"',
        'secret.unreadable name=FOLDER reason="Is a directory"',
    ]


def test_a_file_that_was_emptied_is_told_of_and_filled_again_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = secrets_from(tmp_path, {"TOKEN": "old"})
    found = []
    for content in ("new", "", "", "newer", ""):
        (tmp_path / "TOKEN").write_text(content, encoding="utf-8")
        found.append(secret("TOKEN"))
    assert found == ["new", None, None, "newer", None]
    said = 'secret.unreadable name=TOKEN reason="it is empty"'
    assert [record.getMessage() for record in caplog.records] == [said, said]


def test_a_secret_that_changes_counts_at_once(tmp_path: Path) -> None:
    secret = secrets_from(tmp_path, {})
    (tmp_path / "TOKEN").write_text("old", encoding="utf-8")
    assert secret("TOKEN") == "old"
    (tmp_path / "TOKEN").write_text("new", encoding="utf-8")
    assert secret("TOKEN") == "new"


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x", encoding="utf-8")
    inside = tmp_path / "secrets"
    inside.mkdir()
    secret = secrets_from(inside, {})
    assert [secret(name) for name in ("../outside", "..", ".", "", "/etc/hostname", "a\0b")] == [None] * 6


def test_a_file_that_is_no_text_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_bytes(b"\xff")
    assert secrets_from(tmp_path, {"TOKEN": "e"})("TOKEN") is None


def test_whoever_wants_to_know_is_told_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_text("old\n", encoding="utf-8")
    learned: list[tuple[str, str]] = []
    secret = secrets_from(tmp_path, {"OTHER": "o"}, lambda name, value: learned.append((name, value)))
    secret("TOKEN")
    (tmp_path / "TOKEN").write_text("new", encoding="utf-8")
    for name in ("TOKEN", "OTHER", "NONE"):
        secret(name)
    assert learned == [("TOKEN", "old"), ("TOKEN", "new"), ("OTHER", "o")]


def test_our_packages_are_where_we_are() -> None:
    assert shadowed(ROOT) == []


def test_packages_from_elsewhere_are_named(tmp_path: Path) -> None:
    found = shadowed(tmp_path)
    assert len(found) == 5
    assert f'"clients" in "{ROOT / "clients"}", not in "{tmp_path / "clients"}"' in found[0]


def test_a_package_that_is_nowhere_is_named() -> None:
    assert shadowed(ROOT, ["no_such_package"])[0].startswith('Python finds the package "no_such_package" in nowhere')


def test_a_port_is_bound_once() -> None:
    with bind("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_an_address_can_be_opened_from_here(host: str) -> None:
    with bind(host, 0) as bound:
        assert re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]):\d+", address_of(bound))


@pytest.mark.skipif(sys.platform == "win32" or not socket.has_ipv6, reason="needs IPv6")
def test_an_address_of_the_new_protocol_is_in_brackets() -> None:
    with bind("::1", 0) as bound:
        assert address_of(bound).startswith("http://[::1]:")


def test_garbage_is_collected_again_after_a_container_was_read() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_collects_no_garbage_goes_on_so() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
