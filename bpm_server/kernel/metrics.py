"""What is counted while the server works, in Prometheus' form; docs/reference/metrics.md explains each name.

Several web processes share a folder of counters (``share``, set before this module is imported), so that any of them
answers for all. Whatever is known from the database (what is due, open incidents) is asked when somebody looks, see
``web.metrics``.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from bpm_server.kernel.shared_metrics import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

disable_created_metrics()  # type: ignore[no-untyped-call]  # when counting began is of no use here
REGISTRY = CollectorRegistry()
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Counter(
    "bpm_http_requests", "Requests by route and status.", ("method", "route", "status"), registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "bpm_http_request_duration_seconds", "Time in the application.", ("route",), buckets=_FAST, registry=REGISTRY
)
REFUSED = Counter("bpm_http_requests_refused", "Requests that found no place in the queue.", registry=REGISTRY)
WAITING = Gauge(
    "bpm_http_requests_waiting",
    "Requests that waited for a thread when the newest one got one.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
PARKED = Gauge(
    "bpm_http_requests_parked", "Long polls without a thread.", registry=REGISTRY, multiprocess_mode="livesum"
)
REPLAYED = Counter("bpm_http_requests_replayed", "Replies given again under an Idempotency-Key.", registry=REGISTRY)

COMMANDS = Counter("bpm_commands", "Commands by outcome.", ("command", "outcome"), registry=REGISTRY)
COMMAND_SECONDS = Histogram(
    "bpm_command_duration_seconds",
    "Time of a command with its retries.",
    ("command",),
    buckets=_FAST,
    registry=REGISTRY,
)
CONFLICTS = Counter("bpm_command_retries", "Commands begun again because another got in between.", registry=REGISTRY)
STEPS = Counter("bpm_engine_steps", "Steps of instances.", registry=REGISTRY)
HOT = Counter("bpm_hot_instances", "Looks for a live instance in memory.", ("result",), registry=REGISTRY)
LOCK_SECONDS = Histogram(
    "bpm_lock_wait_seconds",
    "Time until a lock was there: an instance's row, or SQLite's writer.",
    ("lock",),
    buckets=_FAST,
    registry=REGISTRY,
)
CONNECTIONS = Gauge(
    "bpm_database_connections_in_use",
    "Connections taken from the pool.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CONNECTIONS_REFUSED = Counter("bpm_database_connections_refused", "Waits for a connection in vain.", registry=REGISTRY)

CONNECTOR_CALLS = Counter("bpm_connector_calls", "Calls of our own connectors.", ("type", "outcome"), registry=REGISTRY)
CONNECTOR_SECONDS = Histogram(
    "bpm_connector_call_duration_seconds", "Time of these calls.", ("type",), buckets=_SLOW, registry=REGISTRY
)
WEBHOOKS = Counter("bpm_webhook_attempts", "Webhooks sent, by what came of it.", ("outcome",), registry=REGISTRY)
WEBHOOK_SECONDS = Histogram(
    "bpm_webhook_attempt_duration_seconds", "Time until their answer.", buckets=_SLOW, registry=REGISTRY
)
PUSHES = Counter("bpm_push_attempts", "Messages to devices, by what came of them.", ("outcome",), registry=REGISTRY)
PUSH_SECONDS = Histogram(
    "bpm_push_attempt_duration_seconds", "Time until the push service's answer.", buckets=_SLOW, registry=REGISTRY
)
WORK_FAILED = Counter("bpm_worker_failures", "Work that failed for a reason of ours.", ("kind",), registry=REGISTRY)
BROKER_REACHABLE = Gauge(
    "bpm_broker_reachable",
    "1 while wake-ups reach the broker, 0 while its breaker is open.",
    registry=REGISTRY,
    multiprocess_mode="livemin",
)


def timed() -> Callable[[], float]:
    """Begins to measure; the function gives the seconds since."""
    begun = perf_counter()
    return lambda: perf_counter() - begun


def collected() -> CollectorRegistry:
    """What this process counted, or all that share its folder."""
    if VARIABLE not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def forget_process(pid: int) -> None:
    """A process that shared the folder has ended: its gauges go, its counters stay."""
    if VARIABLE in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
