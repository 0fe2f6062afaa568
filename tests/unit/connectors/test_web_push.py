"""The contact as it is set, the server's keys, and what push services answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bpm_server.connectors.secrets import SecretBox
from bpm_server.connectors.web_push import ServerKeys, judge, read_contact
from bpm_server.domain.pushes import Fate, from_base64
from bpm_server.kernel.errors import InvalidInput

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["mailto:it@example.com", "https://example.com/contact", "https://example.com"])
def test_a_contact_that_push_services_can_use(text: str) -> None:
    assert read_contact(text) == text


def test_without_a_contact_nothing_is_sent() -> None:
    assert read_contact("") is None


@pytest.mark.parametrize(
    "text",
    [
        "it@example.com", "mailto:", "mailto:it", "mailto:it@host", "mailto:IT <it@example.com>",
        "mailto:a@example.com,b@example.com", "http://example.com", "https://", "https://a:b@example.com",
        "https://[", "https://example.com/a b", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_another_contact_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(InvalidInput, match="BPM_PUSH_CONTACT such as mailto:"):
        read_contact(text)


def test_keys_are_the_same_in_every_process_and_others_for_another_secret() -> None:
    keys = ServerKeys(SecretBox("a" * 16))
    assert keys.public == ServerKeys(SecretBox("a" * 16)).public
    assert keys.public != ServerKeys(SecretBox("b" * 16)).public
    point = from_base64(keys.public)
    assert point is not None
    assert (len(point), point[0]) == (65, 4)


def test_keys_of_before_still_sign_and_those_of_others_do_not() -> None:
    before = ServerKeys(SecretBox("a" * 16))
    keys = ServerKeys(SecretBox("b" * 16, ["a" * 16]))
    assert keys.public != before.public
    assert keys.find(before.public) is not None
    assert keys.find(keys.public + "=") is not None
    assert keys.find(ServerKeys(SecretBox("c" * 16)).public) is None


@pytest.mark.parametrize(
    ("status", "retry_after", "fate", "wait"),
    [
        (201, None, Fate.SENT, None),
        (404, None, Fate.GONE, None),
        (410, None, Fate.GONE, None),
        (401, None, Fate.GONE, None),
        (403, None, Fate.GONE, None),
        (400, None, Fate.REFUSED, None),
        (413, None, Fate.REFUSED, None),
        (429, "120", Fate.LATER, timedelta(seconds=120)),
        (429, "Tue, 01 Dec 2026 00:10:00 GMT", Fate.LATER, timedelta(minutes=10)),
        (503, "soon", Fate.LATER, None),
    ],
)
def test_what_answers_mean(status: int, retry_after: str | None, fate: Fate, wait: timedelta | None) -> None:
    found = judge(status, retry_after, NOW)
    assert (found.fate, found.wait) == (fate, wait)
