"""A line of the log as JSON: the same calls, their fields as members; whatever is in them, each line parses."""

from __future__ import annotations

import ast
import json
import logging
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.cli.log_json import RESERVED, JsonFormatter, shape_of
from container.delivery.told import LONGEST_VALUE, quoted
from container.secret import Known
from tests.cli.logged import Logged, logged
from tests.cli.processes import FILE, PURCHASE, run, serving
from tests.cli.test_logs import ANY_TEXT, NASTY, said

LOGGED = list(logged())


def line(message: object, *arguments: object, name: str = "container.x", known: Known | None = None) -> str:
    record = logging.LogRecord(name, logging.INFO, "p.py", 1, message, arguments, None)
    return JsonFormatter(known).format(record)


def members(message: object, *arguments: object, name: str = "container.x", known: Known | None = None) -> Any:
    """What a reader of the log gets; no name stands twice."""
    found = line(message, *arguments, name=name, known=known)
    assert found.isprintable()
    assert len(found.splitlines()) == 1
    pairs = json.loads(found, object_pairs_hook=list)
    assert len({key for key, _ in pairs}) == len(pairs)
    assert [key for key, _ in pairs[:3]] == list(RESERVED)
    return dict(pairs)


def fields(message: object, *arguments: object, **more: Any) -> Any:
    """Without time and level."""
    return {key: value for key, value in members(message, *arguments, **more).items() if key not in ("ts", "level")}


def test_a_line_begins_with_time_level_and_event() -> None:
    record = logging.LogRecord("container.x", logging.WARNING, "p.py", 1, "config.reloaded version=%s", ("1",), None)
    record.created, record.msecs = 1_767_261_600.25, 250.0
    assert JsonFormatter().format(record) == (
        '{"ts":"2026-01-01T10:00:00.250Z","level":"WARNING","event":"config.reloaded","version":"1"}'
    )


def test_the_fields_of_a_line_are_members() -> None:
    found = fields(
        "delivery.postponed tag=%s rows=%d attempt=%d in=%.0fs reason=%s", quoted('a "b"'), 3, 2, 39.7, quoted("x\ny")
    )
    assert found == {
        "event": "delivery.postponed",
        "tag": 'a "b"',
        "rows": 3,
        "attempt": 2,
        "in_seconds": 40,
        "reason": "x\ny",
    }


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("store.failed reason=%s hits=refused", ['"full"'], {"reason": "full", "hits": "refused"}),
        ('hits.limited hits=%d "See /ready."', [7], {"hits": 7, "text": "See /ready."}),
        ('demo.paused tag=%s reason="no stand-in"', ['"A"'], {"tag": "A", "reason": "no stand-in"}),
        ("config.problem %s", ['"a.yaml:1:2: error"'], {"text": "a.yaml:1:2: error"}),
        ("loop.late seconds=%.3f", [0.25], {"seconds": 0.25}),
        ("loop.late seconds=%.3f", [float("nan")], {"seconds": "nan"}),
        ("x.y tag=%s", ['"cut'], {"tag": '"cut'}),
        ("x.y tag=%s", ['"a"b"'], {"tag": '"a"b"'}),
        ("x.y tag=%s", ['"'], {"tag": '"'}),
        ("serve.stopped", [], {}),
    ],
)
def test_what_a_call_says_about_a_field_decides_what_it_is(
    text: str, arguments: list[object], expected: object
) -> None:
    found = fields(text, *arguments)
    assert found.pop("event") == text.split()[0]
    assert found == expected


@pytest.mark.parametrize("each", LOGGED, ids=repr)
def test_every_line_of_ours_is_made_of_members(each: Logged) -> None:
    shape = shape_of(each.text)
    assert shape is not None, each.text
    assert shape.event == each.name
    assert shape.slots == len(each.filling), [ast.unparse(filling) for filling in each.filling]
    names = [part.name for part in shape.parts]
    assert len(set(names)) == len(names)
    assert not set(names) & {*RESERVED, "error" if each.level == "exception" else ""}


@given(some.sampled_from(LOGGED), some.lists(ANY_TEXT, min_size=12, max_size=12))
def test_any_text_in_any_field_gives_one_object_of_printable_signs(each: Logged, texts: list[str]) -> None:
    shape = shape_of(each.text)
    assert shape is not None
    for write in (quoted, str):
        filled = [write(text) if slot == "s" else 1 for slot, text in zip(each.slots, texts, strict=False)]
        found = members(each.text, *filled)
        assert all(
            len(quoted(value).encode()) <= LONGEST_VALUE + 5 for value in found.values() if isinstance(value, str)
        )
        parts = [part.name for part in shape.parts if part.slot]
        for name, slot, text in zip(parts, each.slots, texts, strict=False):
            if slot == "s" and write is quoted and len(quoted(text)) < LONGEST_VALUE // 2:
                assert found[name] == text.encode(errors="replace").decode()


@pytest.mark.parametrize("each", LOGGED, ids=repr)
def test_nothing_that_is_nasty_gets_out_of_its_field(each: Logged) -> None:
    for nasty in NASTY:
        for value in (quoted(nasty), nasty):
            members(each.text, *(value if slot == "s" else 1 for slot in each.slots))


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_a_plug_in_or_a_library_says_is_an_object(text: str, argument: str) -> None:
    for name in ("tags.own", "library", ""):
        assert (
            members("%s", argument, name=name)["event"]
            == (
                "library.said"
                if name != "tags.own"
                else argument.strip().partition(" ")[0].encode(errors="replace").decode()
            )
            or len(argument) > LONGEST_VALUE // 6
        )
        members(text, name=name)


def test_of_what_a_library_says_only_its_own_words_are_shown() -> None:
    assert fields("sent to = %s", "ada@example.com", name="plug_in.sender") == {
        "event": "library.said",
        "name": "plug_in.sender",
        "text": "sent to",
    }


@pytest.mark.parametrize(
    ("text", "arguments"),
    [("x.y a=%d", ["ada@example.com"]), ("x.y a=%s", []), ("nothing of ours %d", ["ada@example.com"])],
)
def test_a_line_whose_values_do_not_fit_shows_none_of_them(text: str, arguments: list[object]) -> None:
    found = line(text, *arguments)
    assert "ada" not in found
    if arguments:
        assert json.loads(found)["event"] == "log.failed"
        assert json.loads(found)["line"] == "p.py:1"


def test_an_exception_is_its_class_and_its_place() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("ada@example.com")
    kind, problem, trace = raised.type, raised.value, raised.tb
    record = logging.LogRecord("container.x", logging.ERROR, "p.py", 1, "process.failed", (), (kind, problem, trace))
    found = json.loads(JsonFormatter().format(record))
    assert found["error"] == "ValueError"
    assert found["at"].startswith("test_log_json.py:")
    assert "ada" not in str(found)


@pytest.mark.parametrize("secret", ["s3cret/of+the account", 'a"b\\c\nd', "geheim-ключ", "12345678"])
def test_secrets_are_masked_in_every_field(secret: str) -> None:
    known = Known()
    known.learn("TOKEN", secret)
    whole = line("x.y tag=%s n=%d", quoted(f"said {secret} twice {secret}"), 12345678, known=known)
    found = json.loads(whole)
    assert found["tag"] == "said *** twice ***"
    assert json.dumps(secret)[1:-1] not in whole
    assert secret not in whole
    assert found["n"] == ("***" if secret == "12345678" else 12345678)
    assert fields(f"said {secret}", name="library", known=known)["text"] == "said ***"


def test_a_secret_that_was_cut_in_half_is_masked() -> None:
    known = Known()
    known.learn("TOKEN", "s3cret-of-the-account")
    found = members("x.y tag=%s", quoted("x" * (LONGEST_VALUE - 10) + "s3cret-of-the-account"), known=known)
    assert found["tag"].endswith("x***…")


def test_whatever_happens_in_a_process_its_lines_are_objects_without_secrets(tmp_path: Path) -> None:
    code, lines = said("exit", "json", folder=tmp_path)
    assert code == 3
    found = [json.loads(each) for each in lines]
    assert {each["event"] for each in found} == {
        "info.of",
        "warning.of",
        "library.said",
        "log.failed",
        "process.failed",
    }
    assert "ada" not in "\n".join(lines)
    assert "s3cret" not in "\n".join(lines)


@pytest.mark.slow
def test_all_that_a_server_says_is_json_from_start_to_end(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "TAG_CONTAINER_LOG_FORMAT": "json"}
    unused = FILE.replace("triggers: {Purchase", "variables: {Unused: {type: constant, value: 1}}\ntriggers: {Purchase")
    with serving(tmp_path, text=unused, environment=environment) as served:
        public = json.loads(served.wait_for(r'.*"serve\.started".*')[0])["public"]
        with httpx.Client(trust_env=False) as caller:
            assert caller.get(f"{public}/g/collect?{PURCHASE}").status_code == 204
        served.wait_for(r"delivery\.lane_held")
        served.process.send_signal(signal.SIGHUP)
        served.wait_for(r"config\.reloaded")
        assert served.stop() == 0
    found = [json.loads(each) for each in served.lines]
    assert {"config.problem", "serve.started", "delivery.lane_held", "config.reloaded", "serve.stopped"} <= {
        each["event"] for each in found
    }
    [held] = [each for each in found if each["event"] == "delivery.lane_held"]
    assert (held["level"], held["tag"], held["mode"]) == ("ERROR", "TikTok", "egress")


@pytest.mark.slow
def test_a_start_that_fails_says_so_in_json(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE.replace("[Purchase]", "[Purchases]"), encoding="utf-8")
    ports = ["--port", "0", "--admin-port", "0"]
    done = run("serve", *ports, "--log-format", "json", folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert (done.returncode, done.stdout) == (1, "")
    found = [json.loads(each) for each in done.stderr.splitlines()]
    assert [each["event"] for each in found][-1] == "serve.not_started"
    assert found[-1]["reason"].startswith('did not start: "container.yaml" has')
    assert {each["event"] for each in found[:-1]} == {"config.problem"}


def test_a_format_that_there_is_not_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").write_text(FILE, encoding="utf-8")
    done = run("serve", folder=tmp_path, environment={"TAG_CONTAINER_LOG_FORMAT": "xml"})
    assert done.returncode == 2
    assert "'xml' is not one of 'text', 'json'" in " ".join(done.stderr.replace("│", " ").split())
