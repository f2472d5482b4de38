"""`test FILE`: what it prints, when it fails, and what `--update` leaves of a file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from container.cli.main import app
from tests.cli.processes import FILE, PURCHASE

TESTS = f"""
tests:
  A purchase reaches TikTok:
    hit: {{path: /g/collect, query: {PURCHASE!r}}}
    expect:
      TikTok:
        status: fired  # of course
        headers: {{Access-Token: "${{secret:SERVED_TOKEN}}"}}
        json: {{data: [{{event: 'Purchase'}}]}}
  A page view does not:
    event: {{name: page_view}}
    expect: {{TikTok: {{status: not_triggered}}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "container.yaml"
    path.write_text(FILE + TESTS, encoding="utf-8")
    return path


def invoke(*arguments: str | Path, set_to: str | None = "x") -> Result:
    return CliRunner().invoke(app, ["test", *map(str, arguments)], env={"SERVED_TOKEN": set_to})


def spoil(file: Path, *pairs: tuple[str, str]) -> str:
    text = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return text


def test_each_test_has_a_line_and_all_are_counted(file: Path) -> None:
    found = invoke(file)
    assert found.exit_code == 0
    assert found.stdout == f"ok      A purchase reaches TikTok\nok      A page view does not\n{file}: 2 passed\n"
    assert found.stderr == ""


@pytest.mark.parametrize("token", [None, "another"])
def test_secrets_are_their_own_text_whether_they_are_set_or_not(file: Path, token: str | None) -> None:
    found = invoke(file, set_to=token)
    assert found.exit_code == 0
    assert ("warning[missing-environment]" in found.stderr) == (token is None)


def test_what_differs_is_shown_path_by_path_with_the_reason_of_the_tag(file: Path) -> None:
    spoil(file, ("'Purchase'", "'Buy'"))
    found = invoke(file)
    assert found.exit_code == 1
    lines = found.stdout.splitlines()
    assert lines[:3] == [
        "FAILED  A purchase reaches TikTok",
        '        tag "TikTok", event "purchase"',
        '            json.data.0.event: expected "Buy", found "Purchase"',
    ]
    assert lines[3].startswith('            why: fired, trigger "Purchase" holds')
    assert lines[4:] == ["ok      A page view does not", f"{file}: 1 passed, 1 failed"]


def test_what_a_terminal_would_obey_is_not_printed(file: Path) -> None:
    spoil(file, ("A page view does not", r'"A\e[31m name"'))
    assert "\x1b" not in invoke(file).stdout


def test_a_container_without_tests_says_so(file: Path) -> None:
    file.write_text(FILE, encoding="utf-8")
    found = invoke(file)
    assert (found.exit_code, found.stdout) == (0, f"{file}: no tests\n")


def test_a_file_with_errors_runs_no_tests(file: Path) -> None:
    text = spoil(file, ("    expect: {TikTok: ", "    expect: {TikTock: "))
    found = invoke(file, "--update")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "error[unknown-tag]" in found.stderr
    assert 'did you mean "TikTok"' in found.stderr
    assert file.read_text(encoding="utf-8") == text


def test_update_rewrites_what_differs_and_nothing_else(file: Path) -> None:
    before = file.read_bytes()
    spoil(file, ("'Purchase'", "'Buy'"), ("{status: not_triggered}", "{status: fired}"))
    found = invoke(file, "--update")
    assert found.exit_code == 0
    assert found.stdout == f"updated A purchase reaches TikTok\nupdated A page view does not\n{file}: 2 passed\n"
    assert file.read_bytes() == before


def test_update_leaves_a_file_alone_whose_tests_hold(file: Path) -> None:
    changed = file.stat().st_mtime_ns
    found = invoke(file, "--update")
    assert found.stdout.startswith("ok      A purchase")
    assert file.stat().st_mtime_ns == changed


def test_update_keeps_the_mark_and_the_ends_of_lines(file: Path) -> None:
    before = "\ufeff" + (FILE + TESTS).replace("\n", "\r\n")
    file.write_bytes(before.replace("'Purchase'", "'Buy'").encode())
    assert invoke(file, "--update").exit_code == 0
    assert file.read_bytes() == before.encode()


def test_what_cannot_be_rewritten_still_fails(file: Path) -> None:
    spoil(file, ("{status: not_triggered}", "&shared {status: fired}"))
    found = invoke(file, "--update")
    assert found.exit_code == 1
    assert "FAILED  A page view does not" in found.stdout
    assert found.stdout.splitlines()[-2] == (
        "        expect.TikTok.0.status is not rewritten: it stands behind an anchor that other places share. "
        "Change it by hand."
    )


def refuse(*_arguments: object) -> None:
    raise OSError(errno.EBUSY, "Device or resource busy")


def test_a_file_that_cannot_be_replaced_stays_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is mounted by itself, as containers do it, cannot be replaced."""
    text = spoil(file, ("'Purchase'", "'Buy'"))
    monkeypatch.setattr(Path, "replace", refuse)
    found = invoke(file, "--update")
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith(f"{file} cannot be rewritten: Device or resource busy. It is as it was.")
    assert isinstance(found.exception, SystemExit)
    assert file.read_text(encoding="utf-8") == text
    assert list(file.parent.iterdir()) == [file]


def test_a_rewritten_file_keeps_its_mode_and_owner_and_a_link_stays_one(file: Path) -> None:
    spoil(file, ("'Purchase'", "'Buy'"))
    file.chmod(0o640)
    before = file.stat()
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    assert invoke(link, "--update").exit_code == 0
    after = file.stat()
    assert link.is_symlink()
    assert "'Purchase'" in file.read_text(encoding="utf-8")
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert {path.name for path in file.parent.iterdir()} == {file.name, link.name}


@pytest.mark.parametrize("arguments", [[], ["none.yaml"], ["--what", "container.yaml"]])
def test_wrong_usage_has_a_code_of_its_own(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2
