"""When a webhook is tried again."""

from __future__ import annotations

from bpm_server.connectors.webhooks import JITTER, wait_after


def test_waits_go_by_the_schedule_a_tenth_more_or_less_until_it_ends() -> None:
    schedule = (5, 300)
    for attempts, seconds in enumerate(schedule, 1):
        waits = [wait.total_seconds() for _ in range(200) if (wait := wait_after(attempts, schedule))]
        assert len(waits) == 200
        assert min(waits) >= seconds * (1 - JITTER)
        assert max(waits) <= seconds * (1 + JITTER)
        assert len(set(waits)) > 1
    assert wait_after(3, schedule) is None
    assert wait_after(1, ()) is None
