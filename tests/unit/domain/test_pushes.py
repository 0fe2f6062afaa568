"""What goes to devices, how long it is tried, and what they show."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.domain.notifications import Kind
from bpm_server.domain.pushes import (
    BODY,
    LONGEST_WAIT,
    TITLE,
    WORTH_IT,
    Choices,
    Message,
    check_choices,
    device_name,
    from_base64,
    to_base64,
    trimmed,
    wait_after,
)
from bpm_server.kernel.errors import InvalidInput

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


def test_everything_but_copies_goes_to_devices_unless_they_say_otherwise() -> None:
    assert [kind for kind, wanted in Choices().everything().items() if not wanted] == [Kind.COPIED]
    assert Choices({"turn": False, "copied": True}).everything() == {kind: kind is not Kind.TURN for kind in Kind}


def test_only_what_differs_from_the_usual_is_kept() -> None:
    assert check_choices({"turn": True, "copied": False, "decided": False}) == {"decided": False}


@pytest.mark.parametrize("chosen", [{"gossip": True}, {"turn": "yes"}, {"turn": 1}, {"turn": None}])
def test_other_kinds_and_words_are_refused_by_name(chosen: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(chosen))):
        check_choices(chosen)


@pytest.mark.parametrize(
    ("age", "asked", "wait"),
    [(0, None, 1), (1, None, 1), (3, None, 3), (90, None, 60), (0, 10, 10), (200, None, None), (0, 300, None)],
)
def test_waits_by_age_in_minutes(age: int, asked: int | None, wait: int | None) -> None:
    found = wait_after(timedelta(minutes=age), None if asked is None else timedelta(minutes=asked))
    assert found == (None if wait is None else timedelta(minutes=wait))


@given(st.timedeltas(timedelta(), timedelta(days=1)), st.none() | st.timedeltas(timedelta(), timedelta(days=1)))
def test_no_try_comes_after_four_hours_nor_before_it_was_asked_for(age: timedelta, asked: timedelta | None) -> None:
    found = wait_after(age, asked)
    if found is not None:
        assert age + found <= WORTH_IT
        assert found >= (asked or timedelta())
        assert found <= max(LONGEST_WAIT, asked or timedelta())


@given(st.text(), st.text())
def test_a_message_never_has_more_than_three_kilobytes(title: str, body: str) -> None:
    title, body = title * 200, body * 200
    data = Message(title, body, "/notifications/" + "9" * 19, "n" + "9" * 19, "zh-CN").as_bytes()
    assert len(data) <= 3_000
    found = json.loads(data)
    assert len(found["title"].encode()) <= TITLE
    assert len(found["body"].encode()) <= BODY


def test_texts_are_cut_between_characters_and_stand_on_one_line() -> None:
    assert trimmed("轮到您审批", 15) == "轮到您审批"
    assert trimmed("轮到您审批了", 15) == "轮到您审…"
    assert trimmed("a\r\nb\tc\x00d  e", 50) == "a b c d e"


@given(st.binary())
def test_base64_for_urls_and_back(data: bytes) -> None:
    assert from_base64(to_base64(data)) == data
    assert from_base64(to_base64(data) + "==") == data


@pytest.mark.parametrize("text", ["a", "+/+/", "ä", "a b", "====a"])
def test_other_texts_are_none(text: str) -> None:
    assert from_base64(text) is None


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}", "Chrome · Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/141.0.0.0", "Edge · Windows"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", "Firefox · Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.6 Safari/605.1.15", "Safari · macOS"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME}", "Chrome · ChromeOS"),
        ("curl/8", ""),
    ],
)  # fmt: skip
def test_devices_have_names_by_which_people_know_them(agent: str, name: str) -> None:
    assert device_name(agent) == name
