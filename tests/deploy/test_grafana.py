"""The dashboard for Grafana: it can be imported, and every panel asks about what is there."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import PATIENCE_SECONDS, ROOT
from tests.deploy.promql import ADDED, labels_of, problems, selectors
from tests.deploy.test_alerts import RULES
from tests.web.scraped import families

BOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = BOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
ASKED = [(panel["title"], target) for panel in CHARTS for target in panel["targets"]]
PROMTOOL = shutil.which("promtool")
ROWS = ["Hits", "Answers", "Tags", "Lanes", "Store", "Vendors", "Process"]
GRAFANAS_OWN = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}


def test_it_has_what_an_import_asks_for() -> None:
    assert BOARD["id"] is None
    assert BOARD["uid"] == BOARD["title"] == "tag-container"
    assert BOARD["schemaVersion"] >= 36
    assert "__inputs" not in BOARD
    first, *others = BOARD["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert [each["name"] for each in others] == ["job", "instance"]


def test_it_has_a_row_for_each_part_and_nothing_overlaps() -> None:
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == ROWS
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for one, other in itertools.combinations([panel["gridPos"] for panel in PANELS], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


@pytest.mark.parametrize("panel", CHARTS, ids=[panel["title"] for panel in CHARTS])
def test_a_panel_takes_the_chosen_data_source_and_says_what_it_shows(panel: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(each["datasource"] == chosen for each in (panel, *panel["targets"]))
    assert panel["description"].endswith(".")
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize(("title", "target"), ASKED, ids=[f"{title} {target['refId']}" for title, target in ASKED])
def test_what_a_panel_asks_about_is_in_the_metrics(title: str, target: dict[str, Any]) -> None:
    assert selectors(target["expr"])
    assert problems(target["expr"]) == []
    for selector in selectors(target["expr"]):
        chosen = {(label, value) for label, _, value in selector.matchers}
        assert {("job", "$job"), ("instance", "$instance")} <= chosen, selector
    labels = set().union(*labels_of(target["expr"]).values()) | ADDED
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels


def test_what_it_asks_of_variables_and_reloads_is_in_the_metrics() -> None:
    asked = [each["definition"] for each in BOARD["templating"]["list"][1:]]
    asked += [each["expr"] for each in BOARD["annotations"]["list"]]
    known = {name for family in families().values() for name in family.names}
    assert {selector.metric for each in asked for selector in selectors(each)} <= known


def test_what_an_alert_is_about_can_be_seen_on_it() -> None:
    shown = {selector.metric for _, target in ASKED for selector in selectors(target["expr"])}
    asked = {selector.metric for rule in RULES for selector in selectors(rule["expr"])}
    assert asked - shown == {
        # As a verdict, and as what waits.
        "tag_container_delivery_delivered_total",
        # Of a moment, and of a limit.
        "tag_container_previous_end",
        "process_start_time_seconds",
        "process_max_fds",
    }


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of the Debian package prometheus")
def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    rules = [{"record": "asked", "expr": _filled(target["expr"])} for _, target in ASKED]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", "--lint=none", str(tmp_path / "rules.yaml")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _filled(expression: str) -> str:
    for name, value in GRAFANAS_OWN.items():
        expression = expression.replace(name, value)
    return expression
