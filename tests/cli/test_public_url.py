"""Where visitors reach a server: what preview prints and shows of it, stated or found out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
import typer

from container.cli.options import Options
from container.cli.previews import public_address
from container.cli.starting import hosts_of, proxies_of, public_url_of
from tests.cli.previewed import TOKEN
from tests.cli.processes import serving

NEAR = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ("", ""),
        (" https://t.shop.example ", "https://t.shop.example"),
        ("https://T.shop.example/", "https://t.shop.example"),
        ("http://127.0.0.1:8443/a//b/", "http://127.0.0.1:8443/a/b"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_address_is_read_as_visitors_write_it(stated: str, found: str) -> None:
    assert public_url_of(stated) == found


@pytest.mark.parametrize(
    "wrong",
    [
        "t.shop.example",
        "ftp://t.shop.example",
        "https://",
        "https:///metrics",
        "https://ada:s3cret@t.shop.example",
        "https://t.shop.example?",
        "https://t.shop.example/a?b=c",
        "https://t.shop.example/#a",
        "https://t.shop.example/a b",
        "https://t.shop.example:0",
        "https://t.shop.example:70000",
        "https://[t",
        "https://sh\u00f6p.example",
        "https://t.shop.example\\@evil.example",
    ],
)
def test_anything_else_is_refused_in_a_sentence_that_does_not_repeat_it(wrong: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as https") as refused:
        public_url_of(wrong)
    assert "s3cret" not in str(refused.value)


def test_the_prefix_is_its_path_unless_it_states_one() -> None:
    assert public_url_of("https://t.shop.example", prefix="/metrics") == "https://t.shop.example/metrics"
    assert public_url_of("https://t.shop.example/outside", prefix="/metrics") == "https://t.shop.example/outside"


@pytest.mark.parametrize(
    ("hosts", "proxies", "stated", "found"),
    [
        ([], [], "", f"{NEAR}/metrics"),
        (["t.shop.example"], [], "", "https://t.shop.example/metrics"),
        (["t.shop.example", "u.shop.example"], [], "", ""),
        # Behind a proxy visitors never see where the listener is.
        ([], ["127.0.0.1"], "", ""),
        (["t.shop.example"], ["127.0.0.1"], "", "https://t.shop.example/metrics"),
        (["t.shop.example", "u.shop.example"], ["127.0.0.1"], "https://u.shop.example/m", "https://u.shop.example/m"),
    ],
)
def test_what_is_stated_counts_before_what_is_found_out(
    hosts: Sequence[str], proxies: Sequence[str], stated: str, found: str
) -> None:
    options = Options(
        "127.0.0.1",
        0,
        "127.0.0.1",
        0,
        Path("data"),
        proxies=proxies_of(proxies),
        hosts=hosts_of(hosts),
        prefix="/metrics",
        public_url=stated,
    )
    assert public_address(options, NEAR) == found


def told(folder: Path, *flags: str, stated: str = "") -> tuple[str, str, str]:
    """Link and curl line of a new session, and what the page knows of the address."""
    environment = {"SERVED_TOKEN": "t", "TAG_CONTAINER_ADMIN_TOKEN": TOKEN, "TAG_CONTAINER_PUBLIC_URL": stated}
    with serving(folder, *flags, environment=environment) as served:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=served.admin, headers=bearer, trust_env=False) as caller:
            session = caller.post("/preview/sessions", json={}).json()
            public = caller.get(f"{session['page']}/state").json()["public"]
            path = caller.post(f"{session['page']}/link", json={}).json()["path"]
            assert path.startswith("/metrics/_preview/" if not public else "/_preview/")
        assert served.stop() == 0
    return session["link"], session["curl"], public


@pytest.mark.slow
def test_a_stated_address_is_that_of_the_link_the_curl_line_and_the_page(tmp_path: Path) -> None:
    link, curl, public = told(tmp_path, "--path-prefix", "/metrics", stated="https://t.shop.example")
    assert public == "https://t.shop.example/metrics"
    assert link.startswith(f"{public}/_preview/")
    assert f"'{public}/g/collect?" in curl


@pytest.mark.slow
def test_where_nobody_knows_the_host_the_path_is_whole_all_the_same(tmp_path: Path) -> None:
    flags = ("--path-prefix", "/metrics", "--allow-host", "t.shop.example", "--allow-host", "u.shop.example")
    link, curl, public = told(tmp_path, *flags)
    assert public == ""
    assert link.startswith("/metrics/_preview/")
    assert "'https://YOUR-HOST/metrics/g/collect?" in curl
