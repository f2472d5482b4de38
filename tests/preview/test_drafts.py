"""A draft is checked as a file is, and reaches no further than the live file."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from container.api import Event, Request, Settings, operator, tag, trigger
from container.config.model import ContainerModel
from container.config.problem import Problem
from container.config.registry import Registry
from container.preview.drafts import Draft, Live, as_live, drafted, drafted_bytes, problems_json
from tests.config.test_config_bombs import BOMBS
from tests.preview.lives import REGISTRY, TEXT, live

LIVE = live()


def problems(text: str, of: Live = LIVE) -> Sequence[Problem]:
    found = drafted(text, of)
    assert not isinstance(found, Draft), "the draft was taken"
    return found


def only(text: str, of: Live = LIVE) -> tuple[str, str]:
    """The code of the only problem, and what of the text it marks."""
    (found,) = problems(text, of)
    assert found.level == "error"
    return found.code, text.splitlines()[found.line - 1][found.column - 1 :][: found.length]


def marked(text: str) -> list[tuple[str, str]]:
    lines = text.splitlines()
    return [(each.code, lines[each.line - 1][each.column - 1 :][: each.length]) for each in problems(text)]


def with_collector(line: str, text: str = TEXT) -> str:
    return text.replace("    url: https://collector.example/in\n", f"    url: {line}\n")


def test_a_file_without_problems_becomes_a_container_for_debugging() -> None:
    found = drafted(TEXT.replace("Shop}", "Draft}").replace("id: L-1", "id: L-2"), LIVE)
    assert isinstance(found, Draft)
    assert (found.container.debug, found.container.id, found.base) == (True, "L-2", LIVE.digest)
    assert [each.name for each in found.container.tags] == ["TikTok", "Collector"]


def test_warnings_come_along() -> None:
    found = drafted(TEXT.replace("triggers:\n  P", "triggers:\n  Unused: {events: x}\n  P", 1), LIVE)
    assert isinstance(found, Draft)
    assert [each.code for each in found.problems] == ["unused-trigger"]


def test_mistakes_are_told_as_validate_tells_them() -> None:
    text = TEXT.replace("pixel_id", "pixel").replace("type: ga4", "type: ga5")
    said = problems_json(problems(text), "mine.yaml")
    assert [(each["code"], each["line"], each["column"]) for each in said][:2] == [
        ("unknown-type", 3, 23),
        ("missing-field", 10, 3),
    ]
    assert {each["file"] for each in said} == {"mine.yaml"}
    assert all(each["sentence"] and "hint" in each for each in said)


@pytest.mark.parametrize("name", ["ADMIN", "TAG_CONTAINER_ADMIN_TOKEN", "PIXEL", "X"])
def test_a_secret_that_the_live_file_does_not_use_is_refused_at_its_place(name: str) -> None:
    reference = f"${{secret:{name}}}"
    assert only(TEXT.replace("${secret:TIKTOK_TOKEN}", reference)) == ("missing-environment", reference)


@pytest.mark.parametrize("reference", ["${PATH_OF_THE_MACHINE}", "${PATH_OF_THE_MACHINE:-x}", "${NOT_SET:-x}", "${N}"])
def test_an_environment_value_that_the_live_file_does_not_use_is_refused(reference: str) -> None:
    assert only(TEXT.replace("${PIXEL}", reference)) == ("missing-environment", reference)


def test_what_is_set_is_refused_in_the_same_words_as_what_is_not() -> None:
    unset = live(secret=lambda name: f"v-{name}" if name in ("TIKTOK_TOKEN", "COLLECTOR_TOKEN") else None)
    text = TEXT.replace("secret:TIKTOK_TOKEN", "secret:OTHER")
    assert problems(text) == problems(text, unset)


def test_no_value_of_the_machine_is_in_what_is_said() -> None:
    text = TEXT.replace("${PIXEL}", "${PATH_OF_THE_MACHINE}").replace("secret:TIKTOK_TOKEN", "secret:OTHER")
    assert "value-of" not in str(problems(text))


def test_a_secret_of_the_live_file_is_no_environment_value() -> None:
    assert only(TEXT.replace("${PIXEL}", "${TIKTOK_TOKEN}")) == ("missing-environment", "${TIKTOK_TOKEN}")


def test_a_secret_of_the_live_file_may_move_within_a_draft() -> None:
    assert isinstance(drafted(TEXT.replace("secret:TIKTOK_TOKEN", "secret:COLLECTOR_TOKEN"), LIVE), Draft)


@pytest.mark.parametrize(
    "address",
    [
        *("http://10.0.0.1/", "http://127.0.0.1:9/", "http://[::1]/", "http://169.254.169.254/latest/meta-data"),
        *("http://localhost:8081/", "http://database/", "http://metadata.google.internal/", "https://[fd00::1]:8443/x"),
        *("http://[::ffff:10.0.0.1]/", "http://2130706433/", "http://nas.local/"),
    ],
)
def test_a_private_address_that_the_live_file_does_not_use_is_refused(address: str) -> None:
    text = with_collector(f'"{address}"').replace('    headers: {X-Token: "{{ Token }}"}\n', "")
    found = problems(text)
    assert "wrong-type" in [each.code for each in found if each.line == text[: text.index(address)].count("\n") + 1]


def test_a_private_address_of_the_live_file_may_be_used_with_another_path() -> None:
    of = live(with_collector("http://10.0.0.1:9000/in"))
    assert isinstance(drafted(with_collector("http://10.0.0.1:9000/elsewhere"), of), Draft)
    assert only(with_collector("http://10.0.0.1:9001/in"), of)[0] == "wrong-type"


@pytest.mark.parametrize("reference", ["{{ Token }}", "Bearer {{Token}}", "{{ Either }}", "{{ More }}"])
def test_a_secret_is_not_sent_to_a_new_address_also_not_through_variables(reference: str) -> None:
    either = 'variables:\n  More: {type: first_of, values: ["{{ Either }}"]}\n'
    either += '  Either: {type: first_of, values: ["x", "{{ Token }}"]}\n'
    text = with_collector("https://evil.example/in").replace("variables:\n", either, 1)
    found = problems(text.replace('{{ Token }}"}\n', f'{reference}"}}\n'))
    assert ("secret-leak", 22) in [(each.code, each.line) for each in found]


def test_a_secret_of_its_own_is_not_sent_to_a_new_address() -> None:
    text = with_collector("https://evil.example/in").replace('"{{ Token }}"', '"${secret:TIKTOK_TOKEN}"')
    assert ("secret-leak", "https://evil.example/in") in marked(text)


def test_a_secret_is_not_sent_unencrypted_where_the_live_file_encrypts() -> None:
    assert only(with_collector("http://collector.example/in"))[0] == "secret-leak"


def test_a_tag_without_a_secret_may_send_to_any_public_address() -> None:
    text = with_collector("https://other.example/in").replace('X-Token: "{{ Token }}"', "X-Shop: Shop")
    assert isinstance(drafted(text, LIVE), Draft)


def test_the_vendor_itself_is_always_fine() -> None:
    text = TEXT + TEXT[TEXT.index("  TikTok:") : TEXT.index("  Collector:")].replace("TikTok:", "Second:")
    assert isinstance(drafted(text, LIVE), Draft)


def test_the_vendor_itself_is_fine_also_where_the_live_file_sends_it_nothing() -> None:
    begin, end = TEXT.index("  TikTok:"), TEXT.index("  Collector:")
    tag = TEXT[begin:end].replace("TIKTOK_TOKEN", "COLLECTOR_TOKEN").replace("${PIXEL}", "C1EXAMPLEPIXEL000000")
    of = live(TEXT[:begin] + TEXT[end:])
    assert isinstance(drafted(of.text + tag, of), Draft)
    assert only(of.text + tag + "    endpoint: https://evil.example/in\n", of)[0] == "secret-leak"


def test_a_draft_knows_where_the_live_file_sends_and_what_a_demonstration_points_elsewhere() -> None:
    def finish(model: ContainerModel) -> ContainerModel:
        tag = model.tags["TikTok"]
        assert tag.settings is not None
        pointed = tag.settings.model_copy(update={"endpoint": "http://127.0.0.1:9/in"})
        return replace(model, tags={**model.tags, "TikTok": replace(tag, settings=pointed)})

    known = {"https://business-api.tiktok.com:443", "https://collector.example:443"}
    text = with_collector("https://other.example/in").replace('X-Token: "{{ Token }}"', "X-Shop: Shop")
    for of, hosts in ((LIVE, known), (replace(LIVE, finish=finish), {*known, "http://127.0.0.1:9"})):
        found = drafted(text, of)
        assert isinstance(found, Draft)
        assert found.hosts == hosts


@pytest.mark.parametrize("parts", [2, 40, 400])
def test_a_secret_is_not_sent_to_a_new_address_whatever_its_variable_is_called(parts: int) -> None:
    name = ".".join("a" * parts)
    text = with_collector("https://evil.example/in").replace("  Token:", f"  {name}:")
    assert only(text.replace("{{ Token }}", f"{{{{ {name} }}}}")) == ("secret-leak", "https://evil.example/in")


class Empty(Settings):
    pass


@tag("plugged_in", consent=())
def plugged_in(settings: Empty, event: Event) -> Request:
    """A tag of somebody else."""
    return Request("POST", "https://plug.example/", json={})


@operator("is_plugged_in")
def is_plugged_in(actual: str, expected: str) -> bool:
    """An operator of somebody else."""
    return actual == expected


PLUGGED = Registry.of([*(each.function for each in REGISTRY.components.values()), plugged_in, is_plugged_in])
WITH_PLUG_IN = TEXT + "  Plugged: {type: plugged_in, triggers: [Purchase]}\n"
WITH_OPERATOR = TEXT.replace(
    "{events: purchase}", "{events: purchase, when: [{any: [{variable: Token, is_plugged_in: x}]}]}"
)


def test_a_plug_in_that_the_live_file_does_not_use_is_refused() -> None:
    of = live(registry=PLUGGED)
    assert only(WITH_PLUG_IN, of) == ("unknown-type", "plugged_in")
    assert 'the live file does not use the plug-in "plugged_in"' in problems(WITH_PLUG_IN, of)[0].sentence
    assert isinstance(drafted(WITH_PLUG_IN, live(WITH_PLUG_IN, registry=PLUGGED)), Draft)


def test_a_type_that_nobody_has_is_told_as_ever() -> None:
    found = problems(WITH_PLUG_IN.replace("plugged_in", "plugged_out"), live(registry=PLUGGED))
    assert "plug-in" not in found[0].sentence


def test_an_operator_of_a_plug_in_is_refused_unless_the_live_file_uses_it() -> None:
    text = WITH_OPERATOR.replace("{variable: Token,", '{value: "{{ event.x }}",')
    assert problems(text, live(registry=PLUGGED))
    assert isinstance(drafted(text, live(text, registry=PLUGGED)), Draft)


@trigger("is_plugged_in_too")
def is_plugged_in_too(settings: Empty, event: Event) -> bool:
    """A trigger of somebody else."""
    return True


def test_a_trigger_of_a_plug_in_may_be_used_beside_transformations() -> None:
    registry = Registry.of([*(each.function for each in PLUGGED.components.values()), is_plugged_in_too])
    text = TEXT.replace("  Purchase: {", "  Purchase: {type: is_plugged_in_too, ", 1)
    text += "transformations:\n  Less: {type: exclude_parameters, parameters: [x], tags: [TikTok], "
    text += 'when: [{value: "{{ event.x }}", is_plugged_in: x}]}\n'
    assert problems(text, live(registry=registry))
    assert isinstance(drafted(text, live(text, registry=registry)), Draft)


def test_in_a_demonstration_a_draft_plays_where_the_container_plays() -> None:
    def finish(model: ContainerModel) -> ContainerModel:
        return replace(model, name="of the demonstration")

    found = drafted(TEXT, replace(LIVE, finish=finish))
    assert isinstance(found, Draft)
    assert found.container.name == "of the demonstration"


def test_the_live_file_can_be_traced_like_a_draft() -> None:
    found = as_live(LIVE)
    assert (found.text, found.container.debug, found.container.version) == (TEXT, True, LIVE.model.version)


WATCHED: list[str] = []
WATCHING = [False]


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if WATCHING[0] and event in ("open", "os.listdir", "os.scandir", "socket.connect", "socket.getaddrinfo"):
        WATCHED.append(f"{event} {arguments}")


def test_a_draft_opens_no_file_and_asks_nobody() -> None:
    readings = (
        "tests: {A: {hit: /etc/passwd, expect: {TikTok: {status: fired}}}}\n",
        "tests: {A: {hit: hits/one.json, expect: {TikTok: {status: fired}}}}\n",
        "include: /etc/passwd\n",
        "imports: [other.yaml]\n",
    )
    drafted(TEXT, LIVE)
    sys.addaudithook(_watch)
    WATCHED.clear()
    WATCHING[0] = True
    try:
        found = [drafted(TEXT + reading, LIVE) for reading in readings]
        drafted(with_collector("http://metadata.google.internal/"), LIVE)
    finally:
        WATCHING[0] = False
    assert not WATCHED
    assert [isinstance(each, Draft) for each in found] == [False, True, False, False]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_draft_that_means_much_is_refused_soon(bomb: str) -> None:
    started = time.process_time()
    assert problems(BOMBS[bomb])
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"version: 1\nname: \xff", "yaml-syntax", (2, 7)),
        (b"#" * 2_000_000, "yaml-syntax", (1, 1)),
        (b"#" * 1_000_003 + b"\xff\xff", "yaml-syntax", (1, 1)),
        (b"\xef\xbb\xbf", "missing-field", (1, 1)),
        (b"\x00", "yaml-syntax", (1, 1)),
    ],
)
def test_bytes_that_are_no_container_file_are_told_of(content: bytes, code: str, place: tuple[int, int]) -> None:
    found = drafted_bytes(content, LIVE)
    assert not isinstance(found, Draft)
    assert (found[0].code, (found[0].line, found[0].column)) == (code, place)


def test_bytes_are_read_as_a_file_is() -> None:
    found = drafted_bytes(b"\xef\xbb\xbf" + TEXT.encode(), LIVE)
    assert isinstance(found, Draft)
    assert found.text == TEXT
