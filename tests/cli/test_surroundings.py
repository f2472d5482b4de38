"""Where in the world a machine stands changes nothing: time zone, language and encoding of the operating system."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import FILE, PURCHASE, serving

pytestmark = pytest.mark.slow
TAKEN = b'{"code":0,"message":"OK"}'
# 2.5 hours before London in summer and 3.5 in winter, and where an I in small letters has no dot.
ODD = {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8"}
PLACES: Mapping[str, Mapping[str, str]] = {
    "St. John's, Turkish": ODD,
    "Kiritimati": {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
    "plain C": {"TZ": "UTC", "LC_ALL": "C"},
    "POSIX without UTF-8": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Kathmandu"},
}
NAME = "İstanbul ı – Çay"


class Vendor(ThreadingHTTPServer):
    """Takes every delivery, and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.bodies: list[Any] = []
        self.taken = threading.Event()


class Taking(BaseHTTPRequestHandler):
    """Answers as the vendor does who took everything."""

    def do_POST(self) -> None:
        assert isinstance(self.server, Vendor)
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-length", str(len(TAKEN)))
        self.end_headers()
        self.wfile.write(TAKEN)
        self.server.taken.set()

    def log_message(self, format: str, *arguments: object) -> None:
        return


def installed(locale: str) -> bool:
    found = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.lower().split()
    return locale.lower().replace("utf-8", "utf8") in found


def come_of(folder: Path, place: Mapping[str, str]) -> tuple[Any, list[str], str]:
    """What a vendor gets of a purchase there, what the log says of it, and what the metrics count."""
    environment = {"SERVED_TOKEN": "token", **place}
    if "tr_TR" in place.get("LC_ALL", "") and not installed(place["LC_ALL"]):
        environment["LC_ALL"] = "C"
    vendor = Vendor()
    thread = threading.Thread(target=vendor.serve_forever)
    thread.start()
    text = FILE.replace("127.0.0.1:9/", f"127.0.0.1:{vendor.server_port}/").replace("TikTok:", f'"{NAME}":')
    try:
        with serving(folder, "--allow-egress", "127.0.0.0/8", text=text, environment=environment) as served:
            query = f"{PURCHASE}&ep.event_id=one&_et=1"
            with httpx.Client(trust_env=False) as caller:
                assert caller.get(f"{served.public}/g/collect?{query}").status_code == 204
                served.wait_for(r"delivery\.answered .* verdict=delivered")
                metrics = caller.get(f"{served.admin}/metrics").text
            assert served.stop() == 0
    finally:
        vendor.shutdown()
        thread.join()
        vendor.server_close()
    [body] = vendor.bodies
    for event in body["data"]:
        # The moment of arrival, which is not the same twice.
        assert abs(event.pop("event_time") - time.time()) < 600
    lines = [_without_moment(line) for line in served.lines if "delivery.answered" in line]
    [fired] = re.findall(r'tag_events_total\{.*status="fired".*', metrics)
    return body, lines, fired


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[str], str]:
    return come_of(tmp_path_factory.mktemp("usual"), {"TZ": "UTC", "LC_ALL": "C.UTF-8"})


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_hits_and_deliveries_are_the_same_everywhere(
    tmp_path: Path, usual: tuple[Any, list[str], str], place: Mapping[str, str]
) -> None:
    found = come_of(tmp_path, place)
    assert found == usual
    assert f'tag="{NAME}"' in found[1][0]


def _without_moment(line: str) -> str:
    moment, _, rest = line.partition(" ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    return rest
