"""`serve` as an operator meets it: start, reload, stop, and the demonstration."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.cli.listeners import DRAIN_SECONDS
from container.delivery.sqlite import open_store
from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, ROOT, Serving, run, serving

pytestmark = pytest.mark.slow
BROKEN = FILE.replace("triggers: [Purchase]", "triggers: [Purchases]")
OTHER = FILE.replace("name: Served", "name: Other")


def get(address: str, headers: dict[str, str] | None = None) -> httpx.Response:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(address, headers=headers)


def reload_metric(served: Serving) -> str:
    lines = get(f"{served.admin}/metrics").text.splitlines()
    return next(line for line in lines if line.startswith("tag_container_config_last_reload_successful"))[-3:]


def stored_ids(folder: Path) -> list[str]:
    """The event ids of all deliveries in a store that nobody holds."""

    async def work() -> list[str]:
        later = time.time_ns() // 1_000_000 + 3_600_000
        store = open_store(folder, now=later)
        found = []
        for report in await store.lanes():
            while claimed := await store.claim(report.number, now=later, most_items=500, ahead=0):
                found += [json.loads(row.item.data)["event_id"] for row in claimed.rows]
        await store.close()
        return found

    return asyncio.run(work())


def test_a_half_sent_request_does_not_hold_up_or_spoil_the_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        with served.half_sent() as address:
            get(f"{served.public}/healthy")
            served.process.send_signal(signal.SIGTERM)
            served.wait_for(r"serve\.stopping")
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(address).close()
            assert served.process.wait(PATIENCE_SECONDS) == 0
        served.wait_for(r"serve\.stopped")
        assert not any(" ERROR " in line for line in served.lines)


def test_what_is_no_http_is_counted_and_fills_no_log(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        host, _, port = served.public.removeprefix("http://").partition(":")
        begun = "GET /healthy HTTP/1.1\r\nhost: x\r\n"
        for sent, status in (
            ("nonsense\r\n\r\n", b"400"),
            (f"GET /g/collect?{'x' * 100_000} HTTP/1.1\r\nhost: x\r\n\r\n", b"414"),
            (f"{begun}connection: upgrade\r\nupgrade: websocket\r\n\r\n", b"200"),
        ):
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(sent.encode())
                assert caller.recv(100).split()[1] == status
        metrics = get(f"{served.admin}/metrics").text
        assert 'hits_refused_total{reason="not_http"} 1.0' in metrics
        assert 'hits_refused_total{reason="query_too_long"} 1.0' in metrics
        assert not any(
            word in line for line in served.lines for word in ("HTTP request", "upgrade", "WebSocket", "pip")
        )


def test_a_refused_reload_is_shown_until_one_succeeds_and_no_secret_is(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": "a-token-of-the-admin"}
    token = {"authorization": "Bearer a-token-of-the-admin"}
    literal = FILE.replace('"${secret:SERVED_TOKEN}"', "literal-t0ken-of-the-shop")
    with serving(tmp_path, environment=environment) as served:
        for times in (1, 2):
            (tmp_path / "container.yaml").write_text(literal, encoding="utf-8")
            served.process.send_signal(signal.SIGHUP)
            served.wait_for(r'ERROR config\.problem "container\.yaml:\d+:\d+: error\[literal-secret\]', times=times)
        said = get(f"{served.admin}/ready", token).json()["reasons"]
        assert 'A reload of "container.yaml" was refused at ' in said[0]
        assert "(2 times in a row)" in said[0]
        assert "error[literal-secret]" in get(f"{served.admin}/", token).text
        (tmp_path / "container.yaml").write_text(OTHER, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        served.wait_for(r"config\.reloaded")
        assert get(f"{served.admin}/ready", token).json()["reasons"] == []
        assert not any("literal-t0ken" in line for line in served.lines)


def test_the_log_and_ready_say_the_same_of_a_refused_reload_and_what_to_do(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": "a-token-of-the-admin"}
    token = {"authorization": "Bearer a-token-of-the-admin"}
    unset = BROKEN.replace("SERVED_TOKEN", "GONE_TOKEN")
    with serving(tmp_path, environment=environment) as served:
        (tmp_path / "container.yaml").write_text(unset, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        found = served.wait_for(r"ERROR config\.refused problems=(\d+) errors=(\d+)")
        served.wait_for(r'config\.problem .*\(hint: set the environment variable \\"GONE_TOKEN\\"')
        served.wait_for(r"config\.problem ", times=int(found[1]))
        assert sum("ERROR config.problem" in line for line in served.lines) == int(found[2]) == 2
        [said] = get(f"{served.admin}/ready", token).json()["reasons"]
        assert "It has 2 errors, of which this is the first." in said
        assert "(hint: " in said


def test_debug_says_a_line_for_each_hit_and_answer_and_nothing_of_the_visitor(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "TAG_CONTAINER_LOG_LEVEL": "DEBUG"}
    with serving(tmp_path, environment=environment) as served:
        get(f"{served.public}/g/collect?{PURCHASE}")
        served.wait_for(r'DEBUG hit\.taken id=[0-9a-f]{32} client="GA4" status=204 events=1 rows=1')
        assert not any("E.C.P.click" in line for line in served.lines)


def test_a_demonstration_never_prints_a_token_of_the_operators(tmp_path: Path) -> None:
    text = FILE.replace("{type: ga4}", "{type: ga4, measurement_ids: [G-OWN], paths: [/own/collect]}")
    environment = {"TAG_CONTAINER_ADMIN_TOKEN": "a-token-of-the-operators"}
    with serving(tmp_path, "--demo", "--path-prefix", "tags/", text=text, environment=environment) as served:
        served.wait_for("the one in TAG_CONTAINER_ADMIN_TOKEN")
        purchase = served.wait_for(r"curl -i '([^']+)'")[1]
        assert "/tags/own/collect?" in purchase
        assert "tid=G-OWN&" in purchase
        assert get(purchase).status_code == 204
        assert not any("a-token-of-the-operators" in line for line in served.lines)


def test_a_hit_is_taken_and_the_start_says_what_happens_without_consent(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        answer = get(f"{served.public}/g/collect?{PURCHASE}")
        assert answer.status_code == 204
        assert "server" not in answer.headers
        assert "date" not in answer.headers
        assert answer.headers["set-cookie"].startswith("ttclid=E.C.P.click; Path=/; Max-Age=")
        assert get(f"{served.public}/healthy").text == "ok\n"
        assert get(f"{served.public}/ready").status_code == 404
        assert get(f"{served.admin}/ready").json() == {"ready": True}
        served.wait_for('consent.default "A hit without a consent signal counts as denied."')
        assert served.stop() == 0
        assert not any("E.C.P.click" in line or "token" in line.replace("token:", "") for line in served.lines)


def test_a_proxy_that_nobody_named_is_said_where_an_operator_looks(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": "a-token-of-the-admin"}
    with serving(tmp_path, environment=environment) as served:
        assert get(f"{served.public}/g/collect?{PURCHASE}", {"x-forwarded-for": "203.0.113.9"}).status_code == 204
        served.wait_for(r"WARNING proxy\.unnamed peer=127\.0\.0\.1 hits=1")
        ready = get(f"{served.admin}/ready", {"authorization": "Bearer a-token-of-the-admin"})
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert "--trusted-proxy 127.0.0.1/32" in ready.json()["reasons"][0]
        metrics = get(f"{served.admin}/metrics").text
        assert 'hits_without_address_total{reason="unnamed_proxy"} 1.0' in metrics
        assert not any("203.0.113.9" in line for line in served.lines)


def test_an_admin_listener_on_all_addresses_is_said(tmp_path: Path) -> None:
    with serving(tmp_path, "--admin-host", "0.0.0.0", environment={"SERVED_TOKEN": "token"}) as served:
        served.wait_for(r"WARNING admin\.open")
        assert get(f"{served.admin}/ready").status_code == 200


def test_flags_say_whose_hits_are_taken_and_how_many(tmp_path: Path) -> None:
    flags = ["--trusted-proxy", "127.0.0.0/8", "--allow-host", "*.shop.example", "--rate-limit", "1"]
    shop = {"host": "t.shop.example", "x-forwarded-for": "203.0.113.9"}
    with serving(tmp_path, *flags, "--path-prefix", "//metrics//") as served:
        elsewhere = get(f"{served.public}/metrics/g/collect?{PURCHASE}", {"host": "evil.example"})
        assert (elsewhere.status_code, elsewhere.text) == (421, "This host is not served here.\n")
        flood = [get(f"{served.public}/metrics/g/collect?{PURCHASE}", shop) for _ in range(30)]
        assert flood[0].status_code == 204
        refused = next(answer for answer in flood if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"
        other = get(f"{served.public}/g/collect?{PURCHASE}", shop | {"x-forwarded-for": "203.0.113.10"})
        assert other.status_code == 204
        assert get(f"{served.public}/healthy").status_code == 200
        served.wait_for(r"WARNING hits\.limited hits=1")
        metrics = get(f"{served.admin}/metrics").text
        assert 'hits_refused_total{reason="host_not_allowed"} 1.0' in metrics


def test_a_flag_says_how_much_may_wait(tmp_path: Path) -> None:
    with serving(tmp_path, "--store-rows", "100", "--rate-limit", "0") as served:
        assert {get(f"{served.public}/g/collect?{PURCHASE}").status_code for _ in range(60)} == {204}
        served.wait_for(r"ERROR delivery\.buried .*reason=lane_full")
        assert 'state="dead"} 10.0' in get(f"{served.admin}/metrics").text
        assert get(f"{served.admin}/ready").status_code == 200


def test_a_hangup_brings_the_new_file_into_force_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        first = served.wait_for(r"serve\.started version=(\S+)")[1]
        (tmp_path / "container.yaml").write_text(BROKEN, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        served.wait_for(r"ERROR config\.refused problems=2")
        served.wait_for(r"container\.yaml:9:16: error\[unknown-trigger\]")
        assert reload_metric(served) == "0.0"
        assert get(f"{served.public}/g/collect?{PURCHASE}").status_code == 204
        assert f'config_info{{version="{first}"}} 1.0' in get(f"{served.admin}/metrics").text
        (tmp_path / "container.yaml").write_text(OTHER, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        second = served.wait_for(r"config\.reloaded version=(\S+)")[1]
        assert second != first
        assert reload_metric(served) == "1.0"
        assert served.stop() == 0


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        (tmp_path / "container.yaml").unlink()
        served.process.send_signal(signal.SIGHUP)
        served.wait_for(r"config\.refused reason=")
        assert get(f"{served.public}/g/collect?{PURCHASE}").status_code == 204


def test_a_watched_file_is_reloaded_when_it_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--watch") as served:
        (tmp_path / "new.yaml").write_text(OTHER, encoding="utf-8")
        (tmp_path / "new.yaml").rename(tmp_path / "container.yaml")
        served.wait_for(r"config\.reloaded")


def test_every_answered_hit_is_on_disk_when_it_is_stopped_under_load(tmp_path: Path) -> None:
    answered: list[str] = []
    stopped, enough = threading.Event(), threading.Event()

    def shopper(name: int) -> None:
        with httpx.Client(trust_env=False) as caller:
            for number in range(100_000):
                identity = f"{name}-{number}"
                try:
                    answer = caller.get(f"{public}/g/collect?{PURCHASE}&ep.event_id={identity}")
                except httpx.HTTPError:
                    return
                if answer.status_code == 204:
                    answered.append(identity)
                if len(answered) > 200:
                    enough.set()
                if stopped.is_set():
                    return

    with serving(tmp_path) as served:
        public = served.public
        shoppers = [threading.Thread(target=shopper, args=(name,)) for name in range(8)]
        for each in shoppers:
            each.start()
        try:
            assert enough.wait(PATIENCE_SECONDS)
            assert served.stop() == 0
        finally:
            stopped.set()
            for each in shoppers:
                each.join()
    stored = stored_ids(tmp_path / "data")
    assert len(stored) == len(set(stored))
    assert set(answered) <= set(stored)


def test_an_idle_connection_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        host, _, port = served.public.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as idle:
            idle.sendall(b"GET /healthy HTTP/1.1\r\nhost: x\r\n\r\n")
            assert idle.recv(100).startswith(b"HTTP/1.1 200")
            assert served.stop() == 0
        assert served.between("stopping", "stopped") < DRAIN_SECONDS / 2


def test_the_demonstration_points_the_tag_at_the_sandbox_and_says_so(tmp_path: Path) -> None:
    example = (ROOT / "container.yaml").read_text(encoding="utf-8")
    with serving(tmp_path, "--demo", text=example, environment={}) as served:
        sandbox = served.wait_for(r'demo\.pointed tag="TikTok - events" to=(\S+)')[1]
        token = served.wait_for(r"Token\s+(\S+)")[1]
        purchase = served.wait_for(r"curl -i '([^']+)'")[1]
        assert "TikTok - events" in get(sandbox).text
        cookies = {"cookie": "_ttp=browser", "user-agent": "Mozilla/5.0"}
        assert get(purchase, cookies).status_code == 204
        received = _received(sandbox)
        assert received["verdict"] == "accepted"
        assert [event["name"] for event in received["events"]] == ["Purchase"]
        assert received["events"][0]["browser"] == {"ttclid": "E.C.P.demo-click", "ttp": "browser"}
        assert received["events"][0]["value"] == 64.9
        page = get(f"{served.admin}/", {"authorization": f"Bearer {token}"})
        assert sandbox in page.text.replace("<wbr>", "")
        assert served.stop(signal.SIGINT) == 0


def test_a_demonstration_in_which_all_is_set_says_that_it_sends_for_real(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as served:
        served.wait_for(r'WARNING demo\.real tag="TikTok" to=http://127\.0\.0\.1:9/track/')
        served.wait_for('so they send to their vendors for real: "TikTok"')
        served.wait_for("It does not appear in the sandbox")
        sandbox = served.wait_for(r"Open\s+(\S+)")[1]
        token = served.wait_for(r"Token\s+(\S+)")[1]
        for page in (get(sandbox), get(f"{served.admin}/", {"authorization": f"Bearer {token}"})):
            assert "Nothing is sent to the sandbox" in page.text
            assert "for real: &#34;TikTok&#34;" in page.text
        assert not any("demo.pointed" in line for line in served.lines)


def test_a_reload_changes_what_a_demonstration_says(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as served:
        sandbox = served.wait_for(r"Open\s+(\S+)")[1]
        (tmp_path / "container.yaml").write_text(FILE.replace("SERVED_TOKEN", "NOT_SET"), encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        served.wait_for(r'demo\.pointed tag="TikTok"')
        assert "so they send to the sandbox: &#34;TikTok&#34;" in get(sandbox).text
        served.wait_for(r"consent\.default", times=2)


def test_what_a_demonstration_keeps_never_comes_into_production(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo", environment={}) as served:
        assert get(f"{served.public}/g/collect?{PURCHASE}&ep.event_id=demo").status_code == 204
        served.process.kill()
        served.process.wait(PATIENCE_SECONDS)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data", tmp_path / "data" / "demo")} == {0o700}
    with serving(tmp_path) as served:
        assert "outbox_rows{" not in get(f"{served.admin}/metrics").text
        assert served.stop() == 0
    ports = ["--port", "0", "--admin-port", "0"]
    found = run("serve", *ports, "--data", "data/demo", folder=tmp_path, environment={"SERVED_TOKEN": "t"})
    assert found.returncode == 1
    assert '"data/demo" holds the deliveries of a demonstration, which must not reach a vendor.' in found.stderr


def test_what_holds_a_lane_is_said_by_the_log_the_page_readiness_and_metrics(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "TAG_CONTAINER_ADMIN_TOKEN": "a-token-of-the-admin"}
    token = {"authorization": "Bearer a-token-of-the-admin"}
    with serving(tmp_path, environment=environment) as served:
        for number in range(3):
            get(f"{served.public}/g/collect?{PURCHASE}&ep.event_id=e{number}")
        lane = "tiktok_events_api http://127.0.0.1:9/track/ C1EXAMPLEPIXEL000000"
        reason = "127.0.0.1 is no public address; --allow-egress opens it"
        served.wait_for(f'ERROR delivery.lane_held tag="TikTok" lane="{lane}" mode=egress reason="{reason}"')
        assert get(f"{served.admin}/ready").json() == {"ready": True}
        answer = get(f"{served.admin}/ready", token)
        assert answer.status_code == 200
        [said] = answer.json()["reasons"]
        assert said.startswith(f'Lane 1 "{lane}" holds still, because nothing may be sent to its address: {reason}')
        assert "nothing may be sent to its address" in get(f"{served.admin}/", token).text
        metrics = get(f"{served.admin}/metrics").text
        assert f'tag_container_lane_mode{{lane="{lane}",mode="egress",number="1"}} 1.0' in metrics
        assert f'tag_container_deliveries_total{{lane="{lane}",tag="TikTok",verdict="egress"}}' in metrics


def test_a_lane_that_held_still_is_tried_at_once_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        get(f"{served.public}/g/collect?{PURCHASE}")
        served.wait_for("ERROR delivery.lane_held .* mode=egress")
        assert served.stop() == 0
    with serving(tmp_path, "--allow-egress", "127.0.0.0/8") as served:
        served.wait_for('WARNING delivery.postponed .* reason="no connection"')


def test_without_a_demonstration_nothing_is_pointed_elsewhere(tmp_path: Path) -> None:
    example = (ROOT / "container.yaml").read_text(encoding="utf-8")
    (tmp_path / "container.yaml").write_text(example, encoding="utf-8")
    assert run("serve", "--port", "0", "--admin-port", "0", folder=tmp_path).returncode == 1


def _received(sandbox: str) -> dict[str, Any]:
    """The first request that the sandbox gets, now or soon."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        received = get(f"{sandbox}/received").json()["received"]
        if received:
            return dict(received[0])
    raise AssertionError("the sandbox received nothing")
