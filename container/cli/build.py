"""From a container file to a container that takes hits, for the start and for each reload alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from container.cli.demo import Demo, completed, pointed_at
from container.cli.sources import Sources, read
from container.config.load import Loaded
from container.config.model import ClientModel, ConsentDefault, ContainerModel
from container.engine.compile import compile_container
from container.engine.container import Container

logger = logging.getLogger("container.cli")


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a file. `container` and `demo` are `None` when it has errors."""

    loaded: Loaded
    container: Container | None = None
    demo: Demo | None = None


def build(sources: Sources, endpoints: Mapping[str, str] | None = None) -> Built:
    """Reads, checks and compiles. `endpoints`: of the sandbox, for a demonstration. Raises `OSError`."""
    complete = None if endpoints is None else completed(sources)
    found = read(sources if complete is None else complete.sources)
    if found.model is None:
        return Built(found)
    demo = Demo(found.model) if complete is None else pointed_at(found.model, complete, endpoints or {})
    return Built(found, compile_container(demo.model), demo)


def tell_consent(built: Built) -> None:
    """Says in the log what happens to hits that carry no consent signal."""
    if built.loaded.model is not None:
        logger.info('consent.default "%s"', consent_line(built.loaded.model))


def consent_line(model: ContainerModel) -> str:
    """What happens to hits that carry no consent signal, in one line."""
    line = f"A hit without a consent signal counts as {_shown(model.consent_default)}"
    own = [each for each in model.clients.values() if each.consent_default is not None]
    return "; ".join([line, *map(_client_line, own)]) + "."


def _client_line(client: ClientModel) -> str:
    return f'for the client "{client.name}" as {_shown(client.consent_default or "denied")}'


def _shown(default: ConsentDefault) -> str:
    if isinstance(default, Mapping):
        return ", ".join([*(f"{name} {state}" for name, state in default.items()), "everything else denied"])
    return str(default) if default in ("granted", "denied") else f"what {default} says"
