"""From a container file to a container that takes hits, for the start and for each reload alike."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from container.cli.demo import Completed, Demo, completed, pointed_at
from container.cli.sources import Sources, read, uncollected
from container.config.load import Loaded
from container.config.model import ClientModel, ConsentDefault, ContainerModel
from container.delivery.told import quoted
from container.engine.compile import compile_container
from container.engine.container import Container
from container.preview.drafts import Live
from container.url import url_parts

logger = logging.getLogger("container.cli")


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a file. `container`, `demo` and `live` are `None` when it has errors."""

    loaded: Loaded
    container: Container | None = None
    demo: Demo | None = None
    live: Live | None = None


@uncollected()
def build(sources: Sources, endpoints: Mapping[str, str] | None = None) -> Built:
    """Reads, checks and compiles. `endpoints`: of the sandbox, for a demonstration. Raises `OSError`."""
    complete = None if endpoints is None else completed(sources)
    found = read(sources if complete is None else complete.sources)
    if found.model is None:
        return Built(found)
    demo = Demo(found.model) if complete is None else pointed_at(found.model, complete, endpoints or {})
    return Built(found, compile_container(demo.model), demo, _live(sources, found, demo, complete, endpoints))


def _live(
    sources: Sources, found: Loaded, demo: Demo, complete: Completed | None, endpoints: Mapping[str, str] | None
) -> Live:
    """What drafts are compared with. In a demonstration they play where the container plays."""
    used = sources if complete is None else complete.sources

    def finish(model: ContainerModel) -> ContainerModel:
        return model if complete is None else pointed_at(model, complete, endpoints or {}).model

    return Live(found.text, found.filename, demo.model, used.registry, used.environment, used.secrets, finish)


def tell(built: Built) -> None:
    """Says in the log what an operator has to know of a container that comes into force."""
    model = _in_force(built)
    if model is None:
        return
    logger.info("consent.default %s", quoted(consent_line(model)))
    for tag, address in plain_endpoints(model):
        line = 'endpoint.plain tag=%s to=%s reason="without https its token can be read on the way"'
        logger.warning(line, quoted(tag), address)


def tell_of_relays(built: Built, *, delivers: bool, alone: bool) -> None:
    """Says in the log which tags' destinations cannot set cookies here, or not always. `alone`: no other process has
    the store.
    """
    model = _in_force(built)
    tags = [] if model is None or (delivers and alone) else [name for name, tag in model.tags.items() if tag.relays]
    if tags and delivers:
        line = 'relay.shared tags=%s "Their cookies reach visitors whose hit the same process delivers."'
        logger.info(line, quoted(", ".join(tags)))
    elif tags:
        line = 'relay.no_cookies tags=%s "Other processes deliver, so no cookies of theirs reach visitors."'
        logger.warning(line, quoted(", ".join(tags)))


def _in_force(built: Built) -> ContainerModel | None:
    return built.loaded.model if built.demo is None else built.demo.model


def plain_endpoints(model: ContainerModel) -> Iterator[tuple[str, str]]:
    """Tags that send unencrypted to somewhere that is not known to be near, and the address."""
    for name, tag in model.tags.items():
        address = tag.address
        parts = url_parts(address)
        if parts.protocol == "http" and not tag.paused and not _is_near(parts.hostname):
            yield name, address


def _is_near(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost"


def consent_line(model: ContainerModel) -> str:
    """What happens to hits that carry no consent signal, in one line."""
    line = f"A hit without a consent signal counts as {_shown(model.consent_default)}"
    own = [each for each in model.clients.values() if each.consent_default is not None]
    return "; ".join([line, *map(_client_line, own)]) + "."


def _client_line(client: ClientModel) -> str:
    default = client.consent_default or "denied"
    return f'for the client "{client.name}" as {_shown(default, rest="everything else as above")}'


def _shown(default: ConsentDefault, *, rest: str = "everything else denied") -> str:
    if isinstance(default, Mapping):
        return ", ".join([*(f"{name} {state}" for name, state in default.items()), rest])
    return str(default) if default in ("granted", "denied") else f"what {default} says"
