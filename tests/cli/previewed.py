"""A `serve` with a preview, as its operator, a visitor and a stranger reach it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, Serving, serving

TOKEN = "a-token-of-the-admin"
BEARER = {"authorization": f"Bearer {TOKEN}"}
HEADER = "x-gtm-server-preview"
HIT = f"/g/collect?{PURCHASE}"
LOOK_SECONDS = 0.05


@dataclass
class Previewed:
    """`admin`: whoever has the token, and no browser. `anybody`: on either listener, without it."""

    served: Serving
    admin: httpx.Client
    anybody: httpx.Client
    opened: list[Session] = field(default_factory=list)

    @property
    def public(self) -> str:
        return self.served.public

    def start(self, mode: str = "dry", *, draft: str = "", **codes: str) -> Session:
        told = self.admin.post("/preview/sessions")
        assert told.status_code == 201, told.text
        session = Session(self, told.json())
        self.opened.append(session)
        if draft:
            session.draft(draft)
        if codes:
            session.change("codes", codes=codes)
        if mode != "dry":
            session.change("mode", mode=mode)
        return session

    def hit(self, target: str = HIT, *, method: str = "GET", content: bytes = b"", **headers: str) -> httpx.Response:
        """Sends a hit. Names of headers are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.anybody.request(method, f"{self.public}{target}", content=content, headers=named)

    def metric(self, line: str) -> float:
        """The value of a series, as `/metrics` writes its name and labels."""
        found = self.anybody.get(f"{self.served.admin}/metrics").text.splitlines()
        [value] = [each.rpartition(" ")[2] for each in found if each.rpartition(" ")[0] == f"tag_container_{line}"]
        return float(value)

    def rows(self) -> int:
        """Deliveries that wait, and those that are dead."""
        return sum(
            int(self.admin.get("/api/queue/count", params={"place": place}).json()["rows"])
            for place in ("waiting", "dead")
        )


@dataclass
class Session:
    """A preview session. `told`: what the command is told of it."""

    of: Previewed
    told: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.told["id"])

    @property
    def mark(self) -> str:
        return str(self.told["header"]["value"])

    @property
    def share(self) -> str:
        return str(self.state()["share"])

    def state(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._done(self.of.admin.get(f"/preview/{self.id}/state"))
        return found

    def change(self, name: str, **stated: Any) -> Any:
        return self._done(self.of.admin.post(f"/preview/{self.id}/{name}", json=stated))

    def draft(self, text: str) -> Any:
        return self._done(self.of.admin.put(f"/preview/sessions/{self.id}/draft", content=text.encode()))

    def code(self) -> str:
        """The path of a link on the public listener."""
        return str(self.change("link")["path"])

    def hit(self, target: str = HIT, **more: Any) -> httpx.Response:
        return self.of.hit(target, **{HEADER.replace("-", "_"): self.mark, **more})

    def record(self, number: int) -> Any:
        """What is shown of a record, `None` when there is none."""
        answer = self.of.admin.get(f"/preview/{self.id}/records/{number}")
        return None if answer.status_code == 404 else self._done(answer)

    def revealed(self, number: int) -> Any:
        """All of a record, once every request of it that leaves has its answer."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self.change("reveal", number=number)
            if all(each["answer"] for each in found["outgoing"] if each["mode"] != "dry"):
                return found
            assert time.monotonic() < until, found
            time.sleep(LOOK_SECONDS)

    def all_revealed(self, behind: int = 0) -> list[Any]:
        """The records behind this number."""
        found: list[Any] = []
        while self.record(behind + len(found) + 1) is not None:
            found.append(self.revealed(behind + len(found) + 1))
        return found

    def end(self) -> None:
        self.change("end")

    @contextmanager
    def stream(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """What its page hears: kinds of events, and what they say."""
        with self.of.admin.stream("GET", f"/preview/{self.id}/stream") as answer:
            assert answer.status_code == 200
            yield _events(answer)

    def _done(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 200, (answer.request.url.path, answer.status_code, answer.text)
        return answer.json()


def _events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


@contextmanager
def previewed(
    folder: Path, *arguments: str, text: str = FILE, environment: Mapping[str, str] | None = None
) -> Iterator[Previewed]:
    """`serve` with an admin token, and everybody who asks it."""
    known = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN, **(environment or {})}
    with (
        serving(folder, *arguments, text=text, environment=known) as served,
        httpx.Client(trust_env=False, base_url=served.admin, headers=BEARER, timeout=PATIENCE_SECONDS) as admin,
        httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as anybody,
    ):
        found = Previewed(served, admin, anybody)
        yield found
    said = "\n".join(served.lines)
    for session in found.opened:
        assert session.mark not in said, "a line of the log shows the mark of a session"


def opened_in_a_browser(address: str, **headers: str) -> httpx.Response:
    """What the link gives to a browser of its own, which follows it, and presses the button where there is one."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(trust_env=False, headers=named, timeout=PATIENCE_SECONDS) as browser:
        answer = browser.get(address)
        if answer.status_code == 200 and "set-cookie" not in answer.headers:
            return browser.post(address, headers={"content-type": "application/x-www-form-urlencoded"})
        return answer
