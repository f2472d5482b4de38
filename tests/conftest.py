"""What all tests share: in continuous integration a test that did not run has not passed, and nothing may leak."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.leaks import LISTENER

# How long an example takes says more about what else the machine does than about us.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("untimed")

IN_CI = bool(os.environ.get("TAG_CONTAINER_CI"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="Rewrite what case files expect to what is found.")


def pytest_configure() -> None:
    # A shell that runs us in the background lets us ignore it, and so do then the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    LISTENER.begin()


def pytest_unconfigure() -> None:
    LISTENER.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A test during which a secret or something personal was shown has failed."""
    yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if folder is not None:
        LISTENER.look_below(folder)
    _nothing_leaked()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """What ends with its fixtures counts, too."""
    yield
    _nothing_leaked()


def _nothing_leaked() -> None:
    leaks = LISTENER.taken()
    if leaks:
        pytest.fail("something leaked:\n" + "\n".join(leaks), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip into a failure under TAG_CONTAINER_CI, but not one of the corpus: that is kept elsewhere."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("corpus") is None:
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that is skipped as a whole hides all its tests."""
    report = yield
    if IN_CI and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, which counts as a failure in continuous integration: {reason}"
