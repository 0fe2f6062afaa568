"""Public forms: which web sites may frame them, and as whom they act."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bpm_server.domain.identity import IDENTIFIER
from bpm_server.domain.public_forms import OpenForm, check_origins, check_rate, new_reference, new_token
from bpm_server.kernel.errors import InvalidInput


def test_origins_are_plain_and_each_there_once() -> None:
    given = ["https://WWW.example.com/", " https://www.example.com", "", "http://localhost:8000", "https://a.b:8443"]
    assert check_origins(given) == ("https://www.example.com", "http://localhost:8000", "https://a.b:8443")


@pytest.mark.parametrize(
    "text",
    [
        "*", "https://*", "https://*.example.com", "http://example.com", "example.com", "https://", "ftp://a.com",
        "https://a.com/path", "https://a.com?x", "https://u@a.com", "https://a.com:x", "https://a.com:99999",
        "https://a.com; script-src *", "https://a.com 'self'", "https://a.com\r\nX: y", "javascript:alert(1)", "'self'",
    ],
)  # fmt: skip
def test_nothing_else_gets_into_the_policy(text: str) -> None:
    with pytest.raises(InvalidInput, match="Expected a web site such as"):
        check_origins([text])


def test_a_form_acts_with_one_right_and_a_name_that_no_account_can_have() -> None:
    actor = OpenForm(1, "t", "visit", (), 1, 1).actor
    assert actor.may("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", "visit")
    assert not actor.may("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", "other")
    assert not actor.may("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE")
    assert not actor.may("PROCESS_DEFINITION", "READ_PROCESS_INSTANCE", "visit")
    assert IDENTIFIER.fullmatch(actor.username) is None


def test_tokens_and_references_do_not_repeat() -> None:
    assert len({new_token() for _ in range(1_000)}) == 1_000
    assert all(len(new_token()) == 32 for _ in range(10))
    found = {new_reference(datetime(2026, 3, 15, tzinfo=UTC)) for _ in range(500)}
    assert len(found) == 500
    assert all(one.startswith("20260315-") and len(one) == 15 for one in found)


@pytest.mark.parametrize("rate", [0, -1, 100_001])
def test_rates_are_within_reason(rate: int) -> None:
    with pytest.raises(InvalidInput, match="an hour, but found"):
        check_rate(rate, "totalPerHour")
