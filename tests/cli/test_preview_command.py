"""`preview DRAFT` sends a draft to a server and says how to mark a hit; `--allow-publish` needs one file to write."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from container.cli.admin_api import AdminApi, server_address
from container.cli.main import app
from container.cli.preview_session import Session, lasting
from tests.cli.preview_server import SESSION, TOKEN, Preview, preview_server
from tests.cli.processes import FILE, PATIENCE_SECONDS, command, run, serving, surroundings
from tests.preview.lives import TEXT

NOW = 1_767_261_600.0
SESSIONS = "/preview/sessions"
STARTED = [("POST", SESSIONS), ("PUT", f"{SESSIONS}/abc-1/draft")]


@pytest.fixture(scope="module")
def running() -> Iterator[Preview]:
    with preview_server() as preview:
        yield preview


@pytest.fixture
def server(running: Preview) -> Preview:
    running.asked, running.answers, running.runs = [], {}, None
    return running


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text(TEXT.replace("pixel: true", "pixel: false"), encoding="utf-8")
    return path


def preview(draft: Path, server: str, *arguments: str, token: str | None = TOKEN) -> Result:
    environment = {"TAG_CONTAINER_ADMIN_TOKEN": token}
    return CliRunner().invoke(app, ["preview", str(draft), "--server", server, *arguments], env=environment)


def test_of_a_draft_that_only_has_other_comments_that_is_said(server: Preview, draft: Path) -> None:
    draft.write_text(f"# Mine.\n{TEXT}", encoding="utf-8")
    found = preview(draft, server.address)
    assert found.stdout.splitlines()[0] == (
        "The draft runs now. It is not the same as the live file. "
        "Only comments, blank lines, empty sections or the order of sections differ."
    )


def test_a_draft_runs_and_how_to_mark_a_hit_is_said(server: Preview, draft: Path) -> None:
    found = preview(draft, server.address)
    assert (found.exit_code, server.asked) == (0, STARTED)
    assert server.runs == draft.read_text(encoding="utf-8")
    assert found.stdout == (
        'The draft runs now. Changed: tag "TikTok" changed.\n'
        f"Watch:              {server.address}/preview/abc-1 "
        f"(in a browser that has not been there before, open {server.address}/ first)\n"
        "Mark your browser:  /_preview/single-use-code (on the public host)\n"
        "Mark anything else: X-Gtm-Server-Preview: mark\n"
        f"Try it:             {SESSION['curl']}\n"
        "Mode:               dry run, nothing leaves\n"
    )


def test_a_draft_that_is_the_live_file_is_said_to_be(server: Preview, draft: Path) -> None:
    draft.write_text(TEXT, encoding="utf-8")
    assert "It is the same as the live file." in preview(draft, server.address).stdout


FAILING = 'tests:\n  "A sale\\e": {event: {name: page_view}, expect: {TikTok: {status: fired}}}\n'


def test_of_a_draft_that_fails_its_own_tests_that_is_said_and_it_runs(server: Preview, draft: Path) -> None:
    draft.write_text(TEXT + FAILING, encoding="utf-8")
    found = preview(draft, server.address)
    assert (found.exit_code, server.asked) == (0, STARTED)
    assert found.stderr.startswith('1 of 1 test fails: "A sale')
    assert found.stderr.endswith(f"Run tag-container test {draft} to see why.\n")
    assert found.stdout.startswith("The draft runs now. Changed: ")
    assert "\x1b" not in found.output


def test_of_a_draft_whose_tests_pass_that_is_said(server: Preview, draft: Path) -> None:
    draft.write_text(TEXT + FAILING.replace("fired", "not_triggered"), encoding="utf-8")
    found = preview(draft, server.address)
    assert found.stdout.startswith("The draft runs now. Its test passes. Changed: ")
    assert "test" not in found.stderr


def test_a_server_that_knows_nothing_of_tests_says_nothing_of_them(server: Preview, draft: Path) -> None:
    server.answers["PUT"] = 200, b'{"problems":[],"difference":[]}'
    assert preview(draft, server.address).stdout.startswith("The draft runs now. It is the same as the live file.\n")


def test_problems_are_shown_as_validate_shows_them_and_nothing_is_left_behind(server: Preview, draft: Path) -> None:
    draft.write_text(TEXT.replace("${PIXEL}", "${HOME}"), encoding="utf-8")
    found = preview(draft, server.address)
    assert found.exit_code == 1
    assert found.stderr.startswith(f"{draft}:13:16: error[missing-environment] the live file does not use ")
    assert '   13 |     pixel_id: "${HOME}"\n      |                ^^^^^^^\n   hint: ' in found.stderr
    assert found.stderr.endswith("The draft has 1 error: it does not run, and its preview is over.\n")
    assert found.stdout == ""
    assert server.asked == [*STARTED, ("DELETE", f"{SESSIONS}/abc-1")]


def test_warnings_are_shown_and_the_draft_runs(server: Preview, draft: Path) -> None:
    draft.write_text(TEXT.replace("triggers:\n  P", "triggers:\n  Unused: {events: x}\n  P", 1), encoding="utf-8")
    found = preview(draft, server.address)
    assert (found.exit_code, server.asked) == (0, STARTED)
    assert "warning[unused-trigger]" in found.stderr


def test_a_secret_that_is_written_out_is_shown_by_nobody(server: Preview, draft: Path) -> None:
    draft.write_text(TEXT.replace("${secret:TIKTOK_TOKEN}", "Xy7-written-out"), encoding="utf-8")
    found = preview(draft, server.address)
    assert "error[literal-secret]" in found.stderr
    assert "Xy7" not in found.output


def test_a_file_that_is_too_large_is_not_sent_as_a_whole(server: Preview, draft: Path) -> None:
    with draft.open("wb") as file:
        file.truncate(1 << 30)
    assert "the file is larger than 1 MB" in preview(draft, server.address).stderr


def test_without_the_servers_token_there_is_no_preview(server: Preview, draft: Path) -> None:
    found = preview(draft, server.address, token="another-token-of-16")
    assert found.exit_code == 1
    assert "see that TAG_CONTAINER_ADMIN_TOKEN is the server's" in found.stderr


@pytest.mark.parametrize("token", [None, "", "short", "a-token-of-16-€€€€"])
def test_a_token_is_needed_before_anything_is_asked(server: Preview, draft: Path, token: str | None) -> None:
    found = preview(draft, server.address, token=token)
    assert (found.exit_code, server.asked) == (2, [])
    assert "TAG_CONTAINER_ADMIN_TOKEN" in found.stderr


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:8081",
        "ftp://x/",
        "http://",
        "http://x:y/",
        "http://x:0/",
        "http://a:b@x/",
        "http://x/?a",
        "http://[x/",
        "http://a..b/",
        f"http://{'x' * 70}/",
    ],
)
def test_an_address_that_is_none_is_refused(draft: Path, address: str) -> None:
    assert preview(draft, address).exit_code == 2


def test_an_address_may_have_a_path() -> None:
    assert server_address(" https://tags.example:8443/admin/ ") == "https://tags.example:8443/admin"


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("http://127.0.0.1:8081", False),
        ("http://[::1]:8081", False),
        ("http://localhost:8081", False),
        ("https://tags.example", False),
        ("http://10.0.0.5:8081", True),
        ("http://tags.example", True),
    ],
)
def test_a_token_that_could_be_read_on_the_way_is_warned_of(address: str, *, plain: bool) -> None:
    assert AdminApi(server_address(address), TOKEN).is_plain is plain


def test_that_nobody_answers_is_said(draft: Path) -> None:
    found = preview(draft, "http://127.0.0.1:9")
    assert found.exit_code == 1
    assert "nobody answers at http://127.0.0.1:9 (Connection refused): is the server running?" in found.stderr


def test_the_token_follows_no_redirect(server: Preview, draft: Path) -> None:
    server.answers["POST"] = 302, b""
    assert preview(draft, server.address).exit_code == 1
    assert server.asked == [("POST", SESSIONS)]


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("POST", (201, b"hello"), "no preview of tag-container"),
        ("POST", (201, b"[]"), "no preview of tag-container"),
        ("POST", (201, b"{}"), "no preview of tag-container"),
        (
            "POST",
            (201, b'{"id":"../x","page":"","link":"","header":{"name":"","value":""},"curl":"","mode":""}'),
            "no preview of tag-container",
        ),
        ("POST", (409, b'{"problem":"End one of them first."}'), "End one of them first."),
        ("POST", (409, b"full"), "the server answers 409; its log says more"),
        ("POST", (409, b'{"problem":1}'), "the server answers 409; its log says more"),
        ("PUT", (400, b'{"problem":"The draft is not UTF-8."}'), "The draft is not UTF-8."),
        ("POST", (500, b""), "the server answers 500; its log says more"),
        ("PUT", (404, b""), "the session has ended"),
        ("PUT", (200, b'{"problems":[],"difference":[1]}'), "no preview of tag-container"),
        ("PUT", (200, b'{"problems":[],"tests":1}'), "no preview of tag-container"),
        ("PUT", (200, b'{"problems":[],"tests":{"failed":"x"}}'), "no preview of tag-container"),
        ("PUT", (422, b"{}"), "no preview of tag-container"),
        ("PUT", (422, b'{"problems":[{}]}'), "no preview of tag-container"),
        ("PUT", (200, b'{"problems":[1]}'), "no preview of tag-container"),
    ],
)
def test_an_answer_that_is_none_is_told(
    server: Preview, draft: Path, method: str, answer: tuple[int, bytes], said: str
) -> None:
    server.answers[method] = answer
    found = preview(draft, server.address)
    assert found.exit_code == 1
    assert found.stderr.startswith("tag-container preview: ")
    assert said in found.stderr


def test_nothing_that_a_server_says_is_obeyed_by_a_terminal(server: Preview, draft: Path) -> None:
    words = {"code": "\x1b[2J", "sentence": "\x1b]0;x", "hint": "\u202e"}
    problem = {"level": "error", "line": -1, "column": 1e9, "length": 1, **words}
    server.answers["PUT"] = 422, orjson.dumps({"problems": [problem]})
    found = preview(draft, server.address)
    assert "error[" in found.stderr
    assert not {"\x1b", "\u202e"} & set(found.output)


def test_a_session_that_could_not_be_given_its_draft_is_ended(server: Preview, draft: Path) -> None:
    server.answers["PUT"] = 500, b""
    assert preview(draft, server.address, "--watch").exit_code == 1
    assert server.asked == [*STARTED, ("DELETE", f"{SESSIONS}/abc-1")]


def test_a_draft_that_is_too_large_for_the_server_is_said_to_be(server: Preview, draft: Path) -> None:
    server.answers["PUT"] = 413, b"{}"
    found = preview(draft, server.address)
    said = "The draft is larger than 1 MB: it does not run, and its preview is over.\n"
    assert (found.exit_code, found.stderr) == (1, said)
    assert server.asked[-1] == ("DELETE", f"{SESSIONS}/abc-1")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (7199, "for 2 hours, and longer while it is used"),
        (3600 + 59, "for 1 hour 1 minute, and longer while it is used"),
        (61, "for 2 minutes, and longer while it is used"),
        (1e300, "for 168 hours, and longer while it is used"),
        (-1, "until it ends"),
    ],
)
def test_how_long_a_session_lives_is_said_in_words(seconds: float, said: str) -> None:
    assert lasting(Session("x", "", "", ("", ""), "", "dry", NOW + seconds), now=NOW) == said


@contextmanager
def watching(server: Preview, draft: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, and a draft that has no errors unless it has been written already."""
    process = subprocess.Popen(
        command("preview", str(draft), "--server", server.address, "--watch"),
        env=surroundings({"TAG_CONTAINER_ADMIN_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def replaced(draft: Path, text: str) -> None:
    """As an editor does it."""
    replacing = draft.with_suffix(".new")
    replacing.write_text(text, encoding="utf-8")
    replacing.replace(draft)


@pytest.mark.slow
def test_a_draft_that_is_watched_is_sent_again_when_it_changes(server: Preview, draft: Path) -> None:
    draft.write_text("version: 2\n", encoding="utf-8")
    with watching(server, draft) as process:
        # The first time it is asked about its session, it watches.
        server.wait_until_asked("GET", 1)
        assert server.runs is None
        for number in (2, 3):
            text = TEXT.replace("id: L-1", f"id: L-{number}")
            replaced(draft, text)
            server.wait_until_asked("PUT", number)
            assert server.runs == text
        replaced(draft, "version: 2\n")
        server.wait_until_asked("PUT", 4)
        server.wait_until_asked("GET", server.gets() + 1)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, complained
    assert said.count("The draft runs now.") == 2
    assert complained.count(": marked hits run through the live file until it is mended.\n") == 1
    assert complained.count(": what ran before goes on.\n") == 1
    assert complained.index("live file until") < complained.index("what ran before")
    assert complained.endswith(
        "The draft is no longer sent again. The session goes on for 2 hours, and longer while it is used: "
        "its page has a button that ends it.\n"
    )
    assert ("DELETE", f"{SESSIONS}/abc-1") not in server.asked


@pytest.mark.slow
def test_a_session_that_ends_while_the_draft_is_watched_ends_the_command(server: Preview, draft: Path) -> None:
    with watching(server, draft) as process:
        server.wait_until_asked("GET", 1)
        server.answers["GET"] = 404, b"Not Found"
        _, complained = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "tag-container preview: the session has ended on the server, and marked hits now run live" in complained
    assert complained.endswith("start the command again\n")


@pytest.mark.slow
def test_a_server_that_goes_away_gets_what_changed_when_it_is_back(server: Preview, draft: Path) -> None:
    text = TEXT.replace("id: L-1", "id: L-2")
    with watching(server, draft) as process:
        server.wait_until_asked("GET", 1)
        server.answers = {"GET": (502, b"<html>"), "PUT": (502, b"<html>")}
        server.wait_until_asked("GET", 3)
        replaced(draft, text)
        server.wait_until_asked("PUT", 3)
        server.answers = {}
        server.wait_until(lambda: server.runs == text)
        server.wait_until_asked("GET", 4)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, complained
    assert said.endswith('The draft runs now. Changed: setting "container" changed.\n')
    assert complained.count("the server answers 502; its log says more") == 1
    assert complained.count("The file is still watched, and sent when the server answers.") == 1
    assert complained.count("The server answers again.") == 1


@pytest.mark.slow
def test_that_nobody_answers_any_more_is_said_and_no_fault(draft: Path) -> None:
    with preview_server() as gone, watching(gone, draft) as process:
        gone.wait_until_asked("GET", 1)
        gone.close()
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Watching the file" in lines[0]
    assert f"nobody answers at {gone.address}" in lines[1]
    assert "still watched" in lines[2]
    assert "Traceback" not in complained
    assert process.returncode == 0


@pytest.mark.slow
def test_a_draft_that_is_gone_or_refused_is_watched_on(server: Preview, draft: Path) -> None:
    with watching(server, draft) as process:
        server.wait_until_asked("GET", 1)
        text = draft.read_text(encoding="utf-8")
        draft.unlink()
        assert process.stderr is not None
        assert "Watching the file" in process.stderr.readline()
        assert f"{draft}: No such file" in process.stderr.readline()
        server.answers["PUT"] = 409, b'{"problem": "There is nothing to draft beside."}'
        replaced(draft, text)
        assert f"{draft}: There is nothing to draft beside." in process.stderr.readline()
        server.answers = {}
        replaced(draft, text + "\n")
        server.wait_until_asked("PUT", 3)
    assert server.runs == text + "\n"


ENVIRONMENT = {"SERVED_TOKEN": "the-token-of-the-account"}


def test_publishing_needs_a_single_process(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    found = run("serve", "--allow-publish", "--workers", "2", folder=tmp_path, environment=ENVIRONMENT)
    assert found.returncode == 2
    assert "--allow-publish" in found.stderr


def test_a_server_that_may_publish_starts_as_ever(tmp_path: Path) -> None:
    with serving(tmp_path, "--allow-publish") as served:
        assert served.public
        assert served.stop() == 0
