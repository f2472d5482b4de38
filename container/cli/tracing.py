"""Whether there are spans for OpenTelemetry, and the way to them: their packages are an extra, and slow to load."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Protocol

from container.delivery.judging import Judges
from container.delivery.sender import Sender
from container.web.addresses import Proxies
from container.web.app import Application
from container.web.ingest import Accept, Evaluate

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
"""They may hold a token of whoever takes the spans."""

INSTALL = "pip install 'tag-container[otel]'"

logger = logging.getLogger("container.cli")


class ExtraMissingError(Exception):
    """Spans are wanted, and the packages for them are not installed."""


class Spans(Protocol):
    """Wraps what takes part in a hit or a delivery, so that it leaves spans."""

    def application(self, inner: Application) -> Application:
        """The public listener's."""
        ...

    def evaluate(self, inner: Evaluate) -> Evaluate:
        """The run of the container."""
        ...

    def accept(self, inner: Accept) -> Accept:
        """The commit."""
        ...

    def sender(self, inner: Sender) -> Sender:
        """What sends to vendors."""
        ...

    def judges(self, inner: Judges) -> Judges:
        """What reads their answers."""
        ...

    async def close(self) -> None:
        """Sends the last ones."""
        ...


class NoSpans:
    """Wraps nothing, so that nothing costs anything."""

    def application(self, inner: Application) -> Application:
        return inner

    def evaluate(self, inner: Evaluate) -> Evaluate:
        return inner

    def accept(self, inner: Accept) -> Accept:
        return inner

    def sender(self, inner: Sender) -> Sender:
        return inner

    def judges(self, inner: Judges) -> Judges:
        return inner

    async def close(self) -> None:
        return


def find_spans(environment: Mapping[str, str], proxies: Proxies, *, wanted: bool) -> Spans:
    """The spans, if they are wanted or an endpoint is set. Raises `ExtraMissingError` where they were asked for.

    An endpoint in the environment may be meant for other programs, so that a missing extra is only told of then.
    """
    if not wanted and not any(environment.get(name) for name in ENDPOINTS):
        return NoSpans()
    try:
        found = importlib.import_module("container.cli.otel")
    except ModuleNotFoundError as problem:
        if not (problem.name or "").startswith("opentelemetry"):
            raise
        if wanted:
            raise ExtraMissingError(f"--otel needs packages that are not installed: {INSTALL}") from None
        logger.warning('otel.missing install="tag-container[otel]" "An endpoint for spans is set, and none are made."')
        return NoSpans()
    made: Spans = found.tracing(proxies)
    return made


def header_secrets(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The values of the headers with which spans are sent, by a name for each."""
    return {
        f"{name} {place}": pair.partition("=")[2].strip()
        for name in HEADERS
        for place, pair in enumerate(environment.get(name, "").split(","))
        if "=" in pair
    }
