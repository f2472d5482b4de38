"""From a request to a hit, its deliveries on disk, and the reply."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from container.web.addresses import Proxies, network
from container.web.app import public_app
from container.web.ingest import Limits, read_headers
from tests.delivery.harness import dead_letters
from tests.web.parts import Answer, Call, ask, run, site

HOST = ("host", "shop.example")
LATIN = some.text(some.characters(max_codepoint=255))
SMALL = Limits(path_and_query_bytes=100, headers=5, header_bytes=200, body_bytes=10, discarded_bytes=20)


def asked(folder: Path, *, limits: Limits | None = None, proxies: Proxies | None = None, **call: object) -> Answer:
    async def work() -> Answer:
        async with site(folder, limits=limits, proxies=proxies) as here:
            return await here.ask(**call)

    return run(work())


def test_a_hit_is_answered_once_its_delivery_is_on_disk(tmp_path: Path) -> None:
    async def work() -> tuple[Answer, int, float, float]:
        async with site(tmp_path) as here:
            answer = await here.ask()
            fired = here.decided("Hook", "fired")
            return answer, await here.waiting(), here.metric("hits_accepted_total"), fired

    answer, waiting, accepted, fired = run(work())
    assert (answer.status, answer.body, waiting, accepted, fired) == (204, b"", 1, 1, 1)
    assert answer.header("content-length") is None


def test_a_hit_that_leads_to_nothing_needs_no_store(tmp_path: Path) -> None:
    async def work() -> tuple[int, int]:
        async with site(tmp_path) as here:
            await here.store.close()
            return (await here.ask(target="/collect?name=quiet")).status, 0

    assert run(work()) == (204, 0)


def test_a_hit_that_nobody_claims_is_not_found_and_counted(tmp_path: Path) -> None:
    async def work() -> tuple[int, float, int]:
        async with site(tmp_path) as here:
            answers = [await here.ask(target="/elsewhere?name=purchase"), await here.ask(target="/collect")]
            assert {answer.status for answer in answers} == {404}
            return len(answers), here.metric("hits_refused_total", reason="unclaimed"), await here.waiting()

    assert run(work()) == (2, 2, 0)


def test_a_hit_that_its_client_refuses_is_counted_as_such(tmp_path: Path) -> None:
    async def work() -> tuple[int, float, float]:
        async with site(tmp_path) as here:
            answer = await here.ask(target="/collect?name=quiet&status=401")
            refused = here.metric("hits_refused_total", reason="by_client")
            return answer.status, refused, here.metric("hits_accepted_total")

    assert run(work()) == (401, 1, 0)


def test_a_store_that_cannot_write_is_said_with_503_and_when_to_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> tuple[Answer, float, Sequence[str]]:
        async with site(tmp_path) as here:
            await here.store.close()
            await here.ask()
            answer = await here.ask()
            failed = here.metric("hits_unavailable_total", reason="unavailable")
            return answer, failed, here.ingest.health.reasons()

    answer, failed, reasons = run(work())
    assert (answer.status, answer.header("retry-after"), failed) == (503, "5", 2)
    assert len(reasons) == 1
    assert [record.getMessage() for record in caplog.records if record.name == "container.web"] == [
        'store.failed reason="the store is closed" hits=refused'
    ]


def test_a_fault_of_ours_answers_with_an_id_and_logs_nothing_of_the_visitor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = asked(tmp_path, target="/collect?name=raise_in_client&secret=ada@example.com")
    assert answer.status == 500
    kind, _, number = answer.body.decode().strip().partition(" ")
    assert kind == "error"
    assert len(bytes.fromhex(number)) == 16
    assert f"hit.failed id={number} error=ValueError at=parts.py:" in caplog.text
    assert "ada" not in caplog.text + answer.body.decode()


def test_a_tag_that_raises_leaves_a_dead_letter_and_the_visitor_gets_the_reply(tmp_path: Path) -> None:
    async def work() -> tuple[int, list[str], float]:
        async with site(tmp_path) as here:
            answer = await here.ask(target="/collect?name=raise_in_tag")
            reasons = [str(letter.reason) for letter in await dead_letters(here.store)]
            return answer.status, list(reasons), here.decided("Hook", "failed")

    assert run(work()) == (204, ["tag_failed"], 1)


def test_the_body_is_put_together_from_its_chunks(tmp_path: Path) -> None:
    assert asked(tmp_path, method="POST", chunks=[b"a", b"", b"bc"]).header("x-body") == "abc"


@pytest.mark.parametrize(
    ("size", "status"), [(0, 204), (9, 204), (10, 204), (11, 413), (30, 413), (31, 413), (3000, 413)]
)
@pytest.mark.parametrize("chunk", [1, 7, 4000])
def test_a_body_past_the_limit_is_refused_however_it_arrives(
    tmp_path: Path, size: int, status: int, chunk: int
) -> None:
    body = b"x" * size
    chunks = [body[start : start + chunk] for start in range(0, size, chunk)] or [b""]
    answer = asked(tmp_path, limits=SMALL, method="POST", chunks=chunks)
    assert answer.status == status
    assert (answer.header("connection") == "close") == (status == 413)


def test_a_body_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    read = 0

    async def work() -> int:
        nonlocal read

        def endless() -> Iterator[bytes]:
            nonlocal read
            while True:
                read += 5
                yield b"xxxxx"

        async with site(tmp_path, limits=SMALL) as here:
            return (await here.ask(method="POST", chunks=endless())).status

    assert run(work()) == 413
    assert read <= 50


@pytest.mark.parametrize(("size", "status"), [(99, 204), (100, 204), (101, 414), (10_000, 414)])
def test_an_address_past_the_limit_is_refused(tmp_path: Path, size: int, status: int) -> None:
    target = "/collect?name=quiet&x="
    # The question mark is not counted.
    target += "x" * (size + 1 - len(target))
    assert asked(tmp_path, limits=SMALL, target=target).status == status


@pytest.mark.parametrize(("count", "status"), [(4, 204), (5, 204), (6, 431)])
def test_too_many_headers_are_refused(tmp_path: Path, count: int, status: int) -> None:
    headers = [HOST, *((f"x-{number}", "1") for number in range(count - 1))]
    assert asked(tmp_path, limits=SMALL, headers=headers).status == status


@pytest.mark.parametrize(("size", "status"), [(200, 204), (201, 431), (100_000, 431)])
def test_headers_past_the_limit_are_refused(tmp_path: Path, size: int, status: int) -> None:
    headers = [HOST, ("x", "v" * (size - len("".join(HOST)) - 1))]
    assert asked(tmp_path, limits=SMALL, headers=headers).status == status


def test_a_request_without_a_host_is_refused_unless_its_protocol_knows_none(tmp_path: Path) -> None:
    assert asked(tmp_path / "1", headers=()).status == 400
    assert asked(tmp_path / "2", headers=(), version="1.0").status == 204


def test_a_sender_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    async def work() -> tuple[Answer | None, int, float]:
        async with site(tmp_path) as here:
            answer = await ask(here.ingest, Call(method="POST", chunks=[b"half"], gone=True))
            return answer, await here.waiting(), here.metric("hits_accepted_total")

    assert run(work()) == (None, 0, 0)


def test_the_reply_of_the_client_reaches_the_visitor(tmp_path: Path) -> None:
    answer = asked(tmp_path, target="/collect?name=quiet&status=200&body=hello&header=yes&cookie=a%3Bb")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.header("content-length") == "5"
    assert answer.header("x-header") == "yes"
    assert answer.all("set-cookie") == ["seen=a%3Bb; Path=/; Domain=shop.example; Secure; SameSite=Lax"]


def test_a_head_request_gets_the_length_and_no_body(tmp_path: Path) -> None:
    answer = asked(tmp_path, method="HEAD", target="/collect?name=quiet&status=200&body=hello")
    assert (answer.body, answer.header("content-length")) == (b"", "5")


def test_no_value_of_a_hit_can_add_a_header(tmp_path: Path) -> None:
    answer = asked(tmp_path, target="/collect?name=quiet&header=a%0d%0aset-cookie:%20b=c&cookie=d%0d%0ae:f")
    assert answer.status == 204
    assert not answer.all("set-cookie")
    assert answer.header("x-header") is None


def test_a_stranger_cannot_name_the_visitors_address(tmp_path: Path) -> None:
    headers = [HOST, ("X-Forwarded-For", "203.0.113.9"), ("CF-IPCountry", "DE")]
    answer = asked(tmp_path, headers=headers)
    assert answer.header("x-ip") == "198.51.100.7"
    assert answer.header("x-sees") == "host"


def test_a_proxy_of_ours_names_the_visitors_address_and_place(tmp_path: Path) -> None:
    headers = [HOST, ("X-Forwarded-For", "8.8.8.8"), ("x-forwarded-for", "203.0.113.9"), ("CF-IPCountry", "DE")]
    proxies = Proxies((network("198.51.100.0/24"),))
    answer = asked(tmp_path, headers=headers, proxies=proxies)
    assert answer.header("x-ip") == "203.0.113.9"
    assert answer.header("x-sees") == "cf-ipcountry host x-forwarded-for"


@pytest.mark.parametrize(("peer", "found"), [(None, "-"), ("", "-"), ("::ffff:192.0.2.1", "192.0.2.1")])
def test_the_peers_address_is_in_canonical_form(tmp_path: Path, peer: str | None, found: str) -> None:
    assert asked(tmp_path, peer=peer).header("x-ip") == found


NAMED = some.sampled_from([b"accept", b"Accept", b"cookie", b"host", b"x-forwarded-for", b"via", b"x" * 65, b"\xfc"])


@given(raw=some.lists(some.tuples(NAMED, some.binary(max_size=3)), max_size=6), from_proxy=some.booleans())
def test_each_header_is_read_by_its_name_in_lower_case(raw: list[tuple[bytes, bytes]], *, from_proxy: bool) -> None:
    expected: dict[str, list[str]] = {}
    for name, value in raw:
        if from_proxy or name not in (b"x-forwarded-for", b"via"):
            expected.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    found = read_headers(raw, from_proxy=from_proxy)
    assert found == {name: ("; " if name == "cookie" else ", ").join(values) for name, values in expected.items()}


def test_repeated_headers_are_joined() -> None:
    raw = [(b"Cookie", b"a=1"), (b"cookie", b"b=2"), (b"Accept", b"x"), (b"accept", b"y"), (b"one", b"\xfc")]
    assert read_headers(raw, from_proxy=False) == {"cookie": "a=1; b=2", "accept": "x, y", "one": "\xfc"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    target=some.text(some.characters(codec="ascii", exclude_characters="?")).map(lambda path: f"/{path}"),
    query=some.text(some.characters(codec="ascii")),
    headers=some.lists(
        some.tuples(some.text(some.characters(max_codepoint=255)), some.text(some.characters(max_codepoint=255)))
    ),
    body=some.binary(),
    peer=some.none() | some.text(),
    method=some.text(),
)
def test_whatever_arrives_there_is_one_answer_and_no_fault(
    tmp_path: Path,
    *,
    target: str,
    query: str,
    headers: list[tuple[str, str]],
    body: bytes,
    peer: str | None,
    method: str,
) -> None:
    answer = asked(
        tmp_path, target=f"{target}?{query}", headers=[HOST, *headers], chunks=[body], peer=peer, method=method
    )
    assert answer.status in (204, 404)


async def _through(folder: Path, prefix: str, target: str, method: str = "GET") -> Answer | None:
    async with site(folder) as here:
        return await ask(public_app(here.ingest, prefix=prefix), Call(target=target, method=method))


@pytest.mark.parametrize(
    ("prefix", "target", "status", "seen"),
    [
        ("", "/collect?name=quiet", 204, "/collect"),
        ("/metrics", "/metrics/collect?name=quiet", 204, "/collect"),
        ("metrics/", "/metrics/collect?name=quiet", 204, "/collect"),
        ("/metrics", "/collect?name=quiet", 204, "/collect"),
        ("/metrics", "//collect?name=quiet", 204, "/collect"),
        ("/metrics", "/elsewhere/collect?name=quiet", 404, None),
        ("/metrics", "/metricsx/collect?name=quiet", 404, None),
        ("", "/healthy", 200, None),
        ("/metrics", "/healthy", 200, None),
        ("/metrics", "/metrics/healthy", 200, None),
        ("", "/healthy/", 404, None),
    ],
)
def test_hits_come_under_the_prefix_and_do_not_see_it(
    tmp_path: Path, prefix: str, target: str, status: int, seen: str | None
) -> None:
    answer = run(_through(tmp_path, prefix, target))
    assert answer is not None
    assert (answer.status, answer.header("x-path")) == (status, seen)


def test_healthy_is_only_for_looking(tmp_path: Path) -> None:
    answer = run(_through(tmp_path, "", "/healthy", "POST"))
    assert answer is not None
    assert answer.status == 404


def test_what_is_no_http_is_left_alone(tmp_path: Path) -> None:
    async def work() -> None:
        async with site(tmp_path) as here:
            await public_app(here.ingest)({"type": "websocket"}, None, None)  # type: ignore[arg-type]  # never called

    run(work())
