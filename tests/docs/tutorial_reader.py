"""Somebody who follows a tutorial: with a terminal, an editor and a browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tests.cli.processes import PATIENCE_SECONDS, ROOT, Serving, following, surroundings

ANY_PORT = "--port 0 --admin-port 0"


class Terminal:
    """Its folder and environment go from one command to the next."""

    def __init__(self, folder: Path, notes: Path) -> None:
        self._start = folder, {**surroundings(), "TAG_CONTAINER_LOG_LEVEL": "INFO"}
        self._notes = notes
        self.folder, self.environment = self._start
        self.said = ""

    def anew(self) -> None:
        """Another terminal."""
        self.folder, self.environment = self._start

    def run(self, script: str) -> int:
        """The exit code. What it said is in `said`."""
        keep = f'code=$?; env -0 > "{self._notes}/environment"; pwd > "{self._notes}/folder"; exit $code'
        done = subprocess.run(
            ["bash", "-c", f"{script}\n{keep}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        pairs = (self._notes / "environment").read_text(encoding="utf-8").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        self.folder = Path((self._notes / "folder").read_text(encoding="utf-8").rstrip("\n"))
        self.said = done.stdout.decode().replace("\r\n", "\n")
        return done.returncode


class Server:
    """What runs in a terminal of its own. `places`: the page's addresses, and where that really is."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self._running: tuple[Serving, ExitStack] | None = None

    @property
    def lines(self) -> list[str]:
        assert self._running is not None, "no server runs"
        return list(self._running[0].lines)

    def start(self, script: str, terminal: Terminal) -> None:
        """With ports that nobody else has, which is all that differs from what the page says."""
        assert self._running is None, "the server before is not stopped"
        script = script.replace("tag-container serve", f"tag-container serve {ANY_PORT}")
        script = script.replace("make serve", f"make serve ARGS='{ANY_PORT}'")
        assert ANY_PORT in script
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=terminal.folder,
            env=terminal.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        opened = ExitStack()
        opened.callback(_killed, process)
        serving = opened.enter_context(following(process))
        self._running = serving, opened
        self.places = {"127.0.0.1:8080": _host(serving.public), "127.0.0.1:8081": _host(serving.admin)}
        if "--demo" in script or "make" in script:
            sandbox = serving.wait_for(r"^  Open +(http://\S+)")[1]
            self.places["127.0.0.1:8082"] = _host(sandbox)
            serving.wait_for(r"^Stop with Ctrl-C\.")

    def stop(self) -> None:
        """As Ctrl-C does: everything in the terminal is told."""
        assert self._running is not None, "no server runs"
        serving, opened = self._running
        with opened:
            os.killpg(serving.process.pid, signal.SIGINT)
            serving.process.wait(PATIENCE_SECONDS)
        assert any("serve.stopped" in line for line in serving.lines), serving.lines
        self._running, self.places = None, {}

    def close(self) -> None:
        """Ends what a test that failed has left."""
        if self._running is not None:
            self._running[1].close()

    def here(self, text: str) -> str:
        """What the page says, with the addresses of this run."""
        return _replaced(text, self.places)

    def on_the_page(self, text: str) -> str:
        """What was found, with the addresses of the page."""
        return _replaced(text, {real: place for place, real in self.places.items()})


class Browser:
    """It sends forms and keeps cookies. `screen`: the address of the preview that it shows."""

    def __init__(self, token: str) -> None:
        self._http = httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS)
        self._token, self._let_in = token, set[str]()
        self._address, self._page = "", ""
        self.screen, self._form_token = "", ""
        self.clipboard = ""

    def close(self) -> None:
        self._http.close()

    def open(self, address: str) -> httpx.Response:
        """As if it was typed. Who asks for the password is given it, and from then on without asking."""
        answer = self._http.get(address, auth=self._password(address))
        if answer.status_code == 401 and "basic" in answer.headers["www-authenticate"].lower():
            self._let_in.add(_host(address))
            answer = self._http.get(address, auth=self._password(address))
        assert answer.status_code in (200, 204), (address, answer.status_code)
        if answer.status_code == 200:
            self._show(address, answer.text)
        return answer

    def press_form(self, label: str) -> bool:
        """Sends the form on the page that has this button, if one has."""
        form = _Forms(self._page).with_button(label)
        if form is None:
            return False
        address = urljoin(self._address, form.action)
        answer = self._http.post(
            address, data=form.fields, auth=self._password(address), headers={"origin": _origin(address)}
        )
        if answer.status_code == 303:
            self.open(urljoin(address, answer.headers["location"]))
        else:
            assert answer.status_code == 200, answer.text
            self._show(address, answer.text)
        return True

    def ask(self, path: str) -> Any:
        """What the page's script gets, `None` where there is nothing."""
        answer = self._http.get(f"{self.screen}{path}", auth=self._password(self.screen))
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    def change(self, path: str, given: Mapping[str, Any]) -> Any:
        """What the page's script has done."""
        headers = {"x-form-token": self._form_token, "origin": _origin(self.screen)}
        answer = self._http.post(f"{self.screen}{path}", json=given, auth=self._password(self.screen), headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def received(self, sandbox: str) -> list[Any]:
        """What the sandbox's page shows."""
        found: list[Any] = self._http.get(f"{sandbox}/received").json()["received"]
        return found

    def _show(self, address: str, page: str) -> None:
        self._address, self._page = address, page
        screen = re.search(r'data-base="([^"]+)" data-token="(\w+)"', page)
        if screen:
            self.screen, self._form_token = urljoin(address, screen[1]), screen[2]

    def _password(self, address: str) -> httpx.Auth:
        return httpx.BasicAuth("analyst", self._token) if _host(address) in self._let_in else httpx.Auth()


class _Form:
    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.button = ""


class _Forms(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self._found: list[_Form] = []
        self._in_button = False
        self.feed(page)

    def with_button(self, label: str) -> _Form | None:
        return next((each for each in self._found if each.button == label), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._found.append(_Form(given.get("action", "")))
        elif tag == "input" and self._found and "name" in given:
            self._found[-1].fields[given["name"]] = given.get("value", "")
        self._in_button = tag == "button"

    def handle_data(self, data: str) -> None:
        if self._in_button and self._found:
            self._found[-1].button += data

    def handle_endtag(self, tag: str) -> None:
        self._in_button = False


def installed(folder: Path) -> None:
    """Tag-container as somebody who got it has it, with the environment that `make` would have made in it."""
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name not in (".venv", ".git", "data"):
            (folder / each.name).symlink_to(each)
    environment = folder / ".venv"
    environment.mkdir()
    for each in Path(sys.prefix).iterdir():
        if each.name != ".ready":
            (environment / each.name).symlink_to(each)
    (environment / ".ready").touch()


def _killed(process: subprocess.Popen[str]) -> None:
    """It is the first of a session of its own, with everything that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _replaced(text: str, places: Mapping[str, str]) -> str:
    """All of them at once: a real address may be another one's on the page."""
    if not places:
        return text
    return re.sub(f"(?:{'|'.join(map(re.escape, places))})(?!\\d)", lambda found: places[found[0]], text)


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _origin(address: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(address))
