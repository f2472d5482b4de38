"""The admin listener on a path behind Caddy, as the page about it says: pages, changes, the stream, and who gets in."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.cli.previewed import BEARER, TOKEN
from tests.cli.processes import PATIENCE_SECONDS, ROOT, following, serving
from tests.deploy.proxies import AT, VISITOR, _certificate, _free_port

PAGE = (ROOT / "docs" / "how-to" / "admin-page.md").read_text(encoding="utf-8")
HOST = "metrics.my-shop.example"


def caller(port: int, certificate: Path, address: str) -> httpx.Client:
    """Somebody at an address, whose browser sends what those of today do."""

    def by_name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = HOST

    return httpx.Client(
        transport=httpx.HTTPTransport(
            verify=ssl.create_default_context(cafile=str(certificate)), local_address=address
        ),
        base_url=f"https://{AT}:{port}/pv/",
        headers={**BEARER, "host": HOST, "origin": f"https://{HOST}", "sec-fetch-site": "same-origin"},
        event_hooks={"request": [by_name]},
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.slow
def test_preview_works_on_a_path_behind_caddy_for_ones_own_network_alone(tmp_path: Path) -> None:
    if (program := shutil.which("caddy")) is None:
        pytest.skip("caddy is not installed")
    [block] = re.findall(r"^```caddy\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    certificate, key = _certificate(tmp_path, HOST)
    port = _free_port()
    environment = {"SERVED_TOKEN": "t", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN}
    with serving(tmp_path / "container", environment=environment) as served:
        block = block.replace("203.0.113.0/24", VISITOR).replace("127.0.0.1:8081", urlsplit(served.admin).netloc)
        (tmp_path / "Caddyfile").write_text(
            f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port {port}\n}}\n"
            f"{HOST}:{port} {{\n\tbind {AT}\n\ttls {certificate} {key}\n{block}"
            "\thandle {\n\t\trespond 404\n\t}\n}\n",
            encoding="utf-8",
        )
        process = subprocess.Popen(
            [program, "run", "--adapter", "caddyfile", "--config", "Caddyfile"],
            cwd=tmp_path,
            env={f"XDG_{each}_HOME": str(tmp_path) for each in ("DATA", "CONFIG")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with following(process) as found:
            try:
                found.wait_for("serving initial configuration")
                with caller(port, certificate, VISITOR) as ours:
                    form = ours.get("preview")
                    [token] = set(re.findall(r'name="token" value="([^"]+)"', form.text))
                    started = ours.post("preview/start", data={"token": token})
                    assert started.status_code == 303
                    page = f"preview/{started.headers['location'].rpartition('/')[2]}"
                    assert ours.get(page).status_code == 200
                    assert ours.post(f"{page}/mode", json={"mode": "test"}).json() == {"mode": "test"}
                    with ours.stream("GET", f"{page}/stream") as stream:
                        assert next(stream.iter_lines()) == "event: mode"
                with caller(port, certificate, AT) as stranger:
                    assert stranger.get("preview").status_code == 404
            finally:
                assert found.stop() == 0
        assert served.stop() == 0
