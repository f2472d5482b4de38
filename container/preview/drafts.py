"""A draft: the text of a container file that is tried out beside the live one.

It is checked as `validate` checks a file, and may reach no further than the file in force: what that does not use, of
secrets, environment, plug-ins and private addresses, a draft may not use either. Why: docs/decisions/preview-drafts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from hashlib import sha256
from typing import Any

from container.config.literals import literals_of
from container.config.load import Secrets, load, not_utf_8
from container.config.model import ContainerModel
from container.config.problem import Problem
from container.config.registry import Registry
from container.config.source import LARGEST_FILE
from container.engine.compile import compile_container
from container.engine.container import Container
from container.preview.own_tests import OwnTests, own_tests
from container.preview.reach import Reach, beyond, origin, reach_of

NAME = "draft.yaml"


@dataclass(frozen=True)
class Live:
    """The file in force, and what it was made with. `finish`: what a demonstration changes in a container.

    Not with slots: what the file reaches is found out when the first draft asks for it.
    """

    text: str
    filename: str
    model: ContainerModel
    registry: Registry
    environment: Mapping[str, str]
    secrets: Secrets
    finish: Callable[[ContainerModel], ContainerModel] = lambda model: model

    @cached_property
    def reach(self) -> Reach:
        """What it uses, and so a draft may use."""
        return reach_of(self.text, self.model, self.registry, self.environment, self.secrets)

    @cached_property
    def literals(self) -> frozenset[str]:
        """The texts that the analyst wrote into it."""
        return frozenset(literals_of(self.model))

    @cached_property
    def digest(self) -> str:
        return text_digest(self.text)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft without errors, compiled to be traced. `problems`: its warnings. `base`: the digest of the live text.

    `hosts`: where the live file sends as well, as `origin` has it. `tests`: what its own tests give, which run when
    somebody first asks, and take long.
    """

    text: str
    filename: str
    container: Container
    problems: Sequence[Problem]
    base: str
    hosts: frozenset[str] = frozenset()
    tests: Callable[[], OwnTests] = field(default=OwnTests, repr=False, compare=False)


def drafted(text: str, live: Live, *, filename: str = NAME) -> Draft | Sequence[Problem]:
    """The draft, or everything that is wrong with it. Never raises, whatever the text is, and reads no file."""
    base = live.digest
    text = text.removeprefix("\ufeff")
    reach = live.reach
    asked: set[str] = set()
    found = load(
        text,
        filename=filename,
        registry=reach.registry,
        environment=reach.environment(asked),
        secrets=reach.secret(asked),
        strict_environment=True,
    )
    problems, refused = beyond(text, found, reach, asked)
    if found.model is None or refused:
        return problems
    finished = live.finish(found.model)
    # A demonstration has its own reasons to send elsewhere than the text says.
    moved = {
        origin(tag.address) for name, tag in finished.tags.items() if tag.address != found.model.tags[name].address
    }
    container, tests = compile_container(finished, debug=True), cache(partial(own_tests, text, reach))
    return Draft(text, filename, container, problems, base, reach.hosts | moved, tests)


def drafted_bytes(content: bytes, live: Live, *, filename: str = NAME) -> Draft | Sequence[Problem]:
    """The same for a file as it was sent. More than 1 MB is refused unread."""
    content = content[: LARGEST_FILE + 4]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        if len(content) <= LARGEST_FILE:
            return (not_utf_8(content, reason.start),)
        text = content.decode(errors="replace")
    return drafted(text, live, filename=filename)


def as_live(live: Live) -> Draft:
    """The file in force as a draft: for a session that has none, and to compare with."""
    container = compile_container(live.model, debug=True)
    return Draft(live.text, live.filename, container, (), live.digest)


def text_digest(text: str) -> str:
    """By which two texts of a container file are told apart."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def problems_json(problems: Sequence[Problem], filename: str = NAME) -> list[dict[str, Any]]:
    """The problems as `validate --format json` writes them."""
    return [{"file": filename} | {name: getattr(each, name) for name in Problem.__slots__} for each in problems]
