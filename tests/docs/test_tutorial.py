"""The tutorial is followed to the letter: each block and each deed of its sentences, with nothing left out.

What differs from what a reader does: ports that are free, and what takes a browser is asked as its script asks it.
Where the page shows `…`, anything may stand. A block or a deed that is not understood is a failure.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.cli.processes import PATIENCE_SECONDS, ROOT
from tests.docs import preview_as_told
from tests.docs.tutorial_page import LABEL, Step, asked_otherwise, commands, is_said, patched, steps, words_of
from tests.docs.tutorial_reader import Browser, Server, Terminal, installed

PAGE = ROOT / "docs" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
[TOKEN] = re.findall(r"and the token `([^`]+)`", TEXT)
TOOLS = ("bash", "curl", "diff", "make")
LABELS = words_of(ROOT / "container" / "preview") + words_of(ROOT / "container" / "web")


class Reader:
    """Does what the page says, step by step, and looks whether it is as the page says."""

    def __init__(self, folder: Path) -> None:
        (folder / "notes").mkdir()
        installed(folder / "tag-container")
        self.terminal = Terminal(folder / "tag-container", folder / "notes")
        self.server, self.browser = Server(), Browser(TOKEN)
        self._number, self._is_whole = 0, False
        self._record, self._compared = dict[str, Any](), dict[str, Any]()
        self._codes: dict[str, str] = {}
        self._asked: dict[str, Any] = {}
        self._buttons: Mapping[str, Callable[[], None]] = {
            "Make a link": self._make_link,
            "Copy link": lambda: None,
            "Copy value": self._copy_mark,
            "Reveal": self._reveal,
            "Keep": lambda: self._keep_codes(),
            "Test events": lambda: self._is(self.browser.change("mode", {"mode": "test"}), {"mode": "test"}),
            "Compare": self._compare,
            "Publish the draft": lambda: self._asked.update(self.browser.ask("difference")),
            "Publish": lambda: self._is(self.browser.change("publish", {"digest": self._asked["digest"]}), {}),
        }

    def close(self) -> None:
        self.server.close()
        self.browser.close()

    def take(self, step: Step) -> None:
        language, _, rest = step.about.partition(" ")
        known = {
            "yaml": self._write,
            "diff": self._patch,
            "sh": self._shell,
            "console": self._console,
            "text": self._look,
            "html": self._site,
            "open": self._open,
            "open_copied": self._open_copied,
            "open_said": self._open_said,
            "copy_said": self._copy_said,
            "press": self._press,
            "choose": self._press,
            "type": self._type,
            "hear": self._hear,
            "stop": self._stop,
        }
        known[language](rest, step.text)

    # The editor.

    def _write(self, name: str, text: str) -> None:
        file = self.terminal.folder / name.removeprefix("+")
        assert file.exists() == name.startswith("+"), name
        file.write_text((file.read_text(encoding="utf-8") if file.exists() else "") + text, encoding="utf-8")

    def _patch(self, name: str, change: str) -> None:
        file = self.terminal.folder / name
        file.write_text(patched(file.read_text(encoding="utf-8"), change), encoding="utf-8")

    # The terminal.

    def _shell(self, about: str, script: str) -> None:
        script = self.server.here(script)
        match about:
            case "server":
                self.server.start(script, self.terminal)
            case "" | "anew":
                if about:
                    self.terminal.anew()
                assert "…" not in script or self.browser.clipboard
                code = self.terminal.run(script.replace("…", self.browser.clipboard))
                assert (code, self.terminal.said) == (0, ""), self.terminal.said
            case _:
                self._write(about, script)

    def _console(self, _about: str, block: str) -> None:
        for command, shown in commands(block):
            server = f" --server http://{self.server.places['127.0.0.1:8081']}" if " preview " in command else ""
            self.terminal.run(f"{self.server.here(command)}{server}")
            assert_said(shown, self.server.on_the_page(self.terminal.said))

    def _stop(self, _about: str, _key: str) -> None:
        self.server.stop()

    def _hear(self, _about: str, said: str) -> None:
        assert any(line.startswith(said) for line in self.server.lines)

    # The browser.

    def _open(self, _about: str, address: str) -> None:
        self.browser.open(self.server.here(address))

    def _open_copied(self, _about: str, _text: str) -> None:
        self.browser.open(self.browser.clipboard)

    def _open_said(self, _about: str, name: str) -> None:
        self.browser.open(self._behind(name))
        self._number, self._is_whole = 0, False

    def _copy_said(self, _about: str, name: str) -> None:
        self.browser.clipboard = self._behind(name)

    def _behind(self, name: str) -> str:
        found = re.search(rf"{name}: +(\S+)( \(.*\))?$", self.terminal.said, re.MULTILINE)
        assert found is not None, self.terminal.said
        return found[1]

    def _press(self, _about: str, label: str) -> None:
        if not self.browser.press_form(label):
            self._buttons[label]()

    def _type(self, _about: str, text: str) -> None:
        value, _, field = text.partition("` for `")
        self._codes[field] = value

    def _make_link(self) -> None:
        self.browser.clipboard = f"{self.browser.ask('state')['public']}{self.browser.change('link', {})['path']}"

    def _copy_mark(self) -> None:
        self.browser.clipboard = self.browser.ask("state")["mark"]

    def _keep_codes(self) -> None:
        self._is(self.browser.change("codes", {"codes": self._codes}), {"codes": self._codes})

    def _reveal(self) -> None:
        assert self._newest()
        self._record, self._is_whole = self.browser.change("reveal", {"number": self._number}), True

    def _compare(self) -> None:
        assert self._newest()
        self._compared = self.browser.change("compare", {"number": self._number})

    def _is(self, found: object, wanted: object) -> None:
        assert found == wanted

    # What is seen.

    def _look(self, what: str, shown: str) -> None:
        """Until it is there, since deliveries and their answers take a moment."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_said(shown, found := self.server.on_the_page(self._seen(what, shown))) and (
            time.monotonic() < until
        ):
            time.sleep(0.05)
        assert_said(shown, found)

    def _seen(self, what: str, shown: str) -> str:
        return "\n".join(self._lines(what, shown))

    def _lines(self, what: str, shown: str) -> Iterable[str]:
        match what:
            case "says":
                wanted = shown.splitlines()
                lines = self.server.lines
                at = lines.index(wanted[0])
                return lines[at : at + len(wanted)]
            case "Sandbox":
                return preview_as_told.sandbox(self.browser.received(f"http://{self.server.places['127.0.0.1:8082']}"))
            case "Compare":
                return preview_as_told.compared(self._compared)
            case "Draft":
                return preview_as_told.difference(self.browser.ask("difference")["things"])
            case "Earlier versions":
                return preview_as_told.versions(self.browser.ask("versions")["versions"])
        if not self._newest():
            return []
        if what == "Tags":
            return preview_as_told.tags(self._record, opened="Firing triggers" in shown)
        return preview_as_told.TABS[what](self._record)

    def _newest(self) -> bool:
        """Has the newest request, as it is now unless it is shown whole. Whether there is one."""
        while self.browser.ask(f"records/{self._number + 1}") is not None:
            self._number, self._is_whole = self._number + 1, False
        if self._number and not self._is_whole:
            self._record = self.browser.ask(f"records/{self._number}")
        return self._number > 0

    # The site.

    def _site(self, _about: str, page: str) -> None:
        """What gtag does with this: it sends its hits to the address of the setting."""
        [(stream, place)] = re.findall(r"gtag\('config', '([^']+)', \{server_container_url: '([^']+)'\}\)", page)
        assert page.count(stream) == 2
        answer = httpx.get(
            f"http://{self.server.places['127.0.0.1:8080']}/g/collect",
            params={"v": "2", "tid": stream, "cid": "1.2", "en": "page_view"},
            headers={"host": urlsplit(place).netloc},
            trust_env=False,
        )
        assert answer.status_code == 204


def assert_said(shown: str, found: str) -> None:
    assert is_said(shown, found), f"the page shows:\n{shown}\nit is:\n{found}"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
def test_who_follows_the_tutorial_sees_what_it_shows(reader: Reader) -> None:
    for step in steps(TEXT):
        try:
            reader.take(step)
        except Exception as problem:
            problem.add_note(f"{PAGE.name}:{step.line}: {step.about} {step.text}")
            raise


def test_every_label_is_on_a_page_of_ours() -> None:
    assert LABEL.findall(TEXT)
    assert [label for label in LABEL.findall(TEXT) if label.replace("\n", " ") not in LABELS] == []


def test_every_picture_and_every_page_that_it_leads_to_is_there() -> None:
    places = re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT)
    assert places
    assert [place for place in places if not (PAGE.parent / place).exists()] == []


def test_nothing_is_asked_for_in_words_that_nobody_here_follows() -> None:
    assert asked_otherwise(TEXT) == []
    assert asked_otherwise("Press the red button at once.") == ["Press the red button at "]
