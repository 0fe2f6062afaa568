"""Token buckets, by a clock that the test moves."""

from __future__ import annotations

from bpm_server.kernel.rates import MOST_BUCKETS, TokenBuckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, 3, clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == 0.5
    clock.now += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5


def test_names_do_not_share_a_bucket() -> None:
    buckets = TokenBuckets(1, 1, Clock())
    assert buckets.take("a") == 0
    assert buckets.take("b") == 0
    assert buckets.take("a") == 1


def test_being_refused_costs_nothing() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, 1, clock)
    buckets.take("a")
    for _ in range(100):
        assert buckets.take("a") > 0
    clock.now += 1
    assert buckets.take("a") == 0


def test_a_bucket_is_never_fuller_than_its_burst() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, 2, clock)
    clock.now += 1_000
    assert [buckets.take("a") == 0 for _ in range(3)] == [True, True, False]


def test_no_rate_is_no_limit_and_memory_is_bounded() -> None:
    assert all(TokenBuckets(0, 0, Clock()).take("a") == 0 for _ in range(10))
    buckets = TokenBuckets(1, 1, Clock())
    for number in range(MOST_BUCKETS + 50):
        buckets.take(str(number))
    assert len(buckets._buckets) == MOST_BUCKETS
