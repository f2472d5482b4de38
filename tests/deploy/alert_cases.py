"""Each rule of `deploy/alerts.yaml` with figures at which it speaks up, and figures at which it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JOB = "tag-container"
LANE = "hook https://hook.example"


@dataclass(frozen=True, slots=True)
class Case:
    """Series by name and labels, in promtool's short form, a value each minute; what the rule says of them at `at`.

    `summary` empty: nothing. `labels`: of the alert, besides its severity.
    """

    alert: str
    series: Mapping[str, str]
    summary: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    at: str = "20m"


def lane(metric: str, **more: str) -> str:
    return of(metric, lane=LANE, number="1", **more)


def of(metric: str, **labels: str) -> str:
    """A series of the one process that there is."""
    written = ",".join(f'{name}="{value}"' for name, value in {"job": JOB, "instance": "a", **labels}.items())
    return f"{metric}{{{written}}}"


PROCESS = {"job": JOB, "instance": "a"}
OF_LANE = {**PROCESS, "lane": LANE, "number": "1"}
AGE = lane("tag_container_outbox_oldest_age_seconds")
WAITING = lane("tag_container_outbox_rows", state="waiting")
DEAD = of("tag_container_dead_letters_total", tag="Hook", lane=LANE, reason="refused")
ACCEPTED = of("tag_container_hits_accepted_total")
DELIVERED = of("tag_container_delivery_delivered_total", type="hook", detail="")
FULL = of("tag_container_outbox_capacity_ratio")
BUILD = of("tag_container_build_info", version="1", python="3.11", store="SQLite")
STARTED = of("process_start_time_seconds")


def ended(how: str) -> str:
    return of("tag_container_previous_end", how=how)


def dropped(because: str) -> str:
    return of("tag_container_delivery_dropped_total", type="hook", detail=because)


TAKEN = of("tag_container_deliveries_total", tag="Hook", lane=LANE, verdict="delivered")
TROUBLE = of("tag_container_store_trouble")


def refused(reason: str) -> str:
    return of("tag_container_hits_refused_total", reason=reason)


def requests(detail: str) -> str:
    return of("tag_container_delivery_requests_total", type="hook", detail=detail)


CASES = (
    Case("DeliveriesWait", {AGE: "0+120x20"}, f'The oldest delivery of lane "{LANE}" has waited for 40m 0s.', OF_LANE),
    Case("DeliveriesWait", {AGE: "0+40x20"}),
    # An operator wanted it to wait, which is a warning of its own.
    Case("DeliveriesWait", {AGE: "0+120x20", lane("tag_container_lane_mode", mode="paused"): "1x20"}),
    Case(
        "DeliveriesWait",
        {AGE: "0+120x20", lane("tag_container_lane_mode", mode="credential"): "1x20"},
        f'The oldest delivery of lane "{LANE}" has waited for 40m 0s.',
        OF_LANE,
    ),
    # Among those that are counted together, one that is paused says nothing of the others.
    Case(
        "DeliveriesWait",
        {
            of("tag_container_outbox_oldest_age_seconds", lane="other", number=""): "0+120x20",
            of("tag_container_lane_mode", lane="other", number="", mode="paused"): "1x20",
        },
        'The oldest delivery of lane "other" has waited for 40m 0s.',
        {**PROCESS, "lane": "other"},
    ),
    Case(
        "NoDelivery",
        {ACCEPTED: "0+60x20", WAITING: "0+60x20", DELIVERED: "500x20"},
        "Hits are taken, deliveries wait, and none has been taken by a vendor for 10 minutes.",
        PROCESS,
    ),
    # What has never delivered anything has no series.
    Case(
        "NoDelivery",
        {ACCEPTED: "0+60x20", WAITING: "0+60x20"},
        "Hits are taken, deliveries wait, and none has been taken by a vendor for 10 minutes.",
        PROCESS,
    ),
    Case("NoDelivery", {ACCEPTED: "0+60x20", WAITING: "5x20", DELIVERED: "0+60x20"}),
    Case("NoDelivery", {ACCEPTED: "0+60x20", WAITING: "0x20"}),
    Case(
        "NoDelivery",
        {ACCEPTED: "0+60x20", WAITING: "0+60x20", lane("tag_container_lane_mode", mode="paused"): "1x20"},
    ),
    Case("NoDelivery", {ACCEPTED: "9x20", WAITING: "5x20"}),
    Case(
        "DeadLetters",
        {DEAD: "_x17 1x5"},
        f'Deliveries of lane "{LANE}" have become dead letters (refused).',
        {**PROCESS, "lane": LANE, "reason": "refused"},
    ),
    Case(
        "DeadLetters",
        {DEAD: "4x17 5x5"},
        f'Deliveries of lane "{LANE}" have become dead letters (refused).',
        {**PROCESS, "lane": LANE, "reason": "refused"},
    ),
    Case("DeadLetters", {DEAD: "4x20"}),
    # A burst that is there at once, of a lane that delivers well, and one that grows.
    Case(
        "ManyDeadLetters",
        {DEAD: "_x110 150x10", TAKEN: "0+1000x120"},
        f'Lane "{LANE}" loses deliveries to the dead letters, 150 within an hour.',
        {**PROCESS, "lane": LANE},
        at="2h",
    ),
    Case(
        "ManyDeadLetters",
        {DEAD: "5+2x120", TAKEN: "0+1000x120"},
        f'Lane "{LANE}" loses deliveries to the dead letters, 120 within an hour.',
        {**PROCESS, "lane": LANE},
        at="2h",
    ),
    # Few, and yet most of what there is: a lane that delivers seldom, and one that never did.
    Case(
        "ManyDeadLetters",
        {DEAD: "0+0.25x120", TAKEN: "0+1x120"},
        f'Lane "{LANE}" loses deliveries to the dead letters, 15 within an hour.',
        {**PROCESS, "lane": LANE},
        at="2h",
    ),
    Case(
        "ManyDeadLetters",
        {DEAD: "_x110 12x10"},
        f'Lane "{LANE}" loses deliveries to the dead letters, 12 within an hour.',
        {**PROCESS, "lane": LANE},
        at="2h",
    ),
    Case("ManyDeadLetters", {DEAD: "0+0.25x120", TAKEN: "0+5x120"}, at="2h"),
    Case("ManyDeadLetters", {DEAD: "0+0.1x120"}, at="2h"),
    Case("ManyDeadLetters", {DEAD: "_x110 1x10"}, at="2h"),
    Case("ManyDeadLetters", {DEAD: "900x120"}, at="2h"),
    Case(
        "DeadLettersDropped",
        {dropped("age"): "_x17 7x5"},
        'Dead letters of "hook" are gone for good, because nobody looked at them for 30 days.',
        {**PROCESS, "type": "hook"},
    ),
    Case("DeadLettersDropped", {dropped("age"): "7x20", dropped("room"): "0+9x20"}),
    Case(
        "DeadLettersOverflow",
        {dropped("room"): "3x17 7x5"},
        'Dead letters of "hook" are lost for good, because there are more than fit.',
        {**PROCESS, "type": "hook"},
    ),
    Case("DeadLettersOverflow", {dropped("room"): "7x20", dropped("age"): "0+9x20"}),
    Case(
        "LaneHolds",
        {lane("tag_container_lane_mode", mode="credential"): "1x20"},
        f'Lane "{LANE}" holds still (credential).',
        {**OF_LANE, "mode": "credential"},
    ),
    Case("LaneHolds", {lane("tag_container_lane_mode", mode="paused"): "1x20"}),
    Case("LaneHolds", {lane("tag_container_lane_mode", mode="open"): "1x20"}),
    Case("LaneHolds", {lane("tag_container_lane_mode", mode="failing"): "1x20"}),
    Case(
        "LaneFails",
        {lane("tag_container_lane_mode", mode="failing"): "1x20"},
        f'Lane "{LANE}" has failed for 10 minutes or more, and its deliveries wait.',
        {**OF_LANE, "mode": "failing"},
    ),
    Case("LaneFails", {lane("tag_container_lane_mode", mode="failing"): "_x15 1x5"}),
    Case("LaneFails", {lane("tag_container_lane_mode", mode="open"): "1x20"}),
    Case(
        "LanePaused",
        {lane("tag_container_lane_mode", mode="paused"): "1x20"},
        f'Lane "{LANE}" has been paused by an operator for 15 minutes or more.',
        {**OF_LANE, "mode": "paused"},
    ),
    Case("LanePaused", {lane("tag_container_lane_mode", mode="paused"): "_x10 1x20"}),
    Case(
        "VendorRefuses",
        {requests("refused"): "0+2x30", requests("delivered"): "0+8x30"},
        'More than a tenth of the requests of "hook" are refused.',
        {**PROCESS, "type": "hook"},
        at="30m",
    ),
    Case("VendorRefuses", {requests("refused"): "0+1x30", requests("delivered"): "0+99x30"}, at="30m"),
    Case("StoreHalfFull", {FULL: "0.62x20"}, "The store is 62% full.", PROCESS),
    Case("StoreHalfFull", {FULL: "0.5x20"}),
    Case("StoreNearlyFull", {FULL: "0.91x20"}, "The store is 91% full, and hits are refused.", PROCESS),
    Case("StoreNearlyFull", {FULL: "0.8x20"}),
    Case(
        "StoreFails",
        {of("tag_container_store_errors_total", op="write"): "0x18 2x5", TROUBLE: "0x20"},
        "The store cannot do what it is asked for.",
        PROCESS,
    ),
    # Long after the last error was counted.
    Case(
        "StoreFails",
        {of("tag_container_store_errors_total", op="write"): "0x3 2x60", TROUBLE: "0x3 1x60"},
        "The store cannot do what it is asked for.",
        PROCESS,
        at="1h",
    ),
    Case("StoreFails", {of("tag_container_store_errors_total", op="write"): "2x20", TROUBLE: "1x10 0x10"}),
    Case(
        "StoreLogGrows",
        {of("tag_container_wal_bytes"): f"{512 << 20}x20"},
        "The log beside the database has 512MiB and is not emptied.",
        PROCESS,
    ),
    Case("StoreLogGrows", {of("tag_container_wal_bytes"): f"{64 << 20}x20"}),
    Case(
        "SpoolUnusable",
        {of("tag_container_spool_unusable"): "1x20"},
        "Hits wait in a spool that cannot be forwarded.",
        PROCESS,
    ),
    Case("SpoolUnusable", {of("tag_container_spool_unusable"): "1x5 0x15"}),
    Case(
        "HitsUnavailable",
        {of("tag_container_hits_unavailable_total", reason="full"): "0x18 7x5"},
        "Hits are answered with 503 (full), and those of browsers are lost.",
        {**PROCESS, "reason": "full"},
    ),
    Case("HitsUnavailable", {of("tag_container_hits_unavailable_total", reason="full"): "7x20"}),
    Case(
        "HitsRefused",
        {refused("by_client"): "0+50x20", ACCEPTED: "0+950x20"},
        "5% of the hits are refused.",
        PROCESS,
    ),
    Case("HitsRefused", {refused("by_client"): "0+5x20", ACCEPTED: "0+995x20"}),
    Case("HitsRefused", {refused("unclaimed"): "0+50x20", refused("by_client"): "0x20", ACCEPTED: "0+50x20"}),
    Case("HitsRefused", {refused("by_client"): "0+1x20", ACCEPTED: "0+3x20"}),
    Case(
        "HitsFailed",
        {of("tag_container_hits_failed_total"): "0x18 1x5"},
        "Hits are answered with 500, which is a fault of tag-container.",
        PROCESS,
    ),
    Case("HitsFailed", {of("tag_container_hits_failed_total"): "1x20"}),
    Case(
        "Overload",
        {refused("overload"): "0x18 40x5"},
        "Hits are refused because more come than the process takes, and those of browsers are lost.",
        {**PROCESS, "reason": "overload"},
    ),
    Case("Overload", {refused("overload"): "40x20"}),
    Case(
        "HostNotAllowed",
        {refused("host_not_allowed"): "0x18 1x5"},
        "Hits are refused because of the host that they ask for.",
        {**PROCESS, "reason": "host_not_allowed"},
    ),
    Case("HostNotAllowed", {refused("host_not_allowed"): "3x20", refused("unclaimed"): "0+1x20"}),
    Case(
        "NoRoom",
        {refused("no_room"): "0x18 1x5"},
        "Requests are refused because all connections are taken.",
        {**PROCESS, "reason": "no_room"},
    ),
    Case("NoRoom", {refused("no_room"): "3x20"}),
    Case(
        "VisitorsWithoutAddress",
        {of("tag_container_hits_without_address_total", reason="unnamed_proxy"): "0+5x20"},
        "Hits come without the address of their visitor (unnamed_proxy).",
        {**PROCESS, "reason": "unnamed_proxy"},
    ),
    Case("VisitorsWithoutAddress", {of("tag_container_hits_without_address_total", reason="unnamed_proxy"): "5x20"}),
    Case(
        "RateLimited",
        {refused("rate_limited"): "0+5x20"},
        "Hits of an address that sends too many are refused.",
        {**PROCESS, "reason": "rate_limited"},
    ),
    Case("RateLimited", {refused("rate_limited"): "5x20"}),
    Case("NotReady", {of("tag_container_ready"): "0x20"}, "The process asks for no traffic.", PROCESS),
    Case("NotReady", {of("tag_container_ready"): "1x20"}),
    Case(
        "ReloadRefused",
        {of("tag_container_config_last_reload_successful"): "0x20"},
        "The container file that is there is not the one in force.",
        PROCESS,
    ),
    Case("ReloadRefused", {of("tag_container_config_last_reload_successful"): "1x20"}),
    Case(
        "EventLoopLate",
        {of("tag_container_event_loop_lag_seconds"): "2x20"},
        "The process keeps its work waiting for 2s.",
        PROCESS,
    ),
    Case("EventLoopLate", {of("tag_container_event_loop_lag_seconds"): "0.05x20"}),
    Case(
        "PreviewSends",
        {of("tag_container_preview_sessions", mode="send"): "1x90"},
        "A preview has stood in Send for an hour or more, so what is tried in it reaches vendors for real.",
        {**PROCESS, "mode": "send"},
        at="70m",
    ),
    # Not for so long yet; and one that sends nothing.
    Case("PreviewSends", {of("tag_container_preview_sessions", mode="send"): "1x90"}, at="50m"),
    Case("PreviewSends", {of("tag_container_preview_sessions", mode="dry"): "1x90"}, at="70m"),
    *(
        Case(
            "Crashed",
            {ended(how): "1x20", STARTED: "600x20"},
            f"The process before this one did not end in order ({how}).",
            {**PROCESS, "how": how},
        )
        for how in ("failed", "killed", "machine")
    ),
    Case("Crashed", {ended("killed"): "1x20", STARTED: "60x20"}),
    Case("Crashed", {ended("stopped"): "1x20", STARTED: "600x20"}),
    Case("Crashed", {ended("none"): "1x20", STARTED: "600x20"}),
    Case(
        "DescriptorsRunOut",
        {of("process_open_fds"): "900x20", of("process_max_fds"): "1000x20", BUILD: "1x20"},
        "The process has opened 90% of the descriptors that it may open.",
        PROCESS,
    ),
    Case("DescriptorsRunOut", {of("process_open_fds"): "90x20", of("process_max_fds"): "1000x20", BUILD: "1x20"}),
    # Another program's.
    Case("DescriptorsRunOut", {of("process_open_fds"): "900x20", of("process_max_fds"): "1000x20"}),
    Case(
        "Gone",
        {of("up"): "0x20"},
        "Nobody answers on the admin listener, or Prometheus does not ask it.",
        PROCESS,
    ),
    # One of two, where the other one answers.
    Case(
        "Gone",
        {of("up"): "0x20", 'up{job="tag-container",instance="b"}': "1x20", BUILD.replace('"a"', '"b"'): "1x20"},
        "Nobody answers on the admin listener, or Prometheus does not ask it.",
        PROCESS,
    ),
    # Nothing is asked at all, or under another name.
    Case(
        "Gone",
        {'up{job="other",instance="a"}': "1x20"},
        "Nobody answers on the admin listener, or Prometheus does not ask it.",
    ),
    Case("Gone", {of("up"): "1x20", BUILD: "1x20"}),
    Case("Gone", {BUILD: "1x20"}),
)
