"""A container with a secret in every slot that takes one, vendors that answer with what they were sent, and hits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tests import canaries
from tests.canaries import EMAIL, FIRST_NAME, IP, PAGE, PHONE, USER_AGENT, USER_DATA, USER_ID
from tests.cli.processes import PATIENCE_SECONDS

ROTATED = "c4nary-renewed-t0ken-51c7"
ORDER = 'O-4711 "quoted"'

PLUG_IN = '''
"""A tag that raises, cannot be sent, or whose judge raises; it says in its errors whatever it was given."""
import logging
from typing import Literal
from container.api import Event, Request, Response, Settings, Verdict, tag

class Clumsy(Settings):
    does: Literal["raise", "send_nowhere", "misjudge"]
    to: str = "https://nowhere.example/"

def judge(response: Response) -> Verdict:
    raise ValueError(response.body.decode())

@tag("clumsy", consent=(), judge=judge)
def clumsy(settings: Clumsy, event: Event) -> Request | None:
    """Goes wrong."""
    everything = f"{dict(event.data)} {dict(event.hit.headers)} {event.hit.query} {event.hit.body!r} {event.hit.ip}"
    if settings.does == "raise":
        logging.getLogger("plug_in").debug("about to fail with %s", everything)
        raise ValueError(everything)
    if settings.does == "send_nowhere":
        return Request("POST", f"ftp://{everything}/", json={"all": everything})
    return Request("POST", settings.to, json={"all": everything})
'''

FILE = """
version: 1
container: {{name: Canaries, id: C-1}}
consent: {{default: granted}}
clients:
  GA4: {{type: ga4, cookie: {{linker_secret: "${{secret:LINKER}}"}}}}
  Server: {{type: measurement_protocol, api_secret: ["${{secret:API_SECRET}}", "${{secret:API_SECRET_BEFORE}}"]}}
variables:
  Key: {{type: constant, value: "${{secret:CONSTANT_KEY}}"}}
  Market:
    type: lookup_table
    input: "{{{{ Page Hostname }}}}"
    table: {{www.shop.example: {{token: "${{secret:TOKEN}}", key: "key ${{secret:TABLE_KEY}}"}}}}
    default: {{token: "${{secret:TOKEN}}", key: "${{secret:TABLE_KEY}}"}}
triggers: {{Every: {{}}}}
tags:
  TikTok:
    type: tiktok_events_api
    triggers: [Every]
    pixel_id: C1CANARY000000000000
    access_token: "{{{{ Market.token }}}}"
    endpoint: "{taken}/track/"
    browser: {{pixel: false}}
  TikTok that refuses:
    type: tiktok_events_api
    triggers: [Every]
    pixel_id: C2CANARY000000000000
    access_token: "${{secret:TOKEN}}"
    endpoint: "{refuses}/track/"
    browser: {{pixel: false}}
"""
HOOK = """
  {name}:
    type: http_request
    triggers: [Every]
    consent: not_needed
    url: "{address}/people/{{{{ event.user_id }}}}"
    query: {{mail: "{{{{ event.email }}}}", page: "{{{{ Page URL }}}}", key: "${{secret:QUERY_KEY}}"}}
    headers:
      Authorization: "Bearer ${{secret:HEADER_KEY}}"
      X-Market: "{{{{ Market.key }}}}"
      X-Constant: "{{{{ Key }}}}"
      X-Mail: "{{{{ event.email }}}}"
      Cookie: "{{{{ event.email }}}}"
    json:
      key: "${{secret:BODY_KEY}}"
      user: "{{{{ event.user_data }}}}"
      items: "{{{{ event.items }}}}"
      mail: "{{{{ event.email }}}}"
      phone: "{{{{ event.phone }}}}"
      ip: "{{{{ event.ip_override }}}}"
      agent: "{{{{ event.user_agent }}}}"
"""
CLUMSY = """
  Clumsy {does}:
    type: clumsy
    triggers: [Every]
    does: {does}
    to: "{address}/clumsy"
"""

SECRETS = {
    "TOKEN": canaries.TOKEN,
    "HEADER_KEY": canaries.HEADER_KEY,
    "QUERY_KEY": canaries.QUERY_KEY,
    "BODY_KEY": canaries.BODY_KEY,
    "TABLE_KEY": canaries.TABLE_KEY,
    "CONSTANT_KEY": canaries.CONSTANT_KEY,
    "API_SECRET": canaries.API_SECRET,
    "API_SECRET_BEFORE": "c4nary-api-secret-before",
    "LINKER": "c4nary-linker-secret-7d7d",
}
ENVIRONMENT = {
    "TAG_CONTAINER_ADMIN_TOKEN": canaries.ADMIN_TOKEN,
    "TAG_CONTAINER_KEY": canaries.STORE_KEY,
    "TAG_CONTAINER_LOG_LEVEL": "DEBUG",
}


@dataclass
class Vendor:
    """Answers with a status and everything that it was sent: address, headers and body. It keeps that, too."""

    status: int
    received: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, sent: str) -> str:
        self.received.append(sent)
        if self.status == 200:
            return '{"code": 0, "message": "OK"}'
        said = sent.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
        return f'{{"code": 40002, "message": "Batch.0.user is odd: {said}", "request_id": "2026R1", "data": "{said}"}}'


@contextmanager
def vendors(*statuses: int) -> Iterator[Mapping[int, Vendor]]:
    """A vendor for each status; 0 hangs up. They are gone with the block."""
    with ExitStack() as opened:
        yield {status: opened.enter_context(_listening(Vendor(status))) for status in statuses}


@contextmanager
def _listening(vendor: Vendor) -> Iterator[Vendor]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode(errors="replace")
            said = vendor.answer(f"{self.path} {dict(self.headers)} {body}").encode()
            if vendor.status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(vendor.status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    vendor.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def file_for(known: Mapping[int, Vendor]) -> str:
    """The container, sending to these vendors."""
    text = FILE.format(taken=known[200].address, refuses=known[400].address)
    for name, status in (("Hook", 200), ("Refused", 422), ("Denied", 401), ("Later", 503), ("Gone", 0)):
        text += HOOK.format(name=name, address=known[status].address)
    return text + "".join(
        CLUMSY.format(does=does, address=known[202].address) for does in ("raise", "send_nowhere", "misjudge")
    )


def install(folder: Path) -> str:
    """The plug-in as a package that Python finds. What `PYTHONPATH` has to name."""
    about = folder / "clumsy_tag-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: clumsy-tag\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[container.components]\nclumsy = clumsy_tag\n", encoding="utf-8")
    (folder / "clumsy_tag.py").write_text(PLUG_IN, encoding="utf-8")
    return str(folder)


GA4 = f"v=2&tid=G-CANARY&cid={canaries.CLIENT_ID}&_uip={IP}&dl={quote(PAGE + '&ttclid=' + canaries.CLICK_ID, safe='')}"
EVENT = f"en=purchase&cu=EUR&epn.value=20&ep.transaction_id=O-1&{canaries.QUERY}"
ITEMS = "pr1=" + quote(f"idSKU-1~nm{FIRST_NAME}~k0mail~v0{EMAIL}~pr10~qt1", safe="~")

MESSAGE: Mapping[str, Any] = {
    "client_id": canaries.CLIENT_ID,
    "user_id": USER_ID,
    "ip_override": IP,
    "user_agent": USER_AGENT,
    "user_data": {"sha256_email_address": ["not a digest " + EMAIL], **USER_DATA},
    "user_properties": {"mail": {"value": EMAIL}, "name": {"value": FIRST_NAME}},
    "consent": {"ad_storage": "GRANTED", "ad_user_data": "GRANTED"},
    "events": [
        {
            "name": "purchase",
            "params": {
                "transaction_id": ORDER,
                "email": EMAIL,
                "phone": PHONE,
                "page_location": PAGE,
                "search_term": canaries.SEARCH,
                "items": [{"item_id": "S", "item_name": FIRST_NAME, "mail": EMAIL}],
            },
        }
    ],
}


def sent_by_a_browser(caller: httpx.Client, public: str) -> Iterator[httpx.Response]:
    """Good hits and bad ones, a visitor's data in every slot of each."""
    headers = {"host": "www.shop.example", **canaries.HEADERS}
    yield caller.get(f"{public}/g/collect?{GA4}&{EVENT}&{ITEMS}", headers=headers)
    yield caller.post(f"{public}/g/collect?{GA4}", content=f"{EVENT}\n{EVENT}&{ITEMS}", headers=headers)
    yield caller.post(f"{public}/g/collect?{GA4}", content=b"\xff\xfe" + EMAIL.encode(), headers=headers)
    yield caller.get(f"{public}/g/collect?v=1&{EVENT}", headers=headers)
    yield caller.get(f"{public}/{quote(EMAIL)}?{EVENT}", headers=headers)
    yield caller.get(f"{public}/g/collect?{GA4}&{EVENT}", headers={**headers, "host": f"{EMAIL} x"})
    yield caller.get(f"{public}/g/collect?{GA4}&" + EVENT * 60, headers=headers)
    yield caller.get(f"{public}/g/collect?{GA4}", headers={**headers, **{f"x-{at}": EMAIL for at in range(200)}})
    yield caller.post(f"{public}/g/collect?{GA4}", content=f"{EVENT}\n" * 9000, headers=headers)
    yield caller.request("TRACE", f"{public}/g/collect?{GA4}&{EVENT}", headers=headers)
    yield caller.options(f"{public}/g/collect?{GA4}&{EVENT}", headers={**headers, "origin": f"https://{EMAIL}"})


def sent_by_a_server(caller: httpx.Client, public: str) -> Iterator[httpx.Response]:
    def address(secret: str, path: str = "/mp/collect") -> str:
        stated = {"measurement_id": "G-CANARY", "api_secret": secret, "mail": EMAIL}
        return f"{public}{path}?{urlencode(stated)}"

    headers = {"host": "www.shop.example", **canaries.HEADERS}
    for secret in (canaries.API_SECRET, canaries.WRONG_SECRET, "", f"{EMAIL}\u00eb"):
        yield caller.post(address(secret), json=MESSAGE, headers=headers)
    for body in (
        f'{{"client_id": "{EMAIL}", ',
        f'["{EMAIL}"]',
        f'{{"{EMAIL}": NaN}}',
        "\ud800".encode("utf-8", "replace"),
    ):
        yield caller.post(address(canaries.API_SECRET), content=body, headers=headers)
    yield caller.post(address(canaries.API_SECRET), json={**MESSAGE, "events": [{"name": EMAIL}]}, headers=headers)
    yield caller.post(address(canaries.API_SECRET), content=EMAIL * 50_000, headers=headers)
    yield caller.post(address(canaries.WRONG_SECRET, "/debug/mp/collect"), json=MESSAGE, headers=headers)
    yield caller.post(address(canaries.API_SECRET, "/debug/mp/collect"), json=MESSAGE, headers=headers)


NO_HTTP = (
    f"{EMAIL}\r\n\r\n",
    f"GET /g/collect?{EVENT} HTTP/9.9\r\n{EMAIL}: {EMAIL}\r\n\r\n",
    f"POST /g/collect?{EVENT} HTTP/1.1\r\nhost: {EMAIL}\r\ncontent-length: {EMAIL}\r\n\r\n{EMAIL}",
    f"GET /g/collect?{EVENT} HTTP/1.1\r\nhost: a\r\nhost: {EMAIL}\r\nx-mail : {EMAIL}\r\n\r\n",
    f"POST /g/collect HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{EMAIL}\r\n",
    f"POST /g/collect HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n{EVENT}",
)


def sent_by_nobody(public: str) -> Iterator[bytes]:
    """What comes back for what is no HTTP, or is only half a request."""
    host, _, port = public.removeprefix("http://").partition(":")
    for text in NO_HTTP:
        with socket.create_connection((host, int(port)), timeout=5) as caller:
            caller.sendall(text.encode())
            caller.shutdown(socket.SHUT_WR)
            try:
                yield caller.recv(65_536)
            except OSError:
                yield b""


def seen_in_a_preview(caller: httpx.Client, public: str, admin: str) -> Iterator[httpx.Response]:
    """A session of a preview, in which hits are run dry and really sent, and what who looks at it is shown of them."""
    token = {"authorization": f"Bearer {canaries.ADMIN_TOKEN}"}
    session = caller.post(f"{admin}/preview/sessions", headers=token).json()
    at, mark = f"{admin}/preview/{session['id']}", session["header"]["value"]
    share = caller.get(f"{at}/state", headers=token).json()["share"]
    rules = [{"address": "127.0.0.0/8"}]
    caller.post(f"{at}/rules", headers=token, json={"rules": rules}).raise_for_status()
    carrying = {"host": "www.shop.example", **canaries.HEADERS, "x-gtm-server-preview": mark}
    address = f"{public}/mp/collect?{urlencode({'measurement_id': 'G-CANARY', 'api_secret': canaries.API_SECRET})}"
    for mode in ("dry", "send"):
        caller.post(f"{at}/mode", headers=token, json={"mode": mode}).raise_for_status()
        yield caller.get(f"{public}/g/collect?{GA4}&{EVENT}&{ITEMS}", headers=carrying)
        yield caller.post(address, json=MESSAGE, headers=carrying)
    yield caller.get(f"{public}/_preview/{quote(EMAIL)}", headers=carrying)
    yield caller.post(f"{at}/draft", headers=token, json={"text": f"version: 1\nodd: {canaries.LITERAL}\n"})
    yield caller.post(f"{at}/mode", headers=token, json={"mode": EMAIL})
    yield from (
        caller.get(f"{admin}{path}") for path in (f"/preview/{quote(EMAIL)}", f"/preview/shared/{quote(EMAIL)}")
    )
    # An answer that is late is shown late.
    _until_answered(caller, at, token)
    for number in range(1, 5):
        yield caller.get(f"{at}/records/{number}", headers=token)
        yield caller.get(f"{admin}/preview/shared/{share}/records/{number}")
    for path in ("state", "summary"):
        yield caller.get(f"{admin}/preview/shared/{share}/{path}")
    yield caller.get(at, headers=token)
    yield caller.post(f"{at}/end", headers=token, json={})


def _until_answered(caller: httpx.Client, at: str, token: Mapping[str, str]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    for number in (3, 4):
        while True:
            record = caller.get(f"{at}/records/{number}", headers=token).json()
            if record["outgoing"] and all(each["answer"] for each in record["outgoing"]):
                break
            assert time.monotonic() < until, [each["answer"] for each in record["outgoing"]]
            time.sleep(0.05)


def asked_of_the_admin(caller: httpx.Client, admin: str) -> Iterator[httpx.Response]:
    """The operator's pages, for nobody, for somebody who guesses, and for whoever knows the token."""
    given: list[dict[str, str]] = [{}, {"authorization": f"Bearer {canaries.WRONG_TOKEN}"}]
    given += [{"authorization": f"Basic {EMAIL}"}, {"authorization": f"Bearer {canaries.ADMIN_TOKEN}"}]
    for headers in given:
        for path in ("/", "/ready", "/metrics", f"/{quote(EMAIL)}", f"/?lane={quote(EMAIL)}"):
            yield caller.get(f"{admin}{path}", headers=headers)
    for number in range(1, 13):
        for path in ("lanes/{}", "lanes/{}?place=waiting", "rows/dead/{}", "rows/waiting/{}"):
            yield caller.get(f"{admin}/{path.format(number)}", headers=given[-1])
    for password in (canaries.WRONG_TOKEN, canaries.ADMIN_TOKEN):
        yield caller.get(f"{admin}/", auth=(EMAIL, password))
