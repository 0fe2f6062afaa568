"""Turns, rates and pauses of channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.domain.channels import LONGEST_PAUSE, Turns, allowance, job_channel, pause_after, type_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        ("https://API.example.com:8443/x?y=1", "job:api.example.com/rest"),
        ("https://[2001:db8::1]/", "job:2001:db8::1/rest"),
        ("not a url", "job:/rest"),
        ("https://[broken/", "job:/rest"),
        (None, "job:/rest"),
        ({"a": 1}, "job:/rest"),
    ],
)
def test_a_channel_is_a_type_and_a_host(url: object, channel: str) -> None:
    assert job_channel("rest", url) == channel
    assert type_of(channel) == "rest"


@pytest.mark.parametrize("job_type", ["two words", "io.camunda:http-json:1", "a/b", "审批", " "])
def test_the_type_is_found_again_whatever_is_in_it(job_type: str) -> None:
    assert type_of(job_channel(job_type)) == type_of(job_channel(job_type, "https://a.example/x")) == job_type


def test_who_was_served_longest_ago_comes_first() -> None:
    turns, room = Turns(), dict.fromkeys("abc", 9)
    assert turns.deal("abc", 2, room) == {"a": 1, "b": 1}
    assert turns.deal("abc", 2, room) == {"c": 1, "a": 1}
    assert turns.deal("abc", 5, room) == {"b": 2, "c": 2, "a": 1}


def test_no_channel_gets_more_than_its_room() -> None:
    assert Turns().deal("ab", 10, {"a": 1, "b": 3}) == {"a": 1, "b": 3}
    assert Turns().deal("ab", 10, {"a": 0, "b": 0}) == {}


@given(
    room=st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(0, 5), max_size=12),
    free=st.integers(0, 20),
)
def test_threads_are_used_and_shares_differ_by_one_unless_room_ends(room: dict[str, int], free: int) -> None:
    shares = Turns().deal(room, free, room)
    assert sum(shares.values()) == min(free, sum(room.values()))
    least = min((shares.get(name, 0) for name in room if shares.get(name, 0) < room[name]), default=free)
    assert all(share <= min(room[name], least + 1) for name, share in shares.items())


def test_forgetting_keeps_those_that_were_served_last() -> None:
    turns = Turns()
    turns.deal("abc", 3, dict.fromkeys("abc", 1))
    turns.forget(but=1)
    assert turns.deal("abc", 2, dict.fromkeys("abc", 1)) == {"a": 1, "b": 1}
    assert turns.deal("c", 1, {"c": 1}) == {"c": 1}


def test_a_rate_allows_what_fits_and_no_more() -> None:
    one = allowance(60, None, NOW, 5)
    assert one.number == 1
    assert allowance(60, one.free_at, NOW, 5).number == 0
    assert allowance(60, one.free_at, NOW + timedelta(seconds=1), 5).number == 1
    assert allowance(600, None, NOW, 50).number == 10


@given(per_minute=st.integers(1, 6_000), asks=st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 50))))
def test_over_any_time_a_rate_is_kept(per_minute: int, asks: list[tuple[int, int]]) -> None:
    at, free_at, begun = NOW, None, 0
    for milliseconds, wanted in asks:
        at += timedelta(milliseconds=milliseconds)
        allowed = allowance(per_minute, free_at, at, wanted)
        begun, free_at = begun + allowed.number, allowed.free_at
        assert begun <= (at - NOW).total_seconds() * per_minute / 60 + max(per_minute / 60, 1) + 0.001


def test_pauses_begin_after_failures_in_a_row_and_grow_to_a_limit() -> None:
    assert [pause_after(failures) for failures in range(5)] == [None] * 5
    assert [(pause_after(failures) or timedelta()).total_seconds() for failures in (5, 6, 7)] == [5, 10, 20]
    assert pause_after(10_000) == LONGEST_PAUSE
