"""The Dockerfile says what an image has to be, and everything it names is there."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.cli.processes import ROOT
from tests.deploy.dockerfile import ignored, instructions, only, sources, stages
from tests.deploy.flags import stated

PACKAGES = ("clients", "container", "tags", "triggers", "variables")
BUILD, RUNTIME = stages()


def test_both_stages_stand_on_one_base_that_can_be_pinned() -> None:
    base = instructions()[0]
    assert base.name == "ARG"
    assert re.fullmatch(r"PYTHON=python:3\.\d+-slim-[a-z]+", base.text)
    assert [stage[0].text for stage in (BUILD, RUNTIME)] == ["${PYTHON} AS build", "${PYTHON}"]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    least, given = (tuple(map(int, re.findall(r"\d+", text)[:2])) for text in (wanted, base.text))
    assert given >= least


def test_everything_that_is_copied_exists_and_is_not_ignored() -> None:
    copied = [source for source, _ in sources(BUILD)]
    assert {path.name for path in copied} >= {*PACKAGES, "requirements.lock", "pyproject.toml", "README.md", "LICENSE"}
    for path in copied:
        assert path.exists(), path
        files = [path] if path.is_file() else [each for each in path.rglob("*") if "__pycache__" not in each.parts]
        assert not [each for each in files if each.is_file() and ignored(each)]


@pytest.mark.parametrize(
    "name",
    [
        *("secrets/TIKTOK_TOKEN", ".env", "container.yaml", "config/container.yaml", "data/key", ".git/config"),
        *("tests/conftest.py", ".venv/bin/python", "container/__pycache__/event.cpython-311.pyc", "tags/x.pyc"),
    ],
)
def test_what_is_no_part_of_the_image_is_not_even_sent_to_its_build(name: str) -> None:
    assert ignored(ROOT / name)


def test_nothing_is_fetched_but_what_the_lock_has_the_hash_of() -> None:
    assert not [each for each in instructions() if each.name == "ADD"]
    assert not [each for each in instructions() if each.name != "RUN" and "://" in each.text]
    commands = [part.strip() for each in BUILD if each.name == "RUN" for part in each.text.split("&&")]
    download, venv, install = commands
    assert download.startswith("pip download ")
    plain, spans = (expanded(download, extra) for extra in ("", "otel"))
    assert {"--require-hashes", "--only-binary :all:", "--requirement requirements.lock"} <= _options(plain)
    assert _options(spans) - _options(plain) == {"--requirement requirements.otel.lock"}
    assert venv == "python -m venv --without-pip /opt/tag-container"
    assert {"--no-index", "--find-links wheels .[postgres]"} <= _options(expanded(install, ""))
    assert {"--no-index", "--find-links wheels .[postgres,otel]"} <= _options(expanded(install, "otel"))
    assert [each.text for each in BUILD if each.name == "ARG"] == ["EXTRA="]
    assert not [each for each in RUNTIME if re.search(r"\b(pip|apt|curl|wget)\b", each.text)]


def expanded(command: str, extra: str) -> str:
    """The words of a command as the shell makes them."""
    script = f"printf '%s ' {command}"
    done = subprocess.run(["/bin/sh", "-c", script], env={"EXTRA": extra}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_image_holds_the_environment_and_nothing_else_of_the_build() -> None:
    assert [each.text for each in RUNTIME if each.name == "COPY"] == [
        "--from=build /opt/tag-container /opt/tag-container"
    ]


def test_no_secret_is_in_a_layer() -> None:
    for each in instructions():
        if each.name in ("ARG", "ENV", "LABEL"):
            assert not re.search(r"token|secret|password|TAG_CONTAINER_", each.text, re.IGNORECASE), each.text


def test_the_process_is_not_root_and_owns_nothing_but_its_data() -> None:
    assert only(RUNTIME, "USER").text == "10001:10001"
    [setup] = [each.text for each in RUNTIME if each.name == "RUN"]
    assert re.findall(r"--owner \d+ [^&]* (/\S+)", setup) == ["/data"]
    assert only(RUNTIME, "VOLUME").text == "/data"
    order = [each.name for each in RUNTIME]
    assert order.index("RUN") < order.index("USER") < order.index("ENTRYPOINT")
    # No shell stands between the process and its signals.
    assert all(only(RUNTIME, name).text.startswith("[") for name in ("ENTRYPOINT", "CMD"))


def test_it_starts_with_flags_that_exist_and_listens_where_it_says() -> None:
    assert only(RUNTIME, "ENTRYPOINT").listed == ["tag-container"]
    command, *arguments = only(RUNTIME, "CMD").listed
    assert command == "serve"
    assert stated(arguments) == {"--host": ["0.0.0.0"], "--data": ["/data"]}
    assert only(RUNTIME, "EXPOSE").text == "8080"
    assert only(RUNTIME, "STOPSIGNAL").text == "SIGTERM"
    assert only(RUNTIME, "WORKDIR").text == "/etc/tag-container"


def test_no_folder_of_the_working_directory_can_stand_in_for_a_package() -> None:
    assert "PYTHONSAFEPATH=1" in only(RUNTIME, "ENV").text


def test_the_image_asks_itself_how_it_is_with_its_own_interpreter() -> None:
    health = only(RUNTIME, "HEALTHCHECK")
    assert {"--interval=30s", "--timeout=5s", "--start-period=20s"} <= set(health.text.split())
    python, isolated, option, code = health.listed
    assert (python, isolated, option) == ("python", "-I", "-c")
    compile(code, "HEALTHCHECK", "exec")


def _options(command: str) -> set[str]:
    """`--only-binary :all:` and the like, each with what follows it."""
    return {f"--{part.strip()}" for part in command.split(" --")[1:]}


def test_the_page_says_what_the_image_has() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = page.split("\n## A container image\n")[1].split("\n### ")[0]
    command = " ".join([*only(RUNTIME, "ENTRYPOINT").listed, *only(RUNTIME, "CMD").listed])
    for each in (command, only(RUNTIME, "USER").text, only(RUNTIME, "WORKDIR").text, only(RUNTIME, "VOLUME").text):
        assert f"`{each}`" in section or f"| {each}" in section, each
