"""Marks of a preview over a whole `serve`: neither tags nor vendors, nor anybody who looks, get to see one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.canary.scene import vendors
from tests.cli.previewed import LOOK_SECONDS, previewed
from tests.cli.processes import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

CURIOUS = """
version: 1
container: {{name: Curious, id: C-1}}
consent: {{default: granted}}
clients: {{GA4: {{type: ga4}}}}
variables:
  Mark: {{type: cookie_value, cookie: tc_preview}}
  Header: {{type: request_header, header: X-Gtm-Server-Preview}}
  Cookies: {{type: request_header, header: Cookie}}
triggers: {{Every: {{}}}}
tags:
  Hook:
    type: http_request
    triggers: [Every]
    consent: not_needed
    url: "{address}/curious"
    headers: {{X-Cookies: "{{{{ Cookies }}}}"}}
    json: {{mark: "{{{{ Mark }}}}", header: "{{{{ Header }}}}", cookies: "{{{{ Cookies }}}}"}}
"""
EGRESS = ("--allow-egress", "127.0.0.0/8")


def test_no_tag_no_vendor_no_row_and_no_onlooker_gets_a_mark(tmp_path: Path) -> None:
    with vendors(200) as known:
        vendor = known[200]
        with previewed(tmp_path, *EGRESS, text=CURIOUS.format(address=vendor.address)) as preview:
            over, other, session = preview.start(), preview.start(), preview.start("send")
            over.end()
            session.change("rules", rules=[{"path": "/g/collect"}])
            marks = [each.mark for each in (over, other, session)]
            # In either place that of the session, that of another one beside it, and one that is over.
            session.hit(cookie=f"a=1; tc_preview={other.mark}; b=2")
            session.hit(cookie=f"a=1; tc_preview={over.mark}; b=2")
            preview.hit(cookie=f"tc_preview={session.mark}; a=1; b=2", x_gtm_server_preview=over.mark)
            preview.hit(cookie=f"a=1; b=2; tc_preview={over.mark}", x_gtm_server_preview=over.mark)
            wait_until = time.monotonic() + PATIENCE_SECONDS
            while len(vendor.received) < 4 or session.record(4) is None:
                assert time.monotonic() < wait_until, vendor.received
                time.sleep(LOOK_SECONDS)
            assert [record["source"] for record in session.all_revealed()] == ["marked", "marked", "marked", "rule"]
            shown = [preview.admin.get(f"/preview/{session.id}/records/{number}").text for number in range(1, 5)]
            shown += [str(session.change("reveal", number=number)) for number in range(1, 5)]
            share = f"{preview.served.admin}/preview/shared/{session.share}"
            shown += [preview.anybody.get(f"{share}/records/{number}").text for number in range(1, 5)]
            shown += [preview.anybody.get(f"{share}/{path}").text for path in ("state", "summary")]
            shown.append(preview.anybody.get(f"{preview.served.admin}/metrics").text)
            shown += [preview.admin.get(path).text for path in ("/", "/api/queue/lanes", "/ready")]
            assert preview.served.stop() == 0
        files = [path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file()]
        for mark in marks:
            assert not [each for each in (*vendor.received, *shown, *preview.served.lines) if mark in each]
            assert not [each for each in files if mark.encode() in each]
        assert all("a=1; b=2" in each for each in vendor.received)
