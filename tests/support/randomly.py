"""How many examples a random test draws, and how a failure is repeated.

``make test`` draws the same few every time. ``make proof`` sets ``BPM_RANDOM_PROCESSES`` (how many in all) and a new
seed, which pytest prints: ``--hypothesis-seed`` with it repeats the run, the printed ``reproduce_failure`` one example.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TOTAL = int(os.environ.get("BPM_RANDOM_PROCESSES", "500"))


def randomly(percent: float) -> settings:
    """Settings of a random test with this share of all examples."""
    wanted = max(round(TOTAL * percent / 100), 1)
    return settings(max_examples=wanted, suppress_health_check=list(HealthCheck), deadline=None)
