"""The id of a request: whose counts, and that nothing malformed gets into logs and headers."""

from __future__ import annotations

import re

import pytest
import structlog

from bpm_server.kernel import context
from bpm_server.kernel.context import Cause

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_the_clients_id_counts_and_its_trace_goes_along() -> None:
    assert context.of_headers("order-7/a", PARENT) == Cause("order-7/a", PARENT)
    assert context.of_headers(None, PARENT) == Cause(TRACE, PARENT)


@pytest.mark.parametrize("given", [None, "", "a b", "x\r\nSet-Cookie: a=b", "é", "x" * 129])
def test_an_id_that_is_not_well_formed_counts_as_absent(given: str | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", context.of_headers(given, None).request_id)


@pytest.mark.parametrize(
    "given", ["", "01-" + PARENT[3:], PARENT.upper(), PARENT + "-x", f"00-{'0' * 32}-00f067aa0ba902b7-01"]
)
def test_a_traceparent_that_is_not_well_formed_counts_as_absent(given: str) -> None:
    found = context.of_headers(None, given)
    assert found.traceparent is None
    assert found.request_id != TRACE


def test_a_row_carries_it_and_back() -> None:
    for cause in (Cause("a"), Cause("a", PARENT)):
        assert context.of_row(cause.carried()) == cause
    assert len(Cause("x" * 128, PARENT).carried()) <= 256
    assert context.of_row(None) is None


def test_work_for_an_earlier_request_is_bound_to_log_lines_and_ends() -> None:
    context.begin(Cause("now"))
    with context.working_for(Cause("earlier"), instance_key=7):
        assert structlog.contextvars.get_contextvars() == {"request_id": "earlier", "instance_key": 7}
        assert context.carried() == "earlier"
    assert structlog.contextvars.get_contextvars() == {"request_id": "now"}
    assert context.carried() == "now"
    context.end()
    assert (context.current(), structlog.contextvars.get_contextvars()) == (None, {})
