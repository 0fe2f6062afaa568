"""Settings that cannot be are refused by the name of their variable."""

from __future__ import annotations

import pytest

from bpm_server.kernel.errors import InvalidInput
from bpm_server.settings import Settings, from_mapping


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("BPM_WORKER_THREADS", "0", "Expected BPM_WORKER_THREADS to be at least 1, but found 0"),
        ("BPM_CHANNEL_THREADS", "-1", "Expected BPM_CHANNEL_THREADS to be at least 0, but found -1"),
        ("BPM_STOP_SECONDS", "-1", "Expected BPM_STOP_SECONDS to be at least 0, but found -1"),
        ("BPM_STOP_NOTICE_SECONDS", "soon", "Expected BPM_STOP_NOTICE_SECONDS to be a whole number, but found 'soon'"),
        (
            "BPM_WEBHOOK_RETRY_SECONDS",
            "5, soon",
            "Expected BPM_WEBHOOK_RETRY_SECONDS to be whole numbers .* 'soon'",
        ),
        (
            "BPM_WEBHOOK_RETRY_SECONDS",
            "5,-1",
            "Expected BPM_WEBHOOK_RETRY_SECONDS to be whole numbers .* '-1'",
        ),
    ],
)
def test_wrong_numbers(variable: str, value: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        from_mapping({variable: value})


def test_a_channel_may_have_half_of_the_threads_unless_it_is_said() -> None:
    assert [Settings(worker_threads=number).most_in_channel() for number in (1, 2, 8)] == [1, 1, 4]
    assert Settings(worker_threads=8, channel_threads=6).most_in_channel() == 6


def test_times_between_tries_of_a_webhook() -> None:
    def times(**source: str) -> tuple[int, ...]:
        return from_mapping(source).webhook_retry_seconds

    assert times()[:3] == (5, 300, 1_800)  # standardwebhooks.com
    assert times(BPM_WEBHOOK_RETRY_SECONDS=" 1, 2,30") == (1, 2, 30)
    assert times(BPM_WEBHOOK_RETRY_SECONDS="") == ()
