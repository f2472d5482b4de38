"""A folder in front of the paths: what is left of a path, whether the proxy took the folder off or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.api import Event, Redirect, Settings, tag
from container.config.registry import Registry
from container.engine.container import Container
from container.web.app import public_app
from container.web.mount import plain, unmounted
from tests.containers_of import container_of
from tests.web.parts import FILE, Answer, Call, ask, collect, container, run, site
from triggers.event import event as event_trigger


def listening(*paths: str) -> Container:
    return container(FILE.replace("{type: collect}", f"{{type: collect, paths: [{', '.join(paths)}]}}"))


USUAL = listening("/g/collect", "/collect")


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/metrics/g/collect", "/g/collect"),
        ("/g/collect", "/g/collect"),
        ("/collect", "/collect"),
        ("//g/collect", "/g/collect"),
        ("/metrics//g/collect", "/g/collect"),
        ("//metrics///g//collect", "/g/collect"),
        ("/%6Detrics/g/collect", "/g/collect"),
        ("/%6detrics/%67/collect", "/g/collect"),
        ("/metrics/caf%C3%A9/collect", "/caf%C3%A9/collect"),
        ("/metrics/a%2Fb/collect", "/a%2Fb/collect"),
        ("/metrics/a%2fb%zz%", "/a%2fb%zz%"),
        ("/metrics/", "/"),
        ("/metrics/metrics/collect", "/metrics/collect"),
        ("/healthy", "/healthy"),
        ("//healthy", "/healthy"),
        ("/metrics/healthy", "/healthy"),
        ("/metrics", None),
        ("/metrics%2Fg/collect", None),
        ("/metricsx/g/collect", None),
        ("/Metrics/g/collect", None),
        ("/other/g/collect", None),
        ("/../metrics/g/collect", None),
        ("metrics/g/collect", None),
        ("/", None),
        ("*", None),
    ],
)
def test_a_path_is_left_as_its_client_knows_it(path: str, left: str | None) -> None:
    found = unmounted(path.encode(), b"/metrics", USUAL)
    assert found == (None if left is None else left.encode())


@pytest.mark.parametrize(
    ("folder", "paths", "path", "left"),
    [
        ("/g", ["/g/collect"], "/g/collect", "/g/collect"),
        ("/g", ["/g/collect"], "/g/g/collect", "/g/collect"),
        ("/mp", ["/mp/collect", "/collect"], "/mp/collect", "/mp/collect"),
        ("/mp", ["/mp/collect", "/collect"], "/mp/mp/collect", "/mp/collect"),
        ("/tags/metrics", ["/g/collect"], "/tags/metrics/g/collect", "/g/collect"),
        ("/metrics", ["/metrics/g/collect"], "/metrics/g/collect", "/metrics/g/collect"),
    ],
)
def test_a_folder_that_is_called_like_a_clients_path_swallows_nothing(
    folder: str, paths: Sequence[str], path: str, left: str
) -> None:
    assert unmounted(path.encode(), folder.encode(), listening(*paths)) == left.encode()


def test_a_client_that_is_offered_every_hit_is_offered_those_that_the_proxy_took_the_folder_off() -> None:
    [client] = USUAL.clients
    everywhere = replace(USUAL, clients=[replace(client, paths={})])
    assert unmounted(b"/x/y", b"/metrics", everywhere) == b"/x/y"
    assert unmounted(b"/metrics/x/y", b"/metrics", everywhere) == b"/x/y"


@given(some.binary())
def test_a_plain_path_has_the_folders_of_the_path(path: bytes) -> None:
    assert plain(path).split(b"/")[1:-1] == [plain(folder) for folder in path.split(b"/")[1:-1] if folder]


async def _through(folder: Path, prefix: str, call: Call) -> Answer | None:
    async with site(folder) as here:
        return await ask(public_app(here.ingest, prefix=prefix), call)


@pytest.mark.parametrize(
    "path", ["/metrics/collect", "/collect", "//collect", "/metrics//collect", "/%6Detrics/collect"]
)
def test_the_answer_under_a_folder_is_the_one_without_it(tmp_path: Path, path: str) -> None:
    call = Call(target=f"{path}?name=quiet&status=200&cookie=c&body=hello")
    found = run(_through(tmp_path / "a", "/metrics", call))
    alone = run(_through(tmp_path / "b", "", Call(target="/collect?name=quiet&status=200&cookie=c&body=hello")))
    assert found is not None
    assert found == alone
    # The whole site shares what is set under one of its folders.
    assert found.all("set-cookie") == ["seen=c; Path=/; Domain=shop.example; Secure; SameSite=Lax"]


class Nothing(Settings):
    """Nothing to set."""


@tag("elsewhere", consent=())
def elsewhere(settings: Nothing, event: Event) -> Redirect:
    """Sends the visitor on, within the site."""
    return Redirect("/thanks?from=" + event.hit.path)


@pytest.mark.parametrize("path", ["/metrics/collect", "/collect"])
def test_a_redirect_leads_where_the_tag_says_and_not_into_the_folder(tmp_path: Path, path: str) -> None:
    text = FILE.replace("{type: hook,", "{type: elsewhere,")
    compiled = container_of(text, Registry.of([collect, elsewhere, event_trigger]))

    async def work() -> Answer | None:
        async with site(tmp_path) as here:
            here.ingest.current.container = compiled
            return await ask(public_app(here.ingest, prefix="/metrics"), Call(target=f"{path}?name=click"))

    answer = run(work())
    assert answer is not None
    assert (answer.status, answer.header("location")) == (302, "/thanks?from=/collect")
