"""From the text of a container file to the container, for tests of what comes after reading it."""

from __future__ import annotations

from collections.abc import Callable

from container.config.load import load
from container.config.registry import Registry
from container.engine.compile import compile_container
from container.engine.container import Container


def container_of(text: str, registry: Registry, secrets: Callable[[str], str | None] = lambda _name: None) -> Container:
    """The container of a file that has no error; every reference of it is set. `secrets`: their values by name."""
    loaded = load(
        text,
        filename="container.yaml",
        registry=registry,
        environment={},
        secrets=secrets,
        strict_environment=True,
    )
    assert loaded.model is not None, loaded.report()
    return compile_container(loaded.model)
