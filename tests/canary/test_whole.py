"""The whole of it, with a secret in every slot and somebody's data in every hit: nobody is shown either.

What may show something: a tag's own request holds what the container says it sends; a reply sets the visitor's own
cookies; `simulate` prints what came of the hits that it was given; rows at rest hold all of it, sealed; to whoever has
the admin token the page shows how an event was named.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests import canaries
from tests.canaries import EMAIL, PHONE, SECRETS_ALONE, Search
from tests.canary import scene
from tests.canary.scene import ENVIRONMENT, ROTATED, SECRETS
from tests.cli.processes import ROOT, Serving, run, serving

pytestmark = pytest.mark.slow

EVENT_NAME = re.compile(rb'<td data-name="Event"[^>]*>[^<]*</td>|<dd class="event">[^<]*</dd>')
DIGESTS = [hashlib.sha256(each.encode()).hexdigest() for each in (EMAIL.lower(), PHONE, PHONE[1:], canaries.USER_ID)]
SEARCH = Search((*canaries.PERSONAL, *canaries.SECRETS, *SECRETS.values(), ROTATED, *DIGESTS))


@dataclass
class Played:
    """Everything that was said, shown and kept while it ran; `sent`: what vendors received."""

    lines: list[str] = field(default_factory=list)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    previewed: list[httpx.Response] = field(default_factory=list)
    sent: str = ""

    def answered(self, answer: httpx.Response) -> None:
        headers = [f"{name}: {value}" for name, value in answer.headers.multi_items() if name != "set-cookie"]
        shown = EVENT_NAME.sub(b"", answer.content) if "authorization" in answer.request.headers else answer.content
        place = f"{answer.request.method} {answer.request.url} -> {answer.status_code}"
        self.answers.append((place, "\n".join(headers).encode() + b"\n\n" + shown))

    def keep(self, folder: Path, when: str) -> None:
        for path in folder.iterdir():
            # The control socket holds nothing, but has its mode.
            if path.is_file():
                self.files[f"{when}: {path.name}"] = path.read_bytes()
            self.modes[f"{when}: {path.name}"] = path.stat().st_mode & 0o777
        self.modes[f"{when}: the folder"] = folder.stat().st_mode & 0o777


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("whole")
    secrets = folder / "secrets"
    secrets.mkdir()
    for name, value in SECRETS.items():
        (secrets / name).write_text(f"{value}\n", encoding="utf-8")
    path = os.pathsep.join((str(ROOT), scene.install(folder / "plug-ins")))
    found = Played()
    with scene.vendors(200, 400, 422, 401, 503, 202, 0) as known:
        text = scene.file_for(known)
        options = ("--secrets-dir", "secrets", "--allow-egress", "127.0.0.0/8", "--trusted-proxy", "127.0.0.1")
        with serving(folder, *options, text=text, environment=ENVIRONMENT | {"PYTHONPATH": path}) as served:
            _play(served, found, folder)
            found.keep(folder / "data", "running")
            assert served.stop() == 0
        found.keep(folder / "data", "stopped")
        found.lines = served.lines
        found.sent = "\n".join(each for vendor in known.values() for each in vendor.received)
    return found


def _play(served: Serving, found: Played, folder: Path) -> None:
    with httpx.Client(trust_env=False, timeout=30) as caller:
        for hits in (scene.sent_by_a_browser, scene.sent_by_a_server):
            for answer in hits(caller, served.public):
                found.answered(answer)
        found.previewed = list(scene.seen_in_a_preview(caller, served.public, served.admin))
        for answer in found.previewed:
            found.answered(answer)
        found.answers += [("no HTTP", answer) for answer in scene.sent_by_nobody(served.public)]
        for expected in (
            r'delivery\.answered tag="TikTok" .* verdict=delivered',
            r'delivery\.answered tag="Hook" .* verdict=delivered',
            r'delivery\.buried tag="TikTok that refuses"',
            r'delivery\.buried tag="Refused"',
            r'delivery\.buried tag="Clumsy send_nowhere" .* reason=unsendable',
            r'delivery\.lane_held tag="Denied" .* mode=credential',
            r'delivery\.postponed tag="Later"',
            r'delivery\.postponed tag="Gone"',
            r'tag\.failed tag="Clumsy raise"',
            r'delivery\.judge_failed type="clumsy"',
        ):
            served.wait_for(expected)
        _renew(served, found, folder, caller)
        _reload(served, folder)
        for answer in scene.asked_of_the_admin(caller, served.admin):
            found.answered(answer)


def _renew(served: Serving, found: Played, folder: Path, caller: httpx.Client) -> None:
    """A secret changes while it runs, and a vendor quotes the new one."""
    before = len([line for line in served.lines if 'tag="TikTok that refuses"' in line])
    (folder / "secrets" / "TOKEN").write_text(ROTATED, encoding="utf-8")
    found.answered(caller.get(f"{served.public}/g/collect?{scene.GA4}&{scene.EVENT}", headers=canaries.HEADERS))
    served.wait_for('tag="TikTok that refuses"', times=before + 1)


def _reload(served: Serving, folder: Path) -> None:
    """A file with a secret and somebody's address written into it is refused, then the good one is taken again."""
    path = folder / "container.yaml"
    good = path.read_text(encoding="utf-8")
    bad = good.replace('access_token: "${secret:TOKEN}"', f"access_token: {canaries.LITERAL}")
    assert bad != good
    path.write_text(
        bad.replace("triggers: {Every", f"nonsense: {canaries.LITERAL}\ntriggers: {{Every"), encoding="utf-8"
    )
    served.process.send_signal(signal.SIGHUP)
    served.wait_for(r"config\.problem .*literal-secret")


def test_what_was_played_is_all_that_was_meant(played: Played) -> None:
    statuses = {place.rpartition(" ")[2] for place, _ in played.answers}
    assert {"200", "204", "400", "401", "403", "404", "413", "414", "431"} - {"403"} <= statuses
    for value in (EMAIL, PHONE, canaries.IP, ROTATED, canaries.FIRST_NAME, *DIGESTS[:2]):
        assert value in played.sent, value
    sent = Search(SECRETS.values()).within(played.sent)
    assert {
        SECRETS[name] for name in ("TOKEN", "HEADER_KEY", "QUERY_KEY", "BODY_KEY", "TABLE_KEY", "CONSTANT_KEY")
    } <= {*sent}
    assert any(place.startswith("running: deliveries.db-wal") for place in played.files)


def test_no_line_of_the_log_shows_any_of_it(played: Played) -> None:
    assert any(" DEBUG " in line for line in played.lines)
    for line in played.lines:
        assert line.isprintable()
        assert not SEARCH.within(line), line


def test_no_answer_shows_any_of_it(played: Played) -> None:
    assert len(played.answers) > 50
    for place, answer in played.answers:
        assert not SEARCH.within(answer), (place, answer)
        assert b"Traceback" not in answer


def test_what_was_previewed_is_all_that_was_meant(played: Played) -> None:
    records = [each.json() for each in played.previewed if "/records/" in each.request.url.path]
    assert len(records) == 8
    assert [each["mode"] for each in records] == ["dry"] * 4 + ["send"] * 4
    answers = [each["answer"] for record in records for each in record["outgoing"] if each["mode"] == "send"]
    assert {each["status"] for each in answers} >= {200, 400, 422, 401, 503, None}
    assert all(record["console"] for record in records), "a tag that fails is told of"


def test_no_byte_at_rest_shows_any_of_it(played: Played) -> None:
    assert {place.partition(": ")[2] for place in played.files} >= {
        "deliveries.db",
        "deliveries.db-wal",
        "deliveries.lock",
    }
    assert not any(place.endswith(": key") for place in played.files), "the key was given by the environment"
    for place, content in played.files.items():
        assert not SEARCH.within(content), place


def test_what_is_written_is_its_owners_alone(played: Played) -> None:
    for place, mode in played.modes.items():
        assert mode == (0o700 if place.endswith("the folder") else 0o600), place


BAD = f"""
version: 1
container: {{name: Bad, id: B-1}}
clients: {{Server: {{type: measurement_protocol, api_secret: {canaries.LITERAL}}}}}
variables: {{Key: {{type: constant, value: "a ${{secret:TOKEN}}"}}, Own: {{type: constant, val: 1}}}}
triggers: {{Every: {{}}}}
tags:
  Hook:
    type: http_request
    triggers: [Every]
    consent: not_needed
    url: "https://hook.example/${{secret:TOKEN}}/${{QUERY_KEY}}"
    header: {{Authorization: Bearer {canaries.LITERAL}}}
"""


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_what_validate_says_shows_no_secret(tmp_path: Path, form: str) -> None:
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    found = run("validate", "bad.yaml", "--format", form, folder=tmp_path, environment=SECRETS)
    assert found.returncode == 1
    assert "literal-secret" in found.stdout
    assert not Search((*SECRETS.values(), canaries.LITERAL)).within(found.stdout + found.stderr)


def test_what_simulate_says_shows_no_secret_and_its_complaints_nothing_of_a_hit(tmp_path: Path) -> None:
    text = scene.FILE.format(taken="https://a.example", refuses="https://b.example")
    (tmp_path / "good.yaml").write_text(
        text + scene.HOOK.format(name="Hook", address="https://c.example"), encoding="utf-8"
    )
    query = f"{scene.GA4}&{scene.EVENT}"
    good = {"method": "GET", "path": "/g/collect", "query": query, "headers": canaries.HEADERS}
    guess = {
        "method": "POST",
        "path": "/mp/collect",
        "query": "api_secret=" + canaries.API_SECRET,
        "body": json.dumps(scene.MESSAGE),
    }
    bad = [{**good, "time": EMAIL}, {**good, "ip": [EMAIL]}, {**good, "id": EMAIL}, {**good, "headers": EMAIL}, [EMAIL]]
    lines = [json.dumps(each) for each in (good, guess, *bad)] + [f'{{"query": "{EMAIL}"', EMAIL]
    found = run("simulate", "--config", "good.yaml", folder=tmp_path, environment=SECRETS, given="\n".join(lines))
    assert found.returncode == 1
    assert len(found.stdout.splitlines()) == 2
    assert len(found.stderr.strip().splitlines()) >= len(bad) + 2
    assert '"${secret:TOKEN}"' in found.stdout
    assert not SEARCH.within(found.stderr)
    shown = found.stdout.replace(canaries.API_SECRET, "")
    assert not SECRETS_ALONE.within(shown)
