"""The rules for Prometheus: what they ask about is there, and each speaks up when it should and not before."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.processes import PATIENCE_SECONDS, ROOT
from tests.deploy.alert_cases import CASES, Case
from tests.deploy.promql import ADDED, labels_of, problems, selectors
from tests.web.scraped import text

FILE = ROOT / "deploy" / "alerts.yaml"
PROMTOOL = shutil.which("promtool")

with FILE.open(encoding="utf-8") as _file:
    GROUPS = yaml.safe_load(_file)["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
NAMES = [rule["alert"] for rule in RULES]

with_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of the Debian package prometheus")


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        [str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(case: Case) -> dict[str, Any]:
    """As promtool takes it. What to do about it is as the file has it, word for word."""
    [rule] = [rule for rule in RULES if rule["alert"] == case.alert]
    expected = {
        "exp_labels": {**case.labels, **rule["labels"]},
        "exp_annotations": {"summary": case.summary, "runbook": rule["annotations"]["runbook"]},
    }
    asked = {"eval_time": case.at, "alertname": case.alert, "exp_alerts": [expected] if case.summary else []}
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {"interval": "1m", "input_series": series, "alert_rule_test": [asked]}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_what_a_rule_asks_about_is_in_the_metrics(rule: dict[str, Any]) -> None:
    assert selectors(rule["expr"])
    assert problems(rule["expr"]) == []


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_says_what_is_and_what_to_do_in_sentences(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "runbook"}
    for sentence in rule["annotations"].values():
        assert re.fullmatch(r"[A-Z{].*\.", sentence), sentence
    assert len(rule["annotations"]["runbook"].split()) > 5
    # What a summary fills in, the expression has left standing.
    labels = set().union(*labels_of(rule["expr"]).values()) | ADDED
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= labels


@pytest.mark.parametrize("flag", re.findall(r"--[a-z-]+", FILE.read_text(encoding="utf-8")))
def test_a_flag_that_a_runbook_names_is_there(flag: str) -> None:
    assert f"`{flag} " in (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


def test_every_rule_has_a_name_of_its_own_and_speaks_up_in_one_case_and_not_in_another() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {case.alert for case in CASES if case.summary} == set(NAMES)
    assert {case.alert for case in CASES if not case.summary} == set(NAMES)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("tag_container_no_such_thing > 1", "tag_container_no_such_thing is no metric"),
        ('tag_container_lane_mode{colour="red"}', "tag_container_lane_mode has no label colour"),
        ('tag_container_lane_mode{mode!~"open|napping"}', "tag_container_lane_mode has no mode napping"),
        ("sum by (shop) (tag_container_ready)", "there is no label shop"),
        ("summe(tag_container_ready)", "summe is no word of it"),
        ("rate(tag_container_reply_seconds[5m])", "tag_container_reply_seconds is no metric"),
        ('sum by (le, type) (rate(tag_container_vendor_seconds_bucket{type="x"}[5m]))', ""),
    ],
)
def test_a_mistake_in_an_expression_is_found(expression: str, problem: str) -> None:
    assert problems(expression) == ([problem] if problem else [])


def test_what_an_operator_paused_wakes_nobody_up() -> None:
    expressions = {rule["alert"]: rule["expr"] for rule in RULES}
    for name in ("DeliveriesWait", "NoDelivery"):
        assert 'unless on (job, instance, number, lane) tag_container_lane_mode{mode="paused"' in expressions[name]
    [paused] = [rule for rule in RULES if rule["alert"] == "LanePaused"]
    assert paused["labels"]["severity"] == "warning"


def test_each_process_that_is_gone_is_told_and_that_there_is_none() -> None:
    [gone] = [rule["expr"] for rule in RULES if rule["alert"] == "Gone"]
    assert gone == 'up{job="tag-container"} == 0 or on () absent(tag_container_build_info)'
    page = (ROOT / "docs" / "how-to" / "watch-it.md").read_text(encoding="utf-8")
    assert "job_name: tag-container\n" in page


@with_promtool
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(FILE))


@with_promtool
def test_each_rule_speaks_up_when_it_should_and_not_before(tmp_path: Path) -> None:
    told = {"rule_files": [str(FILE)], "evaluation_interval": "1m", "tests": [written(case) for case in CASES]}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "cases.yaml"))


@with_promtool
def test_prometheus_takes_the_metrics_as_they_are_written() -> None:
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"],
        input=text(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    # 3: it would like other names, such as `_ratio` for every share.
    assert done.returncode in (0, 3), done.stderr
    assert "error while linting" not in done.stderr
