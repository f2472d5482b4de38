"""Lanes, rows, jobs and imports as the JSON interface of the queue says them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from container.delivery.lane import Lane
from container.delivery.selection import Imported, RowDetail, RowReport
from container.delivery.store import LaneReport
from container.web.jobs import Job


def lane_json(report: LaneReport, *, share: float = 0.0) -> dict[str, Any]:
    """Times are Unix milliseconds. `in_flight`: rows that are being sent. `oldest`: when the oldest was received.

    `share`: how much of its part of the store is used, from 0 to 1.
    """
    return {
        "number": report.number,
        "lane": str(report.lane),
        **_account(report.lane),
        "mode": report.state.mode,
        "paused": report.paused,
        "failures": report.state.failures,
        "not_before": report.state.not_before,
        "waiting": report.waiting,
        "in_flight": report.claimed,
        "dead": report.dead,
        "share": share,
        "oldest": report.oldest,
        "answer": None if report.answer is None else asdict(report.answer),
    }


def report_json(report: RowReport) -> dict[str, Any]:
    """A row without its content. `received`: when its hit was."""
    return {
        "place": report.place,
        "number": report.number,
        "id": report.id,
        "lane": report.lane,
        "account": str(report.account),
        "holds": report.holds,
        "tag": _sayable(report.tag),
        "event": _sayable(report.event_name),
        "attempts": report.attempts,
        "received": report.first,
        "size": report.size,
        "reason": report.reason,
        "note": report.note,
        "died": report.died,
        "due": report.due,
        "in_flight": report.claimed,
        "worker": report.worker,
    }


def detail_json(detail: RowDetail) -> dict[str, Any]:
    """A row and what is in it."""
    return {
        **report_json(detail.report),
        "whole": detail.whole,
        "unreadable": detail.unreadable,
        "method": detail.method,
        "url": _sayable(detail.url),
        "headers": [[_sayable(name), _sayable(value)] for name, value in detail.headers],
        "body": _sayable(detail.body),
        "ip": detail.ip,
        "event_time": detail.event_time,
        "give_up": detail.give_up,
        "expire": detail.expire,
        "history": [asdict(tried) for tried in detail.history],
    }


def job_json(job: Job) -> dict[str, Any]:
    """How far a job is. `changed`: rows by what became of them, `kept`: by why they stay, `warned`: what may fail.

    `left`: of what is gone.
    """
    progress = job.progress
    return {
        "number": job.number,
        "kind": job.kind,
        "state": job.state,
        "done": progress.done,
        "total": progress.total,
        "changed": dict(progress.changed),
        "kept": dict(progress.kept),
        "warned": dict(progress.warned),
        "left": progress.left,
        "problem": job.problem,
    }


def imported_json(imported: Imported) -> dict[str, int]:
    """What became of the lines so far."""
    return asdict(imported)


def _account(lane: Lane) -> dict[str, Any]:
    return {
        "type": lane.type,
        "endpoint": lane.endpoint,
        "account": lane.account,
        "test_code": lane.test_code,
        "secrets": list(lane.secrets),
    }


def _sayable(text: str) -> str:
    """Text that JSON can say: a hit's path or header may hold halves of surrogate pairs."""
    return text.encode(errors="replace").decode()
