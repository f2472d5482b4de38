"""The commands that end by themselves: exit codes and what they print."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner, Result

from container.cli.main import app
from tests.cli.processes import FILE, PURCHASE, ROOT, run

SPOILED = FILE.replace("type: ga4", "type: ga5")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "container.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def invoke(*arguments: str | Path, given: str | bytes = "", unset: bool = False) -> Result:
    """Runs a command in this process. `unset`: without the secret that the file refers to."""
    environment = {"SERVED_TOKEN": None if unset else "token"}
    return CliRunner().invoke(app, [str(each) for each in arguments], input=given, env=environment)


def test_a_file_without_problems_is_valid(file: Path) -> None:
    found = invoke("validate", file)
    assert (found.exit_code, found.stdout) == (0, f"{file}: no problems\n")


def test_the_version_is_said_and_nothing_else_done(file: Path) -> None:
    found = invoke("--version", "validate", file)
    assert (found.exit_code, found.stdout) == (0, f"tag-container {version('tag-container')}\n")


def test_a_secret_that_is_not_set_comes_with_what_to_do(file: Path) -> None:
    found = invoke("validate", file, unset=True)
    assert (
        'hint: set the environment variable "SERVED_TOKEN", or a file of that name in the folder of --secrets-dir'
        in (found.stdout)
    )


def test_an_error_is_shown_with_its_place_and_counted(file: Path) -> None:
    file.write_text(SPOILED, encoding="utf-8")
    found = invoke("validate", file)
    assert found.exit_code == 1
    assert found.stdout.startswith(f"{file}:4:23: error[unknown-type] ")
    assert found.stdout.endswith(f"{file}: 1 error\n")


def test_warnings_are_problems_only_when_it_is_strict(file: Path) -> None:
    assert invoke("validate", file, unset=True).exit_code == 0
    found = invoke("validate", "--strict", file, unset=True)
    assert found.exit_code == 1
    assert found.stdout.endswith(f"{file}: 1 warning\n")


def test_an_address_that_nothing_can_be_sent_to_is_a_problem_before_anything_is_accepted(file: Path) -> None:
    file.write_text(FILE.replace("http://127.0.0.1:9/track/", "vendor.example/track/"), encoding="utf-8")
    found = invoke("validate", "--format", "json", file)
    assert found.exit_code == 1
    assert [(each["code"], each["line"], each["column"]) for each in json.loads(found.stdout)] == [
        ("wrong-type", 12, 15)
    ]


def test_an_address_from_the_environment_that_is_not_set_is_a_warning_only(file: Path) -> None:
    file.write_text(FILE.replace("http://127.0.0.1:9/track/", "${NO_SUCH_ADDRESS}"), encoding="utf-8")
    found = invoke("validate", "--format", "json", file)
    assert found.exit_code == 0
    assert [each["code"] for each in json.loads(found.stdout)] == ["missing-environment"]


def test_problems_can_be_read_by_programs(file: Path) -> None:
    file.write_text(SPOILED, encoding="utf-8")
    found = invoke("validate", "--format", "json", file)
    assert found.exit_code == 1
    assert [(each["code"], each["line"], each["file"]) for each in json.loads(found.stdout)] == [
        ("unknown-type", 4, str(file))
    ]


def test_no_problems_are_an_empty_list_for_programs(file: Path) -> None:
    assert json.loads(invoke("validate", "--format", "json", file).stdout) == []


def test_problems_can_be_annotations(file: Path) -> None:
    file.write_text(SPOILED, encoding="utf-8")
    found = invoke("validate", "--format", "github", file)
    assert found.exit_code == 1
    assert found.stdout.startswith(f"::error file={file},line=4,col=23,")


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "none.yaml"],
        ["validate"],
        ["validate", "--format", "xml", "container.yaml"],
        ["simulate"],
        ["simulate", "--config", "none.yaml"],
        ["unknown"],
        ["sandbox", "--port", "-1"],
    ],
)
def test_wrong_usage_has_a_code_of_its_own(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


def test_secrets_may_come_from_a_folder(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "SERVED_TOKEN").write_text("x\n", encoding="utf-8")
    assert invoke("validate", "--strict", "--secrets-dir", folder, file, unset=True).exit_code == 0


def test_the_example_is_valid() -> None:
    assert invoke("validate", ROOT / "container.yaml").exit_code == 0


def test_the_example_fits_the_schema_that_is_printed() -> None:
    found = invoke("schema")
    schema = json.loads(found.stdout)
    assert found.exit_code == 0
    example = yaml.safe_load((ROOT / "container.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(example)


def test_the_schema_in_the_repository_is_the_one_that_is_printed() -> None:
    assert (ROOT / "container.schema.json").read_text(encoding="utf-8") == invoke("schema").stdout


HIT = {"method": "GET", "path": "/g/collect", "query": PURCHASE, "headers": {"cookie": "_ttp=abc"}, "body": ""}


def test_a_hit_in_is_an_outcome_out(file: Path) -> None:
    found = invoke("simulate", "--config", file, given=json.dumps(HIT) + "\n")
    assert found.exit_code == 0
    outcome = json.loads(found.stdout)
    assert (outcome["client"], outcome["reply"]["status"]) == ("GA4", 204)
    assert [cookie["name"] for cookie in outcome["reply"]["cookies"]] == ["ttclid"]
    [event] = outcome["events"]
    assert (event["name"], event["consent"]["ad_storage"]) == ("purchase", "granted")
    [tag] = event["tags"]
    assert (tag["tag"], tag["status"]) == ("TikTok", "fired")
    [request] = tag["requests"]
    assert request["headers"]["Access-Token"] == "${secret:SERVED_TOKEN}"
    assert request["json"]["data"][0]["user"]["ttp"] == "abc"


def test_hits_are_read_from_a_file_too(file: Path, tmp_path: Path) -> None:
    hits = tmp_path / "hits.jsonl"
    hits.write_text(f"{json.dumps(HIT)}\n\n{json.dumps(HIT)}", encoding="utf-8")
    found = invoke("simulate", "--config", file, hits)
    first, second = found.stdout.splitlines()
    assert first == second
    assert found.exit_code == 0


def test_a_line_that_is_no_hit_is_named_and_the_others_go_on(file: Path) -> None:
    lines = [json.dumps(HIT), "{", '{"body": 7}', "\u00ff", "[]", json.dumps({**HIT, "path": "/elsewhere"})]
    found = invoke("simulate", "--config", file, given="\n".join(lines))
    assert found.exit_code == 1
    assert [json.loads(line)["client"] for line in found.stdout.splitlines()] == ["GA4", None]
    assert [line.partition(":")[0] for line in found.stderr.splitlines()] == ["line 2", "line 3", "line 4", "line 5"]


def test_bytes_that_are_no_text_are_named_by_their_line(file: Path) -> None:
    found = invoke("simulate", "--config", file, given=b'\xff\xfe\n{"query": "\xff"}\n')
    assert found.exit_code == 1
    assert len(found.stderr.splitlines()) == 2


def test_a_file_with_errors_simulates_nothing(file: Path) -> None:
    file.write_text(SPOILED, encoding="utf-8")
    found = invoke("simulate", "--config", file, given=json.dumps(HIT))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "error[unknown-type]" in found.stderr


def test_warnings_about_the_file_go_where_outcomes_do_not(file: Path) -> None:
    found = invoke("simulate", "--config", file, given=json.dumps(HIT), unset=True)
    assert found.exit_code == 0
    assert json.loads(found.stdout)["client"] == "GA4"
    assert "warning[missing-environment]" in found.stderr


def test_the_module_is_the_command_and_says_what_there_is(tmp_path: Path) -> None:
    found = run("--help", folder=tmp_path)
    assert found.returncode == 0
    assert all(name in found.stdout for name in ("serve", "validate", "simulate", "schema", "sandbox"))


def test_a_folder_that_hides_one_of_our_packages_is_named(tmp_path: Path) -> None:
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "__init__.py").write_text("", encoding="utf-8")
    found = run("schema", folder=tmp_path)
    assert found.returncode == 2
    assert f'the package "tags" in "{tmp_path / "tags"}"' in found.stderr
